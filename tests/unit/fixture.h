/* SPDX-License-Identifier: MIT */
/* What every test stands on: a fresh library, a fresh board, and what has arrived at the far end. */
#ifndef FIXTURE_H
#define FIXTURE_H

#include "check.h"
#include "received.h"
#include "test_port.h"
#include "test_transport.h"

#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static otel_config config;

static struct {
    size_t request_count;
    bool zero_bytes; /* strings with zero bytes in them were sent: their length is not comparable */
    otlp_request requests[TEST_FRAME_COUNT];
} decoded;

static otel_stats stats_now(void)
{
    otel_stats stats;

    otel_stats_get(&stats);
    return stats;
}

static void forget_received(void)
{
    while (decoded.request_count > 0) {
        otlp_release(&decoded.requests[--decoded.request_count]);
    }
    decoded.zero_bytes = false;
    test_transport_forget();
}

/* The frame of this kind number `index`, checked; an empty one when there is none. */
static link_frame frame_of_kind(unsigned kind, size_t index)
{
    link_frame frame;

    for (size_t i = 0; i < wire.frame_count; i++) {
        CHECK(link_parse(wire.frames[i].bytes, wire.frames[i].length, &frame));
        if (frame.kind == kind && index-- == 0) {
            return frame;
        }
    }
    memset(&frame, 0, sizeof frame);
    return frame;
}

static size_t frames_of_kind(unsigned kind)
{
    size_t count = 0;

    while (frame_of_kind(kind, count).magic != 0) {
        count++;
    }
    return count;
}

static void decode_received(void)
{
    const size_t frames = frames_of_kind(LINK_TRACES);

    while (decoded.request_count < frames) {
        const link_frame frame = frame_of_kind(LINK_TRACES, decoded.request_count);
        otlp_request *const request = &decoded.requests[decoded.request_count];

        if (!CHECK(otlp_decode_request(frame.payload, frame.payload_length, request,
                                       !decoded.zero_bytes))) {
            return;
        }
        decoded.request_count++;
    }
}

static void send_all(void)
{
    CHECK_SIGNED(otel_flush(1000), OTEL_OK);
    CHECK_EQUAL(wire.frames_not_remembered, 0);
    decode_received();
}

/* A span that arrived, in the order of arrival, with the scope that it came in. */
static const otlp_span *received_span_in_scope(size_t index, const otlp_scope_spans **scope)
{
    for (size_t r = 0; r < decoded.request_count; r++) {
        const otlp_request *const request = &decoded.requests[r];
        for (size_t i = 0; i < request->resource_spans_count; i++) {
            for (size_t s = 0; s < request->resource_spans[i].scope_spans_count; s++) {
                *scope = &request->resource_spans[i].scope_spans[s];
                if (index < (*scope)->spans_count) {
                    return &(*scope)->spans[index];
                }
                index -= (*scope)->spans_count;
            }
        }
    }
    return NULL;
}

static const otlp_span *received_span(size_t index)
{
    const otlp_scope_spans *scope;

    return received_span_in_scope(index, &scope);
}

static size_t received_count(void)
{
    size_t count = 0;

    while (received_span(count) != NULL) {
        count++;
    }
    return count;
}

/* Ends the span, sends it, and returns what arrived; NULL when that is not exactly one span. */
static const otlp_span *end_and_receive(otel_span span)
{
    send_all(); /* a small queue has no room beside the resource */
    forget_received();
    otel_span_end(span);
    send_all();
    CHECK_EQUAL(received_count(), 1);
    return received_span(0);
}

static const char *string_value(const otlp_span *span, const char *key)
{
    const otlp_attribute *const attribute =
        otlp_find(span->attributes, span->attributes_count, key);

    if (attribute == NULL || attribute->value == NULL ||
        attribute->value->which_value != opentelemetry_proto_common_v1_AnyValue_string_value_tag) {
        return NULL;
    }
    return attribute->value->value.string_value;
}

/* 0 when there is none, or it is not an integer. */
static int64_t int_value(const otlp_span *span, const char *key)
{
    const otlp_attribute *const attribute =
        otlp_find(span->attributes, span->attributes_count, key);

    if (attribute == NULL || attribute->value == NULL ||
        attribute->value->which_value != opentelemetry_proto_common_v1_AnyValue_int_value_tag) {
        return 0;
    }
    return attribute->value->value.int_value;
}

/* An optional bytes field: its length is 0 when it is absent. */
static bool bytes_are(const pb_bytes_array_t *field, const uint8_t *bytes, size_t length)
{
    return field != NULL && field->size == length && memcmp(field->bytes, bytes, length) == 0;
}

static void start(void)
{
    CHECK_SIGNED(otel_init(&config), OTEL_OK);
}

static void reset_library(void)
{
    memset(&oteli, 0, sizeof oteli);
    memset(&oteli_store, 0, sizeof oteli_store);
}

static void fixture_before(void)
{
    reset_library();
    test_port_reset();
    test_transport_reset();
    forget_received();
    memset(&config, 0, sizeof config);
    config.service_name = "unit";
    config.transport = &wire_transport;
}

/* Whatever a test did: nothing is left in a pool, the lock is free, and every span is accounted. */
static void check_nothing_left(void)
{
    const otel_stats stats = stats_now();

    CHECK_EQUAL(stats.contexts_in_use, 0);
    CHECK_EQUAL(stats.recordings_in_use, 0);
    CHECK_EQUAL(stats.carriers_in_use, 0);
    CHECK_EQUAL(stats.queue_bytes, 0);
    CHECK_EQUAL(stats.spans_live, 0);
    CHECK_EQUAL(stats.spans_sent + stats.spans_dropped_link + stats.spans_dropped_shutdown +
                    stats.spans_dropped_queue_full,
                stats.spans_started);
}

static void fixture_after(void)
{
    port.handler_countdown = 0;
    wire.on_send = NULL;
    port.on_idle = NULL;
    if (wire.owns_frame) {
        test_transport_release(true);
    }
    wire.answer = OTEL_SEND_DONE;
    if (otel_now_ns() != 0) {
        forget_received();
        port.ticks_per_reading = port.ticks_per_second / 1000u;
        port.context = 0;
        CHECK_SIGNED(otel_flush(10000), OTEL_OK);
        check_nothing_left();
        CHECK_SIGNED(otel_shutdown(10000), OTEL_OK);
    }
    check_nothing_left();
    forget_received();
    CHECK_EQUAL(port.lock_depth, 0);
    CHECK_EQUAL(port.lock_errors, 0);
    CHECK_EQUAL(wire.pieces_wrong, 0);
}

#endif
