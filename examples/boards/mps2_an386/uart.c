/* SPDX-License-Identifier: MIT */
/* The CMSDK APB UART. Its transmit interrupt is an edge: it comes when a byte has left, not while
 * there is room. */
#include "board.h"

typedef struct {
    uint32_t data;
    uint32_t state;
    uint32_t control;
    uint32_t interrupt; /* read: status; write 1: clear */
    uint32_t baud_divider;
} cmsdk_uart;

enum { STATE_TX_FULL = 1, STATE_RX_FULL = 2 };
enum { CONTROL_TX = 1, CONTROL_RX = 2, CONTROL_TX_IRQ = 4, CONTROL_RX_IRQ = 8 };
enum { INTERRUPT_TX = 1, INTERRUPT_RX = 2 };

static volatile cmsdk_uart *const uart = (volatile cmsdk_uart *)0x40004000u;

void board_init(void)
{
    uart->baud_divider = BOARD_CLOCK_HZ / 115200u;
    uart->control = CONTROL_TX | CONTROL_RX;
}

int board_uart_tx_ready(void)
{
    return (uart->state & STATE_TX_FULL) == 0;
}

void board_uart_write_byte(uint8_t byte)
{
    while (!board_uart_tx_ready()) {
    }
    uart->data = byte;
}

void board_uart_tx_irq_enable(void)
{
    uart->control |= CONTROL_TX_IRQ;
    if (board_uart_tx_ready()) {
        board_irq_pend(BOARD_IRQ_UART_TX);
    }
}

void board_uart_tx_irq_disable(void)
{
    uart->control &= ~(uint32_t)CONTROL_TX_IRQ;
}

void board_uart_tx_irq_clear(void)
{
    uart->interrupt = INTERRUPT_TX;
}

int board_uart_read_byte(void)
{
    return (uart->state & STATE_RX_FULL) != 0 ? (int)(uart->data & 0xFFu) : -1;
}

void board_uart_rx_irq_enable(void)
{
    uart->control |= CONTROL_RX_IRQ;
    if ((uart->state & STATE_RX_FULL) != 0) {
        board_irq_pend(BOARD_IRQ_UART_RX);
    }
}

void board_uart_rx_irq_disable(void)
{
    uart->control &= ~(uint32_t)CONTROL_RX_IRQ;
}

void board_uart_rx_irq_clear(void)
{
    uart->interrupt = INTERRUPT_RX;
}
