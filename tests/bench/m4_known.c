/* SPDX-License-Identifier: MIT */
/* Regions and masked stretches whose lengths are known because every instruction is written out. */
#include "bench_firmware.h"
#include "board.h"

BENCH_REGION(known_empty)
BENCH_REGION(known_seven)
BENCH_REGION(known_loop)

static void masked_for_five(void)
{
    __asm volatile("mrs r0, primask\n\tcpsid i\n\tnop\n\tnop\n\tnop\n\tnop\n\tmsr primask, r0" ::
                       : "r0", "memory");
}

static void masked_for_nine(void)
{
    __asm volatile("cpsid i\n\tb 1f\n\tnop\n1:\tnop\n\tnop\n\tnop\n\tnop\n\tnop\n\tnop\n\tnop\n\t"
                   "cpsie i" ::
                       : "memory");
}

int main(void)
{
    board_init();
    bench_begin_known_empty();
    bench_end_known_empty();
    bench_begin_known_seven();
    __asm volatile("nop\n\tnop\n\tnop\n\tcmp r0, r0\n\titt ne\n\tnopne\n\tnopne" ::: "cc");
    bench_end_known_seven();
    for (int i = 0; i < 3; i++) {
        /* 1 + 100 * 2 */
        bench_begin_known_loop();
        __asm volatile("movs r0, #100\n1:\tsubs r0, #1\n\tbne 1b" ::: "r0", "cc");
        bench_end_known_loop();
    }
    masked_for_five();
    masked_for_nine();
    masked_for_five();
    bench_show("shown", (const uint8_t *)"\x01\xab", 2);
    return 0;
}
