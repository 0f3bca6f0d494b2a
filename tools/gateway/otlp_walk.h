/* SPDX-License-Identifier: MIT */
/*
 * Walks OTLP trace messages where they lie, without a copy and without recursion, on nanopb's
 * stream primitives. A walk checks everything: lengths, wire types, nesting, UTF-8 of every string,
 * ids (right length, not zero, present where OTLP demands them). Unknown fields are skipped.
 *
 * Bytes that came from outside are walked once without a visitor; when that says yes, a walk with a
 * visitor over the same bytes cannot fail half way.
 */
#ifndef GW_OTLP_WALK_H
#define GW_OTLP_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OTLP_DEPTH_MAX 40

enum otlp_message {
    OTLP_TRACES_REQUEST, /* ExportTraceServiceRequest */
    OTLP_RESOURCE_SPANS,
    OTLP_RESOURCE,
    OTLP_ENTITY_REF,
    OTLP_SCOPE_SPANS,
    OTLP_SCOPE, /* InstrumentationScope */
    OTLP_SPAN,
    OTLP_EVENT,
    OTLP_LINK,
    OTLP_STATUS,
    OTLP_KEY_VALUE,
    OTLP_ANY_VALUE,
    OTLP_ARRAY_VALUE,
    OTLP_KEY_VALUE_LIST,
    OTLP_MESSAGE_COUNT
};

enum otlp_type {
    OTLP_VARINT,  /* integers, enums, booleans: in `number` */
    OTLP_FIXED32, /* in `number` */
    OTLP_FIXED64, /* in `number`; doubles too, as their bits */
    OTLP_TIME,    /* a fixed64 that is a time in nanoseconds */
    OTLP_STRING,  /* valid UTF-8 in `bytes`, no terminating zero */
    OTLP_BYTES,
    OTLP_TRACE_ID, /* 16 bytes, not all zero */
    OTLP_SPAN_ID,  /* 8 bytes, not all zero; a parent's may also be 0 bytes long */
    OTLP_SUBMESSAGE
};

struct otlp_field {
    enum otlp_message message; /* the message that the field is in */
    uint32_t number_in_message;
    enum otlp_type type;
    uint64_t number;
    const uint8_t *bytes; /* content; for the fixed types, where they lie */
    size_t size;
    enum otlp_message submessage; /* of a submessage: what it is */
};

/* Calls come in the order of the bytes. A submessage is `begin`, its fields, `end`; all else is
 * `field`. The outermost message has no begin and no end. Any may be NULL. */
struct otlp_visitor {
    void (*begin)(void *self, const struct otlp_field *field);
    void (*field)(void *self, const struct otlp_field *field);
    void (*end)(void *self, enum otlp_message message);
};

struct otlp_counts {
    size_t spans;
    size_t resources; /* Resource messages inside ResourceSpans */
};

/* Returns NULL, or why the bytes are not a `root` message: a few words without a full stop.
 * `visitor` and `counts` may be NULL. */
const char *otlp_walk(enum otlp_message root, const uint8_t *bytes, size_t size,
                      const struct otlp_visitor *visitor, void *self, struct otlp_counts *counts);

/* The string value of the last attribute called `key` directly in `bytes`, a valid Resource, Scope,
 * Span, Event or Link message; false when there is none. */
bool otlp_find_string(enum otlp_message root, const uint8_t *bytes, size_t size, const char *key,
                      const uint8_t **value, size_t *value_bytes);

/* Whether the bytes are UTF-8: no surrogates, nothing over-long, nothing above U+10FFFF. */
bool otlp_utf8_valid(const uint8_t *bytes, size_t size);

#endif
