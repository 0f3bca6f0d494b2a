/* SPDX-License-Identifier: MIT */
/* The standard span through the floor writer, on the target. */
#include "bench_firmware.h"
#include "board.h"
#include "standard_floor.h"

BENCH_REGION(floor_span)

int main(void)
{
    static uint8_t payload[STANDARD_SPAN_FIELD_BYTES];
    size_t length_bytes = 0;

    board_init();
    for (int i = 0; i < 8; i++) {
        bench_begin_floor_span();
        length_bytes = standard_floor_span(payload);
        bench_end_floor_span();
    }
    bench_show("spans", payload, length_bytes);
    return length_bytes == STANDARD_SPAN_FIELD_BYTES ? 0 : 1;
}
