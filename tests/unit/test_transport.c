/* SPDX-License-Identifier: MIT */
#include "test_transport.h"

#include "test_port.h"

#include OTEL_CONFIG_FILE

#include <string.h>

test_transport wire;
otel_transport wire_transport;

static uint8_t arena[TEST_ARENA_BYTES];

/* Whether the pieces of the frame, one after the other, are these bytes. */
static bool pieces_match(const otel_frame *frame, const uint8_t *bytes, size_t length)
{
    otel_frame_cursor cursor;
    size_t at = 0;

    memset(&cursor, 0, sizeof cursor);
    for (;;) {
        otel_frame_cursor copy = cursor;
        const otel_slice piece = otel_frame_next(frame, &cursor);
        const otel_slice again = otel_frame_next(frame, &copy);

        if (again.bytes != piece.bytes || again.length != piece.length) {
            return false;
        }
        if (piece.length == 0) {
            return at == length;
        }
        if (piece.length > length - at || memcmp(piece.bytes, &bytes[at], piece.length) != 0) {
            return false;
        }
        at += piece.length;
    }
}

static void remember(const otel_frame *frame)
{
    const size_t length = otel_frame_length(frame);
    uint8_t *const bytes = &arena[wire.arena_used];
    const size_t room = sizeof arena - wire.arena_used;

    if (wire.frame_count == TEST_FRAME_COUNT || length > room) {
        wire.frames_not_remembered++;
        return;
    }
    if (otel_frame_copy(frame, bytes, length - 1) != 0 ||
        otel_frame_copy(frame, bytes, length) != length || !pieces_match(frame, bytes, length)) {
        wire.pieces_wrong++;
    }
    wire.frames[wire.frame_count].bytes = bytes;
    wire.frames[wire.frame_count].length = length;
    wire.frame_count++;
    wire.arena_used += length;
}

static otel_send_result next_answer(void)
{
    const otel_send_result answer = wire.answer;

    if (wire.answers_until_done != 0 && --wire.answers_until_done == 0) {
        wire.answer = OTEL_SEND_DONE;
    }
    return answer;
}

static otel_send_result send_frame(void *self, const otel_frame *frame)
{
    const otel_send_result answer = next_answer();

    test_port_outside_lock();
    wire.sends++;
    wire.frame = frame;
    if (self != &wire || wire.owns_frame) {
        wire.pieces_wrong++;
    }
    if (wire.on_send != NULL) {
        wire.on_send();
    }
    if (answer == OTEL_SEND_DONE || answer == OTEL_SEND_TAKEN) {
        wire.frames_accepted++;
        remember(frame);
    }
    wire.owns_frame = answer == OTEL_SEND_TAKEN;
    return answer;
}

static size_t receive_frame(void *self, uint8_t *buffer, size_t capacity)
{
    const size_t length = wire.incoming_length;

    test_port_outside_lock();
    wire.incoming_length = 0;
    if (self != &wire || length > capacity) {
        return 0;
    }
    if (length != 0) {
        memcpy(buffer, wire.incoming, length);
    }
    return length;
}

void test_transport_reset(void)
{
    memset(&wire, 0, sizeof wire);
    wire_transport.send = send_frame;
    wire_transport.receive = receive_frame;
    wire_transport.self = &wire;
    wire_transport.frame_bytes_max = 0;
}

void test_transport_forget(void)
{
    wire.frame_count = 0;
    wire.arena_used = 0;
}

void test_transport_release(bool delivered)
{
    wire.owns_frame = false;
    otel_frame_done(delivered);
}
