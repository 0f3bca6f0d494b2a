/* SPDX-License-Identifier: MIT */
/* ARM MPS2 with the AN386 image: Cortex-M4F, 4 MB of flash (a RAM in truth), 4 MB of RAM. */
#ifndef BOARD_CONFIG_H
#define BOARD_CONFIG_H

#define BOARD_NAME "mps2_an386"
#define BOARD_CLOCK_HZ 25000000u
#define BOARD_IRQ_COUNT 32u
#define BOARD_IRQ_UART_RX 0u
#define BOARD_IRQ_UART_TX 1u
#define BOARD_IRQ_SPARE_0 30u
#define BOARD_IRQ_SPARE_1 31u

#endif
