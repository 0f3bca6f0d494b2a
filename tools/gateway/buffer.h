/* SPDX-License-Identifier: MIT */
/*
 * Bytes that grow. When memory runs out the buffer says so in `failed` and takes nothing more, so
 * that a caller may append many pieces and ask once. Zeroed is an empty buffer.
 */
#ifndef GW_BUFFER_H
#define GW_BUFFER_H

#include <pb_encode.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer {
    uint8_t *data;
    size_t size;
    size_t capacity;
    bool failed;
};

/* Frees the memory; the buffer is empty and usable again. */
void buffer_free(struct buffer *buffer);

/* Forgets the content and keeps the memory. */
void buffer_clear(struct buffer *buffer);

void buffer_append(struct buffer *buffer, const void *bytes, size_t size);
void buffer_append_text(struct buffer *buffer, const char *text);
void buffer_format(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A nanopb stream that appends to the buffer; to be used while `buffer` lives. */
pb_ostream_t buffer_ostream(struct buffer *buffer);

#endif
