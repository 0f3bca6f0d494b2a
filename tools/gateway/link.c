/* SPDX-License-Identifier: MIT */
#include "link.h"

#include <stdlib.h>
#include <string.h>

#define MAGIC 0xF7
#define VERSION 1
#define HEADER_BYTES 40U
#define WALL_BYTES 12U
#define CRC_BYTES 4U
#define TAG_BYTES 16U
#define KNOWN_FLAGS                                                                                \
    (LINK_RECOVERED | LINK_ANONYMOUS | LINK_SELF_CONTAINED | LINK_WALL_CLOCK | LINK_RELIABLE)

const char *link_verdict_name(enum link_verdict verdict)
{
    static const char *const names[LINK_VERDICT_COUNT] = {
#define LINK_VERDICT_NAME(name) #name,
        LINK_VERDICTS(LINK_VERDICT_NAME)
#undef LINK_VERDICT_NAME
    };

    return names[verdict];
}

bool link_kind_is_numbered(uint8_t kind)
{
    return kind == LINK_TRACES || kind == LINK_METRICS || kind == LINK_LOGS;
}

/* ---- check --------------------------------------------------------------------------------- */

static uint32_t crc_table[256];

static void make_crc_table(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;

        for (int bit = 0; bit < 8; bit++)
            crc = (crc & 1) != 0 ? (crc >> 1) ^ 0xEDB88320U : crc >> 1;
        crc_table[i] = crc;
    }
}

uint32_t link_crc32(const uint8_t *bytes, size_t size)
{
    uint32_t crc = 0xFFFFFFFFU;

    if (crc_table[1] == 0)
        make_crc_table();
    for (size_t i = 0; i < size; i++)
        crc = (crc >> 8) ^ crc_table[(crc ^ bytes[i]) & 0xFF];
    return ~crc;
}

/* ---- header -------------------------------------------------------------------------------- */

static uint64_t read_le(const uint8_t *bytes, size_t size)
{
    uint64_t value = 0;

    for (size_t i = size; i-- > 0;)
        value = value << 8 | bytes[i];
    return value;
}

static bool kind_is_up(uint8_t kind)
{
    return kind >= LINK_TRACES && kind <= LINK_ANSWER;
}

static bool kind_is_down(uint8_t kind)
{
    return kind >= LINK_ACKNOWLEDGEMENT && kind <= LINK_CHALLENGE;
}

static void read_header(const uint8_t *bytes, struct link_frame *frame)
{
    frame->kind = bytes[2];
    frame->flags = bytes[3];
    frame->key_id = bytes[4];
    frame->attempt = bytes[5];
    frame->base_distance = (uint16_t)read_le(bytes + 6, 2);
    frame->device_id = read_le(bytes + 8, 8);
    frame->boot_id = read_le(bytes + 16, 8);
    frame->sequence = (uint32_t)read_le(bytes + 24, 4);
    frame->resource_hash = (uint32_t)read_le(bytes + 28, 4);
    frame->clock_ns = read_le(bytes + 32, 8);
}

static bool header_is_possible(const struct link_frame *frame, enum link_direction direction,
                               size_t body_bytes)
{
    if ((frame->flags & LINK_WALL_CLOCK) != 0 && body_bytes < HEADER_BYTES + WALL_BYTES)
        return false;
    if (frame->boot_id == 0)
        return false;
    if (frame->device_id == 0 && (frame->flags & LINK_ANONYMOUS) == 0)
        return false;
    if (direction == LINK_DOWN)
        return frame->base_distance == 0;
    /* Numbers start at 1: so does base. */
    return frame->base_distance <= LINK_BASE_DISTANCE_MAX && frame->base_distance < frame->sequence;
}

enum link_verdict link_parse(uint8_t *bytes, size_t size, size_t frame_bytes_max,
                             enum link_direction direction, struct link_frame *frame)
{
    struct link_frame parsed = {0};
    size_t body_bytes;

    if (size < LINK_FRAME_BYTES_MIN)
        return LINK_too_short;
    if (size > frame_bytes_max)
        return LINK_too_long;
    if (bytes[0] != MAGIC)
        return LINK_wrong_magic;
    if (bytes[1] != VERSION)
        return LINK_unknown_version;
    read_header(bytes, &parsed);
    if (parsed.key_id != 0)
        return LINK_no_key;
    body_bytes = size - CRC_BYTES;
    if (link_crc32(bytes, body_bytes) != read_le(bytes + body_bytes, CRC_BYTES))
        return LINK_wrong_check;
    if (!kind_is_up(parsed.kind) && !kind_is_down(parsed.kind))
        return LINK_unknown_kind;
    if (kind_is_up(parsed.kind) != (direction == LINK_UP))
        return LINK_wrong_direction;
    if ((parsed.flags & ~KNOWN_FLAGS) != 0)
        return LINK_unknown_flags;
    if (!header_is_possible(&parsed, direction, body_bytes))
        return LINK_bad_header;

    parsed.payload = bytes + HEADER_BYTES;
    if ((parsed.flags & LINK_WALL_CLOCK) != 0) {
        parsed.wall_offset_ns = (int64_t)read_le(bytes + 40, 8);
        parsed.wall_uncertainty_us = (uint32_t)read_le(bytes + 48, 4);
        parsed.payload += WALL_BYTES;
    }
    parsed.payload_bytes = (size_t)(bytes + body_bytes - parsed.payload);
    *frame = parsed;
    return LINK_ok;
}

/* ---- byte stream --------------------------------------------------------------------------- */

bool link_cobs_decode(uint8_t *bytes, size_t *size)
{
    size_t from = 0, to = 0;

    while (from < *size) {
        uint8_t code = bytes[from++];
        size_t block_bytes = code - 1U;

        if (code == 0 || block_bytes > *size - from || memchr(bytes + from, 0, block_bytes))
            return false;
        memmove(bytes + to, bytes + from, block_bytes);
        from += block_bytes;
        to += block_bytes;
        if (code != 0xFF && from < *size)
            bytes[to++] = 0;
    }
    *size = to;
    return true;
}

bool deframer_init(struct deframer *deframer, size_t frame_bytes_max)
{
    /* One code byte for every 254 begun, and one more. */
    deframer->run_bytes_max = frame_bytes_max + frame_bytes_max / 254 + 1;
    deframer->frame_bytes_max = frame_bytes_max;
    deframer->run = malloc(deframer->run_bytes_max);
    deframer->state = DEFRAMER_OPEN;
    deframer->run_bytes = 0;
    deframer->first_was_shown = false;
    return deframer->run != NULL;
}

void deframer_free(struct deframer *deframer)
{
    free(deframer->run);
    deframer->run = NULL;
}

static void show_first(struct deframer *deframer)
{
    if (!deframer->first_was_shown)
        deframer->text(deframer->self, &deframer->first, 1);
    deframer->first_was_shown = true;
}

static void close_run(struct deframer *deframer)
{
    size_t size = deframer->run_bytes;

    if (!link_cobs_decode(deframer->run, &size))
        deframer->damaged(deframer->self, LINK_bad_cobs);
    else
        deframer->frame(deframer->self, deframer->run, size, deframer->first_byte);
}

/* A delimiter ends whatever was under way and may open a frame. */
static void take_delimiter(struct deframer *deframer)
{
    if (deframer->state == DEFRAMER_FIRST)
        show_first(deframer);
    if (deframer->state == DEFRAMER_FRAME)
        close_run(deframer);
    deframer->state = DEFRAMER_OPEN;
}

static void start_run(struct deframer *deframer)
{
    deframer->state = DEFRAMER_FRAME;
    deframer->run[0] = deframer->first;
    deframer->run_bytes = 1;
}

/* Takes bytes up to the next delimiter into the frame under way; returns how many. */
static size_t extend_run(struct deframer *deframer, const uint8_t *bytes, size_t size)
{
    const uint8_t *delimiter = memchr(bytes, 0, size);
    size_t count = delimiter == NULL ? size : (size_t)(delimiter - bytes);

    if (count > deframer->run_bytes_max - deframer->run_bytes) {
        deframer->state = DEFRAMER_SKIP;
        deframer->damaged(deframer->self, LINK_too_long);
        return count;
    }
    memcpy(deframer->run + deframer->run_bytes, bytes, count);
    deframer->run_bytes += count;
    return count;
}

static size_t show_text(struct deframer *deframer, const uint8_t *bytes, size_t size)
{
    const uint8_t *delimiter = memchr(bytes, 0, size);
    size_t count = delimiter == NULL ? size : (size_t)(delimiter - bytes);

    deframer->text(deframer->self, bytes, count);
    return count;
}

static size_t skip_run(const uint8_t *bytes, size_t size)
{
    const uint8_t *delimiter = memchr(bytes, 0, size);

    return delimiter == NULL ? size : (size_t)(delimiter - bytes);
}

void deframer_push(struct deframer *deframer, const uint8_t *bytes, size_t size,
                   struct link_instant now)
{
    size_t at = 0;

    while (at < size) {
        if (bytes[at] == 0) {
            take_delimiter(deframer);
            at++;
            continue;
        }
        switch (deframer->state) {
        case DEFRAMER_OPEN:
            deframer->first = bytes[at++];
            deframer->first_was_shown = false;
            deframer->first_byte = now;
            deframer->state = DEFRAMER_FIRST;
            break;
        case DEFRAMER_FIRST:
            if (bytes[at] == MAGIC) {
                start_run(deframer);
            } else {
                show_first(deframer);
                deframer->state = DEFRAMER_TEXT;
            }
            break;
        case DEFRAMER_TEXT:
            at += show_text(deframer, bytes + at, size - at);
            break;
        case DEFRAMER_FRAME:
            at += extend_run(deframer, bytes + at, size - at);
            break;
        case DEFRAMER_SKIP:
            at += skip_run(bytes + at, size - at);
            break;
        }
    }
}

void deframer_idle(struct deframer *deframer)
{
    if (deframer->state == DEFRAMER_FIRST)
        show_first(deframer);
}

void deframer_end(struct deframer *deframer)
{
    if (deframer->state == DEFRAMER_FIRST)
        show_first(deframer);
    if (deframer->state == DEFRAMER_FRAME)
        deframer->damaged(deframer->self, LINK_too_short);
    deframer->state = DEFRAMER_OPEN;
}
