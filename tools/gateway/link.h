/* SPDX-License-Identifier: MIT */
/*
 * The frames of LINK.md: header, check, and how they are found in a byte stream among console text.
 * Nothing here knows devices or sessions, and nothing allocates after deframer_init.
 */
#ifndef GW_LINK_H
#define GW_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINK_FRAME_BYTES_MAX 65507U
#define LINK_FRAME_BYTES_MIN 44U
#define LINK_BASE_DISTANCE_MAX 64U

/* What a receiver makes of a frame; X(name): LINK_<name>, and its name in counters and vectors. In
 * the order of LINK.md's checks. */
#define LINK_VERDICTS(X)                                                                           \
    X(ok)                                                                                          \
    X(bad_cobs)                                                                                    \
    X(too_short)                                                                                   \
    X(too_long)                                                                                    \
    X(wrong_magic)                                                                                 \
    X(unknown_version)                                                                             \
    X(no_key)                                                                                      \
    X(key_demanded)                                                                                \
    X(wrong_check)                                                                                 \
    X(unknown_kind)                                                                                \
    X(wrong_direction)                                                                             \
    X(unknown_flags)                                                                               \
    X(bad_header)                                                                                  \
    X(replay)                                                                                      \
    X(bad_payload)                                                                                 \
    X(unsupported)

enum link_verdict {
#define LINK_VERDICT(name) LINK_##name,
    LINK_VERDICTS(LINK_VERDICT)
#undef LINK_VERDICT
        LINK_VERDICT_COUNT
};

enum link_kind {
    LINK_TRACES = 0x01,
    LINK_METRICS = 0x02,
    LINK_LOGS = 0x03,
    LINK_RESOURCE = 0x04,
    LINK_STATS = 0x05,
    LINK_ANSWER = 0x06,
    LINK_ACKNOWLEDGEMENT = 0x81,
    LINK_TIME = 0x82,
    LINK_CONTROL = 0x83,
    LINK_CHALLENGE = 0x84
};

enum link_flag {
    LINK_RECOVERED = 0x01,
    LINK_ANONYMOUS = 0x02,
    LINK_SELF_CONTAINED = 0x04,
    LINK_WALL_CLOCK = 0x08,
    LINK_RELIABLE = 0x10
};

enum link_direction { LINK_UP, LINK_DOWN };

struct link_frame {
    uint8_t kind; /* enum link_kind */
    uint8_t flags;
    uint8_t key_id;
    uint8_t attempt;
    uint16_t base_distance;
    uint64_t device_id;
    uint64_t boot_id;
    uint32_t sequence;
    uint32_t resource_hash;
    uint64_t clock_ns;
    int64_t wall_offset_ns;       /* with LINK_WALL_CLOCK */
    uint32_t wall_uncertainty_us; /* with LINK_WALL_CLOCK */
    uint8_t *payload;             /* inside the frame's bytes */
    size_t payload_bytes;
};

const char *link_verdict_name(enum link_verdict verdict);

bool link_kind_is_numbered(uint8_t kind);

/* CRC-32 of ISO-HDLC. */
uint32_t link_crc32(const uint8_t *bytes, size_t size);

/* Checks everything that can be known from the frame alone, in LINK.md's order, and takes it apart.
 * `frame` is written only when the verdict is LINK_ok. This end holds no keys. */
enum link_verdict link_parse(uint8_t *bytes, size_t size, size_t frame_bytes_max,
                             enum link_direction direction, struct link_frame *frame);

/* Decodes in place; `*size` shrinks to what was decoded. False: not COBS. */
bool link_cobs_decode(uint8_t *bytes, size_t *size);

/* When something arrived, on two clocks: the second never jumps. */
struct link_instant {
    uint64_t unix_ns;
    uint64_t monotonic_ns;
};

/* Finds frames in a byte stream. All else is text and leaves at once, in the order of the bytes. */
struct deframer {
    void *self;
    /* The bytes between two delimiters, COBS decoded; they may be written to. */
    void (*frame)(void *self, uint8_t *bytes, size_t size, struct link_instant first_byte);
    void (*text)(void *self, const uint8_t *bytes, size_t size);
    /* A run that started like a frame and is none: LINK_bad_cobs, LINK_too_long, or LINK_too_short
     * for one that the end of the stream cut. */
    void (*damaged)(void *self, enum link_verdict verdict);

    /* Private. */
    enum { DEFRAMER_OPEN, DEFRAMER_FIRST, DEFRAMER_TEXT, DEFRAMER_FRAME, DEFRAMER_SKIP } state;
    uint8_t first;        /* DEFRAMER_FIRST: the byte after the delimiter */
    bool first_was_shown; /* as text, because nothing followed for a while */
    struct link_instant first_byte;
    uint8_t *run; /* DEFRAMER_FRAME: bytes since the delimiter */
    size_t run_bytes;
    size_t run_bytes_max;
    size_t frame_bytes_max;
};

/* False: no memory. Set the functions first. */
bool deframer_init(struct deframer *deframer, size_t frame_bytes_max);
void deframer_free(struct deframer *deframer);

void deframer_push(struct deframer *deframer, const uint8_t *bytes, size_t size,
                   struct link_instant now);

/* Nothing came for a while: text that could still have become a frame is let out. */
void deframer_idle(struct deframer *deframer);

/* The stream ended or broke: what is unfinished is text or damaged; ready for a new stream. */
void deframer_end(struct deframer *deframer);

#endif
