/* SPDX-License-Identifier: MIT */
/*
 * Entropy for an emulated board: the board has none, so it is the host's /dev/urandom, read through
 * semihosting. Without semihosting this stops at the breakpoint. On a real board write
 * otel_port_entropy() with the chip's random number generator.
 */
#include "otel_port.h"

enum { SYS_OPEN = 0x01, SYS_CLOSE = 0x02, SYS_READ = 0x06, MODE_READ_BINARY = 1 };

static int32_t semihosting_call(uint32_t operation, const uintptr_t *arguments)
{
    register uint32_t r0 __asm("r0") = operation;
    register const uintptr_t *r1 __asm("r1") = arguments;
    __asm volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return (int32_t)r0;
}

bool otel_port_entropy(uint8_t *out, size_t size_bytes)
{
    static const char name[] = "/dev/urandom";
    const uintptr_t open[3] = {(uintptr_t)name, MODE_READ_BINARY, sizeof name - 1};
    const int32_t file = semihosting_call(SYS_OPEN, open);
    if (file == -1) {
        return false;
    }
    const uintptr_t read[3] = {(uintptr_t)file, (uintptr_t)out, size_bytes};
    const int32_t bytes_missing = semihosting_call(SYS_READ, read);
    const uintptr_t close[1] = {(uintptr_t)file};
    (void)semihosting_call(SYS_CLOSE, close);
    return bytes_missing == 0;
}
