/* SPDX-License-Identifier: MIT */
/*
 * The device's end of the link against tests/vectors/link.tsv, which is made from LINK.md alone: for every
 * vector that this version of the device can send (header fields and payload are the vector's), the
 * header, the check and the COBS form of its frame are the vector's bytes. White box.
 */
#define OTEL_IMPLEMENTATION
#define OTEL_PORT_HAS_WALL_TIME 1
#define OTEL_QUEUE_BYTES 8192
#define OTEL_FRAME_BYTES 4096
#include "otel.h"

#include "otel_uart.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_BYTES_MAX = 65536, FRAME_BYTES_MAX = 4096, KEY_ID_AT = 4 };

static bool has_wall_time;
static int64_t wall_time_ns;
static uint32_t wall_uncertainty_us;

uintptr_t otel_port_lock(void)
{
    return 0;
}

void otel_port_unlock(uintptr_t state)
{
    (void)state;
}

uint64_t otel_port_ticks(void)
{
    return 1;
}

uint32_t otel_port_ticks_per_sec(void)
{
    return 1000000000u;
}

uintptr_t otel_port_context_get(void)
{
    return 0;
}

void otel_port_context_set(uintptr_t word)
{
    (void)word;
}

bool otel_port_entropy(uint8_t *out, size_t size_bytes)
{
    memset(out, 0xA5, size_bytes);
    return true;
}

bool otel_port_wall_time_ns(int64_t *unix_time_ns, uint32_t *uncertainty_us)
{
    *unix_time_ns = wall_time_ns;
    *uncertainty_us = wall_uncertainty_us;
    return has_wall_time;
}

static otel_send_result never_send(void *self, const otel_frame *frame)
{
    (void)self;
    (void)frame;
    return OTEL_SEND_BUSY;
}

static size_t from_hex(const char *hex, uint8_t *out, size_t capacity_bytes)
{
    size_t length = 0;
    unsigned byte;
    while (length < capacity_bytes && sscanf(hex + 2 * length, "%2x", &byte) == 1) {
        out[length++] = (uint8_t)byte;
    }
    return length;
}

/* Makes the device's frame from the fields of a vector's header and its payload. */
static const otel_frame *build(const uint8_t *vector, size_t length)
{
    const bool wall = (vector[3] & OTELI_LINK_FLAG_WALL_CLOCK) != 0;
    const size_t header = OTELI_HEADER_BYTES + (wall ? OTELI_HEADER_WALL_BYTES : 0u);
    const size_t payload = length - header - OTELI_CHECK_BYTES;
    const uint64_t clock_ns = oteli_get64(vector + 32);
    const oteli_word info = (oteli_word)payload | (oteli_word)OTELI_KIND_RESOURCE << 24;
    otel_frame *frame = &oteli_store.frame;
    uint32_t at;

    oteli_store.records = 0;
    oteli_queue_free(0, 0, 0);
    at = oteli_queue_reserve(info);
    memcpy(oteli_record_bytes(at), vector + header, payload);
    oteli_store.ring[at + 1] = 0;
    oteli_queue_commit(at, info);

    oteli.anonymous = (vector[3] & OTELI_LINK_FLAG_ANONYMOUS) != 0;
    oteli.device_id = oteli_get64(vector + 8);
    oteli.boot_id = oteli_get64(vector + 16);
    oteli.sequence = oteli_get32(vector + 24);
    oteli.resource_hash = oteli_get32(vector + 28);
    has_wall_time = wall;
    if (wall) {
        wall_time_ns = (int64_t)(oteli_get64(vector + 40) + clock_ns);
        wall_uncertainty_us = oteli_get32(vector + 48);
    }
    oteli_frame_gather(frame);
    frame->kind = vector[2];
    if (!oteli_frame_heads(frame, clock_ns)) {
        return NULL;
    }
    oteli_frame_check(frame);
    return frame;
}

/* What this version sends: best effort, first attempts, a CRC; traces and resource (the content of
 * statistics is the device's own), and never an empty payload. */
static bool is_sendable(const uint8_t *vector, const char *verdict, const char *direction)
{
    const uint8_t flags = OTELI_LINK_FLAG_ANONYMOUS | OTELI_LINK_FLAG_WALL_CLOCK;
    return strcmp(verdict, "ok") == 0 && strcmp(direction, "up") == 0 &&
           (vector[2] == OTELI_KIND_TRACES || vector[2] == OTELI_KIND_RESOURCE) &&
           (vector[3] & ~flags) == 0 && oteli_get32(vector + KEY_ID_AT) == 0;
}

static bool check(const char *name, const char *what, const uint8_t *actual, size_t actual_length,
                  const uint8_t *expected, size_t expected_length)
{
    if (actual_length == expected_length && memcmp(actual, expected, expected_length) == 0) {
        return true;
    }
    printf("%s: the %s differs from the vector's\n", name, what);
    return false;
}

static bool run(const char *name, const uint8_t *vector, size_t length, const char *cobs_hex)
{
    static uint8_t cobs[2 * FRAME_BYTES_MAX];
    static uint8_t actual[2 * FRAME_BYTES_MAX];
    const otel_frame *frame = build(vector, length);
    size_t cobs_length = from_hex(cobs_hex, cobs, sizeof cobs);
    size_t actual_length;
    bool ok;
    if (frame == NULL) {
        printf("%s: no frame\n", name);
        return false;
    }
    actual_length = otel_frame_copy(frame, actual, sizeof actual);
    ok = check(name, "frame", actual, actual_length, vector, length);
    actual_length = otel_uart_frame_copy(frame, actual, sizeof actual);
    return check(name, "COBS form", actual + 1, actual_length - 2, cobs, cobs_length) && ok;
}

int main(int argc, char **argv)
{
    static const otel_transport transport = {never_send, NULL, NULL, 0};
    static const otel_config config = {.transport = &transport, .device_id = 1};
    static char line[LINE_BYTES_MAX];
    static uint8_t vector[FRAME_BYTES_MAX];
    unsigned passed = 0;
    unsigned failed = 0;
    FILE *file = argc == 2 ? fopen(argv[1], "r") : NULL;
    if (file == NULL || otel_init(&config) != OTEL_OK) {
        fprintf(stderr, "usage: device tests/vectors/link.tsv\n");
        return 2;
    }
    while (fgets(line, sizeof line, file) != NULL) {
        char *field[7];
        char *rest = line;
        size_t length;
        for (unsigned i = 0; i < 7; i++) {
            field[i] = rest == NULL ? line : rest;
            rest = rest == NULL ? NULL : strchr(rest, '\t');
            if (rest != NULL) {
                *rest++ = '\0';
            }
        }
        length = from_hex(field[4], vector, sizeof vector);
        if (length > OTELI_HEADER_BYTES + OTELI_CHECK_BYTES &&
            is_sendable(vector, field[1], field[2])) {
            *(run(field[0], vector, length, field[5]) ? &passed : &failed) += 1;
        }
    }
    fclose(file);
    printf("%u passed, %u failed, 0 skipped\n", passed, failed);
    return failed == 0 && passed > 0 ? 0 : 1;
}
