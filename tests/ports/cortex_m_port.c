/* SPDX-License-Identifier: MIT */
/*
 * Holds ports/cortex_m to the contract of otel_port.h, on a board. SysTick is compared with another
 * timer of the board that counts at the same rate.
 */
#include "board.h"
#include "check.h"
#include "otel_port.h"
#include "otel_port_cortex_m.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))

static volatile uint32_t calls; /* of the handler under test */

static void on_interrupt(unsigned irq, board_handler handler, unsigned priority)
{
    board_handler_set(BOARD_EXCEPTION_IRQ(irq), handler);
    board_irq_priority_set(irq, priority);
    board_irq_enable(irq);
}

/* ---- lock ---------------------------------------------------------------------------------- */

static void count_call(void)
{
    calls++;
}

static void the_lock_saves_and_restores(void)
{
    on_interrupt(BOARD_IRQ_SPARE_0, count_call, 0);
    calls = 0;
    const uintptr_t outer = otel_port_lock();
    board_irq_pend(BOARD_IRQ_SPARE_0);
    const uintptr_t inner = otel_port_lock();
    otel_port_unlock(inner);
    CHECK_EQUAL(calls, 0);
    otel_port_unlock(outer);
    CHECK_EQUAL(calls, 1);
    board_irq_pend(BOARD_IRQ_SPARE_0);
    CHECK_EQUAL(calls, 2);
}

/* ---- current span -------------------------------------------------------------------------- */

enum { THREAD_WORD = 11, OUTER_WORD = 22, INNER_WORD = 33 };

static volatile uintptr_t outer_at_entry, outer_after_inner, inner_at_entry, inner_after_set;

static void inner_handler(void)
{
    inner_at_entry = otel_port_context_get();
    otel_port_context_set(INNER_WORD);
    inner_after_set = otel_port_context_get();
    otel_port_context_set(0);
}

static void outer_handler(void)
{
    outer_at_entry = otel_port_context_get();
    otel_port_context_set(OUTER_WORD);
    board_irq_pend(BOARD_IRQ_SPARE_1);
    outer_after_inner = otel_port_context_get();
    otel_port_context_set(0);
}

static void each_handler_has_a_word_of_its_own(void)
{
    on_interrupt(BOARD_IRQ_SPARE_0, outer_handler, 2);
    on_interrupt(BOARD_IRQ_SPARE_1, inner_handler, 1);
    CHECK_EQUAL(otel_port_context_get(), 0);
    otel_port_context_set(THREAD_WORD);
    for (unsigned round = 0; round < 10; round++) {
        outer_at_entry = inner_at_entry = 1;
        board_irq_pend(BOARD_IRQ_SPARE_0);
        CHECK_EQUAL(outer_at_entry, 0);
        CHECK_EQUAL(inner_at_entry, 0);
        CHECK_EQUAL(outer_after_inner, OUTER_WORD);
        CHECK_EQUAL(otel_port_context_get(), THREAD_WORD);
        /* A table of one entry is full when the inner handler comes. */
        CHECK_EQUAL(inner_after_set, OTEL_PORT_CORTEX_M_HANDLERS == 1 ? 0 : INNER_WORD);
    }
    otel_port_context_set(0);
}

static volatile uintptr_t third_after_set;

static void third_handler(void)
{
    otel_port_context_set(INNER_WORD);
    third_after_set = otel_port_context_get();
    otel_port_context_set(0);
}

static void an_entry_of_the_table_is_given_back(void)
{
    board_handler_set(BOARD_EXCEPTION_PENDSV, third_handler);
    each_handler_has_a_word_of_its_own();
    third_after_set = 0;
    REGISTER(0xE000ED04u) = 1u << 28; /* ICSR: PendSV */
    __asm volatile("dsb\n\tisb" ::: "memory");
    CHECK_EQUAL(third_after_set, INNER_WORD);
}

/* ---- ticks --------------------------------------------------------------------------------- */

#if OTEL_PORT_CORTEX_M_TICKS == OTEL_PORT_CORTEX_M_SYSTICK

/* The board's other timer, as a counter that goes up with BOARD_CLOCK_HZ. */
#ifdef __ARM_ARCH_6M__
#define TIMER 0x40008000u /* nRF51 TIMER0 */
#define REFERENCE_STEP_TICKS 16u
static void reference_start(void)
{
    REGISTER(TIMER + 0x508u) = 3; /* BITMODE: 32 bits */
    REGISTER(TIMER + 0x510u) = 4; /* PRESCALER: 1 MHz, for QEMU rounds a tick to whole ns */
    REGISTER(TIMER + 0x000u) = 1; /* START */
}

static uint32_t reference_ticks(void)
{
    REGISTER(TIMER + 0x040u) = 1; /* CAPTURE[0] */
    return REGISTER(TIMER + 0x540u) * REFERENCE_STEP_TICKS;
}
#else
#define TIMER 0x40000000u /* CMSDK timer 0, counts down */
#define REFERENCE_STEP_TICKS 1u
static void reference_start(void)
{
    REGISTER(TIMER + 0x8u) = 0xFFFFFFFFu; /* RELOAD */
    REGISTER(TIMER + 0x4u) = 0xFFFFFFFFu; /* VALUE */
    REGISTER(TIMER + 0x0u) = 1;           /* CTRL: enable */
}

static uint32_t reference_ticks(void)
{
    return 0xFFFFFFFFu - REGISTER(TIMER + 0x4u);
}
#endif

enum { PERIOD_TICKS = BOARD_CLOCK_HZ / OTEL_PORT_CORTEX_M_SYSTICK_HZ };

/* Each of the two timers is a step off at most. */
enum { SLACK_TICKS = 1 + REFERENCE_STEP_TICKS };

/* Ticks, and the reference before and after them. */
typedef struct reading {
    uint32_t before;
    uint64_t ticks;
    uint32_t after;
} reading;

static struct {
    uint32_t readings;
    uint32_t backward;
    uint32_t too_small;
    uint32_t too_large;
    reading first;
    uint64_t last_ticks;
} seen;

/* Interrupts are masked while the three clocks are read, or they could come in between. */
static reading read_clocks(void)
{
    reading now;
    now.before = reference_ticks();
    now.ticks = otel_port_ticks();
    now.after = reference_ticks();
    return now;
}

static void compare(void)
{
    const uintptr_t state = otel_port_lock();
    const reading now = read_clocks();
    const uint64_t passed = now.ticks - seen.first.ticks;
    seen.readings++;
    seen.backward += now.ticks < seen.last_ticks;
    seen.too_small += passed + SLACK_TICKS < now.before - seen.first.after;
    seen.too_large += passed > (uint64_t)(now.after - seen.first.before) + SLACK_TICKS;
    seen.last_ticks = now.ticks;
    otel_port_unlock(state);
}

static void begin_comparison(void)
{
    const uintptr_t state = otel_port_lock();
    seen.readings = seen.backward = seen.too_small = seen.too_large = 0;
    seen.first = read_clocks();
    seen.last_ticks = seen.first.ticks;
    otel_port_unlock(state);
}

static void check_comparison(uint32_t readings_min)
{
    compare();
    CHECK(seen.readings >= readings_min);
    CHECK_EQUAL(seen.backward, 0);
    CHECK_EQUAL(seen.too_small, 0);
    CHECK_EQUAL(seen.too_large, 0);
}

static void run_for_periods(uint32_t periods, void (*step)(void))
{
    const uint32_t start = reference_ticks();
    while (reference_ticks() - start < periods * PERIOD_TICKS) {
        step();
    }
}

static void do_nothing(void)
{
}

static void ticks_agree_with_another_timer(void)
{
    begin_comparison();
    run_for_periods(10000, compare);
    check_comparison(10000);
}

static void the_interrupt_alone_keeps_the_count(void)
{
    begin_comparison();
    run_for_periods(1000, do_nothing);
    check_comparison(1);
}

static void ticks_are_right_while_interrupts_are_masked(void)
{
    for (unsigned round = 0; round < 50; round++) {
        begin_comparison();
        const uintptr_t state = otel_port_lock();
        run_for_periods(3, compare);
        otel_port_unlock(state);
        check_comparison(10);
    }
}

/* Not read once in nearly a period: the wrap is seen by its flag, whenever it was. */
static void one_wrap_is_seen_late(void)
{
    for (unsigned round = 0; round < 50; round++) {
        begin_comparison();
        const uintptr_t state = otel_port_lock();
        const uint32_t start = reference_ticks();
        while (reference_ticks() - start < PERIOD_TICKS - PERIOD_TICKS / 8) {
        }
        compare();
        otel_port_unlock(state);
        check_comparison(2);
    }
}

/* A reading at every instant around a wrap, the one at which the counter is 0 among them. */
static void ticks_are_right_at_the_wrap_itself(void)
{
    begin_comparison();
    for (unsigned round = 0; round < 3000; round++) {
        const uintptr_t state = otel_port_lock();
        while (REGISTER(0xE000E018u) > 120) { /* SYST_CVR */
        }
        for (unsigned i = 0; i < round % 60; i++) {
            __asm volatile("nop");
        }
        compare();
        otel_port_unlock(state);
    }
    check_comparison(3000);
}

/* A handler of a higher priority in the middle of SysTick's, before that one has read the clock. */
static void interrupt_before_counting(void)
{
    board_irq_pend(BOARD_IRQ_SPARE_0);
    calls++;
    otel_port_cortex_m_systick();
}

static void higher_priorities_read_right_within_the_systick_handler(void)
{
    on_interrupt(BOARD_IRQ_SPARE_0, compare, 0);
    board_handler_set(BOARD_EXCEPTION_SYSTICK, interrupt_before_counting);
    calls = 0;
    begin_comparison();
    run_for_periods(1000, do_nothing);
    CHECK(calls >= 999);
    check_comparison(1000);
    board_handler_set(BOARD_EXCEPTION_SYSTICK, otel_port_cortex_m_systick);
}

static void pend_comparison(void)
{
    board_irq_pend(BOARD_IRQ_SPARE_0);
    (void)otel_port_ticks();
}

static void handlers_and_thread_read_one_clock(void)
{
    on_interrupt(BOARD_IRQ_SPARE_0, compare, 0);
    begin_comparison();
    run_for_periods(2000, pend_comparison);
    check_comparison(2000);
}

/* How long it is under an emulator depends on the host; that it waits, and ends, does not. */
static void idle_waits_for_an_interrupt(void)
{
    const uint64_t start = otel_port_ticks();
    for (unsigned i = 0; i < 10; i++) {
        otel_port_idle(1000);
    }
    CHECK(otel_port_ticks() - start >= 8 * (uint64_t)PERIOD_TICKS);
}

static void start_clock(void)
{
    board_handler_set(BOARD_EXCEPTION_SYSTICK, otel_port_cortex_m_systick);
    REGISTER(0xE000ED20u) = 0xC0000000u; /* SHPR3: SysTick has the lowest priority */
    otel_port_cortex_m_start(BOARD_CLOCK_HZ);
    reference_start();
}

static const check_test tick_tests[] = {
    CHECK_TEST(ticks_agree_with_another_timer),
    CHECK_TEST(the_interrupt_alone_keeps_the_count),
    CHECK_TEST(ticks_are_right_while_interrupts_are_masked),
    CHECK_TEST(one_wrap_is_seen_late),
    CHECK_TEST(ticks_are_right_at_the_wrap_itself),
    CHECK_TEST(higher_priorities_read_right_within_the_systick_handler),
    CHECK_TEST(handlers_and_thread_read_one_clock),
    CHECK_TEST(idle_waits_for_an_interrupt),
};

#else

static volatile uint32_t counter;

uint32_t otel_port_cortex_m_counter(void)
{
    return counter;
}

static void do_nothing(void)
{
}

static void the_boards_counter_is_widened(void)
{
    uint64_t expected = 0xFFFFFF00u;
    for (unsigned i = 0; i < 40; i++) {
        counter = (uint32_t)expected;
        CHECK_EQUAL(otel_port_ticks(), expected);
        expected += 0x7FFFFFF0u;
    }
}

static void start_clock(void)
{
    otel_port_cortex_m_start(BOARD_CLOCK_HZ);
}

static const check_test tick_tests[] = {
    CHECK_TEST(the_boards_counter_is_widened),
};

#endif

static void the_rate_is_what_the_board_said(void)
{
    CHECK_EQUAL(otel_port_ticks_per_sec(), BOARD_CLOCK_HZ);
}

void check_write(const char *text)
{
    board_console_write(text);
}

int main(void)
{
    static const check_test tests[] = {
        CHECK_TEST(the_lock_saves_and_restores),
        CHECK_TEST(each_handler_has_a_word_of_its_own),
        CHECK_TEST(an_entry_of_the_table_is_given_back),
        CHECK_TEST(the_rate_is_what_the_board_said),
    };
    board_init();
    start_clock();
    check_run("cortex_m", tests, sizeof tests / sizeof tests[0], do_nothing, do_nothing);
    check_run("ticks", tick_tests, sizeof tick_tests / sizeof tick_tests[0], do_nothing,
              do_nothing);
    return check_finish();
}
