/* SPDX-License-Identifier: MIT */
/* >>queue: the ring of finished spans, and what a transport may do to it. */

static void end_numbered(int64_t number, size_t padding)
{
    const otel_span span = otel_span_start("q");

    otel_span_set_i64(span, "n", number);
    if (padding > 0 && OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT > 1) {
        otel_span_set_str(span, "pad", text_of('p', padding));
    }
    otel_span_end(span);
}

/* The numbers that arrive next must be `from`, `from` + 1, … ; returns how many there were. */
static size_t numbers_from(int64_t from)
{
    size_t count = 0;

    for (const otlp_span *got; (got = received_span(count)) != NULL; count++) {
        CHECK_SIGNED(int_value(got, "n"), from + (int64_t)count);
    }
    return count;
}

/* Fills the queue while the transport is busy, numbers from 0; returns how many were ended. */
static int64_t end_until_full(void)
{
    int64_t ended = 0;

    wire.answer = OTEL_SEND_BUSY;
    while (stats_now().spans_dropped_queue_full == 0 && ended < 100000) {
        end_numbered(ended++, 0);
    }
    return ended;
}

static void order_and_content_survive_many_wraps(void)
{
    int64_t next = 0;
    uint32_t random = 7;

    start();
    while (next < TEST_ROUNDS) {
        const int64_t first = next;

        random = random * 1664525u + 1013904223u;
        for (unsigned i = 0; i <= (random >> 20 & 1u); i++) {
            end_numbered(next++, random >> 24 & 15u);
        }
        send_all();
        CHECK_EQUAL(numbers_from(first), next - first);
        forget_received();
    }
    CHECK_EQUAL(stats_now().spans_dropped_queue_full, 0);
    CHECK_EQUAL(stats_now().spans_sent, next);
}

/* Of the ring itself: a record may take all that is left, and one more may not. */
static void the_ring_fills_to_its_last_word(void)
{
    const uint32_t first_words = OTELI_QUEUE_WORDS / 2u;
    const uint32_t rest_words = OTELI_QUEUE_WORDS - first_words;
    const size_t word = sizeof(oteli_word);

    SKIP_UNLESS(OTEL_QUEUE_BYTES <= 65536);
    CHECK_EQUAL(oteli_queue_reserve((first_words - OTELI_RECORD_WORDS) * word), 0);
    CHECK_EQUAL(oteli_queue_reserve((rest_words - OTELI_RECORD_WORDS + 1u) * word),
                OTELI_QUEUE_WORDS);
    CHECK_EQUAL(oteli_queue_reserve((rest_words - OTELI_RECORD_WORDS) * word), first_words);
    CHECK_EQUAL(stats_now().queue_bytes, OTEL_QUEUE_BYTES);
    CHECK_EQUAL(oteli_queue_reserve(0), OTELI_QUEUE_WORDS);
    reset_library();
}

static void when_full_the_newest_is_refused(void)
{
    int64_t ended;
    size_t arrived = 0;

    config.queue_policy = OTEL_QUEUE_REFUSE_NEWEST;
    start();
    ended = end_until_full();
    CHECK_EQUAL(stats_now().spans_dropped_queue_full, 1);
    CHECK_EQUAL(stats_now().spans_queued, ended - 1);
    wire.answer = OTEL_SEND_DONE;
    while (stats_now().queue_bytes != 0) {
        otel_poll();
        if (wire.frame_count == TEST_FRAME_COUNT ||
            TEST_ARENA_BYTES - wire.arena_used < OTEL_FRAME_BYTES) {
            decode_received();
            arrived += numbers_from((int64_t)arrived);
            forget_received();
        }
    }
    send_all();
    arrived += numbers_from((int64_t)arrived);
    CHECK_EQUAL(arrived, ended - 1);
}

static void when_full_the_oldest_goes(void)
{
    enum { MORE = 5 };
    const otlp_span *got;
    int64_t ended;

    config.queue_policy = OTEL_QUEUE_DROP_OLDEST;
    start();
    ended = end_until_full();
    for (int64_t i = 0; i < MORE; i++) {
        end_numbered(ended + i, 0);
    }
    wire.answer = OTEL_SEND_DONE;
    send_all();
    for (size_t i = 0; (got = received_span(i)) != NULL; i++) {
        CHECK_SIGNED(int_value(got, "n"),
                     (int64_t)stats_now().spans_dropped_queue_full + (int64_t)i);
    }
    CHECK_EQUAL(received_count() + stats_now().spans_dropped_queue_full, ended + MORE);
    send_all(); /* the resource was the oldest of all, and comes again when there is room */
    CHECK(frames_of_kind(LINK_RESOURCE) >= 1);
    CHECK(stats_now().spans_dropped_queue_full >= 1);
}

static void levels_tell_what_the_queue_holds(void)
{
    start();
    CHECK_EQUAL(stats_now().queue_capacity_bytes, OTEL_QUEUE_BYTES);
    send_all();
    CHECK_EQUAL(stats_now().queue_bytes, 0);
    end_numbered(1, 0);
    CHECK(stats_now().queue_bytes > 40);
    CHECK(stats_now().queue_bytes_max >= stats_now().queue_bytes);
    send_all();
    CHECK_EQUAL(stats_now().queue_bytes, 0);
    CHECK(stats_now().queue_bytes_max > 40);
}

static void a_busy_transport_gets_the_same_frame_again(void)
{
    link_frame frame;

    start();
    send_all();
    forget_received();
    end_numbered(1, 0);
    wire.answer = OTEL_SEND_BUSY;
    port.ticks += 10u * port.ticks_per_second;
    for (unsigned i = 0; i < 5; i++) {
        otel_poll();
        port.ticks += port.ticks_per_second;
    }
    CHECK(stats_now().frames_busy >= 1);
    CHECK_EQUAL(stats_now().spans_sent, 0);
    wire.answer = OTEL_SEND_DONE;
    send_all();
    CHECK_EQUAL(numbers_from(1), 1);
    frame = frame_of_kind(LINK_TRACES, 0);
    CHECK_EQUAL(frame.sequence, 1);
    CHECK_EQUAL(frame.attempt, 0);
    CHECK_EQUAL(stats_now().frames_sent, 1);
}

static void a_lost_frame_is_counted_with_its_spans(void)
{
    start();
    send_all();
    forget_received();
    end_numbered(1, 0);
    wire.answer = OTEL_SEND_LOST;
    wire.answers_until_done = 1;
    (void)otel_flush(100);
    CHECK_EQUAL(stats_now().spans_dropped_link, 1);
    CHECK_EQUAL(stats_now().frames_lost, 1);
    CHECK_EQUAL(stats_now().spans_sent, 0);
    end_numbered(2, 0);
    send_all();
    CHECK_EQUAL(numbers_from(2), 1);
    CHECK_EQUAL(frame_of_kind(LINK_TRACES, 0).sequence, 2);
}

static void a_kept_frame_is_not_touched_until_it_is_given_back(void)
{
    uint8_t before[OTEL_FRAME_BYTES < 4096 ? OTEL_FRAME_BYTES : 4096];
    unsigned long sends;
    size_t length;

    config.queue_policy = OTEL_QUEUE_DROP_OLDEST;
    start();
    send_all();
    forget_received();
    end_numbered(100, 0);
    wire.answer = OTEL_SEND_TAKEN;
    port.ticks += 10u * port.ticks_per_second;
    otel_poll();
    REQUIRE(wire.owns_frame && wire.frame_count == 1);
    sends = wire.sends;
    length = otel_frame_copy(wire.frame, before, sizeof before);
    CHECK_BYTES(before, length, wire.frames[0].bytes, wire.frames[0].length);
    for (int64_t i = 0; i < 60; i++) {
        end_numbered(i, 0);
        port.ticks += port.ticks_per_second;
        otel_poll();
    }
    CHECK_EQUAL(wire.sends, sends);
    length = otel_frame_copy(wire.frame, before, sizeof before);
    CHECK_BYTES(before, length, wire.frames[0].bytes, wire.frames[0].length);
    test_transport_release(true);
    wire.answer = OTEL_SEND_DONE;
    otel_frame_done(false);
    send_all();
    CHECK_EQUAL(stats_now().spans_dropped_link, 0);
    CHECK_SIGNED(int_value(received_span(0), "n"), 100);
}

static void a_kept_frame_may_come_back_lost(void)
{
    start();
    send_all();
    forget_received();
    end_numbered(1, 0);
    wire.answer = OTEL_SEND_TAKEN;
    port.ticks += 10u * port.ticks_per_second;
    otel_poll();
    REQUIRE(wire.owns_frame);
    CHECK_EQUAL(stats_now().spans_dropped_link, 0);
    test_transport_release(false);
    wire.answer = OTEL_SEND_DONE;
    send_all();
    CHECK_EQUAL(stats_now().spans_dropped_link, 1);
    CHECK_EQUAL(stats_now().frames_lost, 1);
}

static void release_from_handler(void)
{
    if (wire.owns_frame) {
        test_transport_release(true);
    }
}

static void a_flush_waits_for_a_frame_that_a_handler_gives_back(void)
{
    SKIP_UNLESS(OTEL_QUEUE_BYTES >= 512);
    start();
    end_numbered(1, 0);
    end_numbered(2, 0);
    wire.answer = OTEL_SEND_TAKEN;
    port.ticks_per_reading = 100;
    port.handler = release_from_handler;
    for (unsigned i = 0; i < 100 && stats_now().spans_sent < 2; i++) {
        port.handler_countdown = 40;
        (void)otel_flush(10);
    }
    CHECK_EQUAL(stats_now().spans_sent, 2);
    decode_received();
    CHECK_EQUAL(numbers_from(1), 2);
}

static void a_transport_that_is_always_busy_ends_a_flush_at_its_deadline(void)
{
    uint64_t before;

    start();
    end_numbered(1, 0);
    wire.answer = OTEL_SEND_BUSY;
    before = port.ticks;
    port.ticks_per_reading = 100;
    port.ticks_per_idle = 1000;
    CHECK_SIGNED(otel_flush(50), OTEL_ERROR_TIMEOUT);
    CHECK(port.ticks - before >= 50000);
    CHECK(port.ticks - before < 100000);
}

static void a_flush_ends_when_the_clock_stands_still(void)
{
    start();
    end_numbered(1, 0);
    wire.answer = OTEL_SEND_BUSY;
    port.ticks_per_reading = 0;
    CHECK_SIGNED(otel_flush(50), OTEL_ERROR_TIMEOUT);
    CHECK_SIGNED(otel_shutdown(50), OTEL_ERROR_TIMEOUT);
    CHECK_EQUAL(stats_now().spans_dropped_shutdown, 1);
}

static void a_shutdown_lets_go_of_everything_and_counts_it(void)
{
    start();
    end_numbered(1, 0);
    (void)otel_span_start("open");
    wire.answer = OTEL_SEND_BUSY;
    port.ticks_per_reading = 100;
    CHECK_SIGNED(otel_shutdown(5), OTEL_ERROR_TIMEOUT);
    CHECK_EQUAL(stats_now().spans_dropped_shutdown, 2);
    CHECK_EQUAL(stats_now().contexts_in_use, 0);
    CHECK_EQUAL(stats_now().queue_bytes, 0);
}

static void a_shutdown_with_a_kept_frame_survives_its_return(void)
{
    start();
    end_numbered(1, 0);
    wire.answer = OTEL_SEND_TAKEN;
    port.ticks_per_reading = 100;
    CHECK_SIGNED(otel_shutdown(5), OTEL_ERROR_TIMEOUT);
    CHECK_EQUAL(stats_now().spans_sent + stats_now().spans_dropped_shutdown, 1);
    test_transport_release(true);
    wire.answer = OTEL_SEND_DONE;
    start();
    end_numbered(2, 0);
    forget_received();
    send_all();
    CHECK_EQUAL(numbers_from(2), 1);
}

static void without_a_transport_spans_wait_and_are_dropped(void)
{
    int64_t ended;

    config.transport = NULL;
    start();
    ended = end_until_full();
    otel_poll();
    CHECK_EQUAL(stats_now().spans_queued, ended - 1);
    CHECK_EQUAL(wire.sends, 0);
    port.ticks_per_reading = 1000;
    CHECK(otel_shutdown(5) != OTEL_OK);
    CHECK_EQUAL(stats_now().spans_dropped_shutdown, ended - 1);
}

static const check_test queue_tests[] = {
    CHECK_TEST(the_ring_fills_to_its_last_word),
    CHECK_TEST(order_and_content_survive_many_wraps),
    CHECK_TEST(when_full_the_newest_is_refused),
    CHECK_TEST(when_full_the_oldest_goes),
    CHECK_TEST(levels_tell_what_the_queue_holds),
    CHECK_TEST(a_busy_transport_gets_the_same_frame_again),
    CHECK_TEST(a_lost_frame_is_counted_with_its_spans),
    CHECK_TEST(a_kept_frame_is_not_touched_until_it_is_given_back),
    CHECK_TEST(a_kept_frame_may_come_back_lost),
    CHECK_TEST(a_flush_waits_for_a_frame_that_a_handler_gives_back),
    CHECK_TEST(a_transport_that_is_always_busy_ends_a_flush_at_its_deadline),
    CHECK_TEST(a_flush_ends_when_the_clock_stands_still),
    CHECK_TEST(a_shutdown_lets_go_of_everything_and_counts_it),
    CHECK_TEST(a_shutdown_with_a_kept_frame_survives_its_return),
    CHECK_TEST(without_a_transport_spans_wait_and_are_dropped),
};
