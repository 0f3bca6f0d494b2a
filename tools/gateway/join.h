/* SPDX-License-Identifier: MIT */
/*
 * What the gateway adds to a batch before it leaves: its resource, and on spans whose Unix time is
 * an estimate the attribute otel_h.time.estimated = true. Every output that leaves the process in
 * OTLP gets its bytes from here.
 */
#ifndef GW_JOIN_H
#define GW_JOIN_H

#include "batch.h"
#include "buffer.h"

#define JOIN_ESTIMATED_KEY "otel_h.time.estimated"

struct joined {
    /* Fields of a ResourceSpans message without its resource: what follows the resource. Several
     * of these under one resource are one ResourceSpans. */
    struct buffer without_resource;
    /* Fields of an ExportTraceServiceRequest: whole ResourceSpans that brought their resource. */
    struct buffer with_resource;
};

/* Appends the batch's spans to `joined`. False when there is no memory or the payload is not OTLP;
 * then `joined` holds nothing that may be sent. */
bool join_spans(struct joined *joined, const struct gw_batch *batch);
void joined_clear(struct joined *joined);
void joined_free(struct joined *joined);

/* Appends the Resource message that goes with the spans of `without_resource`: the batch's, or one
 * of an unknown service; with service.instance.id from the device's name where it has none. */
void join_resource(struct buffer *resource, const struct gw_batch *batch);

/* Appends a ResourceSpans, as a field of an ExportTraceServiceRequest, from a resource and
 * `part_count` pieces of without_resource. */
struct join_part {
    const uint8_t *bytes;
    size_t size;
};
void join_resource_spans(struct buffer *request, const uint8_t *resource, size_t resource_bytes,
                         const struct join_part *parts, size_t part_count);

#endif
