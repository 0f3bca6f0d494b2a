/* SPDX-License-Identifier: MIT */
/* What must become of a string, by table 3-7 of the Unicode standard; shares nothing with otel.h. */
#ifndef UTF8_REFERENCE_H
#define UTF8_REFERENCE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* How many bytes the well-formed sequence at `bytes` has, 0 when there is none. */
static size_t well_formed_length(const uint8_t *bytes, size_t left)
{
    static const struct {
        uint8_t first_low, first_high, second_low, second_high, length;
    } rows[] = {
        {0x00, 0x7F, 0x00, 0x00, 1}, {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
        {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
        {0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4}};

    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        if (bytes[0] < rows[row].first_low || bytes[0] > rows[row].first_high) {
            continue;
        }
        if (rows[row].length > left) {
            return 0;
        }
        for (size_t i = 1; i < rows[row].length; i++) {
            const uint8_t low = i == 1 ? rows[row].second_low : 0x80;
            const uint8_t high = i == 1 ? rows[row].second_high : 0xBF;
            if (bytes[i] < low || bytes[i] > high) {
                return 0;
            }
        }
        return rows[row].length;
    }
    return 0;
}

/* What must arrive of `length` bytes when at most `limit` may; returns its length. */
static size_t guarded(uint8_t *out, const uint8_t *bytes, size_t length, size_t limit)
{
    size_t used = 0;

    for (size_t at = 0; at < length;) {
        const size_t width = well_formed_length(&bytes[at], length - at);
        const size_t taken = width == 0 ? 1 : width;
        if (used + taken > limit) {
            break;
        }
        if (width == 0) {
            out[used] = '?';
        } else {
            memcpy(&out[used], &bytes[at], width);
        }
        used += taken;
        at += taken;
    }
    return used;
}

#endif
