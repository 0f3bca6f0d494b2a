/* SPDX-License-Identifier: MIT */
/*
 * Encodes frames for test_uart.py. Standard input is a sequence of cases, standard output one
 * answer for each; numbers are 32-bit little-endian.
 *
 *   case    way, capacity_bytes, text_bytes, piece_count, the length of each piece, text, pieces
 *   answer  length_bytes, bytes for the wire, 1 if the frame came back exactly once, else 0
 *
 * way 0: otel_uart_frame_copy into `capacity_bytes`
 *     1: otel_uart_send, and text after it
 *     2: text queued, then the frame, then the same text again; pulled by `capacity_bytes`
 *     3: as 2, but each byte of the second text is queued when another piece was pulled
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "otel_port.h"
#include "otel_uart.h"

enum { PIECES_MAX = 4096, BYTES_MAX = 1 << 20, QUEUE_BYTES = 64 };

struct otel_frame {
    size_t piece_count;
    otel_slice pieces[PIECES_MAX];
};

static otel_frame frame;
static uint8_t wire[BYTES_MAX];
static size_t wire_bytes;
static char text[QUEUE_BYTES];
static size_t text_bytes;
static unsigned frames_done;
static unsigned starts;
static unsigned lock_depth;

uintptr_t otel_port_lock(void)
{
    if (lock_depth++ != 0) {
        fputs("the lock was taken twice\n", stderr);
        exit(1);
    }
    return 1;
}

void otel_port_unlock(uintptr_t state)
{
    lock_depth -= (unsigned)state;
}

size_t otel_frame_length(const otel_frame *of)
{
    size_t length = 0;
    for (size_t i = 0; i < of->piece_count; i++) {
        length += of->pieces[i].length;
    }
    return length;
}

otel_slice otel_frame_next(const otel_frame *of, otel_frame_cursor *cursor)
{
    const otel_slice end = {NULL, 0};
    return cursor->position < of->piece_count ? of->pieces[cursor->position++] : end;
}

void otel_frame_done(bool delivered)
{
    frames_done += delivered ? 1 : 1000;
}

static bool read_bytes(void *to, size_t length)
{
    return fread(to, 1, length, stdin) == length;
}

static uint32_t read_number(void)
{
    uint8_t bytes[4];
    if (!read_bytes(bytes, sizeof bytes)) {
        fputs("a case is cut off\n", stderr);
        exit(1);
    }
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static void write_number(uint32_t number)
{
    for (unsigned shift = 0; shift < 32; shift += 8) {
        putchar((int)(number >> shift & 0xFF));
    }
}

static void append(void *user, const uint8_t *bytes, size_t length)
{
    (void)user;
    if (lock_depth != 0 || length > sizeof wire - wire_bytes) {
        fputs("written under the lock, or too much\n", stderr);
        exit(1);
    }
    memcpy(wire + wire_bytes, bytes, length);
    wire_bytes += length;
}

static void count_start(void *user)
{
    (void)user;
    starts++;
}

/* Each piece in memory of its own, so that a sanitizer sees a read beyond its end. */
static void read_pieces(void)
{
    static uint32_t lengths[PIECES_MAX];
    for (size_t i = 0; i < frame.piece_count; i++) {
        lengths[i] = read_number();
    }
    if (!read_bytes(text, text_bytes)) {
        exit(1);
    }
    for (size_t i = 0; i < frame.piece_count; i++) {
        uint8_t *const piece = malloc(lengths[i]);
        if (piece == NULL || !read_bytes(piece, lengths[i])) {
            exit(1);
        }
        frame.pieces[i].bytes = piece;
        frame.pieces[i].length = lengths[i];
    }
}

static void free_pieces(void)
{
    for (size_t i = 0; i < frame.piece_count; i++) {
        union {
            const uint8_t *constant;
            uint8_t *memory;
        } piece = {.constant = frame.pieces[i].bytes};
        free(piece.memory);
    }
}

static void encode_copied(size_t capacity)
{
    uint8_t *const exactly = malloc(capacity);
    const size_t length = otel_uart_frame_copy(&frame, exactly, capacity);
    append(NULL, exactly, length);
    free(exactly);
    frames_done = 1;
}

static void encode_written(void)
{
    otel_uart uart = {.write = append};
    const otel_transport transport = OTEL_UART_TRANSPORT(&uart);
    frames_done = transport.send(transport.self, &frame) == OTEL_SEND_DONE;
    if (otel_uart_console_write(&uart, text, text_bytes) != text_bytes) {
        frames_done = 0;
    }
}

static void encode_pulled(size_t capacity, bool text_trickles)
{
    char queue[QUEUE_BYTES];
    otel_uart_pulled uart = {.start = count_start, .text = queue, .text_bytes = sizeof queue};
    const otel_transport transport = OTEL_UART_PULLED_TRANSPORT(&uart);
    uint8_t *const exactly = malloc(capacity);
    size_t length;
    size_t queued = 0;
    starts = 0;
    if (otel_uart_pull(&uart, exactly, capacity) != 0 ||
        otel_uart_pulled_console_write(&uart, text, text_bytes) != text_bytes ||
        transport.send(transport.self, &frame) != OTEL_SEND_TAKEN ||
        transport.send(transport.self, &frame) != OTEL_SEND_BUSY || starts != 1) {
        exit(1);
    }
    if (!text_trickles) {
        queued = otel_uart_pulled_console_write(&uart, text, text_bytes);
    }
    while ((length = otel_uart_pull(&uart, exactly, capacity)) != 0 || queued < text_bytes) {
        append(NULL, exactly, length);
        if (queued < text_bytes) {
            queued += otel_uart_pulled_console_write(&uart, text + queued, 1);
        }
    }
    free(exactly);
}

static void write_answer(void)
{
    write_number((uint32_t)wire_bytes);
    fwrite(wire, 1, wire_bytes, stdout);
    write_number(frames_done == 1);
}

int main(void)
{
    int first;
    while ((first = getchar()) != EOF) {
        ungetc(first, stdin);
        const uint32_t way = read_number();
        const uint32_t capacity = read_number();
        text_bytes = read_number();
        frame.piece_count = read_number();
        wire_bytes = 0;
        frames_done = 0;
        if (text_bytes > sizeof text || frame.piece_count > PIECES_MAX) {
            return 1;
        }
        read_pieces();
        switch (way) {
        case 0:
            encode_copied(capacity);
            break;
        case 1:
            encode_written();
            break;
        default:
            encode_pulled(capacity, way == 3);
            break;
        }
        write_answer();
        free_pieces();
    }
    return lock_depth == 0 ? 0 : 1;
}
