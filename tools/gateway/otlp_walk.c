/* SPDX-License-Identifier: MIT */
#include "otlp_walk.h"

#include <pb_decode.h>
#include <string.h>

/* ---- what OTLP's messages look like -------------------------------------------------------- */

struct field_shape {
    uint8_t number;
    uint8_t type;       /* enum otlp_type */
    uint8_t submessage; /* enum otlp_message, of an OTLP_SUBMESSAGE */
};

#define FIELD_SHAPES_MAX 16

struct message_shape {
    uint32_t required; /* bit n: field number n must be there */
    struct field_shape fields[FIELD_SHAPES_MAX + 1];
};

#define REQUIRE(number) (1U << (number))

/* opentelemetry-proto 1.x: collector/trace/v1, trace/v1, resource/v1, common/v1. */
static const struct message_shape message_shapes[OTLP_MESSAGE_COUNT] = {
    [OTLP_TRACES_REQUEST] = {0, {{1, OTLP_SUBMESSAGE, OTLP_RESOURCE_SPANS}}},
    [OTLP_RESOURCE_SPANS] = {0,
                             {{1, OTLP_SUBMESSAGE, OTLP_RESOURCE},
                              {2, OTLP_SUBMESSAGE, OTLP_SCOPE_SPANS},
                              {3, OTLP_STRING, 0}}},
    [OTLP_RESOURCE] = {0,
                       {{1, OTLP_SUBMESSAGE, OTLP_KEY_VALUE},
                        {2, OTLP_VARINT, 0},
                        {3, OTLP_SUBMESSAGE, OTLP_ENTITY_REF}}},
    [OTLP_ENTITY_REF] =
        {0, {{1, OTLP_STRING, 0}, {2, OTLP_STRING, 0}, {3, OTLP_STRING, 0}, {4, OTLP_STRING, 0}}},
    [OTLP_SCOPE_SPANS] = {0,
                          {{1, OTLP_SUBMESSAGE, OTLP_SCOPE},
                           {2, OTLP_SUBMESSAGE, OTLP_SPAN},
                           {3, OTLP_STRING, 0}}},
    [OTLP_SCOPE] = {0,
                    {{1, OTLP_STRING, 0},
                     {2, OTLP_STRING, 0},
                     {3, OTLP_SUBMESSAGE, OTLP_KEY_VALUE},
                     {4, OTLP_VARINT, 0}}},
    [OTLP_SPAN] = {REQUIRE(1) | REQUIRE(2),
                   {{1, OTLP_TRACE_ID, 0},
                    {2, OTLP_SPAN_ID, 0},
                    {3, OTLP_STRING, 0},
                    {4, OTLP_SPAN_ID, 0},
                    {5, OTLP_STRING, 0},
                    {6, OTLP_VARINT, 0},
                    {7, OTLP_TIME, 0},
                    {8, OTLP_TIME, 0},
                    {9, OTLP_SUBMESSAGE, OTLP_KEY_VALUE},
                    {10, OTLP_VARINT, 0},
                    {11, OTLP_SUBMESSAGE, OTLP_EVENT},
                    {12, OTLP_VARINT, 0},
                    {13, OTLP_SUBMESSAGE, OTLP_LINK},
                    {14, OTLP_VARINT, 0},
                    {15, OTLP_SUBMESSAGE, OTLP_STATUS},
                    {16, OTLP_FIXED32, 0}}},
    [OTLP_EVENT] = {0,
                    {{1, OTLP_TIME, 0},
                     {2, OTLP_STRING, 0},
                     {3, OTLP_SUBMESSAGE, OTLP_KEY_VALUE},
                     {4, OTLP_VARINT, 0}}},
    [OTLP_LINK] = {REQUIRE(1) | REQUIRE(2),
                   {{1, OTLP_TRACE_ID, 0},
                    {2, OTLP_SPAN_ID, 0},
                    {3, OTLP_STRING, 0},
                    {4, OTLP_SUBMESSAGE, OTLP_KEY_VALUE},
                    {5, OTLP_VARINT, 0},
                    {6, OTLP_FIXED32, 0}}},
    [OTLP_STATUS] = {0, {{2, OTLP_STRING, 0}, {3, OTLP_VARINT, 0}}},
    [OTLP_KEY_VALUE] = {0, {{1, OTLP_STRING, 0}, {2, OTLP_SUBMESSAGE, OTLP_ANY_VALUE}}},
    [OTLP_ANY_VALUE] = {0,
                        {{1, OTLP_STRING, 0},
                         {2, OTLP_VARINT, 0},
                         {3, OTLP_VARINT, 0},
                         {4, OTLP_FIXED64, 0},
                         {5, OTLP_SUBMESSAGE, OTLP_ARRAY_VALUE},
                         {6, OTLP_SUBMESSAGE, OTLP_KEY_VALUE_LIST},
                         {7, OTLP_BYTES, 0}}},
    [OTLP_ARRAY_VALUE] = {0, {{1, OTLP_SUBMESSAGE, OTLP_ANY_VALUE}}},
    [OTLP_KEY_VALUE_LIST] = {0, {{1, OTLP_SUBMESSAGE, OTLP_KEY_VALUE}}},
};

static const pb_wire_type_t wire_types[] = {
    [OTLP_VARINT] = PB_WT_VARINT,   [OTLP_FIXED32] = PB_WT_32BIT,  [OTLP_FIXED64] = PB_WT_64BIT,
    [OTLP_TIME] = PB_WT_64BIT,      [OTLP_STRING] = PB_WT_STRING,  [OTLP_BYTES] = PB_WT_STRING,
    [OTLP_TRACE_ID] = PB_WT_STRING, [OTLP_SPAN_ID] = PB_WT_STRING, [OTLP_SUBMESSAGE] = PB_WT_STRING,
};

static const struct field_shape *find_shape(enum otlp_message message, uint32_t number)
{
    for (const struct field_shape *shape = message_shapes[message].fields; shape->number; shape++) {
        if (shape->number == number)
            return shape;
    }
    return NULL;
}

/* ---- UTF-8 --------------------------------------------------------------------------------- */

/* Bytes of the character at the start of `bytes`, 0 when it is none. */
static size_t utf8_character_bytes(const uint8_t *bytes, size_t size)
{
    uint8_t first = bytes[0];
    uint8_t second_min = 0x80, second_max = 0xBF;
    size_t length;

    if (first < 0x80)
        return 1;
    if (first < 0xC2 || first > 0xF4)
        return 0;
    length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    if (first == 0xE0)
        second_min = 0xA0; /* over-long below */
    if (first == 0xED)
        second_max = 0x9F; /* surrogates above */
    if (first == 0xF0)
        second_min = 0x90; /* over-long below */
    if (first == 0xF4)
        second_max = 0x8F; /* past U+10FFFF above */
    if (size < length || bytes[1] < second_min || bytes[1] > second_max)
        return 0;
    for (size_t i = 2; i < length; i++) {
        if ((bytes[i] & 0xC0) != 0x80)
            return 0;
    }
    return length;
}

bool otlp_utf8_valid(const uint8_t *bytes, size_t size)
{
    size_t at = 0;

    while (at < size) {
        size_t length = utf8_character_bytes(bytes + at, size - at);

        if (length == 0)
            return false;
        at += length;
    }
    return true;
}

/* ---- the walk ------------------------------------------------------------------------------ */

struct level {
    pb_istream_t stream;
    const uint8_t *end; /* of this message's bytes: where the stream is = end - bytes_left */
    enum otlp_message message;
    uint32_t seen; /* bit n: field number n was there */
};

struct walk {
    const struct otlp_visitor *visitor;
    void *self;
    struct otlp_counts *counts;
    size_t depth; /* levels in use */
    struct level levels[OTLP_DEPTH_MAX];
};

static const char *open_level(struct walk *walk, enum otlp_message message, const uint8_t *bytes,
                              size_t size)
{
    struct level *level;

    if (walk->depth == OTLP_DEPTH_MAX)
        return "values nested too deep";
    level = &walk->levels[walk->depth++];
    level->stream = pb_istream_from_buffer(bytes, size);
    level->end = size == 0 ? bytes : bytes + size;
    level->message = message;
    level->seen = 0;
    return NULL;
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0)
            return false;
    }
    return true;
}

static const char *check_content(const struct otlp_field *field)
{
    bool is_parent = field->message == OTLP_SPAN && field->number_in_message == 4;
    size_t id_bytes = field->type == OTLP_TRACE_ID ? 16 : 8;

    if (field->type == OTLP_STRING)
        return otlp_utf8_valid(field->bytes, field->size) ? NULL : "a string is not UTF-8";
    if (field->type != OTLP_TRACE_ID && field->type != OTLP_SPAN_ID)
        return NULL;
    if (is_parent && field->size == 0)
        return NULL;
    if (field->size != id_bytes)
        return "an id has the wrong length";
    if (is_zero(field->bytes, field->size))
        return "an id is zero";
    return NULL;
}

/* Reads the field's value; the tag has been read. */
static const char *read_value(struct level *level, struct otlp_field *field)
{
    pb_istream_t *stream = &level->stream;
    uint32_t length;

    field->number = 0;
    field->bytes = level->end - stream->bytes_left;
    field->size = 0;
    if (field->type == OTLP_VARINT)
        return pb_decode_varint(stream, &field->number) ? NULL : "a number is cut or too long";
    if (field->type == OTLP_FIXED64 || field->type == OTLP_TIME) {
        field->size = 8;
        return pb_decode_fixed64(stream, &field->number) ? NULL : "a number is cut";
    }
    if (field->type == OTLP_FIXED32) {
        uint32_t number;

        if (!pb_decode_fixed32(stream, &number))
            return "a number is cut";
        field->number = number;
        field->size = 4;
        return NULL;
    }
    if (!pb_decode_varint32(stream, &length) || length > stream->bytes_left)
        return "a length passes the end";
    field->bytes = level->end - stream->bytes_left;
    field->size = length;
    if (!pb_read(stream, NULL, length))
        return "a length passes the end";
    return check_content(field);
}

static const char *close_level(struct walk *walk)
{
    struct level *level = &walk->levels[walk->depth - 1];
    uint32_t required = message_shapes[level->message].required;

    if ((level->seen & required) != required)
        return "an id is missing";
    walk->depth--;
    if (walk->depth > 0 && walk->visitor != NULL && walk->visitor->end != NULL)
        walk->visitor->end(walk->self, level->message);
    return NULL;
}

static const char *take_field(struct walk *walk, struct level *level,
                              const struct field_shape *shape)
{
    struct otlp_field field = {.message = level->message,
                               .number_in_message = shape->number,
                               .type = (enum otlp_type)shape->type,
                               .submessage = (enum otlp_message)shape->submessage};
    const char *problem = read_value(level, &field);

    if (problem != NULL)
        return problem;
    level->seen |= 1U << shape->number;
    if (field.type != OTLP_SUBMESSAGE) {
        if (walk->visitor != NULL && walk->visitor->field != NULL)
            walk->visitor->field(walk->self, &field);
        return NULL;
    }
    if (walk->counts != NULL) {
        walk->counts->spans += field.submessage == OTLP_SPAN;
        walk->counts->resources += field.submessage == OTLP_RESOURCE;
    }
    if (walk->visitor != NULL && walk->visitor->begin != NULL)
        walk->visitor->begin(walk->self, &field);
    return open_level(walk, field.submessage, field.bytes, field.size);
}

static const char *step(struct walk *walk)
{
    struct level *level = &walk->levels[walk->depth - 1];
    const struct field_shape *shape;
    pb_wire_type_t wire_type;
    uint32_t number;
    bool at_end;

    if (level->stream.bytes_left == 0)
        return close_level(walk);
    if (!pb_decode_tag(&level->stream, &wire_type, &number, &at_end) || number == 0)
        return "a tag is malformed";
    shape = find_shape(level->message, number);
    if (shape == NULL)
        return pb_skip_field(&level->stream, wire_type) ? NULL : "an unknown field is malformed";
    if (wire_type != wire_types[shape->type])
        return "a field has the wrong type";
    return take_field(walk, level, shape);
}

const char *otlp_walk(enum otlp_message root, const uint8_t *bytes, size_t size,
                      const struct otlp_visitor *visitor, void *self, struct otlp_counts *counts)
{
    struct walk walk = {.visitor = visitor, .self = self, .counts = counts};
    const char *problem;

    if (counts != NULL)
        *counts = (struct otlp_counts){0};
    problem = open_level(&walk, root, bytes, size);
    while (problem == NULL && walk.depth > 0)
        problem = step(&walk);
    return problem;
}

/* ---- one attribute ------------------------------------------------------------------------- */

struct string_search {
    const char *key;
    unsigned depth;
    bool key_matches;
    const uint8_t *candidate;
    size_t candidate_bytes;
    const uint8_t *found;
    size_t found_bytes;
};

static void search_begin(void *self, const struct otlp_field *field)
{
    struct string_search *search = self;

    search->depth++;
    if (search->depth == 1 && field->submessage == OTLP_KEY_VALUE) {
        search->key_matches = false;
        search->candidate = NULL;
    }
}

static void search_field(void *self, const struct otlp_field *field)
{
    struct string_search *search = self;

    if (search->depth == 1 && field->message == OTLP_KEY_VALUE) {
        search->key_matches = field->size == strlen(search->key) &&
                              memcmp(field->bytes, search->key, field->size) == 0;
    } else if (search->depth == 2 && field->message == OTLP_ANY_VALUE &&
               field->type == OTLP_STRING) {
        search->candidate = field->bytes;
        search->candidate_bytes = field->size;
    }
}

static void search_end(void *self, enum otlp_message message)
{
    struct string_search *search = self;

    search->depth--;
    if (search->depth == 0 && message == OTLP_KEY_VALUE && search->key_matches &&
        search->candidate != NULL) {
        search->found = search->candidate;
        search->found_bytes = search->candidate_bytes;
    }
}

bool otlp_find_string(enum otlp_message root, const uint8_t *bytes, size_t size, const char *key,
                      const uint8_t **value, size_t *value_bytes)
{
    static const struct otlp_visitor visitor = {search_begin, search_field, search_end};
    struct string_search search = {.key = key};

    if (otlp_walk(root, bytes, size, &visitor, &search, NULL) != NULL || search.found == NULL)
        return false;
    *value = search.found;
    *value_bytes = search.found_bytes;
    return true;
}
