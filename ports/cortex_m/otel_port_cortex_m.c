/* SPDX-License-Identifier: MIT */
#include "otel_port_cortex_m.h"

#include "otel_port.h"

#ifndef OTEL_PORT_CORTEX_M_TICKS
#define OTEL_PORT_CORTEX_M_TICKS OTEL_PORT_CORTEX_M_SYSTICK
#endif
#ifndef OTEL_PORT_CORTEX_M_SYSTICK_HZ
#define OTEL_PORT_CORTEX_M_SYSTICK_HZ 100
#endif
#ifndef OTEL_PORT_CORTEX_M_HANDLERS
#define OTEL_PORT_CORTEX_M_HANDLERS 4
#endif
#if OTEL_PORT_CORTEX_M_HANDLERS < 1
#error "OTEL_PORT_CORTEX_M_HANDLERS must be at least 1"
#endif

/* ---- lock ---------------------------------------------------------------------------------- */

uintptr_t otel_port_lock(void)
{
    return otel_port_cortex_m_lock();
}

void otel_port_unlock(uintptr_t state)
{
    otel_port_cortex_m_unlock(state);
}

/* ---- ticks --------------------------------------------------------------------------------- */

static uint32_t ticks_per_sec;

uint32_t otel_port_ticks_per_sec(void)
{
    return ticks_per_sec;
}

#define SYSTEM_REGISTER(address) ((volatile uint32_t *)(address))

#if OTEL_PORT_CORTEX_M_TICKS == OTEL_PORT_CORTEX_M_SYSTICK

#define SYST_CSR SYSTEM_REGISTER(0xE000E010u)
#define SYST_RVR SYSTEM_REGISTER(0xE000E014u)
#define SYST_CVR SYSTEM_REGISTER(0xE000E018u)
#define SYST_CSR_ENABLE 0x1u
#define SYST_CSR_TICKINT 0x2u
#define SYST_CSR_CLKSOURCE 0x4u
#define SYST_CSR_COUNTFLAG 0x10000u
#define SYST_RVR_MAX 0xFFFFFFu

/* Lock held, all of it. */
static struct {
    uint64_t period_start; /* ticks when the counter last went from 1 to 0 */
    uint32_t elapsed;      /* in this period, when it was last read */
    uint32_t period;
} systick;

/*
 * The counter counts down, and a period begins when it reaches 0. That sets COUNTFLAG, and reading
 * the flag clears it; so whoever reads first, task or handler of any priority, accounts for the wrap
 * at once, whether the interrupt is pending, masked, or has just been entered. (ICSR.PENDSTSET would
 * be clear already in the handler, before it has counted.)
 */
uint64_t otel_port_ticks(void)
{
    const uintptr_t state = otel_port_cortex_m_lock();
    uint32_t left = *SYST_CVR;
    if ((*SYST_CSR & SYST_CSR_COUNTFLAG) != 0) {
        left = *SYST_CVR; /* the one above may be from before the wrap */
        systick.period_start += systick.period;
        systick.elapsed = 0;
    }
    if (left != 0) {
        systick.elapsed = systick.period - left;
    } /* else time stands still: at 0 the flag may be read already, or not be set yet */
    const uint64_t ticks = systick.period_start + systick.elapsed;
    otel_port_cortex_m_unlock(state);
    return ticks;
}

void otel_port_cortex_m_systick(void)
{
    (void)otel_port_ticks();
}

void otel_port_cortex_m_start(uint32_t clock_hz)
{
    const uint32_t running = SYST_CSR_ENABLE | SYST_CSR_TICKINT;
    ticks_per_sec = clock_hz;
    if ((*SYST_CSR & running) != running) {
        const uint32_t reload = clock_hz / OTEL_PORT_CORTEX_M_SYSTICK_HZ - 1u;
        *SYST_CSR = 0;
        *SYST_RVR = reload < SYST_RVR_MAX ? reload : SYST_RVR_MAX;
        *SYST_CVR = 0;
        *SYST_CSR = running | SYST_CSR_CLKSOURCE;
    }
    systick.period = *SYST_RVR + 1u;
}

/* Not for longer than a period of SysTick, whose interrupt ends it. */
void otel_port_idle(uint32_t at_most_ms)
{
    if (at_most_ms != 0) {
        __asm volatile("dsb\n\twfi" ::: "memory");
    }
}

#else

static volatile uint32_t half_wraps;

#if OTEL_PORT_CORTEX_M_TICKS == OTEL_PORT_CORTEX_M_DWT

#define DWT_CTRL SYSTEM_REGISTER(0xE0001000u)
#define DWT_CYCCNT SYSTEM_REGISTER(0xE0001004u)
#define DEBUG_DEMCR SYSTEM_REGISTER(0xE000EDFCu)
#define DWT_CTRL_CYCCNTENA 0x1u
#define DEBUG_DEMCR_TRCENA 0x01000000u

static uint32_t read_counter(void)
{
    return *DWT_CYCCNT;
}

static void start_counter(void)
{
    *DEBUG_DEMCR |= DEBUG_DEMCR_TRCENA;
    *DWT_CTRL |= DWT_CTRL_CYCCNTENA;
}

#elif OTEL_PORT_CORTEX_M_TICKS == OTEL_PORT_CORTEX_M_COUNTER

static uint32_t read_counter(void)
{
    return otel_port_cortex_m_counter();
}

static void start_counter(void)
{
}

#else
#error "OTEL_PORT_CORTEX_M_TICKS must be one of the three sources in otel_port_cortex_m.h"
#endif

uint64_t otel_port_ticks(void)
{
    return otel_port_widen_ticks(&half_wraps, read_counter);
}

void otel_port_cortex_m_start(uint32_t clock_hz)
{
    ticks_per_sec = clock_hz;
    start_counter();
}

#endif

/* ---- current span -------------------------------------------------------------------------- */

static uintptr_t thread_word;

/*
 * Without a lock: an exception cannot preempt itself, so an entry is used by one context only; and a
 * handler that preempts this one between its search for a free entry and the taking of it has given
 * back whatever it took when this one goes on.
 */
static struct {
    volatile uint32_t exception; /* 0: free */
    uintptr_t word;
} handler_words[OTEL_PORT_CORTEX_M_HANDLERS];

static uint32_t active_exception(void)
{
    uint32_t ipsr;
    __asm volatile("mrs %0, ipsr" : "=r"(ipsr));
    return ipsr & 0x1FFu;
}

/* The entry of `exception`, or one past the last. */
static unsigned find_entry(uint32_t exception)
{
    unsigned i = 0;
    while (i < OTEL_PORT_CORTEX_M_HANDLERS && handler_words[i].exception != exception) {
        i++;
    }
    return i;
}

uintptr_t otel_port_context_get(void)
{
    const uint32_t exception = active_exception();
    if (exception == 0) {
        return thread_word;
    }
    const unsigned entry = find_entry(exception);
    return entry < OTEL_PORT_CORTEX_M_HANDLERS ? handler_words[entry].word : 0;
}

void otel_port_context_set(uintptr_t word)
{
    const uint32_t exception = active_exception();
    if (exception == 0) {
        thread_word = word;
        return;
    }
    unsigned entry = find_entry(exception);
    if (entry == OTEL_PORT_CORTEX_M_HANDLERS && word != 0) {
        entry = find_entry(0);
    }
    if (entry < OTEL_PORT_CORTEX_M_HANDLERS) {
        handler_words[entry].exception = word == 0 ? 0 : exception;
        handler_words[entry].word = word;
    }
}
