/* SPDX-License-Identifier: MIT */
/*
 * otel_port.h - what a board must provide to otel.h
 *
 * A port is a handful of functions that are found at link time. A function that is forgotten is a link error, never a clock
 * that returns 0. Ready ports are in ports/<platform>/, an empty one to fill in is ports/template/.
 *
 *   function                     called by              from         lock held   may block
 *   otel_port_lock / _unlock     every call             task, ISR    -           no (masks interrupts)
 *   otel_port_ticks              start, end, event,     task, ISR    no          no
 *                                otel_now_ns, otel_poll
 *   otel_port_ticks_per_sec      otel_init              task         no          no
 *   otel_port_context_get / _set start, make current    task, ISR    no          no
 *   otel_port_entropy            otel_init              task         no          yes
 *   otel_port_unique_id          otel_init              task         no          yes   if OTEL_PORT_HAS_UNIQUE_ID
 *   otel_port_wall_time_ns       otel_poll              task         no          no    if OTEL_PORT_HAS_WALL_TIME
 *   otel_port_idle               otel_flush, _shutdown  task         no          yes   if OTEL_PORT_HAS_IDLE
 *
 * The optional ones are switched on by defining their OTEL_PORT_HAS_… as 1 where the implementation of otel.h is compiled.
 */
#ifndef OTEL_PORT_INCLUDED
#define OTEL_PORT_INCLUDED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Enters the one critical section of the library and returns what otel_port_unlock needs to restore the state before.
 *
 * Save and restore: it works when interrupts are already masked, and leaves them masked then. The library never takes it
 * twice, calls nothing of the application while it holds it, and holds it for a bounded number of instructions (the figure is
 * in the README). It must keep out every context that calls otel.h: interrupt handlers that use it, tasks, and the other
 * core, if there is one. It is a compiler barrier, and between cores a memory barrier.
 *
 * May be a macro: define otel_port_lock and otel_port_unlock in OTEL_CONFIG_FILE. Callers: task, ISR.
 */
#ifndef otel_port_lock
uintptr_t otel_port_lock(void);
#endif

/* Leaves the critical section; `state` is what otel_port_lock returned. Callers: task, ISR. */
#ifndef otel_port_unlock
void otel_port_unlock(uintptr_t state);
#endif

/*
 * The raw, monotonic tick counter since boot, 64 bits wide. A counter of 32 bits is widened with otel_port_widen_ticks.
 * Never goes back; says in its documentation whether it runs on while the chip sleeps (a span across a sleep that stops it is
 * too short by the sleep). Reads must not tear. Callers: task, ISR.
 */
uint64_t otel_port_ticks(void);

/* Ticks a second, at least 1; asked for once, by otel_init. Callers: task. */
uint32_t otel_port_ticks_per_sec(void);

/*
 * One word for each task, 0 when the task starts: the library keeps the task's current span in it. In an interrupt handler it is a
 * word of the handler's own, 0 when the handler is entered, and never the word of the task that was interrupted.
 * Callers: task, ISR.
 */
uintptr_t otel_port_context_get(void);
void otel_port_context_set(uintptr_t word);

/*
 * Fills `out` with `size_bytes` (16) bytes that another board, and another boot of this one, will not have. Returns true when it
 * did. Trace and span ids are made from it, so a constant makes two boards draw the same ids. Called once, by otel_init,
 * which refuses to start on false or on bytes that are all zero. Callers: task.
 */
bool otel_port_entropy(uint8_t *out, size_t size_bytes);

/*
 * Writes the chip's own number to `out`, at most `size_bytes` (16) bytes, and returns how many; 0 when there is none.
 * The same at every boot. Callers: task. Needed only with OTEL_PORT_HAS_UNIQUE_ID.
 */
size_t otel_port_unique_id(uint8_t *out, size_t size_bytes);

/*
 * Writes the Unix time in nanoseconds and how far off it may be, and returns true; returns false while the time is not known.
 * May step. Callers: task. Needed only with OTEL_PORT_HAS_WALL_TIME.
 */
bool otel_port_wall_time_ns(int64_t *unix_time_ns, uint32_t *uncertainty_us);

/*
 * Lets other work run for about `at_most_ms` while otel_flush or otel_shutdown waits for the transport: a delay of the RTOS, a
 * wait for interrupt. May return early. Callers: task. Needed only with OTEL_PORT_HAS_IDLE.
 */
void otel_port_idle(uint32_t at_most_ms);

/*
 * Widens a free-running 32-bit up-counter to 64 bits, without a lock. Gives the right answer as long as it runs at least once in
 * half a wrap of the counter; otel_poll reads the clock, and otel_next_poll_ms never answers more than OTEL_POLL_INTERVAL_MAX_MS.
 *
 * `half_wraps` is a static word of the port, 0 at boot; `read` returns the counter. It is correct in interrupts and in tasks at
 * once: bit 0 of *half_wraps tells in which half of the counter's range it was last stored, so the step to the next half is
 * the same value whoever stores it. The counter is read after the word, never before.
 */
static inline uint64_t otel_port_widen_ticks(volatile uint32_t *half_wraps, uint32_t (*read)(void))
{
    uint32_t halves = *half_wraps;
    const uint32_t now = read();
    if ((halves & 1u) != now >> 31) {
        halves++;
        *half_wraps = halves;
    }
    return (uint64_t)(halves >> 1) << 32 | now;
}

#ifdef __cplusplus
}
#endif
#endif /* OTEL_PORT_INCLUDED */
