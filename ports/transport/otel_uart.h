/* SPDX-License-Identifier: MIT */
/*
 * otel_uart.h - frames as COBS over anything that carries bytes: UART, USB CDC, RTT, TCP, a file
 *
 * Every frame is sent between two zero bytes and has none inside (tools/gateway/LINK.md, Carriers),
 * so text printed on the same wire survives as long as it does not land in the middle of a frame.
 * The console functions below take care of that; text must be UTF-8 without zero bytes.
 *
 * Three ways, take one:
 *
 *   an output function that waits        the least code, the least RAM
 *     static otel_uart uart = { .write = board_write };
 *     const otel_transport board_uart = OTEL_UART_TRANSPORT(&uart);
 *
 *   pulled by interrupt or DMA           nobody waits, no second copy of the frame
 *     static otel_uart_pulled uart = { .start = board_start, .text = text, .text_bytes = 256 };
 *     const otel_transport board_uart = OTEL_UART_PULLED_TRANSPORT(&uart);
 *
 *   copied into a buffer                 for a transport of your own
 *     size_t length = otel_uart_frame_copy(frame, buffer, sizeof buffer);
 *
 * Words are read and written at any address where the compiler says that the core can; define
 * OTEL_UART_BYTEWISE for otel_uart.c where it must not (UNALIGN_TRP set, memory of a device).
 *
 * None of them receives: what comes down the wire is not for this version.
 */
#ifndef OTEL_UART_INCLUDED
#define OTEL_UART_INCLUDED

#include "otel.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- an output function that waits --------------------------------------------------------- */

/*
 * The first two fields are the application's, constant once otel_init was called; the rest starts as
 * zero and is private.
 *   write  Sends `length_bytes` bytes, at least 1, and returns when it needs `bytes` no longer. Called
 *          many times a frame, for what lies between two zero bytes; where each call is dear (a
 *          packet of USB), copy the frame into a buffer instead. From whoever calls otel_poll or
 *          otel_uart_console_write.
 */
typedef struct otel_uart {
    void (*write)(void *user, const uint8_t *bytes, size_t length_bytes);
    void *user;
    volatile bool writing;
} otel_uart;

/* Initialiser of the const otel_transport that sends on `uart`, a pointer. */
#define OTEL_UART_TRANSPORT(uart)                                                                  \
    {                                                                                              \
        otel_uart_send, NULL, (uart), 0                                                            \
    }

/*
 * Writes `length_bytes` of text between two frames and returns `length_bytes`, or writes nothing and
 * returns 0 when it was called in the middle of a frame or of another text, by an interrupt or by a
 * task that got in between. A frame that is due in the middle of the text waits for a later
 * otel_poll. Callers: task; ISR, if `write` may be called there.
 */
size_t otel_uart_console_write(otel_uart *uart, const char *text, size_t length_bytes);

/* For OTEL_UART_TRANSPORT. */
otel_send_result otel_uart_send(void *uart, const otel_frame *frame);

/* ---- a frame as a stream of encoded bytes -------------------------------------------------- */

/* Private; otel_uart_encode_start sets all of it. */
typedef struct otel_uart_encoder {
    const otel_frame *frame;
    otel_frame_cursor cursor; /* behind the piece that is being copied */
    otel_slice rest;          /* of that piece */
    uint8_t run_left;         /* of the block, still to be copied */
    uint8_t stage;
} otel_uart_encoder;

/* As many bytes as a frame of `frame_bytes` bytes can become, and a few more: COBS adds one byte for
 * each 254, but a division by a power of two is cheaper. */
#define OTEL_UART_ENCODED_BYTES_MAX(frame_bytes) ((frame_bytes) + (frame_bytes) / 128u + 3u)

/* Begins `frame`, which must stay as it is until the last byte was encoded. */
void otel_uart_encode_start(otel_uart_encoder *encoder, const otel_frame *frame);

/* Writes the next bytes for the wire and returns how many: `capacity_bytes`, or less where the frame
 * ends. Both zero bytes are among them. Callers: any, one at a time. */
size_t otel_uart_encode(otel_uart_encoder *encoder, uint8_t *out, size_t capacity_bytes);

/* True when the last byte was encoded. */
bool otel_uart_encode_is_done(const otel_uart_encoder *encoder);

/* The whole frame at once, faster than by otel_uart_encode. Returns the number of bytes, or 0 when
 * `capacity_bytes` is less than OTEL_UART_ENCODED_BYTES_MAX of the frame's length. */
size_t otel_uart_frame_copy(const otel_frame *frame, uint8_t *out, size_t capacity_bytes);

/* ---- pulled by interrupt or DMA ------------------------------------------------------------ */

/*
 * The first four fields are the application's, constant once otel_init was called; the rest starts
 * as zero and is private.
 *   start  The wire is idle and there is something for it: enable the transmit interrupt, or pull
 *          and start the DMA. Called once, until otel_uart_pull has returned 0 again. Any context.
 *   text   Room for console text that waits; NULL and 0 for none.
 */
typedef struct otel_uart_pulled {
    void (*start)(void *user);
    void *user;
    char *text;
    size_t text_bytes;
    otel_uart_encoder encoder;
    size_t text_first;        /* index of the first byte that waits */
    size_t text_waiting;      /* how many wait ... */
    size_t text_before_frame; /* ... and how many of them were there before the frame */
    volatile bool has_frame;
    volatile bool running;
    volatile bool text_claimed;
} otel_uart_pulled;

/* Initialiser of the const otel_transport whose frames are pulled from `uart`, a pointer. The frame
 * is the transport's (OTEL_SEND_TAKEN) until its last byte was pulled. */
#define OTEL_UART_PULLED_TRANSPORT(uart)                                                           \
    {                                                                                              \
        otel_uart_pulled_send, NULL, (uart), 0                                                     \
    }

/*
 * Gives the next bytes for the wire and returns how many; 0 means that the wire is idle until
 * `start` is called. With DMA, call it when a transfer is complete and from `start`. In a transmit
 * interrupt, disable the interrupt first, so that a `start` from a higher priority is not undone:
 *
 *     tx_interrupt_disable();
 *     if (otel_uart_pull(&uart, &byte, 1) != 0) { tx_interrupt_enable(); data_register = byte; }
 *
 * Callers: ISR or task, one at a time.
 */
size_t otel_uart_pull(otel_uart_pulled *uart, uint8_t *out, size_t capacity_bytes);

/*
 * Queues text and returns how many of its bytes were taken: fewer than `length_bytes` when `text` is
 * full, 0 when it was called in the middle of another call of it, by an interrupt or by a task that
 * got in between. Text and frames leave in the order of the calls; a frame is never split.
 * Callers: task, ISR.
 */
size_t otel_uart_pulled_console_write(otel_uart_pulled *uart, const char *text,
                                      size_t length_bytes);

/* True when every frame and all text was pulled. Callers: any. */
bool otel_uart_pulled_is_idle(const otel_uart_pulled *uart);

/* For OTEL_UART_PULLED_TRANSPORT. */
otel_send_result otel_uart_pulled_send(void *uart, const otel_frame *frame);

#ifdef __cplusplus
}
#endif
#endif /* OTEL_UART_INCLUDED */
