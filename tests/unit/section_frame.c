/* SPDX-License-Identifier: MIT */
/* >>frame: what LINK.md says about every byte of a frame. */

static void the_crc_is_the_one_of_iso_hdlc(void)
{
    static const uint8_t digits[] = "123456789";

    CHECK_EQUAL(crc32_iso_hdlc(digits, 9), 0xCBF43926u);
}

static void every_header_field_is_as_link_md_says(void)
{
    link_frame frame;

    config.device_id = 0x1122334455667788u;
    start();
    send_all();
    otel_span_end(otel_span_start("one"));
    port.ticks = 5000000;
    send_all();
    frame = frame_of_kind(LINK_TRACES, 0);
    CHECK_EQUAL(frame.magic, 0xF7);
    CHECK_EQUAL(frame.version, 1);
    CHECK_EQUAL(frame.key_id, 0);
    CHECK_EQUAL(frame.attempt, 0);
    CHECK_EQUAL(frame.base_distance, 0);
    CHECK_EQUAL(frame.flags, 0);
    CHECK_EQUAL(frame.device_id, 0x1122334455667788u);
    CHECK(frame.boot_id != 0);
    CHECK_EQUAL(frame.sequence, 1);
    CHECK(frame.resource_hash != 0);
    CHECK(frame.clock_ns >= 5000000000u && frame.clock_ns < 5100000000u);
}

static void a_device_without_an_id_says_so(void)
{
    link_frame frame;

    start();
    otel_span_end(otel_span_start("one"));
    send_all();
    frame = frame_of_kind(LINK_TRACES, 0);
    CHECK_EQUAL(frame.device_id, 0);
    CHECK_EQUAL(frame.flags, LINK_FLAG_ANONYMOUS);
}

static void the_chips_own_number_is_the_device_id(void)
{
    link_frame first, second;

    SKIP_UNLESS(OTEL_PORT_HAS_UNIQUE_ID);
    port.unique_id_length = 12;
    memset(port.unique_id, 0x42, sizeof port.unique_id);
    start();
    otel_span_end(otel_span_start("one"));
    send_all();
    first = frame_of_kind(LINK_TRACES, 0);
    CHECK(first.device_id != 0);
    CHECK_EQUAL(first.flags & LINK_FLAG_ANONYMOUS, 0);
    fixture_before();
    port.unique_id_length = 12;
    memset(port.unique_id, 0x42, sizeof port.unique_id);
    start();
    otel_span_end(otel_span_start("one"));
    send_all();
    second = frame_of_kind(LINK_TRACES, 0);
    CHECK_EQUAL(second.device_id, first.device_id);
    CHECK(second.boot_id != first.boot_id);
    CHECK_SIGNED(otel_shutdown(1000), OTEL_OK);
    fixture_before();
    port.unique_id_length = 12;
    memset(port.unique_id, 0x42, sizeof port.unique_id);
    port.unique_id[11] = 0x43;
    start();
    otel_span_end(otel_span_start("one"));
    send_all();
    CHECK(frame_of_kind(LINK_TRACES, 0).device_id != first.device_id);
    CHECK_SIGNED(otel_shutdown(1000), OTEL_OK);
    fixture_before();
    port.unique_id_length = 0; /* this chip has none */
    start();
    otel_span_end(otel_span_start("one"));
    send_all();
    CHECK_EQUAL(frame_of_kind(LINK_TRACES, 0).device_id, 0);
    CHECK_EQUAL(frame_of_kind(LINK_TRACES, 0).flags, LINK_FLAG_ANONYMOUS);
}

static void the_wall_clock_travels_when_it_is_known(void)
{
    link_frame frame;

    SKIP_UNLESS(OTEL_PORT_HAS_WALL_TIME);
    start();
    otel_span_end(otel_span_start("unknown"));
    send_all();
    CHECK_EQUAL(frame_of_kind(LINK_TRACES, 0).flags & LINK_FLAG_WALL_CLOCK, 0);
    forget_received();
    port.wall_time_known = true;
    port.wall_time_ns = 1700000000000000000;
    port.wall_uncertainty_us = 250;
    otel_span_end(otel_span_start("known"));
    send_all();
    frame = frame_of_kind(LINK_TRACES, 0);
    CHECK_EQUAL(frame.flags & LINK_FLAG_WALL_CLOCK, LINK_FLAG_WALL_CLOCK);
    CHECK_EQUAL(frame.wall_uncertainty_us, 250);
    CHECK_SIGNED(frame.wall_offset_ns / 1000000,
                 (1700000000000000000 - (int64_t)frame.clock_ns) / 1000000);
}

static void numbered_frames_count_from_one(void)
{
    size_t numbered = 0;

    start();
    for (int64_t i = 0; i < 10; i++) {
        end_numbered(i, 0);
        send_all();
        CHECK_EQUAL(frame_of_kind(LINK_TRACES, 0).sequence, ++numbered);
        forget_received();
    }
    CHECK_EQUAL(stats_now().frames_sent, numbered);
}

/* Not numbered: the number that the next numbered frame will have. */
static void other_frames_tell_the_next_number(void)
{
    config.stats_interval_ms = 1000;
    start();
    for (uint32_t i = 1; i < 5; i++) {
        end_numbered(i, 0);
        send_all();
        forget_received();
        port.ticks += 2u * port.ticks_per_second;
        otel_poll();
        otel_poll();
        REQUIRE(frames_of_kind(LINK_STATS) >= 1);
        CHECK_EQUAL(frame_of_kind(LINK_STATS, 0).sequence, i + 1u);
        forget_received();
    }
}

static void no_frame_is_longer_than_allowed(void)
{
    const size_t largest = OTEL_FRAME_BYTES;

    start();
    for (int64_t i = 0; i < 40; i++) {
        end_numbered(i, 12);
        if (i % 4 == 3) {
            send_all();
        }
        for (size_t f = 0; f < wire.frame_count; f++) {
            CHECK(wire.frames[f].length <= largest);
        }
        if (i % 4 == 3) {
            forget_received();
        }
    }
}

static void a_transport_may_want_shorter_frames(void)
{
    size_t traces;

    SKIP_UNLESS(OTEL_FRAME_BYTES >= OTEL_SPAN_BYTES + 400);
    wire_transport.frame_bytes_max = OTEL_SPAN_BYTES + 300;
    start();
    for (int64_t i = 0; i < 30; i++) {
        end_numbered(i, 12);
    }
    send_all();
    CHECK_EQUAL(numbers_from(0), 30);
    traces = frames_of_kind(LINK_TRACES);
    CHECK(traces >= 2 || OTEL_SPAN_BYTES > 4000);
    for (size_t f = 0; f < wire.frame_count; f++) {
        CHECK(wire.frames[f].length <= wire_transport.frame_bytes_max);
    }
}

static void a_transport_whose_frames_hold_no_span_is_refused(void)
{
    wire_transport.frame_bytes_max = OTEL_SPAN_BYTES;
    CHECK_SIGNED(otel_init(&config), OTEL_ERROR_FRAME_TOO_SMALL);
    wire_transport.frame_bytes_max = 1;
    CHECK_SIGNED(otel_init(&config), OTEL_ERROR_FRAME_TOO_SMALL);
    wire_transport.frame_bytes_max = 0;
    CHECK_SIGNED(otel_init(&config), OTEL_OK);
}

static void one_frame_holds_many_spans(void)
{
    SKIP_UNLESS(OTEL_FRAME_BYTES >= 1000 && OTEL_QUEUE_BYTES >= 2048);
    start();
    for (int64_t i = 0; i < 8; i++) {
        end_numbered(i, 0);
    }
    send_all();
    CHECK_EQUAL(numbers_from(0), 8);
    CHECK_EQUAL(frames_of_kind(LINK_TRACES), 1);
    CHECK_EQUAL(decoded.requests[0].resource_spans_count, 1);
    CHECK_EQUAL(decoded.requests[0].resource_spans[0].scope_spans_count, 1);
    CHECK_EQUAL(stats_now().frames_sent, 1);
}

static const otel_tracer tracer_a = OTEL_TRACER("library.a", "1.2.3");
static const otel_tracer tracer_b = OTEL_TRACER("library.b", NULL);

static void end_with_tracer(const otel_tracer *tracer, int64_t number)
{
    otel_span_options options = {0};
    otel_span span;

    options.tracer = tracer;
    span = otel_span_start_with("scoped", &options);
    otel_span_set_i64(span, "n", number);
    otel_span_end(span);
}

static void check_scope(const otlp_scope_spans *scope, const otel_tracer *tracer)
{
    const char *const name =
        scope->scope == NULL || scope->scope->name == NULL ? "" : scope->scope->name;
    const char *const version =
        scope->scope == NULL || scope->scope->version == NULL ? "" : scope->scope->version;

    CHECK_TEXT(name, tracer == NULL ? "" : tracer->name);
    CHECK_TEXT(version, tracer == NULL || tracer->version == NULL ? "" : tracer->version);
}

/* Every order of tracers, more changes than a frame has room for: each span arrives in its scope. */
static void spans_arrive_in_their_tracers_scope(void)
{
    const otel_tracer *const tracers[] = {NULL, &tracer_a, &tracer_b};
    uint32_t random = 3;

    SKIP_UNLESS(OTEL_SCOPE_BYTES >= 14);
    start();
    for (unsigned round = 0; round < 30; round++) {
        const otel_tracer *used[4];
        const size_t count = OTEL_QUEUE_BYTES >= 1024 ? COUNT_OF(used) : 1;

        for (size_t i = 0; i < count; i++) {
            random = random * 1664525u + 1013904223u;
            used[i] = tracers[(random >> 20) % COUNT_OF(tracers)];
            end_with_tracer(used[i], (int64_t)i);
        }
        send_all();
        CHECK_EQUAL(received_count(), count);
        for (size_t i = 0; i < count; i++) {
            const otlp_scope_spans *scope = NULL;
            const otlp_span *const got = received_span_in_scope(i, &scope);
            REQUIRE(got != NULL);
            CHECK_SIGNED(int_value(got, "n"), i);
            check_scope(scope, used[i]);
        }
        forget_received();
    }
}

static void a_long_tracer_name_is_cut(void)
{
    static char name[OTEL_SCOPE_BYTES + 40];
    const otlp_scope_spans *scope = NULL;
    otel_tracer tracer = OTEL_TRACER(name, "a version that is long too");

    memset(name, 'N', sizeof name - 1);
    start();
    end_with_tracer(&tracer, 1);
    send_all();
    REQUIRE(received_span_in_scope(0, &scope) != NULL);
    REQUIRE(scope->scope != NULL && scope->scope->name != NULL);
    CHECK(strlen(scope->scope->name) <= OTEL_SCOPE_BYTES);
    CHECK_EQUAL(strspn(scope->scope->name, "N"), strlen(scope->scope->name));
    name[0] = '\xFF';
    forget_received();
    end_with_tracer(&tracer, 1);
    send_all();
    REQUIRE(received_span_in_scope(0, &scope) != NULL);
    CHECK(scope->scope != NULL && scope->scope->name != NULL && scope->scope->name[0] == '?');
}

static void what_comes_down_is_refused_and_counted(void)
{
    static const uint8_t noise[] = {1, 2, 3, 4};

    start();
    wire.incoming = noise;
    wire.incoming_length = sizeof noise;
    otel_poll();
    otel_poll();
    CHECK_EQUAL(stats_now().frames_received_refused, 1);
}

static const check_test frame_tests[] = {
    CHECK_TEST(the_crc_is_the_one_of_iso_hdlc),
    CHECK_TEST(every_header_field_is_as_link_md_says),
    CHECK_TEST(a_device_without_an_id_says_so),
    CHECK_TEST(the_chips_own_number_is_the_device_id),
    CHECK_TEST(the_wall_clock_travels_when_it_is_known),
    CHECK_TEST(numbered_frames_count_from_one),
    CHECK_TEST(other_frames_tell_the_next_number),
    CHECK_TEST(no_frame_is_longer_than_allowed),
    CHECK_TEST(a_transport_may_want_shorter_frames),
    CHECK_TEST(a_transport_whose_frames_hold_no_span_is_refused),
    CHECK_TEST(one_frame_holds_many_spans),
    CHECK_TEST(spans_arrive_in_their_tracers_scope),
    CHECK_TEST(a_long_tracer_name_is_cut),
    CHECK_TEST(what_comes_down_is_refused_and_counted),
};
