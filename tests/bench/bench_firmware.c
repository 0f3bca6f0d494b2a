/* SPDX-License-Identifier: MIT */
#include "bench_firmware.h"

#include "board.h"

void bench_show(const char *name, const uint8_t *bytes, size_t length_bytes)
{
    static const char digits[] = "0123456789abcdef";

    board_console_write(name);
    board_console_write(" ");
    for (size_t i = 0; i < length_bytes; i++) {
        board_uart_write_byte((uint8_t)digits[bytes[i] >> 4]);
        board_uart_write_byte((uint8_t)digits[bytes[i] & 15]);
    }
    board_console_write("\n");
}
