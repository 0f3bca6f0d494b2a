/* SPDX-License-Identifier: MIT */
/* Reset, vectors and interrupt controller of every Cortex-M board: ARMv6-M is enough. */
#include "board.h"

#define EXCEPTION_COUNT (16u + BOARD_IRQ_COUNT)
#define FAULT_EXIT_STATUS 128

/* ARMv6-M allows word accesses only in this block. */
static volatile uint32_t *const nvic_enable = (volatile uint32_t *)0xE000E100u;
static volatile uint32_t *const nvic_disable = (volatile uint32_t *)0xE000E180u;
static volatile uint32_t *const nvic_pend = (volatile uint32_t *)0xE000E200u;
static volatile uint32_t *const nvic_priority = (volatile uint32_t *)0xE000E400u;

extern uint32_t board_link_stack_top[];
extern uint32_t board_link_data_load[], board_link_data_start[], board_link_data_end[];
extern uint32_t board_link_bss_start[], board_link_bss_end[];
extern const board_handler board_link_init_start[], board_link_init_end[];

int main(void);

static board_handler handlers[EXCEPTION_COUNT];

#ifdef BOARD_NO_SEMIHOSTING
_Noreturn void board_exit(int status)
{
    (void)status;
    __asm volatile("cpsid i" ::: "memory");
    for (;;) {
    }
}
#else
_Noreturn void board_exit(int status)
{
    enum { SYS_EXIT_EXTENDED = 0x20, ADP_STOPPED_APPLICATION_EXIT = 0x20026 };
    const uint32_t block[2] = {ADP_STOPPED_APPLICATION_EXIT, (uint32_t)status};
    register uint32_t operation __asm("r0") = SYS_EXIT_EXTENDED;
    register const uint32_t *argument __asm("r1") = block;

    __asm volatile("bkpt 0xAB" : "+r"(operation) : "r"(argument) : "memory");
    for (;;) {
    }
}
#endif

unsigned board_exception_current(void)
{
    uint32_t ipsr;

    __asm volatile("mrs %0, ipsr" : "=r"(ipsr));
    return (unsigned)(ipsr & 0x1FFu);
}

void board_handler_set(unsigned exception, board_handler handler)
{
    if (exception < EXCEPTION_COUNT) {
        handlers[exception] = handler;
    }
}

void board_irq_enable(unsigned irq)
{
    nvic_enable[irq / 32u] = 1ul << (irq % 32u);
}

void board_irq_disable(unsigned irq)
{
    nvic_disable[irq / 32u] = 1ul << (irq % 32u);
    __asm volatile("dsb\n\tisb" ::: "memory");
}

void board_irq_priority_set(unsigned irq, unsigned priority)
{
    const unsigned shift = 8u * (irq % 4u) + 6u;
    const uint32_t others = nvic_priority[irq / 4u] & ~(3ul << shift);

    nvic_priority[irq / 4u] = others | ((uint32_t)(priority & 3u) << shift);
}

void board_irq_pend(unsigned irq)
{
    nvic_pend[irq / 32u] = 1ul << (irq % 32u);
    __asm volatile("dsb\n\tisb" ::: "memory");
}

static void exception_dispatch(void)
{
    const unsigned exception = board_exception_current();

    if (handlers[exception] == NULL) {
        board_exit(FAULT_EXIT_STATUS + (int)exception);
    }
    handlers[exception]();
}

static void reset(void)
{
    const uint32_t *source = board_link_data_load;

    for (uint32_t *word = board_link_data_start; word < board_link_data_end; word++) {
        *word = *source++;
    }
    for (uint32_t *word = board_link_bss_start; word < board_link_bss_end; word++) {
        *word = 0;
    }
    for (const board_handler *init = board_link_init_start; init < board_link_init_end; init++) {
        (*init)();
    }
    board_exit(main());
}

typedef struct {
    uint32_t *stack_top;
    board_handler reset;
    board_handler dispatch[EXCEPTION_COUNT - 2u];
} vector_table;

#define DISPATCH_2 exception_dispatch, exception_dispatch
#define DISPATCH_8 DISPATCH_2, DISPATCH_2, DISPATCH_2, DISPATCH_2
#define DISPATCH_32 DISPATCH_8, DISPATCH_8, DISPATCH_8, DISPATCH_8

extern const vector_table board_vectors;
__attribute__((section(".vectors"), used)) const vector_table board_vectors = {
    board_link_stack_top,
    reset,
    {DISPATCH_2, DISPATCH_2, DISPATCH_2, DISPATCH_8, DISPATCH_32},
};

_Static_assert(BOARD_IRQ_COUNT == 32u, "the table above has 14 system and 32 device entries");
