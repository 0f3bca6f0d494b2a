/* SPDX-License-Identifier: MIT */
/*
 * A thread that sends frames, one that prints lines, one that prints dots, and one that pulls, all
 * at once, with the lock of ports/posix. Frames and lines must come out whole and in order, and no
 * dot may be lost. Under ThreadSanitizer.
 */
#define _POSIX_C_SOURCE 200809L

#include "check.h"
#include "otel_port.h"
#include "otel_uart.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

enum {
    FRAMES = 10000,
    LINES = 10000,
    DOTS = 10000,
    PRINTERS = 2,
    WIRE_BYTES = 1 << 21,
    QUEUE_BYTES = 96
};

/* The frame of number n is "\xF7" and n in decimal, n % 20 times, without a zero byte. */
struct otel_frame {
    unsigned number;
    char text[256];
    size_t length;
};

static otel_frame frame;
static pthread_mutex_t done_mutex = PTHREAD_MUTEX_INITIALIZER;
static unsigned frames_done;
static unsigned printers_done;
static uint8_t wire[WIRE_BYTES];
static size_t wire_bytes;
static char text_queue[QUEUE_BYTES];
static bool idle = true; /* between a pull of nothing and the next start */
static unsigned false_starts;

static void start(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&done_mutex);
    false_starts += !idle;
    idle = false;
    pthread_mutex_unlock(&done_mutex);
}

static otel_uart_pulled uart = {
    .start = start, .text = text_queue, .text_bytes = sizeof text_queue};
static const otel_transport transport = OTEL_UART_PULLED_TRANSPORT(&uart);

size_t otel_frame_length(const otel_frame *of)
{
    return of->length;
}

otel_slice otel_frame_next(const otel_frame *of, otel_frame_cursor *cursor)
{
    const otel_slice piece = {(const uint8_t *)of->text + cursor->position,
                              of->length - cursor->position};
    cursor->position = (uint32_t)of->length;
    return piece;
}

static unsigned read_under_mutex(const unsigned *number)
{
    pthread_mutex_lock(&done_mutex);
    const unsigned value = *number;
    pthread_mutex_unlock(&done_mutex);
    return value;
}

static void add_under_mutex(unsigned *number)
{
    pthread_mutex_lock(&done_mutex);
    ++*number;
    pthread_mutex_unlock(&done_mutex);
}

void otel_frame_done(bool delivered)
{
    if (delivered) {
        add_under_mutex(&frames_done);
    }
}

static size_t fill_frame(char *to, unsigned number)
{
    size_t length = 1;
    to[0] = (char)0xF7;
    for (unsigned i = 0; i <= number % 20; i++) {
        length += (size_t)sprintf(to + length, "%u", number);
    }
    return length;
}

static void *send_frames(void *unused)
{
    for (unsigned i = 0; i < FRAMES; i++) {
        while (read_under_mutex(&frames_done) != i) {
            sched_yield();
        }
        frame.length = fill_frame(frame.text, i);
        CHECK_EQUAL(transport.send(transport.self, &frame), OTEL_SEND_TAKEN);
    }
    return unused;
}

static void print(const char *text, size_t length)
{
    size_t written = 0;
    while (written < length) {
        written += otel_uart_pulled_console_write(&uart, text + written, length - written);
        sched_yield();
    }
}

static void *print_lines(void *unused)
{
    for (unsigned i = 0; i < LINES; i++) {
        char line[32];
        print(line, (size_t)sprintf(line, "line %u\n", i));
    }
    add_under_mutex(&printers_done);
    return unused;
}

static void *print_dots(void *unused)
{
    for (unsigned i = 0; i < DOTS; i++) {
        print(".", 1);
    }
    add_under_mutex(&printers_done);
    return unused;
}

/* A wire that is idle is not pulled from before it is started. */
static void *pull(void *unused)
{
    unsigned seed = 1;
    for (;;) {
        const bool all_done = read_under_mutex(&frames_done) == FRAMES &&
                              read_under_mutex(&printers_done) == PRINTERS;
        pthread_mutex_lock(&done_mutex);
        const bool may_pull = !idle;
        pthread_mutex_unlock(&done_mutex);
        if (!may_pull) {
            if (all_done && otel_uart_pulled_is_idle(&uart)) {
                return unused;
            }
            sched_yield();
            continue;
        }
        seed = seed * 1103515245u + 12345u;
        pthread_mutex_lock(&done_mutex);
        idle = true; /* before the pull: a start that comes in the middle of it counts */
        pthread_mutex_unlock(&done_mutex);
        const size_t got = otel_uart_pull(&uart, wire + wire_bytes, 1 + (seed >> 16) % 40);
        wire_bytes += got;
        if (got != 0) {
            pthread_mutex_lock(&done_mutex);
            idle = false;
            pthread_mutex_unlock(&done_mutex);
        }
    }
}

/* What came: text outside zero bytes, frames between them. None is longer than a COBS block. */
static void check_wire(void)
{
    static char text[WIRE_BYTES];
    size_t text_bytes = 0;
    unsigned frames = 0;
    unsigned dots = 0;
    for (size_t at = 0; at < wire_bytes; at++) {
        if (wire[at] == 0) {
            char expected[256];
            const size_t length = fill_frame(expected, frames++);
            REQUIRE(at + length + 2 < wire_bytes);
            CHECK_EQUAL(wire[at + 1], length + 1);
            CHECK_BYTES(wire + at + 2, length, expected, length);
            CHECK_EQUAL(wire[at + length + 2], 0);
            at += length + 2;
        } else if (wire[at] == '.') {
            dots++;
        } else {
            text[text_bytes++] = (char)wire[at];
        }
    }
    CHECK_EQUAL(frames, FRAMES);
    CHECK_EQUAL(dots, DOTS);
    const char *line = text;
    for (unsigned i = 0; i < LINES; i++) {
        char expected[32];
        const size_t length = (size_t)sprintf(expected, "line %u\n", i);
        CHECK_BYTES(line, length, expected, length);
        line += length;
    }
    CHECK_EQUAL(line - text, text_bytes);
}

static void frames_and_text_come_out_whole(void)
{
    static void *(*const functions[])(void *) = {send_frames, print_lines, print_dots, pull};
    pthread_t threads[4];
    for (unsigned i = 0; i < 4; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, functions[i], NULL) == 0);
    }
    for (unsigned i = 0; i < 4; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    CHECK_EQUAL(frames_done, FRAMES);
    CHECK_EQUAL(false_starts, 0);
    check_wire();
}

static void do_nothing(void)
{
}

int main(void)
{
    static const check_test tests[] = {CHECK_TEST(frames_and_text_come_out_whole)};
    check_run("uart_threads", tests, 1, do_nothing, do_nothing);
    return check_finish();
}
