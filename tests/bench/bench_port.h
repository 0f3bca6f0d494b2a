/* SPDX-License-Identifier: MIT */
/* A port for the benchmarks on a Cortex-M: locks as functions, a clock that costs as little as that
 * of the other rows, and a way to move it. */
#ifndef BENCH_PORT_H
#define BENCH_PORT_H

#include <stdint.h>

enum { BENCH_PORT_TICKS_PER_SEC = 25000000 };

/* Lets time pass. */
void bench_port_advance_ms(uint32_t time_ms);

/* A handler calls this first: its word for the current span is its own, and 0. */
void bench_port_handler_enter(void);

/* With BENCH_PORT_INTERRUPTS: called by otel_port_ticks(), which the library reads in the middle of
 * its work, where an interrupt may come as well. NULL: nothing. */
extern void (*bench_port_on_ticks)(void);

#endif
