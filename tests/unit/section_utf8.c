/* SPDX-License-Identifier: MIT */
/* >>utf8: each byte that is not part of valid UTF-8 becomes '?'. */

#include "utf8_reference.h"

enum { UTF8_TEXT_MAX = 64 };

static void check_guarded(const uint8_t *bytes, size_t length)
{
    uint8_t expected[UTF8_TEXT_MAX];
    const size_t expected_length =
        guarded(expected, bytes, length, OTEL_ATTRIBUTE_VALUE_BYTES_LIMIT);
    const otel_span span = otel_span_start("u");
    const otlp_span *got;
    const char *value;

    otel_span_set_strn(span, "k", (const char *)bytes, length);
    got = end_and_receive(span);
    REQUIRE(got != NULL);
    value = string_value(got, "k");
    REQUIRE(value != NULL);
    CHECK_BYTES(value, strlen(value), expected, expected_length);
}

static void bytes_that_are_not_utf8_become_question_marks(void)
{
    static const char *const texts[] = {
        "plain",
        "\xE9t\xE9", /* Latin-1 */
        "\x80",
        "\xBF\xBF",
        "\xFF\xFE", /* bytes that never begin a character */
        "\xC3",
        "\xC3(",
        "\xE2\x82",
        "\xE2\x82(",
        "\xF0\x9F\x98",
        "\xF0\x9F\x98(",
        "\xC0\xAF",
        "\xC1\xBF",
        "\xE0\x80\xAF",
        "\xE0\x9F\xBF",
        "\xF0\x80\x80\xAF",
        "\xF0\x8F\xBF\xBF", /* longer than needed */
        "\xED\xA0\x80",
        "\xED\xAF\xBF\xED\xBF\xBF", /* surrogates */
        "\xF4\x90\x80\x80",
        "\xF5\x80\x80\x80",
        "\xF8\x88\x80\x80\x80", /* beyond U+10FFFF */
        "\xC2\x80",
        "\xDF\xBF",
        "\xE0\xA0\x80",
        "\xED\x9F\xBF",
        "\xEE\x80\x80",
        "\xEF\xBF\xBF",
        "\xF0\x90\x80\x80",
        "\xF4\x8F\xBF\xBF",
        "\xEF\xBB\xBF",
        "a\xC3\xA9"
        "b\xE2\x82\xAC"
        "c\xF0\x9F\x98\x80"
        "d",
    };

    start();
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        check_guarded((const uint8_t *)texts[i], strlen(texts[i]));
    }
}

static void a_repair_is_counted_once_a_string(void)
{
    otel_span span;

    start();
    span = otel_span_start("ok");
    otel_span_set_str(span, "k", "ok");
    CHECK_EQUAL(stats_now().strings_repaired, 0);
    otel_span_set_str(span, "k", "\xFF\xFF\xFF");
    CHECK_EQUAL(stats_now().strings_repaired, 1);
    otel_span_set_name(span, "n\xFF");
    CHECK_EQUAL(stats_now().strings_repaired, 2);
    otel_span_event(span, "e\xFF");
    CHECK_EQUAL(stats_now().strings_repaired, 3);
    otel_span_set_status(span, OTEL_SPAN_STATUS_ERROR, "m\xFF");
    CHECK_EQUAL(stats_now().strings_repaired, 4);
    REQUIRE(end_and_receive(span) != NULL);
}

/* Every place of every bad or long character within words of every alignment. */
static void every_alignment_gives_the_same(void)
{
    static const char *const pieces[] = {"\xE9", "\xC3\xA9", "\xE2\x82", "\xF0\x9F\x98\x80"};
    uint8_t buffer[UTF8_TEXT_MAX];

    start();
    for (size_t offset = 0; offset < 4; offset++) {
        for (size_t place = 0; place < 12; place++) {
            for (size_t p = 0; p < COUNT_OF(pieces); p++) {
                memset(buffer, 'a', sizeof buffer);
                memcpy(&buffer[offset + place], pieces[p], strlen(pieces[p]));
                check_guarded(&buffer[offset], 17);
            }
        }
    }
}

static uint32_t utf8_random_state = 1;

static uint32_t utf8_random(void)
{
    utf8_random_state = utf8_random_state * 1664525u + 1013904223u;
    return utf8_random_state >> 8;
}

static void random_bytes_give_what_the_table_says(void)
{
    static const uint8_t interesting[] = {0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F,
                                          0xA0, 0xBF, 0xC0, 0xC2, 0xDF, 0xE0, 0xE2,
                                          0xED, 0xEF, 0xF0, 0xF1, 0xF4, 0xF5, 0xFF};
    uint8_t bytes[UTF8_TEXT_MAX];

    start();
    for (unsigned round = 0; round < TEST_ROUNDS; round++) {
        const size_t length = utf8_random() % 24u;
        for (size_t i = 0; i < length; i++) {
            bytes[i] = interesting[1u + utf8_random() % (COUNT_OF(interesting) - 1u)];
        }
        check_guarded(bytes, length);
    }
}

static void names_events_and_messages_are_guarded_too(void)
{
    const otel_attribute attribute = otel_str("k\xFF", "v\xFF");
    const otlp_span *got;
    otel_span span;

    start();
    span = otel_span_start("\xFFname");
    otel_span_event_with(span,
                         "\xFF"
                         "event",
                         &attribute, 1);
    otel_span_set_status(span, OTEL_SPAN_STATUS_ERROR, "\xFFmessage");
    got = end_and_receive(span);
    REQUIRE(got != NULL && got->events_count == 1 && got->status != NULL);
    CHECK_TEXT(got->name, "?name");
    CHECK_TEXT(got->events[0].name, "?event");
    CHECK_TEXT(got->status->message, "?message");
    CHECK(otlp_find(got->events[0].attributes, got->events[0].attributes_count, "k?") != NULL);
}

/* U+0000 is valid UTF-8; only a string without a length ends there. */
static void a_zero_byte_in_a_counted_string_stays(void)
{
    const otlp_span *got;
    otel_span span;

    start();
    span = otel_span_start("z");
    otel_span_set_strn(span, "k", "a\0b", 3);
    otel_span_set_i64(span, "k2", 9);
    forget_received();
    decoded.zero_bytes = true;
    otel_span_end(span);
    send_all();
    got = received_span(0);
    REQUIRE(got != NULL);
    REQUIRE(string_value(got, "k") != NULL);
    CHECK_BYTES(string_value(got, "k"), 4, "a\0b", 4);
}

static const check_test utf8_tests[] = {
    CHECK_TEST(bytes_that_are_not_utf8_become_question_marks),
    CHECK_TEST(a_repair_is_counted_once_a_string),
    CHECK_TEST(every_alignment_gives_the_same),
    CHECK_TEST(random_bytes_give_what_the_table_says),
    CHECK_TEST(names_events_and_messages_are_guarded_too),
    CHECK_TEST(a_zero_byte_in_a_counted_string_stays),
};
