/* SPDX-License-Identifier: MIT */
/* The standard span with nanopb the usual way: fill the generated structs, one pb_encode(). Once
 * for the span alone, once for the whole request around it. */
#include "bench_firmware.h"
#include "bench_inputs.h"
#include "board.h"
#include "standard_span.h"

#include <pb_encode.h>
#include <string.h>

#include "opentelemetry/proto/collector/trace/v1/trace_service.pb.h"

typedef opentelemetry_proto_trace_v1_Span span_message;
typedef opentelemetry_proto_common_v1_KeyValue key_value;
typedef opentelemetry_proto_collector_trace_v1_ExportTraceServiceRequest request_message;

BENCH_REGION(nanopb_span)
BENCH_REGION(nanopb_request)

static const uint8_t trace_id[16] = STANDARD_TRACE_ID;
static const uint8_t parent_id[8] = STANDARD_PARENT_ID;

static opentelemetry_proto_common_v1_AnyValue *key_set(key_value *attribute, const char *key)
{
    strcpy(attribute->key, key);
    attribute->has_value = true;
    return &attribute->value;
}

static void str_set(key_value *attribute, const char *key, const char *value)
{
    opentelemetry_proto_common_v1_AnyValue *any = key_set(attribute, key);

    any->which_value = opentelemetry_proto_common_v1_AnyValue_string_value_tag;
    strcpy(any->value.string_value, value);
}

static void i64_set(key_value *attribute, const char *key, int64_t value)
{
    opentelemetry_proto_common_v1_AnyValue *any = key_set(attribute, key);

    any->which_value = opentelemetry_proto_common_v1_AnyValue_int_value_tag;
    any->value.int_value = value;
}

static void bool_set(key_value *attribute, const char *key, bool value)
{
    opentelemetry_proto_common_v1_AnyValue *any = key_set(attribute, key);

    any->which_value = opentelemetry_proto_common_v1_AnyValue_bool_value_tag;
    any->value.bool_value = value;
}

static void standard_span_fill(span_message *span)
{
    const uint64_t span_id = bench_random();

    memset(span, 0, sizeof *span);
    span->trace_id.size = sizeof trace_id;
    memcpy(span->trace_id.bytes, trace_id, sizeof trace_id);
    span->span_id.size = sizeof span_id;
    memcpy(span->span_id.bytes, &span_id, sizeof span_id);
    span->parent_span_id.size = sizeof parent_id;
    memcpy(span->parent_span_id.bytes, parent_id, sizeof parent_id);
    span->flags = 0x101;
    strcpy(span->name, STANDARD_NAME);
    span->kind = opentelemetry_proto_trace_v1_Span_SpanKind_SPAN_KIND_SERVER;
    span->start_time_unix_nano = bench_clock_ns();
    span->attributes_count = 4;
    str_set(&span->attributes[0], STANDARD_MODEL_KEY, STANDARD_MODEL);
    str_set(&span->attributes[1], STANDARD_PLACE_KEY, STANDARD_PLACE);
    i64_set(&span->attributes[2], STANDARD_RAW_KEY, STANDARD_RAW);
    bool_set(&span->attributes[3], STANDARD_VALID_KEY, STANDARD_VALID);
    span->events_count = 1;
    span->events[0].time_unix_nano = bench_clock_ns();
    strcpy(span->events[0].name, STANDARD_EVENT);
    span->events[0].attributes_count = 1;
    str_set(&span->events[0].attributes[0], STANDARD_EVENT_KEY, STANDARD_EVENT_VALUE);
    span->has_status = true;
    span->status.code = opentelemetry_proto_trace_v1_Status_StatusCode_STATUS_CODE_OK;
    span->end_time_unix_nano = bench_clock_ns();
}

static size_t span_encode(uint8_t *payload, size_t capacity_bytes)
{
    static span_message span;
    pb_ostream_t stream = pb_ostream_from_buffer(payload, capacity_bytes);

    standard_span_fill(&span);
    return pb_encode(&stream, opentelemetry_proto_trace_v1_Span_fields, &span)
               ? stream.bytes_written
               : 0;
}

static size_t request_encode(uint8_t *payload, size_t capacity_bytes)
{
    static request_message request;
    opentelemetry_proto_trace_v1_ResourceSpans *resource_spans = &request.resource_spans[0];
    opentelemetry_proto_trace_v1_ScopeSpans *scope_spans = &resource_spans->scope_spans[0];
    pb_ostream_t stream = pb_ostream_from_buffer(payload, capacity_bytes);

    request.resource_spans_count = 1;
    resource_spans->has_resource = true;
    resource_spans->resource.attributes_count = 1;
    str_set(&resource_spans->resource.attributes[0], "service.name", "thermostat");
    resource_spans->scope_spans_count = 1;
    scope_spans->has_scope = true;
    strcpy(scope_spans->scope.name, "bench");
    scope_spans->spans_count = 1;
    standard_span_fill(&scope_spans->spans[0]);
    return pb_encode(&stream,
                     opentelemetry_proto_collector_trace_v1_ExportTraceServiceRequest_fields,
                     &request)
               ? stream.bytes_written
               : 0;
}

int main(void)
{
    static uint8_t payload[400];
    size_t span_bytes = 0;
    size_t request_bytes = 0;

    board_init();
    for (int i = 0; i < 8; i++) {
        bench_begin_nanopb_span();
        span_bytes = span_encode(payload, sizeof payload);
        bench_end_nanopb_span();
    }
    bench_show("span", payload, span_bytes);
    for (int i = 0; i < 8; i++) {
        bench_begin_nanopb_request();
        request_bytes = request_encode(payload, sizeof payload);
        bench_end_nanopb_request();
    }
    bench_show("request", payload, request_bytes);
    return span_bytes == STANDARD_SPAN_BYTES && request_bytes != 0 ? 0 : 1;
}
