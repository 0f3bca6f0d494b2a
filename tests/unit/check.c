/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <string.h>

/* A test that fails in a loop would otherwise fill a slow UART. */
enum { FAILURES_SHOWN_PER_TEST = 5 };

static struct {
    unsigned passed;
    unsigned failed;
    unsigned skipped;
    unsigned failures_of_test;
    bool skip;
    const char *section;
    const char *test;
} results;

static void write_unsigned(uint64_t value)
{
    char digits[21];
    size_t at = sizeof digits - 1;

    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + (int)(value % 10u));
        value /= 10u;
    } while (value != 0);
    check_write(&digits[at]);
}

static void write_signed(int64_t value)
{
    if (value < 0) {
        check_write("-");
        write_unsigned(0u - (uint64_t)value);
    } else {
        write_unsigned((uint64_t)value);
    }
}

static void write_hex(const void *bytes, size_t length)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *byte = bytes;
    const size_t shown = length < 64 ? length : 64;

    for (size_t i = 0; i < shown; i++) {
        const char text[3] = {digits[byte[i] >> 4], digits[byte[i] & 15u], '\0'};
        check_write(text);
    }
    if (shown < length) {
        check_write("...");
    }
}

/* Returns whether there is room for the failure's details. */
static bool report(const char *text, const char *file, int line)
{
    results.failures_of_test++;
    if (results.failures_of_test > FAILURES_SHOWN_PER_TEST) {
        return false;
    }
    check_write(file);
    check_write(":");
    write_unsigned((uint64_t)line);
    check_write(": ");
    check_write(results.section);
    check_write(".");
    check_write(results.test);
    check_write(": ");
    check_write(text);
    return true;
}

bool check_true(bool condition, const char *text, const char *file, int line)
{
    if (!condition && report(text, file, line)) {
        check_write(" is false\n");
    }
    return condition;
}

bool check_equal(uint64_t actual, uint64_t expected, const char *text, const char *file, int line)
{
    if (actual != expected && report(text, file, line)) {
        check_write(" is ");
        write_unsigned(actual);
        check_write(", expected ");
        write_unsigned(expected);
        check_write("\n");
    }
    return actual == expected;
}

bool check_signed(int64_t actual, int64_t expected, const char *text, const char *file, int line)
{
    if (actual != expected && report(text, file, line)) {
        check_write(" is ");
        write_signed(actual);
        check_write(", expected ");
        write_signed(expected);
        check_write("\n");
    }
    return actual == expected;
}

bool check_bytes(const void *actual, size_t actual_length, const void *expected,
                 size_t expected_length, const char *text, const char *file, int line)
{
    const bool same = actual_length == expected_length &&
                      (expected_length == 0 ||
                       (actual != NULL && memcmp(actual, expected, expected_length) == 0));

    if (!same && report(text, file, line)) {
        check_write(" is ");
        write_unsigned(actual_length);
        check_write(" bytes ");
        write_hex(actual, actual == NULL ? 0 : actual_length);
        check_write(", expected ");
        write_unsigned(expected_length);
        check_write(" bytes ");
        write_hex(expected, expected_length);
        check_write("\n");
    }
    return same;
}

bool check_text(const char *actual, const char *expected, const char *text, const char *file,
                int line)
{
    return check_bytes(actual, actual == NULL ? 0 : strlen(actual), expected, strlen(expected),
                       text, file, line);
}

void check_skip(const char *reason)
{
    check_write(results.section);
    check_write(".");
    check_write(results.test);
    check_write(": skipped, ");
    check_write(reason);
    check_write("\n");
    results.skip = true;
}

void check_run(const char *section, const check_test *tests, size_t count, void (*before)(void),
               void (*after)(void))
{
    for (size_t i = 0; i < count; i++) {
        results.section = section;
        results.test = tests[i].name;
        results.failures_of_test = 0;
        results.skip = false;
        before();
        tests[i].run();
        after();
        if (results.failures_of_test != 0) {
            results.failed++;
        } else if (results.skip) {
            results.skipped++;
        } else {
            results.passed++;
        }
    }
}

int check_finish(void)
{
    write_unsigned(results.passed);
    check_write(" passed, ");
    write_unsigned(results.failed);
    check_write(" failed, ");
    write_unsigned(results.skipped);
    check_write(" skipped\n");
    return results.failed == 0 && results.passed != 0 ? 0 : 1;
}
