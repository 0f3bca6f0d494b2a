/* SPDX-License-Identifier: MIT */
#include "session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "otlp_walk.h"
#include "vectors.h"

#define S_NS UINT64_C(1000000000)
#define UNIX_NS (UINT64_C(1800000000) * S_NS) /* of the monotonic clock's zero */

/* ---- an output that remembers -------------------------------------------------------------- */

#define SEEN_MAX 64

static struct seen {
    size_t batches, spans;
    struct gw_batch last; /* its pointers are stale */
    uint64_t boots[SEEN_MAX];
    char services[SEEN_MAX][32]; /* "-" without a resource */
    uint64_t first_time_ns[SEEN_MAX];
    char events[256]; /* a letter each: Boot, Resource, Stats, Losses */
    uint64_t frames_lost, spans_lost;
    bool congested;
} seen;

static void remember_time(void *self, const struct otlp_field *field)
{
    uint64_t *time_ns = self;

    if (field->type == OTLP_TIME && *time_ns == 0)
        *time_ns = field->number;
}

static void see_batch(void *self, const struct gw_batch *batch)
{
    static const struct otlp_visitor visitor = {.field = remember_time};
    size_t place = seen.batches++ % SEEN_MAX;
    const uint8_t *service = (const uint8_t *)"-";
    size_t service_bytes = 1;

    (void)self;
    seen.spans += batch->span_count;
    seen.last = *batch;
    seen.boots[place] = batch->boot_id;
    if (batch->resource_bytes > 0)
        assert_true(otlp_find_string(OTLP_RESOURCE, batch->resource, batch->resource_bytes,
                                     "service.name", &service, &service_bytes));
    snprintf(seen.services[place], sizeof seen.services[place], "%.*s", (int)service_bytes,
             (const char *)service);
    seen.first_time_ns[place] = 0;
    assert_null(otlp_walk(OTLP_TRACES_REQUEST, batch->payload, batch->payload_bytes, &visitor,
                          &seen.first_time_ns[place], NULL));
}

static void see_event(void *self, const struct gw_device *device, enum gw_device_event event)
{
    size_t length = strlen(seen.events);

    (void)self;
    seen.frames_lost = device->frames_lost;
    seen.spans_lost = device->spans_lost;
    if (length + 1 < sizeof seen.events)
        seen.events[length] = "BRSL"[event];
}

static bool see_congestion(void *self)
{
    (void)self;
    return seen.congested;
}

static struct sessions *start(const struct sessions_options *wanted)
{
    static const struct gw_sink sink = {
        .batch = see_batch, .device_event = see_event, .congested = see_congestion};
    struct sessions_options options = {.devices_max = 100,
                                       .frame_bytes_max = LINK_FRAME_BYTES_MAX,
                                       .held_bytes_max = 100000,
                                       .resource_wait_ms = 1000};
    struct sessions *sessions;

    memset(&seen, 0, sizeof seen);
    sessions = sessions_create(wanted != NULL ? wanted : &options, &sink, 1);
    assert_non_null(sessions);
    return sessions;
}

struct wanted_counter {
    const char *name;
    uint64_t value;
    bool found;
};

static void match_counter(void *self, const char *name, uint64_t value)
{
    struct wanted_counter *wanted = self;

    if (strcmp(name, wanted->name) == 0) {
        wanted->value = value;
        wanted->found = true;
    }
}

static uint64_t counter(const struct sessions *sessions, const char *name)
{
    struct wanted_counter wanted = {name, 0, false};

    sessions_counters(sessions, match_counter, &wanted);
    assert_true(wanted.found);
    return wanted.value;
}

/* ---- a device ------------------------------------------------------------------------------ */

static size_t put_le(uint8_t *bytes, size_t at, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        bytes[at + i] = (uint8_t)(value >> (8 * i));
    return at + size;
}

static size_t build(const struct link_frame *frame, const void *payload, size_t payload_bytes,
                    uint8_t *bytes)
{
    size_t at = put_le(bytes, 0, 0x01F7, 2);

    at = put_le(bytes, at, frame->kind, 1);
    at = put_le(bytes, at, frame->flags, 1);
    at = put_le(bytes, at, frame->key_id, 1);
    at = put_le(bytes, at, frame->attempt, 1);
    at = put_le(bytes, at, frame->base_distance, 2);
    at = put_le(bytes, at, frame->device_id, 8);
    at = put_le(bytes, at, frame->boot_id, 8);
    at = put_le(bytes, at, frame->sequence, 4);
    at = put_le(bytes, at, frame->resource_hash, 4);
    at = put_le(bytes, at, frame->clock_ns, 8);
    if ((frame->flags & LINK_WALL_CLOCK) != 0) {
        at = put_le(bytes, at, (uint64_t)frame->wall_offset_ns, 8);
        at = put_le(bytes, at, frame->wall_uncertainty_us, 4);
    }
    if (payload_bytes > 0)
        memcpy(bytes + at, payload, payload_bytes);
    at += payload_bytes;
    return put_le(bytes, at, link_crc32(bytes, at), 4);
}

static struct link_instant instant(double monotonic_s)
{
    uint64_t monotonic_ns = (uint64_t)(monotonic_s * 1e9);

    return (struct link_instant){UNIX_NS + monotonic_ns, monotonic_ns};
}

static void receive_at(struct sessions *sessions, const struct link_frame *frame,
                       const void *payload, size_t payload_bytes, struct link_instant at)
{
    uint8_t bytes[2048];
    size_t size = build(frame, payload, payload_bytes, bytes);
    struct arrival arrival = {"test", at, false};

    sessions_frame(sessions, bytes, size, &arrival);
}

/* A span from 5 s to 6 s of the device's clock. */
static const uint8_t traces[] = {
    0x0A, 0x32, 0x12, 0x30, 0x12, 0x2E,                       /* request, scope, span */
    0x0A, 16,   1,    2,    3,    4,    5,    6,    7,    8,  /* trace id */
    9,    10,   11,   12,   13,   14,   15,   16,             /* */
    0x12, 8,    21,   22,   23,   24,   25,   26,   27,   28, /* span id */
    0x39, 0x00, 0xF2, 0x05, 0x2A, 0x01, 0x00, 0x00, 0x00,     /* start */
    0x41, 0x00, 0xBC, 0xA0, 0x65, 0x01, 0x00, 0x00, 0x00,     /* end */
};
#define TRACES_BYTES (sizeof traces)

static const char *const services[] = {"\x0A\x14\x0A\x0Cservice.name\x12\x04\x0A\x02zz",
                                       "\x0A\x14\x0A\x0Cservice.name\x12\x04\x0A\x02yy",
                                       "\x0A\x14\x0A\x0Cservice.name\x12\x04\x0A\x02xx",
                                       "\x0A\x14\x0A\x0Cservice.name\x12\x04\x0A\x02ww"};
#define SERVICE_BYTES 22U

static uint32_t hash_of(unsigned service)
{
    return link_crc32((const uint8_t *)services[service], SERVICE_BYTES);
}

static struct link_frame frame_of(uint64_t device, uint64_t boot, uint32_t sequence)
{
    return (struct link_frame){.kind = LINK_TRACES,
                               .device_id = device,
                               .boot_id = boot,
                               .sequence = sequence,
                               .resource_hash = hash_of(0),
                               .clock_ns = 10 * S_NS};
}

static void send_resource(struct sessions *sessions, uint64_t device, uint64_t boot,
                          unsigned service, double at_s)
{
    struct link_frame frame = frame_of(device, boot, 1);

    frame.kind = LINK_RESOURCE;
    frame.resource_hash = hash_of(service);
    receive_at(sessions, &frame, services[service], SERVICE_BYTES, instant(at_s));
}

static void send_traces(struct sessions *sessions, const struct link_frame *frame, double at_s)
{
    receive_at(sessions, frame, traces, TRACES_BYTES, instant(at_s));
}

static void send_stats(struct sessions *sessions, uint64_t boot, uint32_t sequence,
                       uint64_t clock_ns, const char *stats, size_t stats_bytes)
{
    struct link_frame frame = frame_of(1, boot, sequence);

    frame.kind = LINK_STATS;
    frame.clock_ns = clock_ns;
    receive_at(sessions, &frame, stats, stats_bytes, instant(20));
}

/* ---- resources ----------------------------------------------------------------------------- */

static void a_resource_is_remembered_over_a_reboot(void **state)
{
    struct sessions *sessions = start(NULL);
    struct link_frame frame = frame_of(1, 7, 1);

    (void)state;
    send_resource(sessions, 1, 7, 0, 100);
    send_traces(sessions, &frame, 100);
    frame.boot_id = 8;
    send_traces(sessions, &frame, 101);
    assert_int_equal(seen.batches, 2);
    assert_string_equal(seen.services[1], "zz");
    assert_int_equal(seen.boots[1], 8);
    assert_string_equal(seen.events, "BRB");
    sessions_destroy(sessions);
}

static void frames_go_with_the_resource_that_they_name(void **state)
{
    struct sessions *sessions = start(NULL);
    struct link_frame frame = frame_of(1, 7, 1);

    (void)state;
    send_resource(sessions, 1, 7, 0, 100);
    send_resource(sessions, 1, 7, 1, 100);
    send_traces(sessions, &frame, 100);
    frame.sequence = 2;
    frame.resource_hash = hash_of(1);
    send_traces(sessions, &frame, 100);
    assert_string_equal(seen.services[0], "zz");
    assert_string_equal(seen.services[1], "yy");
    sessions_destroy(sessions);
}

static void more_resources_than_are_remembered(void **state)
{
    struct sessions *sessions = start(NULL);
    struct link_frame frame = frame_of(1, 7, 1);

    (void)state;
    for (unsigned service = 0; service < 4; service++)
        send_resource(sessions, 1, 7, service, 100);
    for (unsigned service = 0; service < 4; service++) {
        frame.resource_hash = hash_of(service);
        frame.sequence = service + 1;
        send_traces(sessions, &frame, 100);
    }
    assert_int_equal(seen.batches, 3); /* the first waits: its resource is forgotten */
    send_resource(sessions, 1, 7, 0, 100.1);
    assert_int_equal(seen.batches, 4);
    assert_string_equal(seen.services[3], "zz");
    sessions_destroy(sessions);
}

static void waiting_ends_in_time_and_keeps_the_order(void **state)
{
    struct sessions *sessions = start(NULL);

    (void)state;
    for (uint32_t sequence = 1; sequence <= 3; sequence++) {
        struct link_frame frame = frame_of(1, sequence, 1);

        send_traces(sessions, &frame, 100 + sequence / 10.0);
    }
    sessions_tick(sessions, instant(101.05));
    assert_int_equal(seen.batches, 0);
    sessions_tick(sessions, instant(101.25));
    assert_int_equal(seen.batches, 2);
    sessions_drain(sessions);
    assert_int_equal(seen.batches, 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(seen.boots[i], i + 1);
        assert_string_equal(seen.services[i], "-");
    }
    assert_int_equal(counter(sessions, "frames_without_resource"), 3);
    sessions_destroy(sessions);
}

static void a_forgotten_device_hands_out_what_waited(void **state)
{
    struct sessions_options options = {2, LINK_FRAME_BYTES_MAX, 100000, 1000};
    struct sessions *sessions = start(&options);
    struct link_frame one = frame_of(1, 7, 1), two = frame_of(2, 7, 1), three = frame_of(3, 7, 1);

    (void)state;
    send_traces(sessions, &one, 100);
    send_traces(sessions, &two, 100);
    one.sequence = 2;
    send_traces(sessions, &one, 100);
    send_traces(sessions, &three, 100); /* two has been silent for longest */
    assert_int_equal(seen.batches, 1);
    assert_int_equal(seen.last.span_count, 1);
    assert_int_equal(counter(sessions, "devices_forgotten"), 1);
    sessions_drain(sessions);
    assert_int_equal(seen.batches, 4);
    assert_int_equal(counter(sessions, "frames_duplicate"), 0);
    sessions_destroy(sessions);
}

/* ---- times --------------------------------------------------------------------------------- */

static void times_follow_the_arrival(void **state)
{
    struct sessions *sessions = start(NULL);
    struct link_frame frame = frame_of(1, 7, 1);

    (void)state;
    send_resource(sessions, 1, 7, 0, 110); /* at 10 s of its clock */
    send_traces(sessions, &frame, 110.5);  /* later by half a second, on the way */
    assert_true(seen.last.time_estimated);
    assert_int_equal(seen.first_time_ns[0], UNIX_NS + 105 * S_NS);
    sessions_destroy(sessions);
}

static void resends_and_recovered_frames_say_nothing_of_the_delay(void **state)
{
    struct sessions *sessions = start(NULL);
    struct link_frame frame = frame_of(1, 7, 1);

    (void)state;
    send_resource(sessions, 1, 7, 0, 110);
    frame.attempt = 1;
    frame.clock_ns = 50 * S_NS;
    send_traces(sessions, &frame, 110.1);
    frame.attempt = 0;
    frame.flags = LINK_RECOVERED;
    frame.sequence = 2;
    send_traces(sessions, &frame, 110.2);
    assert_int_equal(seen.first_time_ns[0], UNIX_NS + 105 * S_NS);
    assert_int_equal(seen.first_time_ns[1], UNIX_NS + 105 * S_NS);
    sessions_destroy(sessions);
}

/* Our wall clock is set by an hour: devices' times go with it at once. */
static void a_step_of_our_clock_is_followed(void **state)
{
    struct sessions *sessions = start(NULL);
    struct link_frame frame = frame_of(1, 7, 1);
    struct link_instant stepped = instant(111);

    (void)state;
    send_resource(sessions, 1, 7, 0, 110);
    stepped.unix_ns += 3600 * S_NS;
    frame.clock_ns = 11 * S_NS;
    receive_at(sessions, &frame, traces, TRACES_BYTES, stepped);
    assert_int_equal(seen.first_time_ns[0], UNIX_NS + 3705 * S_NS);
    sessions_destroy(sessions);
}

static void nothing_leaves_before_our_clock_is_set(void **state)
{
    struct sessions *sessions = start(NULL);
    struct link_frame frame = frame_of(1, 7, 1);
    struct link_instant unset = {5 * S_NS, 110 * S_NS};

    (void)state;
    send_resource(sessions, 1, 7, 0, 110);
    receive_at(sessions, &frame, traces, TRACES_BYTES, unset);
    frame.sequence = 2;
    receive_at(sessions, &frame, traces, TRACES_BYTES, unset);
    unset.monotonic_ns += 100 * S_NS;
    sessions_tick(sessions, unset);
    assert_int_equal(seen.batches, 0);
    sessions_tick(sessions, instant(211));
    assert_int_equal(seen.batches, 2);
    assert_int_equal(seen.first_time_ns[0], UNIX_NS + 105 * S_NS);
    assert_int_equal(seen.last.arrival_unix_ns, UNIX_NS + 110 * S_NS);
    sessions_destroy(sessions);
}

static void a_clock_that_is_never_set_costs_the_spans_and_counts_them(void **state)
{
    struct sessions_options options = {9, LINK_FRAME_BYTES_MAX, 600, 1000};
    struct sessions *sessions = start(&options);
    struct link_instant unset = {5 * S_NS, 110 * S_NS};

    (void)state;
    for (uint32_t sequence = 1; sequence <= 10; sequence++) {
        struct link_frame frame = frame_of(1, 7, sequence);

        receive_at(sessions, &frame, traces, TRACES_BYTES, unset);
    }
    sessions_drain(sessions);
    assert_int_equal(seen.batches, 0);
    assert_int_equal(counter(sessions, "spans_clock_not_set"), 10);
    assert_true(counter(sessions, "frames_not_held") > 0);
    assert_true(counter(sessions, "frames_not_held") < 10);
    sessions_destroy(sessions);
}

static void the_surer_clock_is_taken(void **state)
{
    struct sessions *sessions = start(NULL);
    struct link_frame frame = frame_of(1, 7, 1);

    (void)state;
    send_resource(sessions, 1, 7, 0, 110);
    frame.flags = LINK_WALL_CLOCK;
    frame.wall_offset_ns = -5000000000 + 3;
    frame.wall_uncertainty_us = 1000;
    send_traces(sessions, &frame, 110);
    assert_false(seen.last.time_estimated);
    assert_int_equal(seen.first_time_ns[0], 3);
    frame.sequence = 2;
    frame.wall_uncertainty_us = 3600U * 1000000U;
    send_traces(sessions, &frame, 110);
    assert_true(seen.last.time_estimated);
    assert_int_equal(seen.first_time_ns[1], UNIX_NS + 105 * S_NS);
    sessions_destroy(sessions);
}

/* ---- losses, statistics, boots ------------------------------------------------------------- */

static void what_the_last_boot_lost_at_its_end_is_counted(void **state)
{
    struct sessions *sessions = start(NULL);
    struct link_frame frame = frame_of(1, 7, 1);

    (void)state;
    send_resource(sessions, 1, 7, 0, 100);
    send_traces(sessions, &frame, 100);
    /* previous_boot_id 7, previous_boot_sequence 4: 2 and 3 never came */
    send_stats(sessions, 8, 1, S_NS, "\xC0\x02\x07\xC8\x02\x04", 6);
    assert_int_equal(seen.frames_lost, 2);
    send_stats(sessions, 8, 1, 2 * S_NS, "\xC0\x02\x07\xC8\x02\x04", 6);
    assert_int_equal(seen.frames_lost, 2);
    assert_string_equal(seen.events, "BRBLSS");
    sessions_destroy(sessions);
}

static void older_statistics_do_not_overwrite_newer(void **state)
{
    struct sessions *sessions = start(NULL);
    struct link_frame frame = frame_of(1, 7, 1);

    (void)state;
    send_resource(sessions, 1, 7, 0, 100);
    send_traces(sessions, &frame, 100);
    send_stats(sessions, 7, 2, 3 * S_NS, "\x28\x05", 2); /* five sent, one came */
    send_stats(sessions, 7, 2, 2 * S_NS, "\x28\x01", 2);
    assert_int_equal(seen.spans_lost, 4);
    assert_string_equal(seen.events, "BRSL");
    assert_int_equal(seen.last.device->stats[GW_STAT_spans_sent], 5);
    sessions_destroy(sessions);
}

static void a_frame_with_a_bad_payload_is_refused_not_lost(void **state)
{
    struct sessions *sessions = start(NULL);
    struct link_frame frame = frame_of(1, 7, 1);

    (void)state;
    send_traces(sessions, &frame, 100);
    frame.sequence = 2;
    receive_at(sessions, &frame, "hello", 5, instant(100));
    frame.sequence = 3;
    send_traces(sessions, &frame, 100);
    assert_int_equal(counter(sessions, "frames_refused_bad_payload"), 1);
    assert_int_equal(counter(sessions, "frames_lost"), 0);
    sessions_destroy(sessions);
}

static void an_old_boots_late_frame_is_no_new_boot(void **state)
{
    struct sessions *sessions = start(NULL);
    struct link_frame old = frame_of(1, 7, 1), new = frame_of(1, 8, 1);

    (void)state;
    send_resource(sessions, 1, 7, 0, 100);
    send_traces(sessions, &old, 100);
    send_traces(sessions, &new, 101);
    old.sequence = 2;
    send_traces(sessions, &old, 101.1);
    assert_int_equal(counter(sessions, "boots_seen"), 2);
    assert_int_equal(seen.last.device->boot_id, 8);
    assert_int_equal(seen.last.boot_id, 7);
    sessions_destroy(sessions);
}

static void outputs_may_ask_for_patience(void **state)
{
    struct sessions *sessions = start(NULL);

    (void)state;
    assert_false(sessions_congested(sessions));
    seen.congested = true;
    assert_true(sessions_congested(sessions));
    sessions_destroy(sessions);
}

/* ---- everything at once -------------------------------------------------------------------- */

/* Frames with right checks and everything else drawn at random, over few devices, boots and
 * numbers, so that every path meets every other. Nothing breaks, and the sums agree. */
static void random_frames_break_nothing(void **state)
{
    struct sessions_options options = {3, LINK_FRAME_BYTES_MAX, 5000, 300};
    struct sessions *sessions = start(&options);
    uint64_t random = 11;
    double now_s = 100;

    (void)state;
    for (int i = 0; i < 100000; i++) {
        uint64_t draw = next_random(&random);
        static const uint8_t kinds[] = {1, 1, 1, 1, 4, 4, 5, 5, 2, 3, 6, 0, 7, 0x81, 1, 4};
        struct link_frame frame = {.kind = kinds[draw & 15],
                                   .flags = (uint8_t)(draw >> 4 & draw >> 9 & 0x1F),
                                   .attempt = (uint8_t)(draw >> 14 & 1),
                                   .base_distance = (uint16_t)(draw >> 15 & 3),
                                   .device_id = draw >> 17 & 3,
                                   .boot_id = draw >> 19 & 3,
                                   .sequence = (uint32_t)(draw >> 21 & 63),
                                   .resource_hash = hash_of(draw >> 27 & 3),
                                   .clock_ns = next_random(&random) >> (draw >> 29 & 63),
                                   .wall_offset_ns = (int64_t)next_random(&random),
                                   .wall_uncertainty_us = (uint32_t)(draw >> 35)};
        uint8_t payload[TRACES_BYTES];
        size_t payload_bytes = TRACES_BYTES;

        memcpy(payload, traces, TRACES_BYTES);
        if (frame.kind == LINK_RESOURCE || frame.kind == LINK_STATS) {
            payload_bytes = frame.kind == LINK_STATS ? draw >> 40 & 7 : SERVICE_BYTES;
            memcpy(payload, services[draw >> 27 & 3], SERVICE_BYTES);
        }
        if ((draw >> 50 & 15) == 0)
            payload[(draw >> 54) % TRACES_BYTES] ^= (uint8_t)(draw >> 44);
        now_s += (double)(draw >> 56) / 1000;
        receive_at(sessions, &frame, payload, payload_bytes, instant(now_s));
        if ((draw >> 60) == 0)
            sessions_tick(sessions, instant(now_s));
    }
    sessions_drain(sessions);
    assert_int_equal(counter(sessions, "frames_received"), 100000);
    assert_true(seen.batches > 1000);
    assert_true(seen.spans == counter(sessions, "spans_received"));
    sessions_destroy(sessions);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_resource_is_remembered_over_a_reboot),
        cmocka_unit_test(frames_go_with_the_resource_that_they_name),
        cmocka_unit_test(more_resources_than_are_remembered),
        cmocka_unit_test(waiting_ends_in_time_and_keeps_the_order),
        cmocka_unit_test(a_forgotten_device_hands_out_what_waited),
        cmocka_unit_test(times_follow_the_arrival),
        cmocka_unit_test(resends_and_recovered_frames_say_nothing_of_the_delay),
        cmocka_unit_test(a_step_of_our_clock_is_followed),
        cmocka_unit_test(nothing_leaves_before_our_clock_is_set),
        cmocka_unit_test(a_clock_that_is_never_set_costs_the_spans_and_counts_them),
        cmocka_unit_test(the_surer_clock_is_taken),
        cmocka_unit_test(what_the_last_boot_lost_at_its_end_is_counted),
        cmocka_unit_test(older_statistics_do_not_overwrite_newer),
        cmocka_unit_test(a_frame_with_a_bad_payload_is_refused_not_lost),
        cmocka_unit_test(an_old_boots_late_frame_is_no_new_boot),
        cmocka_unit_test(outputs_may_ask_for_patience),
        cmocka_unit_test(random_frames_break_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
