/* SPDX-License-Identifier: MIT */
#include "otel_uart.h"

/* A port may give its critical section as macros, see otel_port.h. */
#ifdef OTEL_CONFIG_FILE
#include OTEL_CONFIG_FILE
#endif
#include "otel_port.h"

enum { BLOCK_RUN_MAX = 254, MARKS_MAX = 8 };

/* ---- runs of bytes ------------------------------------------------------------------------- */

#if !defined(OTEL_UART_BYTEWISE) && defined(__GNUC__) &&                                           \
    (defined(__ARM_FEATURE_UNALIGNED) || defined(__x86_64__))
#define WORDS_ANYWHERE 1
typedef uint32_t __attribute__((may_alias, aligned(1))) word_anywhere;

static bool has_zero_byte(uint32_t word)
{
    return ((word - 0x01010101u) & ~word & 0x80808080u) != 0;
}
#else
#define WORDS_ANYWHERE 0
#endif

/* How many of the `length_bytes` bytes are before the first zero byte. */
static size_t length_before_zero(const uint8_t *bytes, size_t length_bytes)
{
    const uint8_t *at = bytes;
    const uint8_t *const end = bytes + length_bytes;
#if WORDS_ANYWHERE
    if (length_bytes >= 4) {
        do {
            if (has_zero_byte(*(const word_anywhere *)at)) {
                break;
            }
            at += 4;
        } while (at <= end - 4);
    }
#endif
    while (at != end && *at != 0) {
        at++;
    }
    return (size_t)(at - bytes);
}

static void copy(uint8_t *to, const uint8_t *from, size_t length_bytes)
{
    const uint8_t *const end = from + length_bytes;
#if WORDS_ANYWHERE
    while (end - from >= 4) {
        *(word_anywhere *)to = *(const word_anywhere *)from;
        to += 4;
        from += 4;
    }
#endif
    while (from != end) {
        *to++ = *from++;
    }
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* ---- COBS ---------------------------------------------------------------------------------- */

/*
 * A block is a code byte and the run of up to 254 non-zero bytes that follows it: code = run + 1. A
 * code below 255 also stands for a zero byte behind the run, except in the last block.
 */

/* Where nothing is to be resumed, the code is written when its run is known: one pass. */
typedef struct block_writer {
    uint8_t *code; /* of the open block */
    uint8_t *at;
    bool after_full_block;
} block_writer;

/* Copies up to and with the first zero byte, or up to `stop`. Returns where it ended in `from`. */
static const uint8_t *copy_through_zero(block_writer *writer, const uint8_t *from,
                                        const uint8_t *stop)
{
    uint8_t *at = writer->at;
    uint8_t byte = 1;
#if WORDS_ANYWHERE
    while (stop - from >= 4) {
        const uint32_t word = *(const word_anywhere *)from;
        if (has_zero_byte(word)) {
            break;
        }
        *(word_anywhere *)at = word;
        at += 4;
        from += 4;
    }
#endif
    while (from != stop && byte != 0) {
        byte = *from++;
        *at++ = byte;
    }
    writer->at = at;
    return from;
}

static void write_piece(block_writer *writer, otel_slice piece)
{
    const uint8_t *from = piece.bytes;
    const uint8_t *const end = from + piece.length;
    while (from != end) {
        const size_t room = (size_t)(writer->code + 1 + BLOCK_RUN_MAX - writer->at);
        from = copy_through_zero(writer, from, from + smaller((size_t)(end - from), room));
        if (from[-1] == 0) {
            /* The next code takes the place of the zero byte. */
            *writer->code = (uint8_t)(writer->at - 1 - writer->code);
            writer->code = writer->at - 1;
            writer->after_full_block = false;
        } else if (writer->at == writer->code + 1 + BLOCK_RUN_MAX) {
            *writer->code = BLOCK_RUN_MAX + 1;
            writer->code = writer->at++;
            writer->after_full_block = true;
        }
    }
}

size_t otel_uart_frame_copy(const otel_frame *frame, uint8_t *out, size_t capacity_bytes)
{
    const size_t frame_bytes = otel_frame_length(frame);
    if (capacity_bytes < OTEL_UART_ENCODED_BYTES_MAX(frame_bytes)) {
        return 0;
    }
    block_writer writer = {out + 1, out + 2, false};
    otel_frame_cursor cursor = {0, 0, 0, 0, NULL};
    otel_slice piece = otel_frame_next(frame, &cursor);
    out[0] = 0;
    while (piece.length != 0) {
        write_piece(&writer, piece);
        piece = otel_frame_next(frame, &cursor);
    }
    if (writer.after_full_block && writer.at == writer.code + 1) {
        writer.at--; /* no empty block behind a full one */
    } else {
        *writer.code = (uint8_t)(writer.at - writer.code);
    }
    *writer.at++ = 0;
    return (size_t)(writer.at - out);
}

/* Where it is not, the code has to come first: the frame is searched for the end of the run, and
 * copied from the same place. */
static void next_piece_if_empty(const otel_frame *frame, otel_frame_cursor *cursor,
                                otel_slice *piece)
{
    if (piece->length == 0) {
        *piece = otel_frame_next(frame, cursor);
    }
}

static void advance(otel_slice *slice, size_t length_bytes)
{
    slice->bytes += length_bytes;
    slice->length -= length_bytes;
}

/* A block, and what follows its run. */
typedef struct block {
    uint8_t run;
    uint8_t after;
} block;

enum {
    AFTER_RUN_ZERO,  /* a zero byte, for which the block stands */
    AFTER_RUN_BLOCK, /* the run is as long as can be: more of it, or nothing */
    AFTER_RUN_END    /* the end of the frame */
};

/* The block that begins with `rest` and goes on at `cursor`. */
static block search_block(const otel_frame *frame, const otel_frame_cursor *cursor,
                          const otel_slice *rest)
{
    otel_slice ahead = *rest;
    otel_frame_cursor ahead_cursor = *cursor;
    block found = {0, AFTER_RUN_END};
    while (ahead.length != 0) {
        const size_t limit = smaller(ahead.length, BLOCK_RUN_MAX - (size_t)found.run);
        const size_t length = length_before_zero(ahead.bytes, limit);
        found.run = (uint8_t)(found.run + length);
        if (length != limit) {
            found.after = AFTER_RUN_ZERO;
            break;
        }
        if (found.run == BLOCK_RUN_MAX) {
            found.after = AFTER_RUN_BLOCK;
            break;
        }
        ahead = otel_frame_next(frame, &ahead_cursor);
    }
    return found;
}

/* ---- a frame as a stream of encoded bytes -------------------------------------------------- */

enum {
    STAGE_OPEN,       /* nothing is encoded yet */
    STAGE_AFTER_ZERO, /* the block before stands for a zero byte, which the copy has to skip */
    STAGE_AFTER_FULL, /* the block before, if any, does not: nothing left means no further block */
    STAGE_CLOSE,      /* the frame ends with the block before */
    STAGE_DONE
};

/* The byte between two runs: a delimiter or a code. */
static uint8_t next_mark(otel_uart_encoder *encoder)
{
    static const uint8_t stage_after[] = {STAGE_AFTER_ZERO, STAGE_AFTER_FULL, STAGE_CLOSE};
    const uint8_t before = encoder->stage;
    if (before == STAGE_OPEN) {
        encoder->stage = STAGE_AFTER_FULL;
        return 0;
    }
    if (before == STAGE_AFTER_ZERO) {
        next_piece_if_empty(encoder->frame, &encoder->cursor, &encoder->rest);
        advance(&encoder->rest, 1);
    }
    next_piece_if_empty(encoder->frame, &encoder->cursor, &encoder->rest);
    if (before == STAGE_CLOSE || (before == STAGE_AFTER_FULL && encoder->rest.length == 0)) {
        encoder->stage = STAGE_DONE;
        return 0;
    }
    const block next = search_block(encoder->frame, &encoder->cursor, &encoder->rest);
    encoder->run_left = next.run;
    encoder->stage = stage_after[next.after];
    return (uint8_t)(encoder->run_left + 1u);
}

void otel_uart_encode_start(otel_uart_encoder *encoder, const otel_frame *frame)
{
    uint8_t *const bytes = (uint8_t *)encoder;
    for (size_t i = 0; i < sizeof *encoder; i++) {
        bytes[i] = 0;
    }
    encoder->frame = frame;
}

size_t otel_uart_encode(otel_uart_encoder *encoder, uint8_t *out, size_t capacity_bytes)
{
    uint8_t *at = out;
    uint8_t *const end = out + capacity_bytes;
    while (at != end) {
        if (encoder->run_left != 0) {
            next_piece_if_empty(encoder->frame, &encoder->cursor, &encoder->rest);
            const size_t length =
                smaller(smaller(encoder->run_left, encoder->rest.length), (size_t)(end - at));
            copy(at, encoder->rest.bytes, length);
            at += length;
            advance(&encoder->rest, length);
            encoder->run_left = (uint8_t)(encoder->run_left - length);
        } else if (encoder->stage != STAGE_DONE) {
            *at++ = next_mark(encoder);
        } else {
            break;
        }
    }
    return (size_t)(at - out);
}

bool otel_uart_encode_is_done(const otel_uart_encoder *encoder)
{
    return encoder->stage == STAGE_DONE;
}

/* ---- an output function that waits --------------------------------------------------------- */

/* The wire belongs to one frame or one text at a time. */
static bool claim(volatile bool *claimed)
{
    const uintptr_t state = otel_port_lock();
    const bool was_claimed = *claimed;
    *claimed = true;
    otel_port_unlock(state);
    return !was_claimed;
}

static void write_run(const otel_uart *uart, const otel_frame *frame, otel_frame_cursor *cursor,
                      otel_slice *rest, size_t run)
{
    while (run != 0) {
        const size_t length = smaller(run, rest->length);
        uart->write(uart->user, rest->bytes, length);
        run -= length;
        advance(rest, length);
        if (rest->length == 0) {
            *rest = otel_frame_next(frame, cursor);
        }
    }
}

/* Runs go out from where they lie. Zero bytes in a row are blocks without a run: their codes are
 * gathered, with the code of the run that follows. */
static void write_frame(const otel_uart *uart, const otel_frame *frame)
{
    otel_frame_cursor cursor = {0, 0, 0, 0, NULL};
    otel_slice rest = otel_frame_next(frame, &cursor); /* empty at the end of the frame only */
    uint8_t marks[MARKS_MAX] = {0};
    size_t mark_count = 1;
    block next;
    do {
        if (rest.length != 0 && *rest.bytes == 0) {
            next.run = 0;
            next.after = AFTER_RUN_ZERO;
        } else {
            next = search_block(frame, &cursor, &rest);
        }
        marks[mark_count++] = (uint8_t)(next.run + 1u);
        if (next.run != 0 || mark_count == MARKS_MAX) {
            uart->write(uart->user, marks, mark_count);
            mark_count = 0;
            write_run(uart, frame, &cursor, &rest, next.run);
        }
        if (next.after == AFTER_RUN_ZERO) {
            advance(&rest, 1);
            if (rest.length == 0) {
                rest = otel_frame_next(frame, &cursor);
            }
        }
    } while (next.after == AFTER_RUN_ZERO || (next.after == AFTER_RUN_BLOCK && rest.length != 0));
    marks[mark_count++] = 0;
    uart->write(uart->user, marks, mark_count);
}

static void release(volatile bool *claimed)
{
    const uintptr_t state = otel_port_lock();
    *claimed = false;
    otel_port_unlock(state);
}

otel_send_result otel_uart_send(void *self, const otel_frame *frame)
{
    otel_uart *const uart = self;
    if (!claim(&uart->writing)) {
        return OTEL_SEND_BUSY;
    }
    write_frame(uart, frame);
    release(&uart->writing);
    return OTEL_SEND_DONE;
}

size_t otel_uart_console_write(otel_uart *uart, const char *text, size_t length_bytes)
{
    if (!claim(&uart->writing)) {
        return 0;
    }
    uart->write(uart->user, (const uint8_t *)text, length_bytes);
    release(&uart->writing);
    return length_bytes;
}

/* ---- pulled by interrupt or DMA ------------------------------------------------------------ */

/* Lock held. Says whether the wire was idle, and that it is not any more. */
static bool begin_running(otel_uart_pulled *uart)
{
    const bool was_idle = !uart->running;
    uart->running = true;
    return was_idle;
}

static bool has_frame(const otel_uart_pulled *uart)
{
    const uintptr_t state = otel_port_lock();
    const bool it_has = uart->has_frame;
    otel_port_unlock(state);
    return it_has;
}

otel_send_result otel_uart_pulled_send(void *self, const otel_frame *frame)
{
    otel_uart_pulled *const uart = self;
    if (has_frame(uart)) {
        return OTEL_SEND_BUSY;
    }
    otel_uart_encode_start(&uart->encoder, frame);
    const uintptr_t state = otel_port_lock();
    uart->text_before_frame = uart->text_waiting;
    uart->has_frame = true;
    const bool was_idle = begin_running(uart);
    otel_port_unlock(state);
    if (was_idle) {
        uart->start(uart->user);
    }
    return OTEL_SEND_TAKEN;
}

/* What may leave now. */
typedef struct due {
    size_t
        text_bytes; /* all that waits or, if there is a frame, what waited before it; in one piece */
    bool frame;
} due;

static due find_due(const otel_uart_pulled *uart)
{
    due found;
    const uintptr_t state = otel_port_lock();
    found.frame = uart->has_frame;
    found.text_bytes = found.frame ? uart->text_before_frame : uart->text_waiting;
    otel_port_unlock(state);
    found.text_bytes = smaller(found.text_bytes, uart->text_bytes - uart->text_first);
    return found;
}

static void pull_text(otel_uart_pulled *uart, uint8_t *out, size_t length_bytes)
{
    copy(out, (const uint8_t *)uart->text + uart->text_first, length_bytes);
    const uintptr_t state = otel_port_lock();
    uart->text_first += length_bytes;
    if (uart->text_first == uart->text_bytes) {
        uart->text_first = 0;
    }
    uart->text_waiting -= length_bytes;
    if (uart->has_frame) {
        uart->text_before_frame -= length_bytes;
    }
    otel_port_unlock(state);
}

static size_t pull_frame(otel_uart_pulled *uart, uint8_t *out, size_t capacity_bytes)
{
    const size_t length = otel_uart_encode(&uart->encoder, out, capacity_bytes);
    if (otel_uart_encode_is_done(&uart->encoder)) {
        release(&uart->has_frame);
        otel_frame_done(true);
    }
    return length;
}

/* Text or frame, whatever is due; 0 when nothing is. */
static size_t pull_piece(otel_uart_pulled *uart, uint8_t *out, size_t capacity_bytes)
{
    const due now = find_due(uart);
    const size_t text_bytes = smaller(now.text_bytes, capacity_bytes);
    if (text_bytes != 0) {
        pull_text(uart, out, text_bytes);
        return text_bytes;
    }
    return now.frame ? pull_frame(uart, out, capacity_bytes) : 0;
}

/* The wire is idle unless something came in since pull_piece() found nothing. */
static bool end_running(otel_uart_pulled *uart)
{
    const uintptr_t state = otel_port_lock();
    uart->running = uart->has_frame || uart->text_waiting != 0;
    const bool is_idle = !uart->running;
    otel_port_unlock(state);
    return is_idle;
}

size_t otel_uart_pull(otel_uart_pulled *uart, uint8_t *out, size_t capacity_bytes)
{
    size_t filled = 0;
    while (filled < capacity_bytes) {
        const size_t piece = pull_piece(uart, out + filled, capacity_bytes - filled);
        filled += piece;
        if (piece == 0 && (filled != 0 || end_running(uart))) {
            break;
        }
    }
    return filled;
}

bool otel_uart_pulled_is_idle(const otel_uart_pulled *uart)
{
    const uintptr_t state = otel_port_lock();
    const bool is_idle = !uart->running;
    otel_port_unlock(state);
    return is_idle;
}

static void queue_text(otel_uart_pulled *uart, size_t at, const char *text, size_t length_bytes)
{
    const size_t until_wrap = smaller(length_bytes, uart->text_bytes - at);
    copy((uint8_t *)uart->text + at, (const uint8_t *)text, until_wrap);
    copy((uint8_t *)uart->text, (const uint8_t *)text + until_wrap, length_bytes - until_wrap);
}

size_t otel_uart_pulled_console_write(otel_uart_pulled *uart, const char *text, size_t length_bytes)
{
    if (!claim(&uart->text_claimed)) {
        return 0;
    }
    uintptr_t state = otel_port_lock();
    const size_t taken = smaller(length_bytes, uart->text_bytes - uart->text_waiting);
    size_t at = uart->text_first + uart->text_waiting; /* a pull moves text_first, not the sum */
    otel_port_unlock(state);
    if (at >= uart->text_bytes) {
        at -= uart->text_bytes;
    }
    queue_text(uart, at, text, taken);
    state = otel_port_lock();
    uart->text_waiting += taken;
    uart->text_claimed = false;
    const bool must_start = taken != 0 && begin_running(uart);
    otel_port_unlock(state);
    if (must_start) {
        uart->start(uart->user);
    }
    return taken;
}
