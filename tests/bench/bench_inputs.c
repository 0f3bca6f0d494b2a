/* SPDX-License-Identifier: MIT */
#include "bench_inputs.h"

uint64_t bench_clock_ns(void)
{
    static uint64_t now_ns = 1700000000000000000u;

    now_ns += 1000u;
    return now_ns;
}

uint64_t bench_random(void)
{
    static uint64_t state = 0x9E3779B97F4A7C15u;

    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * 0x2545F4914F6CDD1Du;
}
