/* SPDX-License-Identifier: MIT */
#include "model.h"

#include "utf8_reference.h"

#include <inttypes.h>
#include <stdlib.h>

static void *checked(void *memory)
{
    if (memory == NULL) {
        (void)fputs("no memory\n", stderr);
        exit(2);
    }
    return memory;
}

model_text model_text_of(const char *bytes, size_t length, size_t limit, size_t room)
{
    model_text text;

    text.bytes = checked(malloc(length + 1));
    text.length = guarded(text.bytes, (const uint8_t *)bytes, length, limit);
    text.length_min = text.length;
    if (room < text.length) { /* no character has more than four bytes */
        text.length_min = room > 3 ? room - 3 : 0;
    }
    return text;
}

static bool same_text(const model_text *a, const model_text *b)
{
    return a->length == b->length && memcmp(a->bytes, b->bytes, a->length) == 0;
}

static size_t index_of(const model_attributes *attributes, const model_text *key)
{
    size_t i = 0;

    while (i < attributes->count && !same_text(&attributes->items[i].key, key)) {
        i++;
    }
    return i;
}

bool model_attributes_has(const model_attributes *attributes, const model_text *key)
{
    return index_of(attributes, key) < attributes->count;
}

void model_attribute_free(model_attribute *attribute)
{
    free(attribute->key.bytes);
    free(attribute->text.bytes);
}

void model_attributes_remove(model_attributes *attributes, const model_text *key)
{
    const size_t index = index_of(attributes, key);

    if (index < attributes->count) {
        model_attribute_free(&attributes->items[index]);
        attributes->items[index] = attributes->items[--attributes->count];
    }
}

void model_attributes_set(model_attributes *attributes, model_attribute attribute)
{
    model_attributes_remove(attributes, &attribute.key);
    attributes->items =
        checked(realloc(attributes->items, (attributes->count + 1) * sizeof *attributes->items));
    attributes->items[attributes->count++] = attribute;
}

void model_event_add(model_span *span, model_event event)
{
    span->events = checked(realloc(span->events, (span->event_count + 1) * sizeof *span->events));
    span->events[span->event_count++] = event;
}

static void attributes_free(model_attributes *attributes)
{
    for (size_t i = 0; i < attributes->count; i++) {
        model_attribute_free(&attributes->items[i]);
    }
    free(attributes->items);
}

void model_event_free(model_event *event)
{
    free(event->name.bytes);
    attributes_free(&event->attributes);
}

void model_span_free(model_span *span)
{
    free(span->tracestate.bytes);
    free(span->name.bytes);
    free(span->message.bytes);
    attributes_free(&span->attributes);
    for (size_t i = 0; i < span->event_count; i++) {
        model_event_free(&span->events[i]);
    }
    free(span->events);
    memset(span, 0, sizeof *span);
}

/* ---- sizes --------------------------------------------------------------------------------- */

static size_t varint_size(uint64_t value)
{
    size_t size = 1;

    while (value > 127) {
        value >>= 7;
        size++;
    }
    return size;
}

static size_t field_size(size_t length)
{
    return 1 + varint_size(length) + length;
}

size_t model_attribute_size(const model_attribute *attribute)
{
    size_t value = 2;

    if (attribute->type == OTEL_VALUE_STRING) {
        value = field_size(attribute->text.length);
    } else if (attribute->type == OTEL_VALUE_INT) {
        value = 1 + varint_size(attribute->bits);
    } else if (attribute->type == OTEL_VALUE_DOUBLE) {
        value = 9;
    }
    return field_size(field_size(attribute->key.length) + field_size(value));
}

static size_t attributes_size(const model_attributes *attributes)
{
    size_t size = 0;

    for (size_t i = 0; i < attributes->count; i++) {
        size += model_attribute_size(&attributes->items[i]);
    }
    return size;
}

size_t model_event_size(const model_event *event)
{
    return field_size(9 + field_size(event->name.length) + attributes_size(&event->attributes) +
                      (event->dropped > 0 ? 1 + varint_size(event->dropped) : 0));
}

size_t model_span_size(const model_span *span, bool longest)
{
    size_t size = 18 + 10 + 2 + 9 + 9 + 6 + (span->has_parent ? 10 : 0);

    size += span->tracestate.length > 0 ? field_size(span->tracestate.length) : 0;
    size += field_size(longest ? span->name.length : span->name.length_min);
    size += attributes_size(&span->attributes);
    for (size_t i = 0; i < span->event_count; i++) {
        size += model_event_size(&span->events[i]);
    }
    if (span->status != OTEL_SPAN_STATUS_UNSET) {
        const size_t length = longest ? span->message.length : span->message.length_min;
        size += field_size(2 + (length > 0 ? field_size(length) : 0));
    }
    return size;
}

/* ---- comparison ---------------------------------------------------------------------------- */

/* A string of the decoder ends at its first zero byte; so much of the meant one is compared. */
static bool text_arrived(const model_text *text, const char *got)
{
    const size_t got_length = got == NULL ? 0 : strlen(got);
    const uint8_t *const zero = text->length == 0 ? NULL : memchr(text->bytes, 0, text->length);
    const size_t longest = zero == NULL ? text->length : (size_t)(zero - text->bytes);

    return got_length <= longest && (zero != NULL || got_length >= text->length_min) &&
           (got_length == 0 || memcmp(got, text->bytes, got_length) == 0);
}

static bool value_arrived(const model_attribute *attribute,
                          const opentelemetry_proto_common_v1_AnyValue *got)
{
    if (got == NULL || (unsigned)got->which_value != (unsigned)attribute->type) {
        return false;
    }
    switch (attribute->type) {
    case OTEL_VALUE_STRING:
        return text_arrived(&attribute->text, got->value.string_value);
    case OTEL_VALUE_BOOL:
        return got->value.bool_value == (attribute->bits != 0);
    case OTEL_VALUE_INT:
        return (uint64_t)got->value.int_value == attribute->bits;
    case OTEL_VALUE_DOUBLE:
    default:
        return memcmp(&got->value.double_value, &attribute->bits, 8) == 0;
    }
}

static bool attributes_arrived(const model_attributes *attributes, const otlp_attribute *got,
                               size_t count)
{
    if (count != attributes->count) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        size_t matches = 0;
        for (size_t j = 0; j < count; j++) {
            if (got[j].key != NULL && text_arrived(&attributes->items[i].key, got[j].key)) {
                matches++;
                if (!value_arrived(&attributes->items[i], got[j].value)) {
                    return false;
                }
            }
        }
        if (matches != 1) {
            return false;
        }
    }
    return true;
}

static bool events_arrived(const model_span *span, const otlp_span *got)
{
    if (got->events_count != span->event_count) {
        return false;
    }
    for (size_t i = 0; i < span->event_count; i++) {
        const model_event *const meant = &span->events[i];
        const otlp_event *const event = &got->events[i];
        if (event->time_unix_nano != meant->time_ns ||
            event->dropped_attributes_count != meant->dropped ||
            !text_arrived(&meant->name, event->name) ||
            !attributes_arrived(&meant->attributes, event->attributes, event->attributes_count)) {
            return false;
        }
    }
    return true;
}

static bool bytes_arrived(const pb_bytes_array_t *got, const uint8_t *bytes, size_t length)
{
    return got != NULL && got->size == length && memcmp(got->bytes, bytes, length) == 0;
}

const char *model_compare(const model_span *span, const otlp_span *got)
{
    static const model_text empty = {NULL, 0, 0};
    const uint32_t flags =
        0x100u | (span->parent_is_remote ? 0x200u : 0u) | span->context.trace_flags;
    const int status = got->status == NULL ? 0 : (int)got->status->code;
    const char *const message = got->status == NULL ? NULL : got->status->message;

    return !bytes_arrived(got->trace_id, span->context.trace_id, 16) ? "trace_id"
           : !bytes_arrived(got->span_id, span->context.span_id, 8)  ? "span_id"
           : span->has_parent != (got->parent_span_id != NULL)       ? "parent_span_id"
           : span->has_parent && !bytes_arrived(got->parent_span_id, span->parent_span_id, 8)
               ? "parent_span_id"
           : !text_arrived(&span->tracestate, got->trace_state) ? "trace_state"
           : !text_arrived(&span->name, got->name)              ? "name"
           : (int)got->kind != span->kind                       ? "kind"
           : got->start_time_unix_nano != span->start_ns        ? "start_time"
           : got->end_time_unix_nano != span->end_ns            ? "end_time"
           : got->flags != flags                                ? "flags"
           : !attributes_arrived(&span->attributes, got->attributes, got->attributes_count)
               ? "attributes"
           : got->dropped_attributes_count != span->attributes_dropped ? "dropped_attributes_count"
           : !events_arrived(span, got)                                ? "events"
           : got->dropped_events_count != span->events_dropped         ? "dropped_events_count"
           : got->links_count != 0                                     ? "links"
           : status != (int)span->status                               ? "status"
           : !text_arrived(span->status == OTEL_SPAN_STATUS_ERROR ? &span->message : &empty,
                           message)
               ? "status message"
               : NULL;
}

/* ---- JSON ---------------------------------------------------------------------------------- */

static void print_hex(const uint8_t *bytes, size_t length, FILE *out)
{
    static const char digits[] = "0123456789abcdef";

    (void)putc('"', out);
    for (size_t i = 0; i < length; i++) {
        (void)putc(digits[bytes[i] >> 4], out);
        (void)putc(digits[bytes[i] & 15u], out);
    }
    (void)putc('"', out);
}

static void print_text(const model_text *text, FILE *out)
{
    (void)putc('[', out);
    print_hex(text->bytes, text->length, out);
    (void)fprintf(out, ",%zu]", text->length_min);
}

static void print_attributes(const model_attributes *attributes, FILE *out)
{
    (void)putc('[', out);
    for (size_t i = 0; i < attributes->count; i++) {
        const model_attribute *const attribute = &attributes->items[i];
        (void)fputs(i == 0 ? "[" : ",[", out);
        print_hex(attribute->key.bytes, attribute->key.length, out);
        (void)fprintf(out, ",%d,", (int)attribute->type);
        if (attribute->type == OTEL_VALUE_STRING) {
            print_hex(attribute->text.bytes, attribute->text.length, out);
        } else {
            (void)fprintf(out, "%" PRIu64, attribute->bits);
        }
        (void)putc(']', out);
    }
    (void)putc(']', out);
}

void model_print(const model_span *span, FILE *out)
{
    (void)fputs("{\"trace_id\":", out);
    print_hex(span->context.trace_id, 16, out);
    (void)fputs(",\"span_id\":", out);
    print_hex(span->context.span_id, 8, out);
    (void)fputs(",\"parent\":", out);
    print_hex(span->parent_span_id, span->has_parent ? 8 : 0, out);
    (void)fputs(",\"tracestate\":", out);
    print_hex(span->tracestate.bytes, span->tracestate.length, out);
    (void)fputs(",\"name\":", out);
    print_text(&span->name, out);
    (void)fprintf(
        out, ",\"kind\":%d,\"start\":%" PRIu64 ",\"end\":%" PRIu64 ",\"flags\":%u,\"status\":%d",
        span->kind, span->start_ns, span->end_ns,
        0x100u | (span->parent_is_remote ? 0x200u : 0u) | span->context.trace_flags,
        (int)span->status);
    (void)fputs(",\"message\":", out);
    print_text(&span->message, out);
    (void)fprintf(out, ",\"attributes_dropped\":%u,\"events_dropped\":%u,\"attributes\":",
                  span->attributes_dropped, span->events_dropped);
    print_attributes(&span->attributes, out);
    (void)fputs(",\"events\":[", out);
    for (size_t i = 0; i < span->event_count; i++) {
        (void)fprintf(out, "%s{\"time\":%" PRIu64 ",\"dropped\":%u,\"name\":", i == 0 ? "" : ",",
                      span->events[i].time_ns, span->events[i].dropped);
        print_text(&span->events[i].name, out);
        (void)fputs(",\"attributes\":", out);
        print_attributes(&span->events[i].attributes, out);
        (void)putc('}', out);
    }
    (void)fputs("]}\n", out);
}
