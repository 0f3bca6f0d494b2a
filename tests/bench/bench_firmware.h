/* SPDX-License-Identifier: MIT */
/* What the firmware of every instruction count shares: markers for insn_count.c, and the way to
 * hand bytes to the host. */
#ifndef BENCH_FIRMWARE_H
#define BENCH_FIRMWARE_H

#include <stddef.h>
#include <stdint.h>

/* Defines the two marker functions of a region; each is a single `bx lr`. */
#define BENCH_REGION(name)                                                                         \
    void bench_begin_##name(void);                                                                 \
    void bench_end_##name(void);                                                                   \
    __attribute__((naked, noipa)) void bench_begin_##name(void)                                    \
    {                                                                                              \
        __asm volatile("bx lr");                                                                   \
    }                                                                                              \
    __attribute__((naked, noipa)) void bench_end_##name(void)                                      \
    {                                                                                              \
        __asm volatile("bx lr");                                                                   \
    }

/* Prints `name` and the bytes in hexadecimal as one line, for the host to decode and check. */
void bench_show(const char *name, const uint8_t *bytes, size_t length_bytes);

#endif
