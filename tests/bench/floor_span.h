/* SPDX-License-Identifier: MIT */
/*
 * The floor: the least code that turns calls into the bytes of a span. Setters write OTLP at once
 * into one static buffer; every length is below 128; nothing is checked, locked, counted or
 * limited; a batch is a copy.
 */
#ifndef FLOOR_SPAN_H
#define FLOOR_SPAN_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint8_t trace_id[16];
    uint8_t span_id[8];
} floor_context;

void floor_start(const char *name, size_t name_bytes, unsigned kind, const floor_context *parent,
                 uint64_t span_id, uint64_t now_ns);
void floor_set_str(const char *key, size_t key_bytes, const char *value, size_t value_bytes);
void floor_set_i64(const char *key, size_t key_bytes, int64_t value);
void floor_set_bool(const char *key, size_t key_bytes, int value);
/* An event with one string attribute. */
void floor_event(const char *name, size_t name_bytes, uint64_t now_ns, const char *key,
                 size_t key_bytes, const char *value, size_t value_bytes);
void floor_status(unsigned code);
void floor_end(uint64_t now_ns);

/* Copies the ended span as field 2 of ScopeSpans; returns its length. */
size_t floor_batch(uint8_t *payload);

#endif
