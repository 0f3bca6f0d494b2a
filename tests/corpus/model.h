/* SPDX-License-Identifier: MIT */
/*
 * What the application meant by a span, in plain structures, with sizes by the rules of protobuf.
 * Where the contract lets the library choose (a name that is cut where the span's buffer ends), the
 * model has the longest and the shortest that is right.
 */
#ifndef MODEL_H
#define MODEL_H

#include "otel.h"
#include "received.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef struct model_text {
    uint8_t *bytes;
    size_t length;
    size_t length_min;
} model_text;

typedef struct model_attribute {
    model_text key;
    otel_value_type type;
    model_text text;
    uint64_t bits; /* of an integer, a double, a boolean */
} model_attribute;

typedef struct model_attributes {
    model_attribute *items;
    size_t count;
} model_attributes;

typedef struct model_event {
    uint64_t time_ns;
    model_text name;
    model_attributes attributes;
    uint32_t dropped;
} model_event;

typedef struct model_span {
    otel_span handle;
    otel_context context;
    uint8_t parent_span_id[8];
    bool has_parent;
    bool parent_is_remote;
    model_text tracestate;
    model_text name;
    int kind;
    uint64_t start_ns;
    uint64_t end_ns;
    model_attributes attributes;
    uint32_t attributes_dropped;
    model_event *events;
    size_t event_count;
    uint32_t events_dropped;
    otel_span_status status;
    model_text message;
    bool has_zero_byte; /* in a string: a C string of the decoder ends there */
} model_span;

/* `bytes` as it must arrive: guarded, at most `limit` bytes. `room`: a cut shorter than the limit is
 * right when it is at least that long. */
model_text model_text_of(const char *bytes, size_t length, size_t limit, size_t room);

/* Same key: replaced. */
void model_attributes_set(model_attributes *attributes, model_attribute attribute);
bool model_attributes_has(const model_attributes *attributes, const model_text *key);
void model_attributes_remove(model_attributes *attributes, const model_text *key);
void model_event_add(model_span *span, model_event event);

/* Bytes of the encoding: of one attribute in its span or event, of an event in its span, and of the
 * whole span with its longest or its shortest texts. */
size_t model_attribute_size(const model_attribute *attribute);
size_t model_event_size(const model_event *event);
size_t model_span_size(const model_span *span, bool longest);

/* NULL when `got` is what was meant, else what differs. */
const char *model_compare(const model_span *span, const otlp_span *got);

/* One line of JSON; strings as hexadecimal digits of their bytes. */
void model_print(const model_span *span, FILE *out);

void model_attribute_free(model_attribute *attribute);
void model_event_free(model_event *event);
void model_span_free(model_span *span);

#endif
