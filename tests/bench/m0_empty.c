/* SPDX-License-Identifier: MIT */
/* What an image needs without telemetry. */
#include "board.h"

int main(void)
{
    board_init();
    return 0;
}
