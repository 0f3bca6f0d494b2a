/* SPDX-License-Identifier: MIT */
#include "otlp_walk.h"

#include <iconv.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

/* ---- UTF-8 against the C library's converter ----------------------------------------------- */

static bool library_says(iconv_t converter, const uint8_t *bytes, size_t size)
{
    char text[8], converted[64];
    char *from = text, *to = converted;
    size_t from_bytes = size, to_bytes = sizeof converted;

    memcpy(text, bytes, size);
    iconv(converter, NULL, NULL, NULL, NULL);
    return iconv(converter, &from, &from_bytes, &to, &to_bytes) != (size_t)-1 && from_bytes == 0;
}

static void utf8_is_judged_as_the_c_library_does(void **state)
{
    iconv_t converter = iconv_open("UTF-16LE", "UTF-8");
    uint64_t random = 3;

    (void)state;
    assert_true(converter != (iconv_t)-1);
    for (unsigned pair = 0; pair < 65536; pair++) {
        uint8_t bytes[2] = {(uint8_t)pair, (uint8_t)(pair >> 8)};

        assert_int_equal(otlp_utf8_valid(bytes, 2), library_says(converter, bytes, 2));
        assert_int_equal(otlp_utf8_valid(bytes, 1), library_says(converter, bytes, 1));
    }
    for (int i = 0; i < 1000000; i++) {
        uint64_t draw = next_random(&random);
        uint8_t bytes[4] = {(uint8_t)(0xE0 | (draw & 0x1F)), (uint8_t)(draw >> 8),
                            (uint8_t)(0x80 | (draw >> 16 & 0x3F)),
                            (uint8_t)(0x80 | (draw >> 24 & 0x3F))};
        size_t size = 3 + (draw >> 32 & 1);

        bytes[2] ^= (draw >> 33 & 7) == 0 ? 0x40 : 0;
        assert_int_equal(otlp_utf8_valid(bytes, size), library_says(converter, bytes, size));
    }
    iconv_close(converter);
}

/* ---- nesting ------------------------------------------------------------------------------- */

static size_t put_varint(uint8_t *bytes, uint64_t value)
{
    size_t size = 0;

    for (; value > 127; value >>= 7)
        bytes[size++] = (uint8_t)(value | 0x80);
    bytes[size++] = (uint8_t)value;
    return size;
}

/* Wraps `content`, which lies at the end of `bytes`, into one more field in front of it. */
static size_t wrap(uint8_t *bytes, size_t room, size_t content_bytes, uint8_t tag)
{
    uint8_t head[12] = {tag};
    size_t head_bytes = 1 + put_varint(head + 1, content_bytes);

    memcpy(bytes + room - content_bytes - head_bytes, head, head_bytes);
    return content_bytes + head_bytes;
}

/* A resource with an attribute whose value is `arrays` arrays, one inside the other. */
static const char *walk_nested(unsigned arrays)
{
    static uint8_t bytes[1 << 20];
    size_t size = 0;

    for (unsigned i = 0; i < arrays; i++) {
        size = wrap(bytes, sizeof bytes, size, 0x0A); /* ArrayValue.values */
        size = wrap(bytes, sizeof bytes, size, 0x2A); /* AnyValue.array_value */
    }
    size = wrap(bytes, sizeof bytes, size, 0x12); /* KeyValue.value */
    size = wrap(bytes, sizeof bytes, size, 0x0A); /* Resource.attributes */
    return otlp_walk(OTLP_RESOURCE, bytes + sizeof bytes - size, size, NULL, NULL, NULL);
}

static void nesting_is_bounded(void **state)
{
    (void)state;
    assert_null(walk_nested(0));
    assert_null(walk_nested(15));
    assert_non_null(walk_nested(OTLP_DEPTH_MAX));
    assert_non_null(walk_nested(100000));
}

/* ---- what is demanded ---------------------------------------------------------------------- */

struct span_example {
    const char *what;
    const char *problem; /* NULL: it is good */
    const char *hex;
};

#define TRACE "0a10000000000000000000000000000000ff"
#define SPAN "120800000000000000ff"

static const struct span_example span_examples[] = {
    {"the least span", NULL, TRACE SPAN},
    {"ids in the other order", NULL, SPAN TRACE},
    {"a parent", NULL, TRACE SPAN "220800000000000000aa"},
    {"a parent of no length", NULL, TRACE SPAN "2200"},
    {"an unknown field", NULL, TRACE SPAN "fa0103616263"},
    {"no trace id", "an id is missing", SPAN},
    {"no span id", "an id is missing", TRACE},
    {"nothing", "an id is missing", ""},
    {"a trace id of zeros", "an id is zero", "0a1000000000000000000000000000000000" SPAN},
    {"a span id of zeros", "an id is zero", TRACE "12080000000000000000"},
    {"a parent of zeros", "an id is zero", TRACE SPAN "22080000000000000000"},
    {"a trace id of 15 bytes", "an id has the wrong length",
     "0a0f0000000000000000000000000000ff" SPAN},
    {"an empty span id", "an id has the wrong length", TRACE "1200"},
    {"a parent of 7 bytes", "an id has the wrong length", TRACE SPAN "2207000000000000aa"},
    {"a name that is not UTF-8", "a string is not UTF-8", TRACE SPAN "2a01e9"},
    {"a name past the end", "a length passes the end", TRACE SPAN "2a05616263"},
    {"a start of 7 bytes", "a number is cut", TRACE SPAN "3900000000000000"},
    {"a start that is a varint", "a field has the wrong type", TRACE SPAN "3805"},
    {"a kind of 11 bytes", "a number is cut or too long", TRACE SPAN "30ffffffffffffffffffff01"},
    {"field number 0", "a tag is malformed", TRACE SPAN "0005"},
    {"a tag without an end", "a tag is malformed", TRACE SPAN "ff"},
    {"a group", "an unknown field is malformed", TRACE SPAN "fb01fc01"},
    {"a link without ids", "an id is missing", TRACE SPAN "6a00"},
    {"a link with ids", NULL, TRACE SPAN "6a1c" TRACE SPAN},
    {"an event's attribute that is not UTF-8", "a string is not UTF-8",
     TRACE SPAN "5a051a030a01ff"},
};

static uint8_t hex_digit(char digit)
{
    return (uint8_t)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

static void spans_are_judged_by_otlps_rules(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof span_examples / sizeof span_examples[0]; i++) {
        const struct span_example *example = &span_examples[i];
        size_t size = strlen(example->hex) / 2;
        uint8_t *bytes = malloc(size + 1); /* its very size, but for malloc(0) */
        const char *problem;

        for (size_t byte = 0; byte < size; byte++)
            bytes[byte] = (uint8_t)(hex_digit(example->hex[2 * byte]) << 4 |
                                    hex_digit(example->hex[2 * byte + 1]));
        problem = otlp_walk(OTLP_SPAN, bytes, size, NULL, NULL, NULL);
        if ((problem == NULL) != (example->problem == NULL) ||
            (problem != NULL && strcmp(problem, example->problem) != 0))
            fail_msg("%s: %s", example->what, problem == NULL ? "passed" : problem);
        free(bytes);
    }
}

static void the_last_of_several_attributes_counts(void **state)
{
    static const char text[] = "\x0A\x08\x0A\x01k\x12\x03\x0A\x01"
                               "1"
                               "\x0A\x08\x0A\x01l\x12\x03\x0A\x01"
                               "2"
                               "\x0A\x08\x12\x03\x0A\x01"
                               "3\x0A\x01k"
                               "\x0A\x07\x0A\x01m\x12\x02\x18\x05"; /* an integer */
    const uint8_t *bytes = (const uint8_t *)text, *value;
    size_t value_bytes;

    (void)state;
    assert_true(otlp_find_string(OTLP_RESOURCE, bytes, sizeof text - 1, "k", &value, &value_bytes));
    assert_int_equal(value_bytes, 1);
    assert_int_equal(value[0], '3');
    assert_false(
        otlp_find_string(OTLP_RESOURCE, bytes, sizeof text - 1, "m", &value, &value_bytes));
    assert_false(
        otlp_find_string(OTLP_RESOURCE, bytes, sizeof text - 1, "n", &value, &value_bytes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_is_judged_as_the_c_library_does),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(spans_are_judged_by_otlps_rules),
        cmocka_unit_test(the_last_of_several_attributes_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
