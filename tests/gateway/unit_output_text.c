/* SPDX-License-Identifier: MIT */
/* Text of strangers on its way to a terminal: glyphs, and lines of a given width. */
#include "unit.h"

#include <locale.h>
#include <stdbool.h>
#include <string.h>

#include "otlp_walk.h"
#include "painter.h"
#include "terminal.h"

static void assert_glyphs(const char *bytes, size_t size, bool utf8, const char *wanted,
                          size_t columns)
{
    struct buffer out = {0};

    glyphs_append(&out, (const uint8_t *)bytes, size, utf8);
    assert_int_equal(out.size, strlen(wanted));
    assert_memory_equal(out.data, wanted, out.size);
    assert_int_equal(glyphs_columns((const uint8_t *)bytes, size, utf8), columns);
    buffer_free(&out);
}

static void test_glyphs(void **state)
{
    (void)state;
    assert_glyphs("abc ~", 5, true, "abc ~", 5);
    assert_glyphs("\n\r\t\0\x1b\x7f", 6, true, "\\n\\r\\t\\x00\\x1b\\x7f", 18);
    assert_glyphs("\xC2\x80\xC2\x9B\xC2\x9F", 6, true, "\\x80\\x9b\\x9f", 12);
    assert_glyphs("\xC3\xA9", 2, true, "\xC3\xA9", 1);
    assert_glyphs("\xC3\xA9", 2, false, "\\u{e9}", 6);
    assert_glyphs("e\xCC\x81", 3, true, "e\xCC\x81", 1);
    assert_glyphs("\xE6\xB8\xA9", 3, true, "\xE6\xB8\xA9", 2);
    assert_glyphs("\xE2\x80\xAE", 3, true, "\\u{202e}", 8);
    assert_glyphs("\xF0\x9F\x8C\xA1", 4, false, "\\u{1f321}", 9);
    assert_glyphs("\xF3\xA0\x81\x81", 4, true, "\\u{e0041}", 9);
    assert_glyphs("\xF4\x8F\xBF\xBF", 4, true, "\\u{10ffff}", 10);
}

static void test_what_is_not_utf8_is_shown_byte_by_byte(void **state)
{
    (void)state;
    assert_glyphs("\x80", 1, true, "\\x80", 4);
    assert_glyphs("\xC3", 1, true, "\\xc3", 4);
    assert_glyphs("\xC0\x80", 2, true, "\\xc0\\x80", 8);
    assert_glyphs("\xED\xA0\x80", 3, true, "\\xed\\xa0\\x80", 12);
    assert_glyphs("\xF4\x90\x80\x80", 4, true, "\\xf4\\x90\\x80\\x80", 16);
    assert_glyphs("\xE6\xB8z", 3, true, "\\xe6\\xb8z", 9);
    assert_glyphs("\xFF\xFE", 2, false, "\\xff\\xfe", 8);
}

/* Random bytes: never a control character, always UTF-8, as wide as it says. */
static void test_random_bytes_become_harmless_text(void **state)
{
    uint64_t random = 3;

    (void)state;
    for (int round = 0; round < 20000; round++) {
        struct buffer out = {0};
        uint8_t bytes[24];

        for (size_t i = 0; i < sizeof bytes; i++) {
            uint64_t number = next_random(&random);

            bytes[i] = (uint8_t)(number % 3 == 0 ? 0x80 | number >> 16 : number >> 16);
        }
        glyphs_append(&out, bytes, sizeof bytes, true);
        assert_true(otlp_utf8_valid(out.data, out.size));
        for (size_t i = 0; i < out.size; i++) {
            assert_true(out.data[i] >= ' ' && out.data[i] != 0x7F);
            assert_false(out.data[i] == 0xC2 && out.data[i + 1] < 0xA0);
        }
        assert_int_equal(glyphs_columns(out.data, out.size, true),
                         glyphs_columns(bytes, sizeof bytes, true));
        buffer_free(&out);
    }
}

static void assert_painted(struct painter *painter, const char *wanted)
{
    buffer_append(&painter->out, "", 1);
    assert_string_equal((const char *)painter->out.data, wanted);
}

static void test_items_wrap_between_and_where_they_must_within(void **state)
{
    struct painter painter = {0};
    struct piece pieces[2];

    (void)state;
    painter_reset(&painter, 12, false, false);
    painter_set_prefix(&painter, "| ", 1);
    painter_begin_line(&painter);
    pieces[0] = piece_of(STYLE_KEY, "a=");
    pieces[1] = piece_of(STYLE_PLAIN, "1");
    painter_item(&painter, 2, pieces, 2);
    painter_item(&painter, 2, pieces, 2);
    pieces[1] = piece_of(STYLE_PLAIN, "0123456789ABCDEF");
    painter_item(&painter, 2, pieces, 2);
    painter_end_line(&painter);
    assert_painted(&painter, "|  a=1  a=1\n"
                             "|  a=0123456\n"
                             "|  789ABCDEF\n");
    painter_free(&painter);
}

static void test_a_wide_character_is_not_cut_at_the_edge(void **state)
{
    struct painter painter = {0};
    struct piece piece = piece_of(STYLE_PLAIN, "ab\xE6\xB8\xA9\xE6\xB8\xA9");

    (void)state;
    painter_reset(&painter, 5, false, true);
    painter_item(&painter, 0, &piece, 1);
    painter_end_line(&painter);
    assert_painted(&painter, "ab\xE6\xB8\xA9\n\xE6\xB8\xA9\n");
    painter_free(&painter);
}

static void test_colours_are_closed_before_the_line_ends(void **state)
{
    struct painter painter = {0};

    (void)state;
    painter_reset(&painter, 20, true, true);
    painter_symbol(&painter, STYLE_ERROR, "x", "x");
    painter_blanks(&painter, 3);
    painter_end_line(&painter);
    assert_painted(&painter, "\x1b[0;31mx   \x1b[0m\n");
    painter_free(&painter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_glyphs),
        cmocka_unit_test(test_what_is_not_utf8_is_shown_byte_by_byte),
        cmocka_unit_test(test_random_bytes_become_harmless_text),
        cmocka_unit_test(test_items_wrap_between_and_where_they_must_within),
        cmocka_unit_test(test_a_wide_character_is_not_cut_at_the_edge),
        cmocka_unit_test(test_colours_are_closed_before_the_line_ends),
    };

    setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
