/* SPDX-License-Identifier: MIT */
/* Holds ports/posix to the contract of otel_port.h. */
#define _POSIX_C_SOURCE 200809L

#include "check.h"
#include "otel_port.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

enum { THREADS = 4, ROUNDS = 20000, ENTROPY_BYTES = 16, PAUSE_MS = 20 };

static unsigned inside;
static unsigned total;
static unsigned overlaps;

static void *count_under_lock(void *unused)
{
    (void)unused;
    for (unsigned i = 0; i < ROUNDS; i++) {
        const uintptr_t state = otel_port_lock();
        overlaps += inside++ != 0;
        total++;
        inside--;
        otel_port_unlock(state);
    }
    return NULL;
}

static void run_threads(void *(*function)(void *), void *const arguments[THREADS])
{
    pthread_t threads[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, function, arguments[i]) == 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
}

static void the_lock_keeps_threads_apart(void)
{
    void *const none[THREADS] = {NULL};
    run_threads(count_under_lock, none);
    CHECK_EQUAL(total, THREADS * ROUNDS);
    CHECK_EQUAL(overlaps, 0);
}

typedef struct word_seen {
    uintptr_t own;
    uintptr_t at_start;
    unsigned foreign;
} word_seen;

static void *keep_a_word(void *argument)
{
    word_seen *const seen = argument;
    seen->at_start = otel_port_context_get();
    for (unsigned i = 0; i < ROUNDS; i++) {
        otel_port_context_set(seen->own + i);
        seen->foreign += otel_port_context_get() != seen->own + i;
    }
    return NULL;
}

static void each_thread_has_a_word_of_its_own(void)
{
    word_seen seen[THREADS];
    void *arguments[THREADS];
    otel_port_context_set(77);
    for (unsigned i = 0; i < THREADS; i++) {
        seen[i] = (word_seen){.own = (i + 1u) * 1000000u, .at_start = 1};
        arguments[i] = &seen[i];
    }
    run_threads(keep_a_word, arguments);
    for (unsigned i = 0; i < THREADS; i++) {
        CHECK_EQUAL(seen[i].at_start, 0);
        CHECK_EQUAL(seen[i].foreign, 0);
    }
    CHECK_EQUAL(otel_port_context_get(), 77);
    otel_port_context_set(0);
}

static uint64_t other_clock_ns(clockid_t clock)
{
    struct timespec now;
    CHECK(clock_gettime(clock, &now) == 0);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void ticks_never_go_back(void)
{
    uint64_t last = otel_port_ticks();
    unsigned backward = 0;
    for (unsigned i = 0; i < 100000; i++) {
        const uint64_t now = otel_port_ticks();
        backward += now < last;
        last = now;
    }
    CHECK_EQUAL(backward, 0);
}

/* Both clocks bracket the same stretch, so the inner one cannot be longer. */
static void ticks_are_as_long_as_the_port_says(void)
{
    const uint64_t outer_start_ns = other_clock_ns(CLOCK_MONOTONIC);
    const uint64_t start = otel_port_ticks();
    const uint64_t inner_start_ns = other_clock_ns(CLOCK_MONOTONIC);
    otel_port_idle(PAUSE_MS);
    const uint64_t inner_ns = other_clock_ns(CLOCK_MONOTONIC) - inner_start_ns;
    const uint64_t ticks = otel_port_ticks() - start;
    const uint64_t outer_ns = other_clock_ns(CLOCK_MONOTONIC) - outer_start_ns;
    const uint64_t ticks_ns = ticks * (1000000000u / otel_port_ticks_per_sec());
    CHECK(ticks_ns + 1000 >= inner_ns);
    CHECK(ticks_ns <= outer_ns + 1000);
    CHECK(inner_ns >= PAUSE_MS * 1000000u);
}

static void entropy_fills_all_and_never_repeats(void)
{
    static const uint8_t zeros[ENTROPY_BYTES];
    uint8_t first[ENTROPY_BYTES] = {0};
    uint8_t second[ENTROPY_BYTES] = {0};
    CHECK(otel_port_entropy(first, sizeof first));
    CHECK(otel_port_entropy(second, sizeof second));
    CHECK(memcmp(first, second, sizeof first) != 0);
    CHECK(memcmp(first + 8, zeros, 8) != 0);
    CHECK(memcmp(second + 8, zeros, 8) != 0);
}

static void wall_time_is_unix_time(void)
{
    int64_t now_ns = 0;
    uint32_t uncertainty_us = 0;
    const uint64_t before_ns = other_clock_ns(CLOCK_REALTIME);
    CHECK(otel_port_wall_time_ns(&now_ns, &uncertainty_us));
    CHECK(now_ns >= (int64_t)before_ns);
    CHECK(now_ns <= (int64_t)other_clock_ns(CLOCK_REALTIME));
    CHECK(uncertainty_us > 0);
    CHECK(uncertainty_us <= 16000000u);
}

static void do_nothing(void)
{
}

int main(void)
{
    static const check_test tests[] = {
        CHECK_TEST(the_lock_keeps_threads_apart),
        CHECK_TEST(each_thread_has_a_word_of_its_own),
        CHECK_TEST(ticks_never_go_back),
        CHECK_TEST(ticks_are_as_long_as_the_port_says),
        CHECK_TEST(entropy_fills_all_and_never_repeats),
        CHECK_TEST(wall_time_is_unix_time),
    };
    check_run("posix_port", tests, sizeof tests / sizeof tests[0], do_nothing, do_nothing);
    return check_finish();
}
