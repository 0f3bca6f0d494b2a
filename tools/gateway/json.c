/* SPDX-License-Identifier: MIT */
#include "json.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "join.h"
#include "otlp_tree.h"

/* ---- what OTLP/JSON calls things ----------------------------------------------------------- */

enum json_form {
    FORM_MESSAGE,
    FORM_STRING,
    FORM_HEX,    /* ids */
    FORM_BASE64, /* other bytes */
    FORM_UINT32, /* numbers up to 32 bits, and enums */
    FORM_UINT64, /* in quotes */
    FORM_INT64,  /* in quotes */
    FORM_BOOLEAN,
    FORM_DOUBLE
};

/* What is left out when it is the default, and what is a list. */
enum json_presence { OPTIONAL, ALWAYS_WHEN_SET, REPEATED };

struct json_field {
    enum otlp_message message;
    uint8_t number;
    const char *name;
    enum json_form form;
    enum json_presence presence;
};

/* In the order in which they are written. */
static const struct json_field json_fields[] = {
    {OTLP_TRACES_REQUEST, 1, "resourceSpans", FORM_MESSAGE, REPEATED},
    {OTLP_RESOURCE_SPANS, 1, "resource", FORM_MESSAGE, ALWAYS_WHEN_SET},
    {OTLP_RESOURCE_SPANS, 2, "scopeSpans", FORM_MESSAGE, REPEATED},
    {OTLP_RESOURCE_SPANS, 3, "schemaUrl", FORM_STRING, OPTIONAL},
    {OTLP_RESOURCE, 1, "attributes", FORM_MESSAGE, REPEATED},
    {OTLP_RESOURCE, 2, "droppedAttributesCount", FORM_UINT32, OPTIONAL},
    {OTLP_RESOURCE, 3, "entityRefs", FORM_MESSAGE, REPEATED},
    {OTLP_ENTITY_REF, 1, "schemaUrl", FORM_STRING, OPTIONAL},
    {OTLP_ENTITY_REF, 2, "type", FORM_STRING, OPTIONAL},
    {OTLP_ENTITY_REF, 3, "idKeys", FORM_STRING, REPEATED},
    {OTLP_ENTITY_REF, 4, "descriptionKeys", FORM_STRING, REPEATED},
    {OTLP_SCOPE_SPANS, 1, "scope", FORM_MESSAGE, ALWAYS_WHEN_SET},
    {OTLP_SCOPE_SPANS, 2, "spans", FORM_MESSAGE, REPEATED},
    {OTLP_SCOPE_SPANS, 3, "schemaUrl", FORM_STRING, OPTIONAL},
    {OTLP_SCOPE, 1, "name", FORM_STRING, OPTIONAL},
    {OTLP_SCOPE, 2, "version", FORM_STRING, OPTIONAL},
    {OTLP_SCOPE, 3, "attributes", FORM_MESSAGE, REPEATED},
    {OTLP_SCOPE, 4, "droppedAttributesCount", FORM_UINT32, OPTIONAL},
    {OTLP_SPAN, 1, "traceId", FORM_HEX, OPTIONAL},
    {OTLP_SPAN, 2, "spanId", FORM_HEX, OPTIONAL},
    {OTLP_SPAN, 3, "traceState", FORM_STRING, OPTIONAL},
    {OTLP_SPAN, 4, "parentSpanId", FORM_HEX, OPTIONAL},
    {OTLP_SPAN, 16, "flags", FORM_UINT32, OPTIONAL},
    {OTLP_SPAN, 5, "name", FORM_STRING, OPTIONAL},
    {OTLP_SPAN, 6, "kind", FORM_UINT32, OPTIONAL},
    {OTLP_SPAN, 7, "startTimeUnixNano", FORM_UINT64, OPTIONAL},
    {OTLP_SPAN, 8, "endTimeUnixNano", FORM_UINT64, OPTIONAL},
    {OTLP_SPAN, 9, "attributes", FORM_MESSAGE, REPEATED},
    {OTLP_SPAN, 10, "droppedAttributesCount", FORM_UINT32, OPTIONAL},
    {OTLP_SPAN, 11, "events", FORM_MESSAGE, REPEATED},
    {OTLP_SPAN, 12, "droppedEventsCount", FORM_UINT32, OPTIONAL},
    {OTLP_SPAN, 13, "links", FORM_MESSAGE, REPEATED},
    {OTLP_SPAN, 14, "droppedLinksCount", FORM_UINT32, OPTIONAL},
    {OTLP_SPAN, 15, "status", FORM_MESSAGE, ALWAYS_WHEN_SET},
    {OTLP_EVENT, 1, "timeUnixNano", FORM_UINT64, OPTIONAL},
    {OTLP_EVENT, 2, "name", FORM_STRING, OPTIONAL},
    {OTLP_EVENT, 3, "attributes", FORM_MESSAGE, REPEATED},
    {OTLP_EVENT, 4, "droppedAttributesCount", FORM_UINT32, OPTIONAL},
    {OTLP_LINK, 1, "traceId", FORM_HEX, OPTIONAL},
    {OTLP_LINK, 2, "spanId", FORM_HEX, OPTIONAL},
    {OTLP_LINK, 3, "traceState", FORM_STRING, OPTIONAL},
    {OTLP_LINK, 4, "attributes", FORM_MESSAGE, REPEATED},
    {OTLP_LINK, 5, "droppedAttributesCount", FORM_UINT32, OPTIONAL},
    {OTLP_LINK, 6, "flags", FORM_UINT32, OPTIONAL},
    {OTLP_STATUS, 2, "message", FORM_STRING, OPTIONAL},
    {OTLP_STATUS, 3, "code", FORM_UINT32, OPTIONAL},
    {OTLP_KEY_VALUE, 1, "key", FORM_STRING, OPTIONAL},
    {OTLP_KEY_VALUE, 2, "value", FORM_MESSAGE, ALWAYS_WHEN_SET},
    {OTLP_ANY_VALUE, 1, "stringValue", FORM_STRING, ALWAYS_WHEN_SET},
    {OTLP_ANY_VALUE, 2, "boolValue", FORM_BOOLEAN, ALWAYS_WHEN_SET},
    {OTLP_ANY_VALUE, 3, "intValue", FORM_INT64, ALWAYS_WHEN_SET},
    {OTLP_ANY_VALUE, 4, "doubleValue", FORM_DOUBLE, ALWAYS_WHEN_SET},
    {OTLP_ANY_VALUE, 5, "arrayValue", FORM_MESSAGE, ALWAYS_WHEN_SET},
    {OTLP_ANY_VALUE, 6, "kvlistValue", FORM_MESSAGE, ALWAYS_WHEN_SET},
    {OTLP_ANY_VALUE, 7, "bytesValue", FORM_BASE64, ALWAYS_WHEN_SET},
    {OTLP_ARRAY_VALUE, 1, "values", FORM_MESSAGE, REPEATED},
    {OTLP_KEY_VALUE_LIST, 1, "values", FORM_MESSAGE, REPEATED},
};

#define JSON_FIELD_COUNT (sizeof json_fields / sizeof json_fields[0])

/* The table is in the order of messages; `first` of each is found once. */
static const struct json_field *first_field_of(enum otlp_message message)
{
    static const struct json_field *first[OTLP_MESSAGE_COUNT];

    if (first[message] == NULL) {
        const struct json_field *field = json_fields;

        while (field->message != message)
            field++;
        first[message] = field;
    }
    return first[message];
}

/* ---- values -------------------------------------------------------------------------------- */

static void write_string(struct buffer *out, const uint8_t *bytes, size_t size)
{
    size_t plain_start = 0;

    buffer_append_text(out, "\"");
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = bytes[i];
        bool is_c1 = byte == 0xC2 && i + 1 < size && bytes[i + 1] < 0xA0;

        if (byte >= ' ' && byte != '"' && byte != '\\' && byte != 0x7F && !is_c1)
            continue;
        buffer_append(out, bytes + plain_start, i - plain_start);
        if (byte == '"' || byte == '\\')
            buffer_format(out, "\\%c", byte);
        else
            buffer_format(out, "\\u%04x", is_c1 ? bytes[++i] : byte); /* U+0080 is C2 80 */
        plain_start = i + 1;
    }
    buffer_append(out, bytes + plain_start, size - plain_start);
    buffer_append_text(out, "\"");
}

static void write_hex(struct buffer *out, const uint8_t *bytes, size_t size)
{
    buffer_append_text(out, "\"");
    for (size_t i = 0; i < size; i++)
        buffer_format(out, "%02x", bytes[i]);
    buffer_append_text(out, "\"");
}

/* RFC 4648, section 4. */
static void write_base64(struct buffer *out, const uint8_t *bytes, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    buffer_append_text(out, "\"");
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t group = (uint32_t)bytes[i] << 16;
        char text[4];

        if (left > 1)
            group |= (uint32_t)bytes[i + 1] << 8;
        if (left > 2)
            group |= bytes[i + 2];
        text[0] = digits[group >> 18];
        text[1] = digits[group >> 12 & 63];
        text[2] = left > 1 ? digits[group >> 6 & 63] : '=';
        text[3] = left > 2 ? digits[group & 63] : '=';
        buffer_append(out, text, sizeof text);
    }
    buffer_append_text(out, "\"");
}

static void write_double(struct buffer *out, uint64_t bits)
{
    double value;
    char text[32];

    memcpy(&value, &bits, sizeof value);
    if (isnan(value)) {
        buffer_append_text(out, "\"NaN\"");
        return;
    }
    if (isinf(value)) {
        buffer_append_text(out, value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) { /* the fewest that read back as the same */
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) /* the numbers' locale is C */
            break;
    }
    buffer_append_text(out, text);
    if (strpbrk(text, ".e") == NULL)
        buffer_append_text(out, ".0"); /* a reader that tells integers apart keeps -0 */
}

static void write_scalar(struct buffer *out, const struct otlp_field *field, enum json_form form)
{
    switch (form) {
    case FORM_STRING:
        write_string(out, field->bytes, field->size);
        break;
    case FORM_HEX:
        write_hex(out, field->bytes, field->size);
        break;
    case FORM_BASE64:
        write_base64(out, field->bytes, field->size);
        break;
    case FORM_UINT32:
        buffer_format(out, "%" PRIu32, (uint32_t)field->number);
        break;
    case FORM_UINT64:
        buffer_format(out, "\"%" PRIu64 "\"", field->number);
        break;
    case FORM_INT64:
        buffer_format(out, "\"%" PRId64 "\"", (int64_t)field->number);
        break;
    case FORM_BOOLEAN:
        buffer_append_text(out, field->number != 0 ? "true" : "false");
        break;
    case FORM_DOUBLE:
        write_double(out, field->number);
        break;
    case FORM_MESSAGE:
        break;
    }
}

/* ---- messages ------------------------------------------------------------------------------ */

static bool is_default(const struct otlp_field *field, enum json_form form)
{
    if (form == FORM_STRING || form == FORM_HEX || form == FORM_BASE64)
        return field->size == 0;
    return field->number == 0;
}

/* Of a oneof only the last counts. */
static bool is_overridden(const struct otlp_node *node)
{
    return node->field.message == OTLP_ANY_VALUE && node->next != NULL;
}

/* The first node to write for this shape; NULL: nothing. */
static const struct otlp_node *first_to_write(const struct otlp_node *message,
                                              const struct json_field *shape)
{
    const struct otlp_node *node;

    if (shape->presence == REPEATED)
        return otlp_node_from(message->first_child, shape->number);
    node = otlp_node_find(message, shape->number);
    if (node == NULL || is_overridden(node) ||
        (shape->presence == OPTIONAL && is_default(&node->field, shape->form)))
        return NULL;
    return node;
}

/* As deep as OTLP_DEPTH_MAX at most, since the walk that built the tree went no deeper. */
static void write_message(struct buffer *out, const struct otlp_node *message)
{
    enum otlp_message kind = message->field.submessage;
    const char *separator = "";

    buffer_append_text(out, "{");
    for (const struct json_field *shape = first_field_of(kind);
         shape < json_fields + JSON_FIELD_COUNT && shape->message == kind; shape++) {
        bool is_list = shape->presence == REPEATED;
        const struct otlp_node *node = first_to_write(message, shape);

        if (node == NULL)
            continue;
        buffer_format(out, "%s\"%s\":%s", separator, shape->name, is_list ? "[" : "");
        while (node != NULL) {
            if (shape->form == FORM_MESSAGE)
                write_message(out, node);
            else
                write_scalar(out, &node->field, shape->form);
            node = is_list ? otlp_node_from(node->next, shape->number) : NULL;
            buffer_append_text(out, node != NULL ? "," : "");
        }
        buffer_append_text(out, is_list ? "]" : "");
        separator = ",";
    }
    buffer_append_text(out, "}");
}

/* ---- the sink ------------------------------------------------------------------------------ */

struct json_output {
    FILE *output;
    struct joined joined;
    struct buffer resource;
    struct buffer request;
    struct buffer line;
    struct otlp_tree tree;
    uint64_t spans_written;
    uint64_t spans_not_written;
};

static bool build_request(struct json_output *json, const struct gw_batch *batch)
{
    struct buffer *without = &json->joined.without_resource;
    struct buffer *with = &json->joined.with_resource;

    joined_clear(&json->joined);
    buffer_clear(&json->resource);
    buffer_clear(&json->request);
    if (!join_spans(&json->joined, batch))
        return false;
    if (without->size > 0) {
        struct join_part part = {without->data, without->size};

        join_resource(&json->resource, batch);
        join_resource_spans(&json->request, json->resource.data, json->resource.size, &part, 1);
    }
    buffer_append(&json->request, with->data, with->size);
    return !json->resource.failed && !json->request.failed;
}

static bool write_line(struct json_output *json)
{
    buffer_clear(&json->line);
    if (!otlp_tree_build(&json->tree, OTLP_TRACES_REQUEST, json->request.data, json->request.size))
        return false;
    write_message(&json->line, &json->tree.root);
    buffer_append_text(&json->line, "\n");
    return !json->line.failed &&
           fwrite(json->line.data, 1, json->line.size, json->output) == json->line.size &&
           fflush(json->output) == 0;
}

static void take_batch(void *self, const struct gw_batch *batch)
{
    struct json_output *json = self;

    if (batch->signal != GW_TRACES || batch->span_count == 0)
        return;
    if (build_request(json, batch) && write_line(json))
        json->spans_written += batch->span_count;
    else
        json->spans_not_written += batch->span_count;
}

static void take_text(void *self, const char *source, const uint8_t *bytes, size_t size)
{
    (void)self;
    (void)source;
    fwrite(bytes, 1, size, stderr);
}

static bool is_drained(void *self)
{
    (void)self;
    return true;
}

static void visit_counters(void *self, gw_counter_visitor *visit, void *visitor)
{
    struct json_output *json = self;

    visit(visitor, "json_spans_written", json->spans_written);
    visit(visitor, "json_spans_not_written", json->spans_not_written);
}

bool json_open(struct gw_sink *sink, FILE *output)
{
    struct json_output *json = calloc(1, sizeof *json);

    if (json == NULL)
        return false;
    json->output = output != NULL ? output : stdout;
    *sink = (struct gw_sink){.self = json,
                             .batch = take_batch,
                             .text = take_text,
                             .drained = is_drained,
                             .counters = visit_counters};
    return true;
}

void json_free(struct gw_sink *sink)
{
    struct json_output *json = sink->self;

    joined_free(&json->joined);
    buffer_free(&json->resource);
    buffer_free(&json->request);
    buffer_free(&json->line);
    otlp_tree_free(&json->tree);
    free(json);
    *sink = (struct gw_sink){0};
}
