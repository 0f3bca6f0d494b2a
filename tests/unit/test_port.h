/* SPDX-License-Identifier: MIT */
/*
 * A port whose clock, entropy and contexts the test holds in its hand, and which plays interrupts:
 * at any chosen lock, unlock or reading of the clock it calls a function as a handler would run.
 */
#ifndef TEST_PORT_H
#define TEST_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TEST_CONTEXT_COUNT = 5, TEST_CONTEXT_HANDLER = 4 };

typedef struct test_port {
    uint64_t ticks;
    uint64_t ticks_per_reading; /* how far each reading moves the clock on */
    uint32_t ticks_per_second;
    bool entropy_fails;
    uint8_t entropy[16];
    size_t unique_id_length;
    uint8_t unique_id[16];
    bool wall_time_known;
    int64_t wall_time_ns;
    uint32_t wall_uncertainty_us;
    unsigned
        context; /* whose word otel_port_context_get returns: a task, or TEST_CONTEXT_HANDLER */
    uintptr_t words[TEST_CONTEXT_COUNT];

    int lock_depth;
    unsigned lock_errors; /* taken twice, left twice, or something called while it was held */
    unsigned long locks;
    unsigned long idles;
    uint64_t ticks_per_idle; /* per millisecond asked for */
    void (*on_idle)(void);

    /* Interrupts: `handler` runs at the opportunity number `handler_countdown`, counted from 1; an
     * opportunity is a moment in which interrupts are on: before a lock, after an unlock, at a
     * reading of the clock. 0 is never. */
    void (*handler)(void);
    unsigned long handler_countdown;
} test_port;

extern test_port port;

/* A fresh board: time 0 at a million ticks a second, entropy different from any before. */
void test_port_reset(void);

/* Anything that must not be called under the lock calls this first. */
void test_port_outside_lock(void);

/* Runs `handler` as an interrupt would: with a current span of its own that starts as none. */
void test_port_interrupt(void (*handler)(void));

#endif
