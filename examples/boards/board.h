/* SPDX-License-Identifier: MIT */
/*
 * What an example or a test may ask of the board that it runs on. One header, the same for every
 * board; the board's own numbers (clock, interrupt numbers, sizes) are in its board_config.h.
 *
 * main() calls board_init() first. When main() returns, the board calls board_exit() with its
 * result. Nothing here pulls in stdio, malloc or floating point, and nothing here knows about
 * OpenTelemetry.
 *
 * RAM in section ".noinit" is neither loaded nor cleared, so it keeps its bytes over a reset.
 */
#ifndef BOARD_H
#define BOARD_H

#include "board_config.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* board_config.h of every board defines:
 *   BOARD_NAME             a string literal
 *   BOARD_CLOCK_HZ         the clock of the core, and of SysTick with CLKSOURCE = 1
 *   BOARD_IRQ_COUNT        external interrupts in the vector table
 *   BOARD_IRQ_UART_TX/_RX  interrupt numbers of the UART (may be the same one)
 *   BOARD_IRQ_SPARE_0/_1   two interrupts that no device of the board raises, for board_irq_pend()
 */

/* Exception numbers: a device's interrupt n is exception 16 + n. */
#define BOARD_EXCEPTION_NMI 2u
#define BOARD_EXCEPTION_HARD_FAULT 3u
#define BOARD_EXCEPTION_SVCALL 11u
#define BOARD_EXCEPTION_PENDSV 14u
#define BOARD_EXCEPTION_SYSTICK 15u
#define BOARD_EXCEPTION_IRQ(irq) (16u + (unsigned)(irq))

typedef void (*board_handler)(void);

/* Prepares the UART (115200 baud, 8N1) with its interrupts off. Call once, from main(). */
void board_init(void);

/* Sets the handler of an exception (BOARD_EXCEPTION_…). The table is in RAM, because a Cortex-M0
 * cannot move its vectors, and so that no handler depends on a weak symbol. An exception without a
 * handler ends the program with status 128 + exception number. A NULL handler takes the old one
 * away. */
void board_handler_set(unsigned exception, board_handler handler);

/* The exception that is running, 0 in thread mode. */
unsigned board_exception_current(void);

/* Interrupts of devices, by interrupt number. Priority 0 is the highest of 4, 3 the lowest. */
void board_irq_enable(unsigned irq);
void board_irq_disable(unsigned irq);
void board_irq_priority_set(unsigned irq, unsigned priority);

/* Raises an interrupt by software. With interrupts on and the priority free, the handler has run
 * when this returns. */
void board_irq_pend(unsigned irq);

/* Writes and waits until the UART has taken every byte. Interrupts may be masked. Not together with
 * the transmit interrupt: whoever owns that owns the transmitter. */
void board_uart_write_byte(uint8_t byte);
void board_uart_write(const uint8_t *bytes, size_t length_bytes);

/* Text for a human on the same wire. The same rules as board_uart_write(). */
void board_console_write(const char *text);

/* True when board_uart_write_byte() would not wait. */
int board_uart_tx_ready(void);

/* While enabled, BOARD_IRQ_UART_TX comes whenever the transmitter can take a byte, at once if it
 * can now. The handler calls board_uart_tx_irq_clear() first, then writes one byte, or disables
 * when it has none. */
void board_uart_tx_irq_enable(void);
void board_uart_tx_irq_disable(void);
void board_uart_tx_irq_clear(void);

/* The next received byte, or -1 when there is none. Never waits. */
int board_uart_read_byte(void);

/* While enabled, BOARD_IRQ_UART_RX comes for a received byte. Its handler calls
 * board_uart_rx_irq_clear(), then reads until -1. */
void board_uart_rx_irq_enable(void);
void board_uart_rx_irq_disable(void);
void board_uart_rx_irq_clear(void);

/* Ends the program. Under an emulator with semihosting on, this ends the emulator with `status` as
 * its exit status. A build with BOARD_NO_SEMIHOSTING stops in a loop with interrupts off instead;
 * without that macro, a board with neither a debugger nor semihosting locks up on the breakpoint
 * instruction. */
#ifdef __cplusplus
[[noreturn]] void board_exit(int status);
#else
_Noreturn void board_exit(int status);
#endif

#ifdef __cplusplus
}
#endif

#endif /* BOARD_H */
