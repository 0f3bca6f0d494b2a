/* SPDX-License-Identifier: MIT */
/*
 * What a stranger reads from the frames that left: the header as LINK.md lays it out, the CRC by
 * its definition, the payload by nanopb's generated OTLP decoder. Nothing here comes from otel.h.
 */
#ifndef RECEIVED_H
#define RECEIVED_H

#include <opentelemetry/proto/collector/trace/v1/trace_service.pb.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef opentelemetry_proto_collector_trace_v1_ExportTraceServiceRequest otlp_request;
typedef opentelemetry_proto_trace_v1_Span otlp_span;
typedef opentelemetry_proto_trace_v1_Span_Event otlp_event;
typedef opentelemetry_proto_trace_v1_ScopeSpans otlp_scope_spans;
typedef opentelemetry_proto_common_v1_KeyValue otlp_attribute;
typedef opentelemetry_proto_resource_v1_Resource otlp_resource;

enum { LINK_TRACES = 1, LINK_RESOURCE = 4, LINK_STATS = 5 };
enum { LINK_FLAG_ANONYMOUS = 2, LINK_FLAG_WALL_CLOCK = 8 };
enum { STATS_FIELD_COUNT = 43 };

typedef struct link_frame {
    uint8_t magic;
    uint8_t version;
    uint8_t kind;
    uint8_t flags;
    uint8_t key_id;
    uint8_t attempt;
    uint16_t base_distance;
    uint64_t device_id;
    uint64_t boot_id;
    uint32_t sequence;
    uint32_t resource_hash;
    uint64_t clock_ns;
    int64_t wall_offset_ns;
    uint32_t wall_uncertainty_us;
    const uint8_t *payload;
    size_t payload_length;
} link_frame;

uint32_t crc32_iso_hdlc(const uint8_t *bytes, size_t length);

/* False when the frame is shorter than its header, or its CRC is wrong. */
bool link_parse(const uint8_t *bytes, size_t length, link_frame *frame);

/* Decodes a whole message, no byte left over, with the length that nanopb's encoder gives it
 * (a string with a zero byte in it has none: `exact` false). Release it with otlp_release. */
bool otlp_decode_request(const uint8_t *bytes, size_t length, otlp_request *request, bool exact);
void otlp_release(otlp_request *request);
bool otlp_decode_resource(const uint8_t *bytes, size_t length, otlp_resource *resource);
void otlp_release_resource(otlp_resource *resource);

/* Reads a Stats message; false when it is not one. Fields that are left out are 0. */
bool stats_decode(const uint8_t *bytes, size_t length, uint64_t fields[STATS_FIELD_COUNT]);

/* The attribute with this key, NULL when there is none or more than one. */
const otlp_attribute *otlp_find(const otlp_attribute *attributes, size_t count, const char *key);

#endif
