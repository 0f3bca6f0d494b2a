/* SPDX-License-Identifier: MIT */
/* >>clock: ticks to nanoseconds, and what a broken clock does. */

#include "otel_port.h"

static uint64_t now_at(uint64_t ticks)
{
    port.ticks_per_reading = 0;
    port.ticks = ticks;
    return otel_now_ns();
}

static void restart_at_rate(uint32_t ticks_per_second)
{
    if (otel_now_ns() != 0) {
        (void)otel_shutdown(0);
    }
    fixture_before();
    port.ticks_per_second = ticks_per_second;
    port.ticks_per_reading = 0;
    start();
}

/* The exact quotient by schoolbook division, 32 bits at a time. */
static uint64_t exact_ns(uint64_t ticks, uint32_t rate)
{
    const uint64_t seconds = ticks / rate;
    const uint64_t rest = ticks % rate;

    return seconds * 1000000000u + rest * 1000000000u / rate;
}

static void ticks_of_every_rate_become_nanoseconds(void)
{
    static const uint32_t rates[] = {1,        100,      1000,      32768,      1000000,
                                     16000000, 25000000, 168000000, 1000000000, 4294967295u};
    static const uint32_t seconds[] = {0, 1, 59, 3600, 86400, 31536000};

    for (size_t r = 0; r < COUNT_OF(rates); r++) {
        restart_at_rate(rates[r]);
        for (size_t s = 0; s < COUNT_OF(seconds); s++) {
            const uint64_t ticks = (uint64_t)rates[r] * seconds[s] + rates[r] / 3u + 1u;
            const uint64_t expected = exact_ns(ticks, rates[r]);
            const uint64_t got = now_at(ticks);
            /* A clock's crystal is off by a million times more. */
            const uint64_t allowed = 2u + expected / 1000000000u;

            CHECK(got + allowed >= expected && got <= expected + allowed);
        }
    }
}

static void the_clock_is_never_zero_while_running(void)
{
    restart_at_rate(1000000);
    CHECK(now_at(0) != 0);
    (void)otel_shutdown(0);
    CHECK_EQUAL(otel_now_ns(), 0);
}

static void a_later_tick_is_never_an_earlier_time(void)
{
    static const uint32_t rates[] = {3, 32768, 25000000, 999999937u};

    for (size_t r = 0; r < COUNT_OF(rates); r++) {
        uint64_t before = 0;
        uint64_t ticks = 0;
        uint64_t step = 1;

        restart_at_rate(rates[r]);
        while (ticks < (uint64_t)rates[r] * 100000000u && step < UINT64_MAX / 16u) {
            const uint64_t now = now_at(ticks);
            CHECK(now >= before);
            before = now;
            ticks += step;
            step += step / 8u + 1u;
        }
    }
}

static void ticks_that_go_back_do_not_turn_time_back(void)
{
    const otlp_span *got;
    otel_span span;

    start();
    port.ticks = 1000000;
    span = otel_span_start("back");
    port.ticks = 500000;
    otel_span_event(span, "earlier");
    port.ticks = 10;
    got = end_and_receive(span);
    REQUIRE(got != NULL && got->events_count == 1);
    CHECK(got->end_time_unix_nano >= got->start_time_unix_nano);
    CHECK(stats_now().clock_backward >= 1);
}

static void ticks_that_stand_still_do_no_harm(void)
{
    const otlp_span *got;

    start();
    port.ticks = 77;
    port.ticks_per_reading = 0;
    got = end_and_receive(otel_span_start("still"));
    REQUIRE(got != NULL);
    CHECK_EQUAL(got->start_time_unix_nano, got->end_time_unix_nano);
    CHECK_EQUAL(stats_now().clock_backward, 0);
}

static void no_ticks_a_second_no_start(void)
{
    port.ticks_per_second = 0;
    CHECK_SIGNED(otel_init(&config), OTEL_ERROR_CLOCK);
    port.ticks_per_second = 1;
    CHECK_SIGNED(otel_init(&config), OTEL_OK);
}

/* otel_port_widen_ticks: a counter of 32 bits, read at least once in half a wrap. */

static uint64_t true_ticks;
static volatile uint32_t half_wraps;
static void (*while_reading)(void);

static uint32_t read_counter(void)
{
    const uint32_t value = (uint32_t)true_ticks;

    if (while_reading != NULL) {
        void (*const interrupt)(void) = while_reading;
        while_reading = NULL;
        interrupt();
    }
    return value;
}

static void a_32_bit_counter_is_widened_over_many_wraps(void)
{
    uint32_t random = 1;

    true_ticks = 0;
    half_wraps = 0;
    for (unsigned i = 0; i < 20000; i++) {
        random = random * 1664525u + 1013904223u;
        true_ticks += random >> (i % 3u == 0 ? 1 : 12);
        CHECK_EQUAL(otel_port_widen_ticks(&half_wraps, read_counter), true_ticks);
    }
    CHECK(true_ticks > 1000ull << 32);
}

static void widen_in_interrupt(void)
{
    true_ticks += 5;
    CHECK_EQUAL(otel_port_widen_ticks(&half_wraps, read_counter), true_ticks);
}

/* The interrupt comes between the reading of the counter and the store, with the half changing. */
static void widening_is_right_when_interrupted(void)
{
    half_wraps = 0;
    for (uint64_t edge = 0x80000000u; edge < 0x80000000u * 9u; edge += 0x80000000u) {
        for (uint64_t before = 0; before < 8; before++) {
            uint64_t read_at;

            true_ticks = edge - before;
            while_reading = widen_in_interrupt;
            read_at = true_ticks;
            CHECK_EQUAL(otel_port_widen_ticks(&half_wraps, read_counter), read_at);
            CHECK_EQUAL(otel_port_widen_ticks(&half_wraps, read_counter), true_ticks);
            /* Only the true time runs on: the next round must not go back below the edge. */
            half_wraps = (uint32_t)((edge - 8u) >> 31);
        }
        half_wraps = (uint32_t)(edge >> 31);
    }
}

static const check_test clock_tests[] = {
    CHECK_TEST(ticks_of_every_rate_become_nanoseconds),
    CHECK_TEST(the_clock_is_never_zero_while_running),
    CHECK_TEST(a_later_tick_is_never_an_earlier_time),
    CHECK_TEST(ticks_that_go_back_do_not_turn_time_back),
    CHECK_TEST(ticks_that_stand_still_do_no_harm),
    CHECK_TEST(no_ticks_a_second_no_start),
    CHECK_TEST(a_32_bit_counter_is_widened_over_many_wraps),
    CHECK_TEST(widening_is_right_when_interrupted),
};
