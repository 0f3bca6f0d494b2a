/* SPDX-License-Identifier: MIT */
/*
 * Threads on the POSIX port: four start, write, hand over and end spans, write to one span at once,
 * and poll; what arrives is whole, and every span is accounted. Run under ThreadSanitizer.
 */
#define _POSIX_C_SOURCE 200809L

#include "check.h"
#include "otel.h"
#include "received.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>

enum { THREADS = 4, ROUNDS = 3000, MAILBOXES = 3, FRAME_BYTES_MAX = 65536 };

static struct {
    pthread_mutex_t mutex;
    otel_span spans[MAILBOXES];
} mail = {PTHREAD_MUTEX_INITIALIZER, {{0}}};

static otel_span shared; /* everybody writes to it at once */

static unsigned long frames;
static unsigned long spans_arrived;
static unsigned long spans_broken;

/* A worker's span has its number in the name and in an attribute, and the event of whoever ended it. */
static bool is_whole(const otlp_span *span)
{
    const otlp_attribute *const attribute =
        otlp_find(span->attributes, span->attributes_count, "name");

    if (strcmp(span->name, "shared") == 0) {
        return true;
    }
    return attribute != NULL && attribute->value != NULL &&
           strcmp(attribute->value->value.string_value, span->name) == 0 &&
           span->end_time_unix_nano >= span->start_time_unix_nano;
}

static otel_send_result receive_frame(void *self, const otel_frame *frame)
{
    static uint8_t bytes[FRAME_BYTES_MAX];
    const size_t length = otel_frame_copy(frame, bytes, sizeof bytes);
    otlp_request request;
    link_frame parsed;

    (void)self;
    frames++;
    if (!link_parse(bytes, length, &parsed)) {
        spans_broken++;
        return OTEL_SEND_DONE;
    }
    if (parsed.kind != LINK_TRACES) {
        return frames % 7 == 0 ? OTEL_SEND_BUSY : OTEL_SEND_DONE;
    }
    if (frames % 5 == 0) { /* the same frame comes again */
        return OTEL_SEND_BUSY;
    }
    if (!otlp_decode_request(parsed.payload, parsed.payload_length, &request, true)) {
        spans_broken++;
        return OTEL_SEND_DONE;
    }
    for (size_t s = 0; s < request.resource_spans[0].scope_spans_count; s++) {
        const otlp_scope_spans *const scope = &request.resource_spans[0].scope_spans[s];
        for (size_t i = 0; i < scope->spans_count; i++) {
            spans_arrived++;
            spans_broken += is_whole(&scope->spans[i]) ? 0 : 1;
        }
    }
    otlp_release(&request);
    return OTEL_SEND_DONE;
}

/* Leaves a span for another thread, and takes what lies there. */
static otel_span swap_mail(size_t box, otel_span span)
{
    otel_span other;

    (void)pthread_mutex_lock(&mail.mutex);
    other = mail.spans[box];
    mail.spans[box] = span;
    (void)pthread_mutex_unlock(&mail.mutex);
    return other;
}

static void write_name(char name[16], unsigned thread, unsigned round)
{
    memcpy(name, "t0.r0000", 9);
    name[1] = (char)('0' + (int)thread);
    for (unsigned digit = 7; digit > 3; digit--, round /= 10u) {
        name[digit] = (char)('0' + (int)(round % 10u));
    }
}

static void *work(void *argument)
{
    const unsigned thread = *(const unsigned *)argument;

    for (unsigned round = 0; round < ROUNDS; round++) {
        char name[16];
        otel_span span, other;

        write_name(name, thread, round);
        span = otel_span_start(name);
        otel_span_set_str(span, "name", name);
        OTEL_WITH_SPAN(span)
        {
            const otel_span child = otel_span_start(name);
            otel_span_set_str(child, "name", name);
            otel_span_event(child, "inner");
            otel_span_end(child);
        }
        otel_span_set_i64(shared, "round", round);
        otel_span_event(shared, "shared");
        other = swap_mail((thread + round) % MAILBOXES, span);
        otel_span_event(other, "handed over");
        otel_span_end(other);
        otel_poll();
        if (round % 64 == 0) {
            (void)sched_yield();
        }
    }
    return NULL;
}

static const otel_transport transport = {receive_frame, NULL, NULL, 0};

static void threads_share_the_library(void)
{
    static const otel_config config = {
        .service_name = "threads", .transport = &transport, .flush_interval_ms = 1};
    static unsigned numbers[THREADS];
    const otel_span none = {0};
    pthread_t threads[THREADS];
    otel_stats stats;

    REQUIRE(otel_init(&config) == OTEL_OK);
    shared = otel_span_start("shared");
    for (unsigned i = 0; i < THREADS; i++) {
        numbers[i] = i;
        REQUIRE(pthread_create(&threads[i], NULL, work, &numbers[i]) == 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        REQUIRE(pthread_join(threads[i], NULL) == 0);
    }
    for (size_t box = 0; box < MAILBOXES; box++) {
        otel_span_end(swap_mail(box, none));
    }
    otel_span_end(shared);
    CHECK_SIGNED(otel_flush(10000), OTEL_OK);
    otel_stats_get(&stats);
    CHECK_EQUAL(spans_broken, 0);
    CHECK_EQUAL(stats.contexts_in_use, 0);
    CHECK_EQUAL(stats.recordings_in_use, 0);
    CHECK_EQUAL(stats.queue_bytes, 0);
    CHECK_EQUAL(stats.spans_sent, spans_arrived);
    CHECK_EQUAL(stats.spans_started, stats.spans_sent + stats.spans_dropped_queue_full);
    CHECK_EQUAL(stats.spans_started + stats.spans_dropped_no_recording +
                    stats.spans_dropped_no_context + stats.spans_not_recorded,
                1u + 2u * THREADS * ROUNDS);
    CHECK(spans_arrived > ROUNDS / 2);
    CHECK_SIGNED(otel_shutdown(1000), OTEL_OK);
}

static void nothing(void)
{
}

int main(void)
{
    static const check_test tests[] = {CHECK_TEST(threads_share_the_library)};

    check_run("threads", tests, 1, nothing, nothing);
    return check_finish();
}
