/* SPDX-License-Identifier: MIT */
#include "link.h"

#include <inttypes.h>
#include <stdlib.h>

#include "vectors.h"

/* ---- CRC-32 and COBS against what is published --------------------------------------------- */

/* The check value of CRC-32/ISO-HDLC in Greg Cook's catalogue. */
static void crc_has_the_published_check_value(void **state)
{
    (void)state;
    assert_int_equal(link_crc32((const uint8_t *)"123456789", 9), 0xCBF43926);
    assert_int_equal(link_crc32((const uint8_t *)"", 0), 0);
}

struct cobs_example {
    const char *decoded, *encoded; /* hexadecimal */
};

/* Cheshire and Baker 1999 and the usual table of examples. */
static const struct cobs_example cobs_examples[] = {
    {"", "01"},
    {"00", "0101"},
    {"0000", "010101"},
    {"001100", "01021101"},
    {"11220033", "0311220233"},
    {"11223344", "0511223344"},
    {"11000000", "0211010101"},
    {"4500002c4c79000040064f37", "024501042c4c79010540064f37"},
};

static void cobs_decodes_the_published_examples(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cobs_examples / sizeof cobs_examples[0]; i++) {
        uint8_t bytes[32], decoded[32];
        size_t size = vector_bytes(cobs_examples[i].encoded, bytes);
        size_t decoded_bytes = vector_bytes(cobs_examples[i].decoded, decoded);

        assert_true(link_cobs_decode(bytes, &size));
        assert_int_equal(size, decoded_bytes);
        assert_memory_equal(bytes, decoded, size);
    }
}

static void cobs_decodes_full_blocks(void **state)
{
    uint8_t bytes[600] = {0xFF};
    size_t size = 255;

    (void)state;
    memset(bytes + 1, 7, 254);
    assert_true(link_cobs_decode(bytes, &size));
    assert_int_equal(size, 254); /* no zero stands for the end of a full block */

    bytes[0] = 0xFF;
    memset(bytes + 1, 7, 254);
    bytes[255] = 2;
    bytes[256] = 9;
    size = 257;
    assert_true(link_cobs_decode(bytes, &size));
    assert_int_equal(size, 255);
    assert_int_equal(bytes[254], 9);
}

static void cobs_refuses_what_is_none(void **state)
{
    static const char *const examples[] = {"02", "0311", "00", "0200", "03110011", "0211ff22"};

    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        uint8_t bytes[32];
        size_t size = vector_bytes(examples[i], bytes);

        assert_false(link_cobs_decode(bytes, &size));
    }
}

/* ---- vectors ------------------------------------------------------------------------------- */

static void assert_says(const struct vector *vector, const char *name, uint64_t value)
{
    char text[32];

    snprintf(text, sizeof text, "%" PRIu64, value);
    if (!vector_says(vector, name, text))
        fail_msg("%s: %s is not %s in %s", vector->name, name, text, vector->fields);
}

static void assert_says_hex(const struct vector *vector, const char *name, uint64_t value)
{
    char text[32];

    snprintf(text, sizeof text, "\"%016" PRIx64 "\"", value);
    if (!vector_says(vector, name, text))
        fail_msg("%s: %s is not %s in %s", vector->name, name, text, vector->fields);
}

static void assert_fields(const struct vector *vector, const struct link_frame *frame)
{
    char text[VECTOR_LINE_BYTES] = "\"";
    char *at = text + 1;

    assert_says(vector, "flags", frame->flags);
    assert_says(vector, "key_id", frame->key_id);
    assert_says(vector, "attempt", frame->attempt);
    assert_says(vector, "base_distance", frame->base_distance);
    assert_says_hex(vector, "device_id", frame->device_id);
    assert_says_hex(vector, "boot_id", frame->boot_id);
    assert_says(vector, "sequence", frame->sequence);
    assert_says(vector, "resource_hash", frame->resource_hash);
    assert_says(vector, "clock_ns", frame->clock_ns);
    if ((frame->flags & LINK_WALL_CLOCK) != 0) {
        char offset[32];

        snprintf(offset, sizeof offset, "%" PRId64, frame->wall_offset_ns);
        assert_true(vector_says(vector, "wall_offset_ns", offset));
        assert_says(vector, "wall_uncertainty_us", frame->wall_uncertainty_us);
    }
    for (size_t i = 0; i < frame->payload_bytes; i++)
        at += sprintf(at, "%02x", frame->payload[i]);
    strcpy(at, "\"");
    assert_true(strstr(vector->fields, text) != NULL);
}

/* This end has no keys: what has a tag is refused, and a CRC is never refused for a key. */
static const char *expected_verdict(const struct vector *vector)
{
    bool judges_payload = strcmp(vector->verdict, "bad_payload") == 0;

    if (vector->frame_bytes > 5 && vector->frame[4] != 0 && vector->frame_bytes >= 44)
        return "no_key";
    if (judges_payload || strcmp(vector->verdict, "key_demanded") == 0)
        return "ok";
    return vector->verdict;
}

static void frames_of_the_vectors_are_judged_as_written(void **state)
{
    static struct vector vector;
    FILE *file = vectors_open();
    size_t count = 0, good = 0;

    (void)state;
    while (vectors_next(file, &vector)) {
        struct link_frame frame;
        size_t cobs_bytes = vector.cobs_bytes;
        enum link_verdict verdict =
            link_parse(vector.frame, vector.frame_bytes, LINK_FRAME_BYTES_MAX,
                       strcmp(vector.direction, "up") == 0 ? LINK_UP : LINK_DOWN, &frame);

        if (strcmp(link_verdict_name(verdict), expected_verdict(&vector)) != 0)
            fail_msg("%s: %s", vector.name, link_verdict_name(verdict));
        if (verdict == LINK_ok && vector.fields[0] != 0) {
            assert_fields(&vector, &frame);
            good++;
        }
        assert_true(link_cobs_decode(vector.cobs, &cobs_bytes));
        assert_int_equal(cobs_bytes, vector.frame_bytes);
        assert_memory_equal(vector.cobs, vector.frame, cobs_bytes);
        count++;
    }
    fclose(file);
    assert_true(count > 80 && good > 20);
}

static void frames_over_the_limit_are_too_long(void **state)
{
    uint8_t *bytes = calloc(1, LINK_FRAME_BYTES_MAX + 1);
    struct link_frame frame;

    (void)state;
    assert_int_equal(
        link_parse(bytes, LINK_FRAME_BYTES_MAX + 1, LINK_FRAME_BYTES_MAX, LINK_UP, &frame),
        LINK_too_long);
    assert_int_equal(link_parse(bytes, LINK_FRAME_BYTES_MAX, LINK_FRAME_BYTES_MAX, LINK_UP, &frame),
                     LINK_wrong_magic);
    assert_int_equal(link_parse(bytes, 101, 100, LINK_UP, &frame), LINK_too_long);
    free(bytes);
}

/* ---- streams ------------------------------------------------------------------------------- */

#define HEARD_BYTES_MAX (1 << 20)

/* What came out of a deframer. */
static struct heard {
    char text[HEARD_BYTES_MAX];
    size_t text_bytes;
    size_t frames; /* that link_parse says yes to */
    size_t other;  /* runs decoded, not a frame */
    size_t damaged[LINK_VERDICT_COUNT];
    const uint8_t *expected; /* what every good frame has to be */
    size_t expected_bytes;
    uint64_t first_byte_ns;
} heard;

static void hear_frame(void *self, uint8_t *bytes, size_t size, struct link_instant first_byte)
{
    struct link_frame frame;

    (void)self;
    heard.first_byte_ns = first_byte.monotonic_ns;
    if (link_parse(bytes, size, LINK_FRAME_BYTES_MAX, LINK_UP, &frame) != LINK_ok) {
        heard.other++;
        return;
    }
    heard.frames++;
    if (heard.expected != NULL) {
        assert_int_equal(size, heard.expected_bytes);
        assert_memory_equal(bytes, heard.expected, size);
    }
}

static void hear_text(void *self, const uint8_t *bytes, size_t size)
{
    (void)self;
    assert_true(size > 0);
    assert_true(heard.text_bytes + size < HEARD_BYTES_MAX);
    memcpy(heard.text + heard.text_bytes, bytes, size);
    heard.text_bytes += size;
    heard.text[heard.text_bytes] = 0;
}

static void hear_damage(void *self, enum link_verdict verdict)
{
    (void)self;
    heard.damaged[verdict]++;
}

static struct deframer start_hearing(size_t frame_bytes_max)
{
    struct deframer deframer = {.frame = hear_frame, .text = hear_text, .damaged = hear_damage};

    memset(&heard, 0, sizeof heard);
    assert_true(deframer_init(&deframer, frame_bytes_max));
    return deframer;
}

static void push(struct deframer *deframer, const void *bytes, size_t size)
{
    uint8_t *copy = malloc(size); /* its very size: ASan sees a byte too far */

    memcpy(copy, bytes, size);
    deframer_push(deframer, copy, size, (struct link_instant){0, 0});
    free(copy);
}

/* The vector of this name. */
static struct vector *find_vector(const char *name)
{
    static struct vector vector;
    FILE *file = vectors_open();

    while (vectors_next(file, &vector)) {
        if (strcmp(vector.name, name) == 0) {
            fclose(file);
            return &vector;
        }
    }
    fail_msg("no vector %s", name);
    return NULL;
}

static size_t append(uint8_t *stream, size_t at, const void *bytes, size_t size)
{
    memcpy(stream + at, bytes, size);
    return at + size;
}

/* Text, frame, text, frame with one delimiter between two, empty frames, text. */
static size_t make_mixed_stream(uint8_t *stream, const struct vector *vector)
{
    size_t at = append(stream, 0, "boot ok\r\n", 10); /* with the terminating zero: a delimiter */

    at = append(stream, at, vector->cobs, vector->cobs_bytes);
    at = append(stream, at, "\0gr\xC3\xBC\xC3\x9F dich\n\0", 14);
    at = append(stream, at, vector->cobs, vector->cobs_bytes);
    at = append(stream, at, "", 1);
    at = append(stream, at, vector->cobs, vector->cobs_bytes);
    return append(stream, at, "\0\0\0\0> ", 6);
}

static void text_and_frames_share_a_stream_however_it_is_cut(void **state)
{
    static uint8_t stream[65536];
    const struct vector *vector = find_vector("traces");
    size_t size = make_mixed_stream(stream, vector);

    (void)state;
    for (size_t chunk = 1; chunk <= size; chunk++) {
        struct deframer deframer = start_hearing(LINK_FRAME_BYTES_MAX);

        heard.expected = vector->frame;
        heard.expected_bytes = vector->frame_bytes;
        for (size_t at = 0; at < size; at += chunk)
            push(&deframer, stream + at, chunk < size - at ? chunk : size - at);
        assert_int_equal(heard.frames, 3);
        assert_int_equal(heard.other, 0);
        assert_string_equal(heard.text, "boot ok\r\ngr\xC3\xBC\xC3\x9F dich\n> ");
        deframer_free(&deframer);
    }
}

static void text_leaves_at_once(void **state)
{
    struct deframer deframer = start_hearing(1200);

    (void)state;
    push(&deframer, "abc", 3);
    assert_string_equal(heard.text, "abc");
    push(&deframer, "d", 1);
    assert_string_equal(heard.text, "abcd");
    push(&deframer, "\0>", 2); /* could still be the first byte of a frame … */
    assert_string_equal(heard.text, "abcd");
    deframer_idle(&deframer); /* … but nothing follows */
    deframer_idle(&deframer);
    assert_string_equal(heard.text, "abcd>");
    push(&deframer, " ", 1);
    assert_string_equal(heard.text, "abcd> ");
    deframer_free(&deframer);
}

/* A pause after the first byte must not cost the frame. */
static void a_frame_survives_a_pause_anywhere(void **state)
{
    const struct vector *vector = find_vector("stats");

    (void)state;
    for (size_t cut = 0; cut <= vector->cobs_bytes; cut++) {
        struct deframer deframer = start_hearing(1200);

        push(&deframer, "\0", 1);
        push(&deframer, vector->cobs, cut);
        deframer_idle(&deframer);
        push(&deframer, vector->cobs + cut, vector->cobs_bytes - cut);
        push(&deframer, "\0", 1);
        assert_int_equal(heard.frames, 1);
        assert_true(heard.text_bytes <= 1);
        deframer_free(&deframer);
    }
}

static void the_time_of_a_frame_is_that_of_its_first_byte(void **state)
{
    const struct vector *vector = find_vector("stats");
    struct deframer deframer = start_hearing(1200);

    (void)state;
    deframer_push(&deframer, (const uint8_t *)"", 1, (struct link_instant){0, 1});
    for (size_t i = 0; i < vector->cobs_bytes; i++)
        deframer_push(&deframer, vector->cobs + i, 1, (struct link_instant){0, 10 + i});
    deframer_push(&deframer, (const uint8_t *)"", 1, (struct link_instant){0, 9999});
    assert_int_equal(heard.frames, 1);
    assert_int_equal(heard.first_byte_ns, 10);
    deframer_free(&deframer);
}

static void a_run_over_the_limit_is_skipped_up_to_the_next_delimiter(void **state)
{
    const struct vector *vector = find_vector("traces");
    struct deframer deframer = start_hearing(vector->frame_bytes);
    uint8_t noise[1024];

    (void)state;
    memset(noise, 0xF7, sizeof noise);
    push(&deframer, "\0", 1);
    push(&deframer, noise, sizeof noise);
    push(&deframer, noise, sizeof noise);
    assert_int_equal(heard.damaged[LINK_too_long], 1);
    push(&deframer, "\0", 1);
    push(&deframer, vector->cobs, vector->cobs_bytes); /* exactly the limit */
    push(&deframer, "\0", 1);
    assert_int_equal(heard.damaged[LINK_too_long], 1);
    assert_int_equal(heard.frames, 1);
    assert_int_equal(heard.text_bytes, 0);
    deframer_free(&deframer);
}

static void the_end_of_a_stream_damages_what_is_under_way(void **state)
{
    const struct vector *vector = find_vector("traces");
    struct deframer deframer = start_hearing(1200);

    (void)state;
    push(&deframer, "\0", 1);
    push(&deframer, vector->cobs, vector->cobs_bytes - 1);
    deframer_end(&deframer);
    assert_int_equal(heard.damaged[LINK_too_short], 1);
    push(&deframer, vector->cobs, vector->cobs_bytes);
    push(&deframer, "\0x", 2);
    deframer_end(&deframer);
    assert_int_equal(heard.frames, 1);
    assert_string_equal(heard.text, "x");
    deframer_free(&deframer);
}

/* Streams of one good frame with one bit turned over: what is accepted is the frame itself. */
static void no_flipped_bit_is_accepted(void **state)
{
    static struct vector vector;
    FILE *file = vectors_open();

    (void)state;
    while (vectors_next(file, &vector)) {
        if (strcmp(vector.verdict, "ok") != 0 || vector.frame[4] != 0)
            continue;
        for (size_t bit = 0; bit < 8 * vector.cobs_bytes; bit++) {
            struct deframer deframer = start_hearing(LINK_FRAME_BYTES_MAX);

            heard.expected = vector.frame;
            heard.expected_bytes = vector.frame_bytes;
            vector.cobs[bit / 8] ^= (uint8_t)(1U << (bit % 8));
            push(&deframer, "\0", 1);
            push(&deframer, vector.cobs, vector.cobs_bytes);
            push(&deframer, "\0", 1);
            vector.cobs[bit / 8] ^= (uint8_t)(1U << (bit % 8));
            assert_int_equal(heard.frames, 0);
            deframer_free(&deframer);
        }
    }
    fclose(file);
}

static void no_prefix_is_accepted(void **state)
{
    static struct vector vector;
    FILE *file = vectors_open();

    (void)state;
    while (vectors_next(file, &vector)) {
        for (size_t size = 0; size < vector.cobs_bytes; size++) {
            struct deframer deframer = start_hearing(LINK_FRAME_BYTES_MAX);

            push(&deframer, "\0", 1);
            push(&deframer, vector.cobs, size);
            push(&deframer, "\0", 1);
            assert_int_equal(heard.frames, 0);
            deframer_free(&deframer);
        }
    }
    fclose(file);
}

/* Noise rich in what matters: delimiters, magics, long runs. A good frame after it always comes. */
static void noise_hides_no_frame_behind_it(void **state)
{
    const struct vector *vector = find_vector("traces");
    uint64_t random = 1;

    (void)state;
    for (int round = 0; round < 2000; round++) {
        struct deframer deframer = start_hearing(2000);
        uint8_t noise[3000];
        size_t size = next_random(&random) % sizeof noise;

        for (size_t i = 0; i < size; i++) {
            uint64_t draw = next_random(&random);

            noise[i] = draw % 16 == 0 ? 0 : draw % 16 == 1 ? 0xF7 : (uint8_t)(draw >> 8);
        }
        heard.expected = vector->frame;
        heard.expected_bytes = vector->frame_bytes;
        push(&deframer, noise, size);
        push(&deframer, "\0", 1);
        push(&deframer, vector->cobs, vector->cobs_bytes);
        push(&deframer, "\0", 1);
        assert_int_equal(heard.frames, 1);
        deframer_free(&deframer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc_has_the_published_check_value),
        cmocka_unit_test(cobs_decodes_the_published_examples),
        cmocka_unit_test(cobs_decodes_full_blocks),
        cmocka_unit_test(cobs_refuses_what_is_none),
        cmocka_unit_test(frames_of_the_vectors_are_judged_as_written),
        cmocka_unit_test(frames_over_the_limit_are_too_long),
        cmocka_unit_test(text_and_frames_share_a_stream_however_it_is_cut),
        cmocka_unit_test(text_leaves_at_once),
        cmocka_unit_test(a_frame_survives_a_pause_anywhere),
        cmocka_unit_test(the_time_of_a_frame_is_that_of_its_first_byte),
        cmocka_unit_test(a_run_over_the_limit_is_skipped_up_to_the_next_delimiter),
        cmocka_unit_test(the_end_of_a_stream_damages_what_is_under_way),
        cmocka_unit_test(no_flipped_bit_is_accepted),
        cmocka_unit_test(no_prefix_is_accepted),
        cmocka_unit_test(noise_hides_no_frame_behind_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
