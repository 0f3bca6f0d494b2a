/* SPDX-License-Identifier: MIT */
/* The application on a board: spans and console text through one UART. */
#include "board.h"
#include "meant.h"
#include "otel_port_cortex_m.h"
#include "otel_uart.h"

#define IRQ_ELSEWHERE BOARD_IRQ_SPARE_0

static void write_bytes(void *unused, const uint8_t *bytes, size_t length_bytes)
{
    (void)unused;
    board_uart_write(bytes, length_bytes);
}

static otel_uart uart = {.write = write_bytes};
static const otel_transport transport = OTEL_UART_TRANSPORT(&uart);

void meant_print(const char *line, size_t length)
{
    (void)otel_uart_console_write(&uart, line, length);
}

static void (*work_elsewhere)(void);

static void on_interrupt(void)
{
    work_elsewhere();
}

void meant_elsewhere(void (*work)(void))
{
    work_elsewhere = work;
    board_irq_pend(IRQ_ELSEWHERE);
}

int main(void)
{
    const meant_device device = {
        .service_name = "boiler", .device_id = 0x0123456789ABCDEFu, .transport = &transport};
    board_init();
    board_handler_set(BOARD_EXCEPTION_SYSTICK, otel_port_cortex_m_systick);
    board_handler_set(BOARD_EXCEPTION_IRQ(IRQ_ELSEWHERE), on_interrupt);
    board_irq_enable(IRQ_ELSEWHERE);
    otel_port_cortex_m_start(BOARD_CLOCK_HZ);
    return meant_run(&device);
}
