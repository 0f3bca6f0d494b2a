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
#include "test_port.h"
#include "vectors.h"

enum { KEY_ID_AT = 4 };

static otel_send_result never_send(void *self, const otel_frame *frame)
{
    (void)self;
    (void)frame;
    return OTEL_SEND_BUSY;
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
    port.wall_time_known = wall;
    if (wall) {
        port.wall_time_ns = (int64_t)(oteli_get64(vector + 40) + clock_ns);
        port.wall_uncertainty_us = oteli_get32(vector + 48);
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
static bool is_sendable(const struct vector *vector)
{
    const uint8_t flags = OTELI_LINK_FLAG_ANONYMOUS | OTELI_LINK_FLAG_WALL_CLOCK;
    const uint8_t *frame = vector->frame;
    return vector->frame_bytes > OTELI_HEADER_BYTES + OTELI_CHECK_BYTES &&
           strcmp(vector->verdict, "ok") == 0 && strcmp(vector->direction, "up") == 0 &&
           (frame[2] == OTELI_KIND_TRACES || frame[2] == OTELI_KIND_RESOURCE) &&
           (frame[3] & ~flags) == 0 && oteli_get32(frame + KEY_ID_AT) == 0;
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

static bool run(const struct vector *vector)
{
    static uint8_t actual[VECTOR_LINE_BYTES];
    const otel_frame *frame = build(vector->frame, vector->frame_bytes);
    size_t length;
    bool ok;
    if (frame == NULL) {
        printf("%s: no frame\n", vector->name);
        return false;
    }
    length = otel_frame_copy(frame, actual, sizeof actual);
    ok = check(vector->name, "frame", actual, length, vector->frame, vector->frame_bytes);
    length = otel_uart_frame_copy(frame, actual, sizeof actual);
    return check(vector->name, "COBS form", actual + 1, length - 2, vector->cobs,
                 vector->cobs_bytes) &&
           ok;
}

int main(void)
{
    static const otel_transport transport = {never_send, NULL, NULL, 0};
    static const otel_config config = {.transport = &transport, .device_id = 1};
    static struct vector vector;
    unsigned passed = 0;
    unsigned failed = 0;
    FILE *file = vectors_open();
    test_port_reset();
    if (otel_init(&config) != OTEL_OK) {
        return 2;
    }
    while (vectors_next(file, &vector)) {
        if (is_sendable(&vector)) {
            *(run(&vector) ? &passed : &failed) += 1;
        }
    }
    fclose(file);
    printf("%u passed, %u failed, 0 skipped\n", passed, failed);
    return failed == 0 && passed > 0 ? 0 : 1;
}
