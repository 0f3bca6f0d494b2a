/* SPDX-License-Identifier: MIT */
/*
 * A test harness that needs no stdio and no malloc, so that the same suite runs on a host and on a
 * bare board. A test is a function; a failed check is printed and the test goes on, so that one run
 * shows everything that is wrong.
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct check_test {
    const char *name;
    void (*run)(void);
} check_test;

#define CHECK_TEST(function)                                                                       \
    {                                                                                              \
#function, function                                                                        \
    }

/* Prints text; the platform brings it (check_host.c, check_board.c). */
void check_write(const char *text);

/* Runs `tests`, each between `before` and `after`, and adds to the sum. */
void check_run(const char *section, const check_test *tests, size_t count, void (*before)(void),
               void (*after)(void));

/* Prints `N passed, N failed, N skipped` and returns the exit status: 0 when nothing failed. */
int check_finish(void);

/* Gives up the running test without a failure; the macro below returns from it as well. */
void check_skip(const char *reason);

bool check_true(bool condition, const char *text, const char *file, int line);
bool check_equal(uint64_t actual, uint64_t expected, const char *text, const char *file, int line);
bool check_signed(int64_t actual, int64_t expected, const char *text, const char *file, int line);
bool check_bytes(const void *actual, size_t actual_length, const void *expected,
                 size_t expected_length, const char *text, const char *file, int line);
bool check_text(const char *actual, const char *expected, const char *text, const char *file,
                int line);

/* Every check says whether it held, so that a test can stop before it follows a bad pointer. */
#define CHECK(condition) check_true((condition), #condition, __FILE__, __LINE__)
#define CHECK_EQUAL(actual, expected)                                                              \
    check_equal((uint64_t)(actual), (uint64_t)(expected), #actual, __FILE__, __LINE__)
#define CHECK_SIGNED(actual, expected)                                                             \
    check_signed((int64_t)(actual), (int64_t)(expected), #actual, __FILE__, __LINE__)
#define CHECK_BYTES(actual, actual_length, expected, expected_length)                              \
    check_bytes((actual), (actual_length), (expected), (expected_length), #actual, __FILE__,       \
                __LINE__)
#define CHECK_TEXT(actual, expected) check_text((actual), (expected), #actual, __FILE__, __LINE__)

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!CHECK(condition)) {                                                                   \
            return;                                                                                \
        }                                                                                          \
    } while (0)

#define SKIP_UNLESS(condition)                                                                     \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            check_skip("needs " #condition);                                                       \
            return;                                                                                \
        }                                                                                          \
    } while (0)

#endif
