/* SPDX-License-Identifier: MIT */
/* A port for one thread of the host, whose clock and lock cost no more than a call. */
#include "bench_inputs.h"
#include "otel_port.h"

static uintptr_t word;

uintptr_t otel_port_lock(void)
{
    return 0;
}

void otel_port_unlock(uintptr_t state)
{
    (void)state;
}

uint64_t otel_port_ticks(void)
{
    return bench_clock_ns();
}

uint32_t otel_port_ticks_per_sec(void)
{
    return 1000000000;
}

uintptr_t otel_port_context_get(void)
{
    return word;
}

void otel_port_context_set(uintptr_t value)
{
    word = value;
}

bool otel_port_entropy(uint8_t *out, size_t size_bytes)
{
    for (size_t i = 0; i < size_bytes; i++) {
        out[i] = (uint8_t)bench_random();
    }
    return true;
}
