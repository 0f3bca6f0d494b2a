/* SPDX-License-Identifier: MIT */
#include "board.h"
#include "check.h"

void check_write(const char *text)
{
    board_console_write(text);
}
