/* SPDX-License-Identifier: MIT */
/*
 * The output for people: finished traces as trees with bars on a time axis, the losses and drops of
 * the devices, and their console text, on one stream.
 *
 * Spans are gathered by trace id. A trace is shown when a local root of it (a span without a
 * parent, or whose parent is remote) is there and nothing more came for `quiet_ms`; without such a
 * root when nothing came for `patience_ms`, marked as incomplete; while more keeps coming six times
 * `patience_ms` after its first span; and at drain. Where a bound is reached the oldest trace is
 * shown early. Nothing is dropped.
 */
#ifndef GW_WATERFALL_H
#define GW_WATERFALL_H

#include <stdio.h>
#include <uv.h>

#include "batch.h"

/* 0 is the default of every field. */
struct waterfall_options {
    FILE *output;         /* stdout */
    uint32_t quiet_ms;    /* 300 */
    uint32_t patience_ms; /* 10 000 */
    size_t traces_max;    /* 1 024 traces held */
    size_t spans_max;     /* 16 384 spans held, in all of them; of one trace at most 4 096 */
    size_t bytes_max;     /* 16 MiB held */
    bool name_sources;    /* several sources: each line of console text says where it is from */
};

/* Returns false when there is no memory. The loop must outlive the sink's close. */
bool waterfall_open(struct gw_sink *sink, uv_loop_t *loop, const struct waterfall_options *options);

/* After close, and after the loop ran once more. */
void waterfall_free(struct gw_sink *sink);

#endif
