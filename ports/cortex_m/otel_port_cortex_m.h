/* SPDX-License-Identifier: MIT */
/*
 * otel.h on a bare Cortex-M, M0 to M55: one core, no RTOS, GCC or Clang
 *
 * Add otel_port_cortex_m.c to the build, and bring one function: otel_port_entropy() of otel_port.h,
 * which only the board can know (a random number generator; without one, noise of an ADC or the
 * start-up pattern of a RAM, hashed together with the chip's number and a counter of boots that
 * is kept in flash; never the chip's number alone, for it is the same at every boot).
 *
 * Lock: PRIMASK, saved and restored. It keeps out every interrupt handler of this core, of any
 * priority, except NMI and HardFault: those must not call otel.h. It does not keep out a second core.
 *
 * Ticks, chosen by defining OTEL_PORT_CORTEX_M_TICKS for otel_port_cortex_m.c:
 *   OTEL_PORT_CORTEX_M_SYSTICK  (default) the SysTick timer and its interrupt. The application calls
 *                               otel_port_cortex_m_start() once and otel_port_cortex_m_systick()
 *                               from its SysTick_Handler. Right at every priority and with interrupts
 *                               masked, for up to one period. Nobody else may read SYST_CSR, for that
 *                               clears the flag which says that the timer wrapped.
 *   OTEL_PORT_CORTEX_M_DWT      the cycle counter of M3 and up, if the chip has it. No interrupt;
 *                               otel_poll must run once in half a wrap: 2^31 cycles, 21 s at 100 MHz,
 *                               so set OTEL_POLL_INTERVAL_MAX_MS below that.
 *   OTEL_PORT_CORTEX_M_COUNTER  a timer of the board: the application writes
 *                               `uint32_t otel_port_cortex_m_counter(void)`, which returns 32 bits
 *                               that count up and wrap. otel_poll as above.
 * SysTick and the cycle counter run in sleep (WFI) on some chips and stop on others; in deep sleep
 * they stop, and a span across it is too short by the sleep. A board's timer that runs on does better.
 *
 * Current span: one word for thread mode, and one for each active handler, in a table of
 * OTEL_PORT_CORTEX_M_HANDLERS (default 4) entries. A handler takes an entry when it makes a span
 * current and gives it back when it restores what was before, as otel.h asks of it anyway. With the
 * table full, a handler has no current span.
 *
 * otel_port_idle() (OTEL_PORT_HAS_IDLE=1) waits for an interrupt; only with SysTick, which bounds it.
 */
#ifndef OTEL_PORT_CORTEX_M_INCLUDED
#define OTEL_PORT_CORTEX_M_INCLUDED

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define OTEL_PORT_CORTEX_M_SYSTICK 1
#define OTEL_PORT_CORTEX_M_DWT 2
#define OTEL_PORT_CORTEX_M_COUNTER 3

/*
 * Starts the clock; call it before otel_init, and before any handler calls otel.h. `clock_hz`: how
 * often the chosen counter counts in a second.
 *
 * With SysTick: one that already runs with its interrupt (a HAL's, say) is taken as it is. Else it is
 * started on the core's clock with OTEL_PORT_CORTEX_M_SYSTICK_HZ (default 100) interrupts a second.
 */
void otel_port_cortex_m_start(uint32_t clock_hz);

/* From SysTick_Handler. At least once a period, anywhere in the handler. */
void otel_port_cortex_m_systick(void);

/* See OTEL_PORT_CORTEX_M_COUNTER. */
uint32_t otel_port_cortex_m_counter(void);

/*
 * The critical section without a call: a file named by OTEL_CONFIG_FILE may hold
 *     #include "otel_port_cortex_m.h"
 *     #define otel_port_lock otel_port_cortex_m_lock
 *     #define otel_port_unlock otel_port_cortex_m_unlock
 */
static inline uintptr_t otel_port_cortex_m_lock(void)
{
    uintptr_t primask;
    __asm volatile("mrs %0, primask\n\tcpsid i" : "=r"(primask)::"memory");
    return primask;
}

static inline void otel_port_cortex_m_unlock(uintptr_t primask)
{
    __asm volatile("msr primask, %0" ::"r"(primask) : "memory");
}

#ifdef __cplusplus
}
#endif
#endif /* OTEL_PORT_CORTEX_M_INCLUDED */
