/* SPDX-License-Identifier: MIT */
/* What every unit_*.c of the input side includes: cmocka, and numbers that are random but the same
 * in every run. */
#ifndef GATEWAY_UNIT_H
#define GATEWAY_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* splitmix64 */
static inline uint64_t next_random(uint64_t *state)
{
    uint64_t value = (*state += UINT64_C(0x9E3779B97F4A7C15));

    value = (value ^ value >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    value = (value ^ value >> 27) * UINT64_C(0x94D049BB133111EB);
    return value ^ value >> 31;
}

#endif
