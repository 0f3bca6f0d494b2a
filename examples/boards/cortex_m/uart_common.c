/* SPDX-License-Identifier: MIT */
/* What every UART does alike, on top of the board's own byte. */
#include "board.h"

void board_uart_write(const uint8_t *bytes, size_t length_bytes)
{
    for (size_t i = 0; i < length_bytes; i++) {
        board_uart_write_byte(bytes[i]);
    }
}

void board_console_write(const char *text)
{
    while (*text != '\0') {
        board_uart_write_byte((uint8_t)*text++);
    }
}
