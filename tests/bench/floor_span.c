/* SPDX-License-Identifier: MIT */
#include "floor_span.h"

#include <string.h>

static uint8_t buffer[256];
static uint8_t *at;

static uint8_t *copy(uint8_t *to, const void *from, size_t length_bytes)
{
    memcpy(to, from, length_bytes);
    return to + length_bytes;
}

static uint8_t *put_bytes(uint8_t *to, unsigned tag, const void *bytes, size_t length_bytes)
{
    *to++ = (uint8_t)tag;
    *to++ = (uint8_t)length_bytes;
    return copy(to, bytes, length_bytes);
}

static uint8_t *put_fixed64(uint8_t *to, unsigned tag, uint64_t value)
{
    *to = (uint8_t)tag;
    memcpy(to + 1, &value, 8);
    return to + 9;
}

static uint8_t *put_varint(uint8_t *to, uint64_t value)
{
    while (value > 0x7F) {
        *to++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *to++ = (uint8_t)value;
    return to;
}

/* An attribute's envelope and key; the any-value of `any_bytes` bytes follows. */
static uint8_t *put_key(uint8_t *to, unsigned tag, const char *key, size_t key_bytes,
                        size_t any_bytes)
{
    *to++ = (uint8_t)tag;
    *to++ = (uint8_t)(2 + key_bytes + 2 + any_bytes);
    to = put_bytes(to, 0x0A, key, key_bytes);
    *to++ = 0x12;
    *to++ = (uint8_t)any_bytes;
    return to;
}

void floor_start(const char *name, size_t name_bytes, unsigned kind, const floor_context *parent,
                 uint64_t span_id, uint64_t now_ns)
{
    uint8_t *to = buffer;

    to[0] = 0x0A;
    to[1] = 16;
    memcpy(to + 2, parent->trace_id, 16);
    to[18] = 0x12;
    to[19] = 8;
    memcpy(to + 20, &span_id, 8);
    to += 28;
    *to++ = 0x30;
    *to++ = (uint8_t)kind;
    to = put_fixed64(to, 0x39, now_ns);
    to = put_fixed64(to, 0x41, 0);
    *to++ = 0x85;
    *to++ = 0x01;
    memcpy(to, &(const uint32_t){0x101}, 4);
    to += 4;
    *to++ = 0x22;
    *to++ = 8;
    memcpy(to, parent->span_id, 8);
    to += 8;
    at = put_bytes(to, 0x2A, name, name_bytes);
}

void floor_set_str(const char *key, size_t key_bytes, const char *value, size_t value_bytes)
{
    at = put_bytes(put_key(at, 0x4A, key, key_bytes, 2 + value_bytes), 0x0A, value, value_bytes);
}

void floor_set_i64(const char *key, size_t key_bytes, int64_t value)
{
    uint8_t *to = put_key(at, 0x4A, key, key_bytes, 0);
    uint8_t *const any = to;

    *to++ = 0x18;
    to = put_varint(to, (uint64_t)value);
    any[-1] = (uint8_t)(to - any);
    any[-1 - 2 - (int)key_bytes - 2] = (uint8_t)(2 + key_bytes + 2 + (size_t)(to - any));
    at = to;
}

void floor_set_bool(const char *key, size_t key_bytes, int value)
{
    uint8_t *to = put_key(at, 0x4A, key, key_bytes, 2);

    *to++ = 0x10;
    *to++ = value != 0;
    at = to;
}

void floor_event(const char *name, size_t name_bytes, uint64_t now_ns, const char *key,
                 size_t key_bytes, const char *value, size_t value_bytes)
{
    uint8_t *to = at;
    uint8_t *const body = to + 2;

    *to = 0x5A;
    to = put_fixed64(body, 0x09, now_ns);
    to = put_bytes(to, 0x12, name, name_bytes);
    to = put_key(to, 0x1A, key, key_bytes, 2 + value_bytes);
    to = put_bytes(to, 0x0A, value, value_bytes);
    body[-1] = (uint8_t)(to - body);
    at = to;
}

void floor_status(unsigned code)
{
    uint8_t *to = at;

    *to++ = 0x7A;
    *to++ = 2;
    *to++ = 0x18;
    *to++ = (uint8_t)code;
    at = to;
}

void floor_end(uint64_t now_ns)
{
    (void)copy(buffer + 18 + 10 + 2 + 9 + 1, &now_ns, 8);
}

size_t floor_batch(uint8_t *payload)
{
    const size_t length_bytes = (size_t)(at - buffer);
    uint8_t *to = payload;

    *to++ = 0x12;
    to = put_varint(to, length_bytes);
    return (size_t)(copy(to, buffer, length_bytes) - payload);
}
