/* SPDX-License-Identifier: MIT */
#include "bench_port.h"

#include "bench_inputs.h"
#include "otel_port.h"

static uint64_t now_ticks;
static uintptr_t words[2]; /* of the task, of the handler: the benchmarks nest no handlers */

#ifdef BENCH_PORT_INTERRUPTS
void (*bench_port_on_ticks)(void);
#endif

static bool in_handler(void)
{
    uint32_t ipsr;

    __asm volatile("mrs %0, ipsr" : "=r"(ipsr));
    return ipsr != 0;
}

void bench_port_advance_ms(uint32_t time_ms)
{
    now_ticks += (uint64_t)time_ms * (BENCH_PORT_TICKS_PER_SEC / 1000);
}

void bench_port_handler_enter(void)
{
    words[1] = 0;
}

uintptr_t otel_port_lock(void)
{
    uintptr_t primask;

    __asm volatile("mrs %0, primask\n\tcpsid i" : "=r"(primask)::"memory");
    return primask;
}

void otel_port_unlock(uintptr_t primask)
{
    __asm volatile("msr primask, %0" ::"r"(primask) : "memory");
}

uint64_t otel_port_ticks(void)
{
#ifdef BENCH_PORT_INTERRUPTS
    if (bench_port_on_ticks != NULL) {
        bench_port_on_ticks();
    }
#endif
    now_ticks += 25;
    return now_ticks;
}

uint32_t otel_port_ticks_per_sec(void)
{
    return BENCH_PORT_TICKS_PER_SEC;
}

uintptr_t otel_port_context_get(void)
{
    return words[in_handler()];
}

void otel_port_context_set(uintptr_t word)
{
    words[in_handler()] = word;
}

bool otel_port_entropy(uint8_t *out, size_t size_bytes)
{
    for (size_t i = 0; i < size_bytes; i++) {
        out[i] = (uint8_t)bench_random();
    }
    return true;
}
