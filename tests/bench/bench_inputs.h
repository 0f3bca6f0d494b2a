/* SPDX-License-Identifier: MIT */
/* A clock and a random number generator that cost next to nothing, the same for every row. */
#ifndef BENCH_INPUTS_H
#define BENCH_INPUTS_H

#include <stdint.h>

/* Unix time in nanoseconds, a microsecond later with every call. */
uint64_t bench_clock_ns(void);

/* xorshift64*: what a library without a generator of its own would take for ids. */
uint64_t bench_random(void);

#endif
