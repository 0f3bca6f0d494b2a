/* SPDX-License-Identifier: MIT */
/* The nRF51 UART: works by tasks and events, both directions share one interrupt. */
#include "board.h"

enum {
    TASK_START_RX = 0x000,
    TASK_START_TX = 0x008,
    EVENT_RX_READY = 0x108,
    EVENT_TX_READY = 0x11C,
    INTERRUPT_ENABLE = 0x304,
    INTERRUPT_DISABLE = 0x308,
    ENABLE = 0x500,
    PIN_TX = 0x50C,
    PIN_RX = 0x514,
    RX_DATA = 0x518,
    TX_DATA = 0x51C,
    BAUD_RATE = 0x524
};

enum { ENABLE_UART = 4, PIN_OF_TX = 24, PIN_OF_RX = 25, BAUD_115200 = 0x01D7E000 };
enum { INTERRUPT_RX = 1 << 2, INTERRUPT_TX = 1 << 7 };

/* The event says that a byte has left; before the first byte nothing does, so software remembers
 * whether one is on its way. */
static volatile uint8_t tx_in_flight;

static volatile uint32_t *uart(uint32_t offset)
{
    return (volatile uint32_t *)(0x40002000u + offset);
}

void board_init(void)
{
    *uart(PIN_TX) = PIN_OF_TX;
    *uart(PIN_RX) = PIN_OF_RX;
    *uart(BAUD_RATE) = BAUD_115200;
    *uart(ENABLE) = ENABLE_UART;
    *uart(TASK_START_TX) = 1;
    *uart(TASK_START_RX) = 1;
}

int board_uart_tx_ready(void)
{
    if (tx_in_flight != 0 && *uart(EVENT_TX_READY) != 0) {
        *uart(EVENT_TX_READY) = 0;
        tx_in_flight = 0;
    }
    return tx_in_flight == 0;
}

void board_uart_write_byte(uint8_t byte)
{
    while (!board_uart_tx_ready()) {
    }
    tx_in_flight = 1;
    *uart(TX_DATA) = byte;
}

void board_uart_tx_irq_enable(void)
{
    *uart(INTERRUPT_ENABLE) = INTERRUPT_TX;
    if (board_uart_tx_ready()) {
        board_irq_pend(BOARD_IRQ_UART_TX);
    }
}

void board_uart_tx_irq_disable(void)
{
    *uart(INTERRUPT_DISABLE) = INTERRUPT_TX;
}

void board_uart_tx_irq_clear(void)
{
    (void)board_uart_tx_ready();
}

int board_uart_read_byte(void)
{
    if (*uart(EVENT_RX_READY) == 0) {
        return -1;
    }
    *uart(EVENT_RX_READY) =
        0; /* before the read: reading lets the next byte raise the event again */
    return (int)(*uart(RX_DATA) & 0xFFu);
}

void board_uart_rx_irq_enable(void)
{
    *uart(INTERRUPT_ENABLE) = INTERRUPT_RX;
}

void board_uart_rx_irq_disable(void)
{
    *uart(INTERRUPT_DISABLE) = INTERRUPT_RX;
}

void board_uart_rx_irq_clear(void)
{
    /* Reading the byte clears the event that the interrupt comes from. */
}
