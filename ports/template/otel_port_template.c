/* SPDX-License-Identifier: MIT */
/*
 * otel.h on <platform>: an empty port. Copy it to ports/<platform>/otel_port_<platform>.c and fill it
 * in, with otel_port.h, the contract, beside you.
 *
 * It compiles as it is, and does not link: the linker names each function that is not filled in
 * yet as an undefined `fill_in_…`. When it links, run the tests of tests/ports against it as far as
 * they apply, and write here, for those who use the port:
 *   - what the lock keeps out, and what it does not (priorities above it, NMI, the other core, signals);
 *   - what the ticks count, how often they wrap, and whether they go on while the chip sleeps;
 *   - where the entropy comes from;
 *   - which of the optional functions it has.
 */
#include "otel_port.h"

/* One critical section for every context that calls otel.h. It must nest, so save what was: read the
 * interrupt mask, mask, return what was read. With an RTOS take its form for interrupt handlers;
 * between cores a spin lock besides. Never a mutex where a handler calls otel.h. */
uintptr_t otel_port_lock(void)
{
    extern uintptr_t fill_in_otel_port_lock(void);
    return fill_in_otel_port_lock();
}

/* Back to `state`, not simply "interrupts on". */
void otel_port_unlock(uintptr_t state)
{
    extern void fill_in_otel_port_unlock(uintptr_t);
    fill_in_otel_port_unlock(state);
}

/*
 * A counter that never goes back. With 32 bits in hardware that count up:
 *
 *     static volatile uint32_t half_wraps;
 *     static uint32_t read_timer(void) { return TIMER->COUNT; }
 *     return otel_port_widen_ticks(&half_wraps, read_timer);
 *
 * and then set OTEL_POLL_INTERVAL_MAX_MS below half a wrap. Two 32-bit halves of a 64-bit counter must
 * be read so that a carry between them is seen (high, low, high again).
 */
uint64_t otel_port_ticks(void)
{
    extern uint64_t fill_in_otel_port_ticks(void);
    return fill_in_otel_port_ticks();
}

/* The rate of that counter; asked for once. Span times are as good as this number. */
uint32_t otel_port_ticks_per_sec(void)
{
    extern uint32_t fill_in_otel_port_ticks_per_sec(void);
    return fill_in_otel_port_ticks_per_sec();
}

/* The word of whoever runs now: a task's own (thread-local storage of the RTOS), or a handler's own,
 * which is 0 when it is entered. Without an RTOS one static word serves the main loop. */
uintptr_t otel_port_context_get(void)
{
    extern uintptr_t fill_in_otel_port_context_get(void);
    return fill_in_otel_port_context_get();
}

void otel_port_context_set(uintptr_t word)
{
    extern void fill_in_otel_port_context_set(uintptr_t);
    fill_in_otel_port_context_set(word);
}

/* From the random number generator. Return false when it does not answer: otel_init then refuses to
 * start, which is better than ids that another board draws too. */
bool otel_port_entropy(uint8_t *out, size_t size_bytes)
{
    extern bool fill_in_otel_port_entropy(uint8_t *, size_t);
    return fill_in_otel_port_entropy(out, size_bytes);
}

/* ---- optional: delete what the platform does not have --------------------------------------- */

/* With OTEL_PORT_HAS_UNIQUE_ID=1: the number that the factory wrote into the chip. */
size_t otel_port_unique_id(uint8_t *out, size_t size_bytes)
{
    extern size_t fill_in_otel_port_unique_id(uint8_t *, size_t);
    return fill_in_otel_port_unique_id(out, size_bytes);
}

/* With OTEL_PORT_HAS_WALL_TIME=1: a clock that was set by SNTP, GPS or a person. Return false until it
 * was; be honest about the uncertainty, a gateway compares it with its own. */
bool otel_port_wall_time_ns(int64_t *unix_time_ns, uint32_t *uncertainty_us)
{
    extern bool fill_in_otel_port_wall_time_ns(int64_t *, uint32_t *);
    return fill_in_otel_port_wall_time_ns(unix_time_ns, uncertainty_us);
}

/* With OTEL_PORT_HAS_IDLE=1: a delay of the RTOS, or a wait for an interrupt that is sure to come. */
void otel_port_idle(uint32_t at_most_ms)
{
    extern void fill_in_otel_port_idle(uint32_t);
    fill_in_otel_port_idle(at_most_ms);
}
