/* SPDX-License-Identifier: MIT */
/*
 * One trace, as the waterfall holds it and as it is painted: a header, a line with a bar for each
 * span in the order of the tree, and below it what the span says about itself.
 */
#ifndef GW_WATERFALL_TRACE_H
#define GW_WATERFALL_TRACE_H

#include "batch.h"
#include "painter.h"

struct held_span {
    struct held_span *next; /* in order of arrival */
    uint64_t start_unix_ns;
    uint64_t end_unix_ns;
    uint8_t span_id[8];
    uint8_t parent_id[8]; /* zero: none */
    bool parent_is_remote;
    bool time_estimated;
    bool recovered;
    bool is_error;
    size_t service_bytes; /* the service's name, behind the span's bytes */
    size_t device_bytes;  /* the device's name, behind that */
    size_t size;
    uint8_t bytes[]; /* an OTLP Span */
};

/* Why a trace is shown now. */
enum trace_end {
    TRACE_COMPLETE,
    TRACE_NO_ROOT,      /* long quiet, and still no local root */
    TRACE_STILL_COMING, /* it has been held for long */
    TRACE_NO_ROOM,      /* others need the memory */
    TRACE_AT_EXIT       /* its root had not come when everything ended */
};

struct held_trace {
    uint8_t trace_id[16];
    struct held_span *first;
    struct held_span *last;
    size_t spans;
    size_t bytes;
    bool has_root;
    uint64_t first_ms; /* arrival of its first and of its newest span, on the loop's clock */
    uint64_t newest_ms;
    struct held_trace *next_of_bucket;
    struct held_trace *older; /* by first_ms */
    struct held_trace *newer;
};

bool held_span_is_local_root(const struct held_span *span);

/* Appends the trace, with an empty line behind it. False when there is no memory. `name_devices`:
 * there are several, say which one. */
bool paint_trace(struct painter *painter, const struct held_trace *trace, enum trace_end end,
                 bool name_devices);

#endif
