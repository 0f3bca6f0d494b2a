/* SPDX-License-Identifier: MIT */
/* BBC micro:bit, as QEMU has it: nRF51 with a Cortex-M0, 256 KB of flash, 16 KB of RAM. QEMU's core
 * has a SysTick; the nRF51 of a real micro:bit has none, so time there must come from a timer or
 * the RTC. */
#ifndef BOARD_CONFIG_H
#define BOARD_CONFIG_H

#define BOARD_NAME "microbit"
#define BOARD_CLOCK_HZ 16000000u
#define BOARD_IRQ_COUNT 32u
#define BOARD_IRQ_UART_RX 2u
#define BOARD_IRQ_UART_TX 2u
#define BOARD_IRQ_SPARE_0 20u
#define BOARD_IRQ_SPARE_1 21u

#endif
