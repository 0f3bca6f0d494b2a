/* SPDX-License-Identifier: MIT */
#include "meant_tell.h"

#include <string.h>

/* ---- a line of JSON ------------------------------------------------------------------------ */

enum { LINE_BYTES = 1024 };

typedef struct line {
    char text[LINE_BYTES];
    size_t length;
} line;

static void add_char(line *to, char character)
{
    if (to->length < LINE_BYTES) {
        to->text[to->length++] = character;
    }
}

static void add(line *to, const char *text)
{
    while (*text != '\0') {
        add_char(to, *text++);
    }
}

static void add_u64(line *to, uint64_t value)
{
    char digits[20];
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + (int)(value % 10u));
        value /= 10u;
    } while (value != 0);
    while (count != 0) {
        add_char(to, digits[--count]);
    }
}

static void add_i64(line *to, int64_t value)
{
    if (value < 0) {
        add_char(to, '-');
    }
    add_u64(to, value < 0 ? 0u - (uint64_t)value : (uint64_t)value);
}

static void add_hex(line *to, const uint8_t *bytes, size_t length)
{
    static const char digits[] = "0123456789abcdef";
    add_char(to, '"');
    for (size_t i = 0; i < length; i++) {
        add_char(to, digits[bytes[i] >> 4]);
        add_char(to, digits[bytes[i] & 15u]);
    }
    add_char(to, '"');
}

static void add_f64(line *to, double value)
{
    uint64_t bits;
    uint8_t bytes[sizeof bits];
    memcpy(&bits, &value, sizeof bits);
    for (size_t i = 0; i < sizeof bits; i++) {
        bytes[i] = (uint8_t)(bits >> (56u - 8u * i));
    }
    add_hex(to, bytes, sizeof bytes);
}

static void add_escaped(line *to, char character)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t byte = (uint8_t)character;
    if (byte < 0x20u) {
        add(to, "\\u00");
        add_char(to, digits[byte >> 4]);
        add_char(to, digits[byte & 15u]);
        return;
    }
    if (character == '"' || character == '\\') {
        add_char(to, '\\');
    }
    add_char(to, character);
}

/* `length` as in otel_strn(). */
static void add_string(line *to, const char *text, size_t length)
{
    const size_t bytes = length == OTEL_NUL_TERMINATED ? strlen(text) : length;
    add_char(to, '"');
    for (size_t i = 0; i < bytes; i++) {
        add_escaped(to, text[i]);
    }
    add_char(to, '"');
}

static void add_text(line *to, const char *text)
{
    add_string(to, text, OTEL_NUL_TERMINATED);
}

static void add_attribute(line *to, const otel_attribute *attribute)
{
    add(to, "[");
    add_string(to, attribute->key, attribute->key_length);
    switch (attribute->type) {
    case OTEL_VALUE_STRING:
        add(to, ",\"string\",");
        add_string(to, attribute->value.string.bytes, attribute->value.string.length);
        break;
    case OTEL_VALUE_BOOL:
        add(to, attribute->value.boolean ? ",\"bool\",true" : ",\"bool\",false");
        break;
    case OTEL_VALUE_INT:
        add(to, ",\"int\",");
        add_i64(to, attribute->value.integer);
        break;
    case OTEL_VALUE_DOUBLE:
        add(to, ",\"double\",");
        add_f64(to, attribute->value.real);
        break;
    }
    add(to, "]");
}

static void add_attributes(line *to, const otel_attribute *attributes, size_t count)
{
    add(to, "[");
    for (size_t i = 0; i < count; i++) {
        add(to, i == 0 ? "" : ",");
        add_attribute(to, &attributes[i]);
    }
    add(to, "]");
}

/* From the one to the other reading of the clock. */
static void add_times(line *to, uint64_t earliest_ns, uint64_t latest_ns)
{
    add(to, "[");
    add_u64(to, earliest_ns);
    add(to, ",");
    add_u64(to, latest_ns);
    add(to, "]");
}

static void begin(line *to)
{
    to->length = 0;
    add(to, "meant: {");
}

/* A line that was too long is no JSON, and its reader says so. */
static void end(line *to)
{
    add(to, "}\n");
    meant_print(to->text, to->length);
}

static void begin_span(line *to, const otel_context *context)
{
    begin(to);
    add(to, "\"span\":");
    add_hex(to, context->span_id, sizeof context->span_id);
}

static void begin_call(line *to, otel_span span, const char *member)
{
    const otel_context context = otel_span_context(span);
    begin_span(to, &context);
    add(to, ",\"");
    add(to, member);
    add(to, "\":");
}

/* ---- start and end ------------------------------------------------------------------------- */

static void add_scope(line *to, const otel_tracer *tracer)
{
    add(to, ",\"scope\":[");
    add_text(to, tracer != NULL ? tracer->name : "");
    add(to, ",");
    add_text(to, tracer != NULL && tracer->version != NULL ? tracer->version : "");
    add(to, "]");
}

/* A new trace has random ids; within a trace the flags stay. */
static void add_parent(line *to, const otel_context *context, const otel_context *parent)
{
    add(to, ",\"trace\":");
    if (parent == NULL) {
        add_hex(to, context->trace_id, sizeof context->trace_id);
        add(to, ",\"parent\":\"\",\"remote\":false,\"flags\":");
        add_u64(to, OTEL_TRACE_FLAG_SAMPLED | OTEL_TRACE_FLAG_RANDOM);
        return;
    }
    add_hex(to, parent->trace_id, sizeof parent->trace_id);
    add(to, ",\"parent\":");
    add_hex(to, parent->span_id, sizeof parent->span_id);
    add(to, (parent->state & OTEL_CONTEXT_REMOTE) != 0 ? ",\"remote\":true" : ",\"remote\":false");
    add(to, ",\"flags\":");
    add_u64(to, parent->trace_flags);
}

otel_span tell_start(const char *name, const otel_span_options *options, const otel_context *parent)
{
    const bool is_given = options->start_time_ns != 0;
    const uint64_t before_ns = is_given ? options->start_time_ns : otel_now_ns();
    const otel_span span = otel_span_start_with(name, options);
    const uint64_t after_ns = is_given ? options->start_time_ns : otel_now_ns();
    const otel_context context = otel_span_context(span);
    line told;

    begin_span(&told, &context);
    add_parent(&told, &context, parent);
    add(&told, ",\"name\":");
    add_text(&told, name);
    add(&told, ",\"kind\":");
    add_u64(&told, options->kind == OTEL_SPAN_KIND_DEFAULT ? (uint64_t)OTEL_SPAN_KIND_INTERNAL
                                                           : (uint64_t)options->kind);
    add_scope(&told, options->tracer);
    add(&told, ",\"start_ns\":");
    add_times(&told, before_ns, after_ns);
    add(&told, ",\"attributes\":");
    add_attributes(&told, options->attributes, options->attribute_count);
    end(&told);
    return span;
}

static void tell_end_time(const otel_context *context, uint64_t earliest_ns, uint64_t latest_ns)
{
    line told;
    begin_span(&told, context);
    add(&told, ",\"end_ns\":");
    add_times(&told, earliest_ns, latest_ns);
    end(&told);
}

void tell_end(otel_span span)
{
    const otel_context context = otel_span_context(span);
    const uint64_t before_ns = otel_now_ns();
    otel_span_end(span);
    tell_end_time(&context, before_ns, otel_now_ns());
}

void tell_end_at(otel_span span, uint64_t end_time_ns)
{
    const otel_context context = otel_span_context(span);
    otel_span_end_at(span, end_time_ns);
    tell_end_time(&context, end_time_ns, end_time_ns);
}

/* ---- attributes ---------------------------------------------------------------------------- */

static void tell_only(otel_span span, const otel_attribute *attribute)
{
    line told;
    begin_call(&told, span, "attribute");
    add_attribute(&told, attribute);
    end(&told);
}

void tell_str(otel_span span, const char *key, const char *value)
{
    const otel_attribute meant = otel_str(key, value);
    otel_span_set_str(span, key, value);
    tell_only(span, &meant);
}

void tell_strn(otel_span span, const char *key, const char *value, size_t value_length)
{
    const otel_attribute meant = otel_strn(key, value, value_length);
    otel_span_set_strn(span, key, value, value_length);
    tell_only(span, &meant);
}

void tell_str_as(otel_span span, const char *key, const char *given, const char *arrives)
{
    const otel_attribute meant = otel_str(key, arrives);
    otel_span_set_str(span, key, given);
    tell_only(span, &meant);
}

void tell_bool(otel_span span, const char *key, bool value)
{
    const otel_attribute meant = otel_bool(key, value);
    otel_span_set_bool(span, key, value);
    tell_only(span, &meant);
}

void tell_i64(otel_span span, const char *key, int64_t value)
{
    const otel_attribute meant = otel_i64(key, value);
    otel_span_set_i64(span, key, value);
    tell_only(span, &meant);
}

void tell_f64(otel_span span, const char *key, double value)
{
    const otel_attribute meant = otel_f64(key, value);
    otel_span_set_f64(span, key, value);
    tell_only(span, &meant);
}

void tell_attribute(otel_span span, const otel_attribute *attribute)
{
    otel_span_set(span, attribute);
    tell_only(span, attribute);
}

/* ---- the rest of a span -------------------------------------------------------------------- */

void tell_event(otel_span span, const char *name, const otel_attribute *attributes,
                size_t attribute_count, uint64_t time_ns)
{
    const uint64_t before_ns = time_ns != 0 ? time_ns : otel_now_ns();
    if (time_ns != 0) {
        otel_span_event_at(span, name, attributes, attribute_count, time_ns);
    } else if (attribute_count != 0) {
        otel_span_event_with(span, name, attributes, attribute_count);
    } else {
        otel_span_event(span, name);
    }
    const uint64_t after_ns = time_ns != 0 ? time_ns : otel_now_ns();
    line told;
    begin_call(&told, span, "event");
    add_text(&told, name);
    add(&told, ",\"time_ns\":");
    add_times(&told, before_ns, after_ns);
    add(&told, ",\"attributes\":");
    add_attributes(&told, attributes, attribute_count);
    end(&told);
}

void tell_status(otel_span span, otel_span_status status, const char *message)
{
    otel_span_set_status(span, status, message);
    line told;
    begin_call(&told, span, "status");
    add(&told, "[");
    add_u64(&told, (uint64_t)status);
    add(&told, ",");
    add_text(&told, message != NULL ? message : "");
    add(&told, "]");
    end(&told);
}

void tell_name(otel_span span, const char *name)
{
    otel_span_set_name(span, name);
    line told;
    begin_call(&told, span, "name");
    add_text(&told, name);
    end(&told);
}

void tell_tracestate(otel_span span, const char *tracestate)
{
    line told;
    begin_call(&told, span, "tracestate");
    add_text(&told, tracestate);
    end(&told);
}

void tell_dropped_attributes(otel_span span, uint32_t count)
{
    line told;
    begin_call(&told, span, "dropped_attributes");
    add_u64(&told, count);
    end(&told);
}

/* ---- the program --------------------------------------------------------------------------- */

void tell_resource(const char *service_name, const char *service_version,
                   const otel_attribute *attributes, size_t attribute_count)
{
    line told;
    begin(&told);
    add(&told, "\"service_name\":");
    add_text(&told, service_name);
    add(&told, ",\"service_version\":");
    add_text(&told, service_version);
    add(&told, ",\"sdk_version\":");
    add_text(&told, OTEL_VERSION);
    add(&told, ",\"resource\":");
    add_attributes(&told, attributes, attribute_count);
    end(&told);
}

void tell_stats(const otel_stats *stats)
{
    line told;
    begin(&told);
    add(&told, "\"spans_started\":");
    add_u64(&told, stats->spans_started);
    add(&told, ",\"spans_sent\":");
    add_u64(&told, stats->spans_sent);
    add(&told, ",\"attributes_dropped\":");
    add_u64(&told, stats->attributes_dropped);
    add(&told, ",\"attributes_truncated\":");
    add_u64(&told, stats->attributes_truncated);
    add(&told, ",\"strings_repaired\":");
    add_u64(&told, stats->strings_repaired);
    end(&told);
}
