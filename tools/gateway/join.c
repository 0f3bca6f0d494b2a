/* SPDX-License-Identifier: MIT */
#include "join.h"

#include <pb_decode.h>
#include <string.h>

#include "otlp_walk.h"

/* Field numbers of opentelemetry-proto. */
enum {
    REQUEST_RESOURCE_SPANS = 1,
    RESOURCE_SPANS_RESOURCE = 1,
    RESOURCE_SPANS_SCOPE_SPANS = 2,
    SCOPE_SPANS_SPANS = 2,
    SPAN_ATTRIBUTES = 9,
    RESOURCE_ATTRIBUTES = 1,
    KEY_VALUE_KEY = 1,
    KEY_VALUE_VALUE = 2,
    ANY_VALUE_STRING = 1,
    ANY_VALUE_BOOL = 2
};

/* ---- reading a message's own fields, not what is in them ----------------------------------- */

struct raw_field {
    uint32_t number;
    pb_wire_type_t wire_type;
    const uint8_t *start; /* of the tag */
    size_t whole_bytes;   /* tag, length and content */
    const uint8_t *content;
    size_t content_bytes; /* of a length-delimited field; else 0 */
};

struct raw_reader {
    pb_istream_t stream;
    const uint8_t *end;
    bool failed;
};

static struct raw_reader raw_reader_open(const uint8_t *bytes, size_t size)
{
    return (struct raw_reader){.stream = pb_istream_from_buffer(bytes, size), .end = bytes + size};
}

/* False at the end, and when `failed`. */
static bool raw_next(struct raw_reader *reader, struct raw_field *field)
{
    pb_istream_t *stream = &reader->stream;
    bool at_end;

    *field = (struct raw_field){.start = reader->end - stream->bytes_left};
    if (stream->bytes_left == 0)
        return false;
    reader->failed = true;
    if (!pb_decode_tag(stream, &field->wire_type, &field->number, &at_end))
        return false;
    if (field->wire_type == PB_WT_STRING) {
        uint32_t length;

        if (!pb_decode_varint32(stream, &length) || length > stream->bytes_left)
            return false;
        field->content = reader->end - stream->bytes_left;
        field->content_bytes = length;
        if (!pb_read(stream, NULL, length))
            return false;
    } else if (!pb_skip_field(stream, field->wire_type)) {
        return false;
    }
    field->whole_bytes = (size_t)(reader->end - stream->bytes_left - field->start);
    reader->failed = false;
    return true;
}

/* ---- writing ------------------------------------------------------------------------------- */

/* Field numbers here are below 16: a tag is one byte. */
static size_t length_delimited_bytes(size_t content_bytes)
{
    pb_ostream_t sizing = PB_OSTREAM_SIZING;

    pb_encode_varint(&sizing, content_bytes);
    return 1 + sizing.bytes_written + content_bytes;
}

static void open_field(pb_ostream_t *stream, uint32_t number, size_t content_bytes)
{
    pb_encode_tag(stream, PB_WT_STRING, number);
    pb_encode_varint(stream, content_bytes);
}

static void write_string_field(pb_ostream_t *stream, uint32_t number, const char *text)
{
    pb_encode_tag(stream, PB_WT_STRING, number);
    pb_encode_string(stream, (const pb_byte_t *)text, strlen(text));
}

static void write_string_attribute(pb_ostream_t *stream, uint32_t number, const char *key,
                                   const char *value)
{
    size_t value_bytes = length_delimited_bytes(strlen(value));

    open_field(stream, number,
               length_delimited_bytes(strlen(key)) + length_delimited_bytes(value_bytes));
    write_string_field(stream, KEY_VALUE_KEY, key);
    open_field(stream, KEY_VALUE_VALUE, value_bytes);
    write_string_field(stream, ANY_VALUE_STRING, value);
}

/* ---- the mark of an estimated time --------------------------------------------------------- */

#define MARK_VALUE_BYTES 2u /* the boolean: tag and 1 */
#define MARK_KEY_BYTES (sizeof JOIN_ESTIMATED_KEY - 1)
#define MARK_CONTENT_BYTES (2 + MARK_KEY_BYTES + 2 + MARK_VALUE_BYTES)
#define MARK_BYTES (2 + MARK_CONTENT_BYTES)

static void write_mark(pb_ostream_t *stream)
{
    open_field(stream, SPAN_ATTRIBUTES, MARK_CONTENT_BYTES);
    write_string_field(stream, KEY_VALUE_KEY, JOIN_ESTIMATED_KEY);
    open_field(stream, KEY_VALUE_VALUE, MARK_VALUE_BYTES);
    pb_encode_tag(stream, PB_WT_VARINT, ANY_VALUE_BOOL);
    pb_encode_varint(stream, 1);
}

static bool is_span(const struct raw_field *field)
{
    return field->number == SCOPE_SPANS_SPANS && field->wire_type == PB_WT_STRING;
}

static size_t marked_scope_spans_bytes(const uint8_t *bytes, size_t size)
{
    struct raw_reader reader = raw_reader_open(bytes, size);
    struct raw_field field;
    size_t marked = 0;

    while (raw_next(&reader, &field))
        marked += is_span(&field) ? length_delimited_bytes(field.content_bytes + MARK_BYTES)
                                  : field.whole_bytes;
    return marked;
}

static bool write_marked_scope_spans(pb_ostream_t *stream, const uint8_t *bytes, size_t size)
{
    struct raw_reader reader = raw_reader_open(bytes, size);
    struct raw_field field;

    open_field(stream, RESOURCE_SPANS_SCOPE_SPANS, marked_scope_spans_bytes(bytes, size));
    while (raw_next(&reader, &field)) {
        if (!is_span(&field)) {
            pb_write(stream, field.start, field.whole_bytes);
            continue;
        }
        open_field(stream, SCOPE_SPANS_SPANS, field.content_bytes + MARK_BYTES);
        pb_write(stream, field.content, field.content_bytes);
        write_mark(stream);
    }
    return !reader.failed;
}

/* Appends the fields of a ResourceSpans, every span marked. */
static bool append_marked(struct buffer *out, const uint8_t *bytes, size_t size)
{
    pb_ostream_t stream = buffer_ostream(out);
    struct raw_reader reader = raw_reader_open(bytes, size);
    struct raw_field field;
    bool good = true;

    while (good && raw_next(&reader, &field)) {
        if (field.number == RESOURCE_SPANS_SCOPE_SPANS && field.wire_type == PB_WT_STRING)
            good = write_marked_scope_spans(&stream, field.content, field.content_bytes);
        else
            buffer_append(out, field.start, field.whole_bytes);
    }
    return good && !reader.failed;
}

/* ---- the spans ----------------------------------------------------------------------------- */

static bool brings_resource(const uint8_t *resource_spans, size_t size)
{
    struct raw_reader reader = raw_reader_open(resource_spans, size);
    struct raw_field field;

    while (raw_next(&reader, &field)) {
        if (field.number == RESOURCE_SPANS_RESOURCE)
            return true;
    }
    return false;
}

static bool append_spans(struct buffer *out, const struct gw_batch *batch, const uint8_t *bytes,
                         size_t size)
{
    if (batch->time_estimated)
        return append_marked(out, bytes, size);
    buffer_append(out, bytes, size);
    return true;
}

static bool join_one(struct joined *joined, const struct gw_batch *batch,
                     const struct raw_field *resource_spans)
{
    const uint8_t *bytes = resource_spans->content;
    size_t size = resource_spans->content_bytes;
    struct buffer marked = {0};
    pb_ostream_t stream;
    bool good;

    if (!brings_resource(bytes, size))
        return append_spans(&joined->without_resource, batch, bytes, size);
    if (!batch->time_estimated) {
        buffer_append(&joined->with_resource, resource_spans->start, resource_spans->whole_bytes);
        return true;
    }
    good = append_marked(&marked, bytes, size) && !marked.failed;
    stream = buffer_ostream(&joined->with_resource);
    open_field(&stream, REQUEST_RESOURCE_SPANS, marked.size);
    pb_write(&stream, marked.data, marked.size);
    buffer_free(&marked);
    return good;
}

bool join_spans(struct joined *joined, const struct gw_batch *batch)
{
    struct raw_reader reader = raw_reader_open(batch->payload, batch->payload_bytes);
    struct raw_field field;

    while (raw_next(&reader, &field)) {
        if (field.number == REQUEST_RESOURCE_SPANS && field.wire_type == PB_WT_STRING &&
            !join_one(joined, batch, &field))
            return false;
    }
    return !reader.failed && !joined->without_resource.failed && !joined->with_resource.failed;
}

void joined_clear(struct joined *joined)
{
    buffer_clear(&joined->without_resource);
    buffer_clear(&joined->with_resource);
}

void joined_free(struct joined *joined)
{
    buffer_free(&joined->without_resource);
    buffer_free(&joined->with_resource);
}

/* ---- the resource -------------------------------------------------------------------------- */

void join_resource(struct buffer *resource, const struct gw_batch *batch)
{
    pb_ostream_t stream = buffer_ostream(resource);
    const uint8_t *value;
    size_t value_bytes;

    buffer_append(resource, batch->resource, batch->resource_bytes);
    if (batch->resource_bytes == 0)
        write_string_attribute(&stream, RESOURCE_ATTRIBUTES, "service.name", "unknown_service");
    if (batch->resource_bytes == 0 ||
        !otlp_find_string(OTLP_RESOURCE, batch->resource, batch->resource_bytes,
                          "service.instance.id", &value, &value_bytes))
        write_string_attribute(&stream, RESOURCE_ATTRIBUTES, "service.instance.id",
                               batch->device->name);
}

void join_resource_spans(struct buffer *request, const uint8_t *resource, size_t resource_bytes,
                         const struct join_part *parts, size_t part_count)
{
    pb_ostream_t stream = buffer_ostream(request);
    size_t content_bytes = length_delimited_bytes(resource_bytes);

    for (size_t i = 0; i < part_count; i++)
        content_bytes += parts[i].size;
    open_field(&stream, REQUEST_RESOURCE_SPANS, content_bytes);
    open_field(&stream, RESOURCE_SPANS_RESOURCE, resource_bytes);
    pb_write(&stream, resource, resource_bytes);
    for (size_t i = 0; i < part_count; i++)
        pb_write(&stream, parts[i].bytes, parts[i].size);
}
