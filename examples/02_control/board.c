/* SPDX-License-Identifier: MIT */
/* The control application on a board of examples/boards: everything goes through one UART. */
#include "board.h"
#include "control.h"
#include "otel_port_cortex_m.h"
#include "otel_uart.h"

enum { QUEUE_EVENTS = 4, TEXT_BYTES = 256, SHUTDOWN_MS = 1000 };

/* Priorities: the clock is read in every handler, so SysTick may be the lowest. */
enum { PRIORITY_TIMER = 1, PRIORITY_CONVERTER = 1, PRIORITY_UART = 2 };
#define IRQ_TIMER BOARD_IRQ_SPARE_0
#define IRQ_CONVERTER BOARD_IRQ_SPARE_1

/* ---- the UART, pulled by its transmit interrupt --------------------------------------------- */

static void start_transmitter(void *unused)
{
    (void)unused;
    board_uart_tx_irq_enable();
}

static char text_queue[TEXT_BYTES];
static otel_uart_pulled uart = {
    .start = start_transmitter, .text = text_queue, .text_bytes = sizeof text_queue};
static const otel_transport board_uart = OTEL_UART_PULLED_TRANSPORT(&uart);

static void on_uart_ready(void)
{
    uint8_t byte;
    board_uart_tx_irq_clear();
    board_uart_tx_irq_disable(); /* before the pull: a start that comes after it stays */
    if (otel_uart_pull(&uart, &byte, 1) != 0) {
        board_uart_write_byte(byte);
        board_uart_tx_irq_enable();
    }
}

void platform_print(const char *text)
{
    size_t length = 0;
    while (text[length] != '\0') {
        length++;
    }
    (void)otel_uart_pulled_console_write(&uart, text, length);
}

/* ---- interrupts of the application --------------------------------------------------------- */

static control_event queue[QUEUE_EVENTS];
static volatile uint32_t events_put, events_taken;

bool platform_queue_put(const control_event *event)
{
    if (events_put - events_taken == QUEUE_EVENTS) {
        return false;
    }
    queue[events_put % QUEUE_EVENTS] = *event;
    __asm volatile("" ::: "memory"); /* the event is there before it is counted */
    events_put++;
    return true;
}

static otel_context conversion_parent;
static volatile uint32_t conversion_raw;

static void on_conversion(void)
{
    conversion_raw = control_on_conversion(&conversion_parent);
}

/* The board has no converter; an interrupt that software raises stands for it. */
uint32_t platform_convert(const otel_context *parent)
{
    conversion_parent = *parent;
    board_irq_pend(IRQ_CONVERTER);
    return conversion_raw;
}

/* SysTick is the clock of the spans, and the timer of the application besides. */
static void on_systick(void)
{
    static uint32_t calls;
    otel_port_cortex_m_systick();
    if (++calls % (CONTROL_PERIOD_MS * OTEL_PORT_CORTEX_M_SYSTICK_HZ / 1000u) == 0) {
        board_irq_pend(IRQ_TIMER);
    }
}

static void set_interrupt(unsigned irq, board_handler handler, unsigned priority)
{
    board_handler_set(BOARD_EXCEPTION_IRQ(irq), handler);
    board_irq_priority_set(irq, priority);
    board_irq_enable(irq);
}

/* ---- the task ------------------------------------------------------------------------------ */

void platform_work_ms(uint32_t time_ms)
{
    const uint64_t start_ns = otel_now_ns();
    while (otel_now_ns() - start_ns < (uint64_t)time_ms * 1000000u) {
    }
}

/* An emulated board has no number of its own; a real one would have otel_port_unique_id(). */
static const otel_attribute resource[] = {OTEL_ATTRIBUTE_STR("device.model.name", BOARD_NAME)};
static const otel_config config = {
    .service_name = "thermostat",
    .service_version = "1.0.0",
    .resource_attributes = resource,
    .resource_attribute_count = sizeof resource / sizeof resource[0],
    .transport = &board_uart,
    .device_id = 0x386,
    .flush_interval_ms = 100, /* so that somebody who looks on need not wait */
};

static void run(void)
{
    for (uint32_t cycles = 0; cycles < CONTROL_CYCLES;) {
        if (events_taken != events_put) {
            control_handle(&queue[events_taken % QUEUE_EVENTS]);
            events_taken++;
            cycles++;
        }
        otel_poll();
        __asm volatile("wfi"); /* SysTick ends it at the latest */
    }
}

int main(void)
{
    board_init();
    set_interrupt(BOARD_IRQ_UART_TX, on_uart_ready, PRIORITY_UART);
    board_handler_set(BOARD_EXCEPTION_SYSTICK, on_systick);
    otel_port_cortex_m_start(BOARD_CLOCK_HZ);
    platform_print("control: " BOARD_NAME " started\n");
    if (otel_init(&config) != OTEL_OK) {
        platform_print("control: no telemetry, otel_init failed\n");
    }
    set_interrupt(IRQ_TIMER, control_on_timer, PRIORITY_TIMER);
    set_interrupt(IRQ_CONVERTER, on_conversion, PRIORITY_CONVERTER);
    run();
    board_irq_disable(IRQ_TIMER);
    (void)otel_shutdown(SHUTDOWN_MS);
    control_print_stats();
    while (!otel_uart_pulled_is_idle(&uart) || !board_uart_tx_ready()) {
    }
    return 0;
}
