/* SPDX-License-Identifier: MIT */
/*
 * Random spans: every call, in any order, at and over every limit, with children, remote parents,
 * renames and overwrites, several open at once. What arrives is compared with what was meant by way
 * of nanopb's generated decoder, here, and printed for the official runtime, which verify.py brings.
 *
 * usage: corpus SPANS SEED [print]
 * Printed are lines: "F" and a frame's payload in hexadecimal digits, then "M" and the model of each
 * of its spans. On stderr, at the end: what was covered. Exit status 0: every span arrived as meant.
 */
#define OTEL_IMPLEMENTATION
#include "otel.h"

#include "model.h"
#include "test_port.h"

#include <inttypes.h>
#include <stdlib.h>

/* Beside its text, an attribute or event may ask for so many bytes more than it will need, and the
 * library keeps a few free for what a span always gets: with less room than this a drop is right. */
enum { SLACK_BYTES = 48, SPAN_TAG_AND_LENGTH_MAX = 4 };

enum { OPEN_MAX = OTEL_RECORDING_COUNT + 2, WAITING_MAX = 4096, ENDED_MAX = 16 };

static model_span open_spans[OPEN_MAX];
static size_t open_count;
static model_span waiting[WAITING_MAX]; /* ended, and not yet seen at the far end */
static size_t waiting_count;
static otel_context ended[ENDED_MAX]; /* contexts of spans that are over: good parents still */
static size_t ended_count;

static struct {
    unsigned long arrived, attributes_dropped, overwritten, events_dropped,
        event_attributes_dropped, cut, repaired, renamed, remote, nested, with_tracestate,
        full_pools, with_zero_byte, frames;
} covered;

static bool printing;
static bool frame_has_zero_byte;

static void fail(const model_span *span, const char *what)
{
    (void)fprintf(stderr, "span that arrived as %lu: %s\n", covered.arrived, what);
    if (span != NULL) {
        model_print(span, stderr);
    }
    exit(1);
}

/* ---- chance -------------------------------------------------------------------------------- */

static uint64_t chance_state;

static uint32_t chance(uint32_t below)
{
    chance_state ^= chance_state << 13;
    chance_state ^= chance_state >> 7;
    chance_state ^= chance_state << 17;
    return (uint32_t)((chance_state >> 32) * below >> 32);
}

static char text_bytes[2 * OTEL_SPAN_BYTES + 64];
static size_t text_length;

/* A length: mostly short, often around the given limit, sometimes far over it. */
static size_t chance_length(size_t limit)
{
    const uint32_t kind = chance(16);

    if (kind < 11) {
        return chance(20);
    }
    if (kind < 15) {
        return limit > 8 ? limit - 8 + chance(16) : chance(24);
    }
    return chance((uint32_t)(limit + limit / 2 + 8));
}

/* Fills text_bytes: ASCII, characters of every width, broken ones, seldom a zero byte. */
static void chance_text(size_t limit, bool zero_allowed)
{
    static const char *const characters[] = {"\xC3\xA9",     "\xE2\x82\xAC", "\xF0\x9F\x98\x80",
                                             "\xEF\xBF\xBF", "\xC2\x80",     "\xF4\x8F\xBF\xBF"};
    static const char *const broken[] = {"\xE9",         "\xE2\x82", "\xF0\x9F\x98", "\xC0\xAF",
                                         "\xED\xA0\x80", "\xFF",     "\x80"};
    const uint32_t style = chance(8);
    size_t wanted = chance_length(limit);

    wanted = wanted < sizeof text_bytes - 5 ? wanted : sizeof text_bytes - 5;
    text_length = 0;
    while (text_length < wanted) {
        const char *piece = NULL;
        if (style >= 5 && chance(3) == 0) {
            piece = characters[chance(6)];
        } else if (style == 7 && chance(8) == 0) {
            piece = broken[chance(7)];
        }
        if (piece != NULL) {
            memcpy(&text_bytes[text_length], piece, strlen(piece));
            text_length += strlen(piece);
        } else {
            text_bytes[text_length++] = (char)('a' + (int)chance(26));
        }
    }
    if (zero_allowed && text_length > 0 && chance(200) == 0) {
        text_bytes[chance((uint32_t)text_length)] = '\0';
    }
    text_bytes[text_length] = '\0';
}

/* Few keys, so that overwrites are common; now and then a wild one. */
static const char *chance_key(void)
{
    static char key[2 * OTEL_SPAN_BYTES + 64];

    if (chance(40) == 0) {
        chance_text(chance(4) == 0 ? OTEL_SPAN_BYTES : 24, false);
        memcpy(key, text_bytes, text_length + 1);
    } else {
        const uint32_t number = chance(chance(3) == 0 ? 200 : 12);
        (void)snprintf(key, sizeof key, "%s%u", chance(2) == 0 ? "k" : "a.longer.key.", number);
    }
    return key;
}

/* ---- attributes ---------------------------------------------------------------------------- */

static bool is_repaired(const model_text *text, const char *bytes)
{
    return memcmp(text->bytes, bytes, text->length) != 0;
}

/* An attribute for the library, and its model. Its strings live until the next but 255. */
typedef struct meant_attribute {
    otel_attribute given;
    model_attribute model;
    bool zero_byte;
    bool ends; /* a string value has a zero byte behind it */
} meant_attribute;

enum { STRINGS_KEPT = 256 };

/* A copy that stands alone, so that ASan sees who reads behind it; `ends` with a zero byte or not. */
static char *keep_string(const char *bytes, size_t length, bool ends)
{
    static char *kept[STRINGS_KEPT];
    static size_t next;
    char *copy = malloc(length + (ends ? 1 : 0));

    if (copy == NULL && length > 0) {
        fail(NULL, "no memory");
    }
    if (length > 0) {
        memcpy(copy, bytes, length);
    }
    if (ends) {
        copy[length] = '\0';
    }
    next = (next + 1) % STRINGS_KEPT;
    free(kept[next]);
    kept[next] = copy;
    return copy;
}

static meant_attribute chance_attribute(void)
{
    static const int64_t integers[] = {0, 1, -1, 127, 128, 16384, INT32_MIN, INT64_MAX, INT64_MIN};
    meant_attribute meant;
    const char *key = chance_key();
    double real;

    key = keep_string(key, strlen(key), true);
    memset(&meant, 0, sizeof meant);
    meant.model.key = model_text_of(key, strlen(key), SIZE_MAX, SIZE_MAX);
    meant.model.type = (otel_value_type)(1 + (int)chance(4));
    switch (meant.model.type) {
    case OTEL_VALUE_STRING: {
        const char *text;
        chance_text(OTEL_ATTRIBUTE_VALUE_BYTES_LIMIT, true);
        meant.ends = chance(2) == 0 && strlen(text_bytes) == text_length;
        text = keep_string(text_bytes, text_length, meant.ends);
        meant.model.text =
            model_text_of(text, text_length, OTEL_ATTRIBUTE_VALUE_BYTES_LIMIT, SIZE_MAX);
        meant.zero_byte = memchr(meant.model.text.bytes, 0, meant.model.text.length) != NULL;
        meant.given = otel_strn(key, text, text_length);
        break;
    }
    case OTEL_VALUE_BOOL:
        meant.model.bits = chance(2);
        meant.given = otel_bool(key, meant.model.bits != 0);
        break;
    case OTEL_VALUE_INT:
        meant.given = otel_i64(key, chance(2) == 0 ? integers[chance(9)] : (int64_t)chance(100000));
        meant.model.bits = (uint64_t)meant.given.value.integer;
        break;
    case OTEL_VALUE_DOUBLE:
    default:
        meant.model.bits = (uint64_t)chance(UINT32_MAX) << 32 | chance(UINT32_MAX);
        memcpy(&real, &meant.model.bits, sizeof real);
        meant.given = otel_f64(key, real);
        break;
    }
    return meant;
}

/* By the setter of its type or by value, as chance will have it. */
static void give_attribute(otel_span span, const meant_attribute *meant)
{
    const otel_attribute *const attribute = &meant->given;

    if (chance(2) == 0) {
        otel_span_set(span, attribute);
        return;
    }
    switch (attribute->type) {
    case OTEL_VALUE_STRING:
        if (meant->ends) {
            otel_span_set_str(span, attribute->key, attribute->value.string.bytes);
        } else {
            otel_span_set_strn(span, attribute->key, attribute->value.string.bytes,
                               attribute->value.string.length);
        }
        break;
    case OTEL_VALUE_BOOL:
        otel_span_set_bool(span, attribute->key, attribute->value.boolean);
        break;
    case OTEL_VALUE_INT:
        otel_span_set_i64(span, attribute->key, attribute->value.integer);
        break;
    case OTEL_VALUE_DOUBLE:
    default:
        otel_span_set_f64(span, attribute->key, attribute->value.real);
        break;
    }
}

static size_t room_of(const model_span *span, bool longest)
{
    const size_t used = model_span_size(span, longest) + SPAN_TAG_AND_LENGTH_MAX;

    return used < OTEL_SPAN_BYTES ? OTEL_SPAN_BYTES - used : 0;
}

/* Takes into the model what the library says it did, if it was right to do that. */
static void settle_attribute(model_span *span, meant_attribute meant, bool dropped)
{
    const bool again = model_attributes_has(&span->attributes, &meant.model.key);
    size_t size;

    if (meant.model.key.length == 0) { /* without a key: counted as dropped or as a bad argument */
        model_attribute_free(&meant.model);
        span->attributes_dropped += dropped ? 1 : 0;
        return;
    }
    model_attributes_remove(&span->attributes, &meant.model.key);
    size = model_attribute_size(&meant.model);
    if (dropped) {
        if (span->attributes.count < OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT &&
            size + SLACK_BYTES <= room_of(span, true)) {
            fail(span, "an attribute was dropped that had room");
        }
        model_attribute_free(&meant.model);
        span->attributes_dropped++;
        covered.attributes_dropped++;
        return;
    }
    if (span->attributes.count >= OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT || size > room_of(span, false)) {
        fail(span, "an attribute was taken that has no room");
    }
    covered.overwritten += again ? 1 : 0;
    span->has_zero_byte = span->has_zero_byte || meant.zero_byte;
    model_attributes_set(&span->attributes, meant.model);
}

#define COUNTER(name) (stats_now().name)

static otel_stats stats_now(void)
{
    otel_stats stats;

    otel_stats_get(&stats);
    return stats;
}

/* A call is counted once for each thing that went wrong in it, and only then. */
static void set_attribute(model_span *span)
{
    const meant_attribute meant = chance_attribute();
    const otel_stats before = stats_now();
    otel_stats after;
    bool dropped;
    bool repaired;
    bool cut;

    give_attribute(span->handle, &meant);
    after = stats_now();
    dropped = after.attributes_dropped != before.attributes_dropped;
    if (!dropped && meant.model.key.length != 0) {
        const bool is_string = meant.model.type == OTEL_VALUE_STRING;
        repaired = is_repaired(&meant.model.key, meant.given.key) ||
                   (is_string && is_repaired(&meant.model.text, meant.given.value.string.bytes));
        cut = is_string && meant.given.value.string.length != meant.model.text.length;
        if (after.strings_repaired - before.strings_repaired != (repaired ? 1u : 0u) ||
            after.attributes_truncated - before.attributes_truncated != (cut ? 1u : 0u)) {
            fail(span, "repaired or truncated was counted wrongly");
        }
        covered.repaired += repaired ? 1 : 0;
        covered.cut += cut ? 1 : 0;
    }
    settle_attribute(span, meant, dropped);
}

/* ---- events, status, name ------------------------------------------------------------------ */

enum { EVENT_ATTRIBUTES_MAX = OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT + 4 };

/* The attributes that an event keeps: of each key the last, without those that have no key, and as
 * many as the limit allows, in the order in which they were given. */
static void keep_event_attributes(model_event *event, const meant_attribute *meant, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool again = false;
        for (size_t j = i + 1; j < count; j++) {
            again = again || (meant[j].model.key.length == meant[i].model.key.length &&
                              memcmp(meant[j].model.key.bytes, meant[i].model.key.bytes,
                                     meant[i].model.key.length) == 0);
        }
        if (!again && event->attributes.count < OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT &&
            meant[i].model.key.length != 0) {
            model_attributes_set(&event->attributes, meant[i].model);
        } else {
            model_attribute not_kept = meant[i].model;
            model_attribute_free(&not_kept);
            event->dropped +=
                !again && event->attributes.count == OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT ? 1 : 0;
        }
    }
}

/* Settles as attributes are settled; returns whether the event was dropped. */
static bool settle_event(model_span *span, model_event *event, bool dropped)
{
    const size_t size = model_event_size(event);

    if (dropped) {
        if (span->event_count < OTEL_SPAN_EVENT_COUNT_LIMIT &&
            size + SLACK_BYTES <= room_of(span, true)) {
            fail(span, "an event was dropped that had room");
        }
        model_event_free(event);
        span->events_dropped++;
        covered.events_dropped++;
        return true;
    }
    if (span->event_count >= OTEL_SPAN_EVENT_COUNT_LIMIT || size > room_of(span, false)) {
        fail(span, "an event was taken that has no room");
    }
    covered.event_attributes_dropped += event->dropped;
    model_event_add(span, *event);
    return false;
}

static void add_event(model_span *span)
{
    static meant_attribute meant[EVENT_ATTRIBUTES_MAX];
    static otel_attribute given[EVENT_ATTRIBUTES_MAX];
    const size_t count = chance(3) == 0 ? chance(EVENT_ATTRIBUTES_MAX + 1) : chance(2);
    const uint64_t time_ns =
        chance(2) == 0 ? 0 : 1 + (uint64_t)chance(UINT32_MAX) * chance(UINT32_MAX);
    const uint32_t before = COUNTER(events_dropped);
    const uint32_t attributes_before = COUNTER(attributes_dropped);
    model_event event;
    bool zero_byte = false;

    memset(&event, 0, sizeof event);
    for (size_t i = 0; i < count; i++) {
        meant[i] = chance_attribute();
        given[i] = meant[i].given;
        zero_byte = zero_byte || meant[i].zero_byte;
    }
    chance_text(OTEL_ATTRIBUTE_VALUE_BYTES_LIMIT, false);
    event.name = model_text_of(text_bytes, text_length, OTEL_ATTRIBUTE_VALUE_BYTES_LIMIT, SIZE_MAX);
    event.time_ns = time_ns != 0 ? time_ns : port.ticks;
    keep_event_attributes(&event, meant, count);
    if (time_ns != 0) {
        otel_span_event_at(span->handle, text_bytes, given, count, time_ns);
    } else if (count > 0) {
        otel_span_event_with(span->handle, text_bytes, given, count);
    } else {
        otel_span_event(span->handle, text_bytes);
    }
    if (!settle_event(span, &event, COUNTER(events_dropped) != before)) {
        span->has_zero_byte = span->has_zero_byte || zero_byte;
        if (COUNTER(attributes_dropped) - attributes_before != event.dropped) {
            fail(span, "dropped attributes of an event were counted wrongly");
        }
    }
}

/* How long a name or a message may be at most, for certain, before the buffer's end cuts it. */
static size_t certain_room(const model_span *span)
{
    const size_t room = room_of(span, true);

    return room > SLACK_BYTES ? room - SLACK_BYTES : 0;
}

static void set_status(model_span *span)
{
    const otel_span_status status = (otel_span_status)chance(3);
    const bool with_message = chance(3) != 0;

    chance_text(OTEL_ATTRIBUTE_VALUE_BYTES_LIMIT, false);
    otel_span_set_status(span->handle, status, with_message ? text_bytes : NULL);
    if (status == OTEL_SPAN_STATUS_UNSET || span->status == OTEL_SPAN_STATUS_OK) {
        return;
    }
    free(span->message.bytes);
    memset(&span->message, 0, sizeof span->message);
    span->status = status;
    if (status == OTEL_SPAN_STATUS_ERROR && with_message) {
        span->message = model_text_of(text_bytes, text_length, OTEL_ATTRIBUTE_VALUE_BYTES_LIMIT,
                                      certain_room(span));
    }
}

static void rename_span(model_span *span)
{
    chance_text(OTEL_ATTRIBUTE_VALUE_BYTES_LIMIT, false);
    otel_span_set_name(span->handle, text_bytes);
    free(span->name.bytes);
    memset(&span->name, 0, sizeof span->name);
    span->name = model_text_of(text_bytes, text_length, OTEL_ATTRIBUTE_VALUE_BYTES_LIMIT,
                               certain_room(span));
    covered.renamed++;
}

/* ---- start and end ------------------------------------------------------------------------- */

/* A parent from elsewhere, now and then with tracestate; the caller releases it. */
static otel_context chance_remote(model_text *tracestate)
{
    otel_context context;

    memset(&context, 0, sizeof context);
    for (size_t i = 0; i < 16; i++) {
        context.trace_id[i] = (uint8_t)(1u + chance(255));
        context.span_id[i % 8] = (uint8_t)(1u + chance(255));
    }
    context.trace_flags =
        (uint8_t)(OTEL_TRACE_FLAG_SAMPLED | (chance(2) == 0 ? OTEL_TRACE_FLAG_RANDOM : 0u));
    context.state = OTEL_CONTEXT_REMOTE;
    if (chance(4) == 0) {
        char text[OTEL_CARRIER_BYTES + 1];
        const size_t length = 1 + chance(OTEL_CARRIER_BYTES);
        for (size_t i = 0; i < length; i++) {
            text[i] = (char)(0x21 + (int)chance(0x5E));
        }
        if (otel_context_set_tracestate(&context, text, length) == OTEL_OK) {
            *tracestate = model_text_of(text, length, SIZE_MAX, SIZE_MAX);
            covered.with_tracestate++;
        }
    }
    covered.remote++;
    return context;
}

static void copy_tracestate(model_span *span, const model_text *text)
{
    if (text->length > 0) {
        span->tracestate =
            model_text_of((const char *)text->bytes, text->length, SIZE_MAX, SIZE_MAX);
    }
}

/* Chooses a parent; returns whether there is one, and writes what the child inherits. */
static bool choose_parent(model_span *span, otel_span_options *options, otel_context *context)
{
    const uint32_t kind = chance(6);

    options->parent = OTEL_ROOT;
    if (kind == 0 || (kind == 1 && open_count == 0) || (kind == 2 && ended_count == 0)) {
        return false;
    }
    if (kind == 1) { /* an open one by its context */
        const model_span *const parent = &open_spans[chance((uint32_t)open_count)];
        *context = otel_span_context(parent->handle);
        copy_tracestate(span, &parent->tracestate);
    } else if (kind == 2) { /* one that is over */
        *context = ended[chance((uint32_t)ended_count)];
        context->carrier = 0;
    } else if (kind == 3) {
        *context = chance_remote(&span->tracestate);
        span->parent_is_remote = true;
    } else { /* the task's current one, if it is still open */
        const otel_span current = otel_span_current();
        options->parent = NULL;
        for (size_t i = 0; i < open_count; i++) {
            if (open_spans[i].handle.handle == current.handle) {
                *context = open_spans[i].context;
                copy_tracestate(span, &open_spans[i].tracestate);
                memcpy(span->parent_span_id, context->span_id, 8);
                covered.nested++;
                return true;
            }
        }
        return false;
    }
    memcpy(span->parent_span_id, context->span_id, 8);
    options->parent = context;
    return true;
}

static const otel_tracer tracers[] = {OTEL_TRACER("corpus.a", "1"), OTEL_TRACER("corpus.b", NULL)};

/* The name of a new span: cut where the library must have room for it, whatever the parent brings. */
static void name_span(model_span *span, const char *name, size_t length)
{
    const size_t room = certain_room(span);
    const size_t kept_for_tracestate = OTEL_CARRIER_COUNT > 0 ? OTEL_CARRIER_BYTES + 8 : 0;

    span->name = model_text_of(name, length, OTEL_ATTRIBUTE_VALUE_BYTES_LIMIT,
                               room > kept_for_tracestate ? room - kept_for_tracestate : 0);
}

/* Some first attributes that have room for certain, into the model and into `given`. */
static size_t choose_first_attributes(model_span *span, otel_attribute *given, size_t count_max)
{
    const size_t wanted = chance(8) == 0 ? chance((uint32_t)count_max + 1) : 0;
    size_t count = 0;

    while (count < wanted && span->attributes.count < OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT) {
        meant_attribute meant = chance_attribute();
        if (meant.model.key.length == 0 ||
            model_attribute_size(&meant.model) > certain_room(span)) {
            model_attribute_free(&meant.model);
            break;
        }
        given[count++] = meant.given;
        settle_attribute(span, meant, false);
    }
    return count;
}

static void start_span(void)
{
    otel_attribute given[4];
    model_span *const span = &open_spans[open_count];
    otel_span_options options = {NULL, NULL, OTEL_SPAN_KIND_DEFAULT, 0, NULL, 0};
    otel_context context;
    const uint32_t dropped_before = COUNTER(attributes_dropped);
    const char *name;

    memset(span, 0, sizeof *span);
    memset(&context, 0, sizeof context);
    span->has_parent = choose_parent(span, &options, &context);
    options.kind = (otel_span_kind)chance(6);
    options.tracer = chance(3) == 0 ? NULL : &tracers[chance(2)];
    options.start_time_ns = chance(4) == 0 ? 1 + (uint64_t)chance(UINT32_MAX) * chance(1000) : 0;
    span->kind =
        options.kind == OTEL_SPAN_KIND_DEFAULT ? OTEL_SPAN_KIND_INTERNAL : (int)options.kind;
    span->start_ns = options.start_time_ns != 0 ? options.start_time_ns : port.ticks;
    chance_text(OTEL_ATTRIBUTE_VALUE_BYTES_LIMIT, false);
    name = keep_string(text_bytes, text_length, true);
    name_span(span, name, text_length);
    options.attributes = given;
    options.attribute_count = choose_first_attributes(span, given, sizeof given / sizeof given[0]);
    span->handle = otel_span_start_with(name, &options);
    if (span->parent_is_remote) {
        otel_context_release(&context);
    }
    if (COUNTER(attributes_dropped) != dropped_before) {
        fail(span, "a first attribute was dropped that had room");
    }
    if (!otel_span_is_recording(span->handle)) {
        covered.full_pools++;
        if (span->handle.handle != 0) { /* without a context it is no span at all */
            otel_span_end(span->handle);
        }
        model_span_free(span);
        return;
    }
    span->context = otel_span_context(span->handle);
    open_count++;
}

static void remember_ended(const otel_context *context)
{
    ended[ended_count < ENDED_MAX ? ended_count++ : chance(ENDED_MAX)] = *context;
}

static void end_span(size_t index)
{
    model_span *const span = &open_spans[index];
    const uint64_t end_ns = chance(4) == 0 ? 1 + (uint64_t)chance(UINT32_MAX) * chance(1000) : 0;

    if (end_ns != 0) {
        otel_span_end_at(span->handle, end_ns);
    } else {
        otel_span_end(span->handle);
    }
    span->end_ns = end_ns != 0 ? end_ns : port.ticks;
    if (span->end_ns < span->start_ns) {
        span->end_ns = span->start_ns;
    }
    if (waiting_count == WAITING_MAX) {
        fail(span, "too many spans wait");
    }
    remember_ended(&span->context);
    frame_has_zero_byte = frame_has_zero_byte || span->has_zero_byte;
    waiting[waiting_count++] = *span;
    open_spans[index] = open_spans[--open_count];
}

/* ---- the far end --------------------------------------------------------------------------- */

static void see_span(const otlp_span *got)
{
    for (size_t i = 0; i < waiting_count; i++) {
        if (got->span_id != NULL && got->span_id->size == 8 &&
            memcmp(waiting[i].context.span_id, got->span_id->bytes, 8) == 0) {
            const char *const difference = model_compare(&waiting[i], got);
            if (difference != NULL) {
                fail(&waiting[i], difference);
            }
            if (printing) {
                (void)putchar('M');
                model_print(&waiting[i], stdout);
            }
            covered.with_zero_byte += waiting[i].has_zero_byte ? 1 : 0;
            model_span_free(&waiting[i]);
            waiting[i] = waiting[--waiting_count];
            covered.arrived++;
            return;
        }
    }
    fail(NULL, "a span arrived that nobody ended");
}

static void see_request(const link_frame *frame)
{
    otlp_request request;

    if (printing) {
        (void)putchar('F');
        for (size_t i = 0; i < frame->payload_length; i++) {
            (void)printf("%02x", frame->payload[i]);
        }
        (void)putchar('\n');
    }
    if (!otlp_decode_request(frame->payload, frame->payload_length, &request,
                             !frame_has_zero_byte)) {
        fail(NULL, "a frame is not what nanopb's encoder makes of it");
    }
    for (size_t r = 0; r < request.resource_spans_count; r++) {
        for (size_t s = 0; s < request.resource_spans[r].scope_spans_count; s++) {
            const otlp_scope_spans *const scope = &request.resource_spans[r].scope_spans[s];
            for (size_t i = 0; i < scope->spans_count; i++) {
                see_span(&scope->spans[i]);
            }
        }
    }
    otlp_release(&request);
    covered.frames++;
}

static otel_send_result see_frame(void *self, const otel_frame *frame)
{
    static uint8_t bytes[OTEL_FRAME_BYTES];
    const size_t length = otel_frame_copy(frame, bytes, sizeof bytes);
    link_frame parsed;

    (void)self;
    if (length == 0 || !link_parse(bytes, length, &parsed)) {
        fail(NULL, "a frame with a wrong check");
    }
    if (parsed.kind == LINK_TRACES) {
        see_request(&parsed);
    }
    return OTEL_SEND_DONE;
}

static void send_everything(void)
{
    if (otel_flush(UINT32_MAX) != OTEL_OK || waiting_count != 0) {
        fail(NULL, "not every span that ended arrived");
    }
    frame_has_zero_byte = false;
}

/* ---- the run ------------------------------------------------------------------------------- */

/* A queue holds this many of the largest spans for certain, beside the resource and the statistics. */
enum {
    QUEUE_ROOM = OTEL_QUEUE_BYTES > 700 ? OTEL_QUEUE_BYTES - 700 : 0,
    QUEUE_SPANS = 1 + QUEUE_ROOM / (OTEL_SPAN_BYTES + 24)
};

static void step(void)
{
    const uint32_t kind = chance(100);
    model_span *const span = open_count > 0 ? &open_spans[chance((uint32_t)open_count)] : NULL;

    port.ticks += chance(1000000);
    if (span == NULL || (kind < 8 && open_count < OPEN_MAX)) {
        start_span();
    } else if (kind < 60) {
        set_attribute(span);
    } else if (kind < 74) {
        add_event(span);
    } else if (kind < 80) {
        set_status(span);
    } else if (kind < 84) {
        rename_span(span);
    } else if (kind < 88) {
        (void)otel_span_make_current(span->handle);
    } else if (kind < 90) {
        otel_poll();
    } else {
        end_span((size_t)(span - open_spans));
        if (waiting_count + 2 > (size_t)QUEUE_SPANS) {
            send_everything();
        }
    }
}

static void show_coverage(void)
{
    (void)fprintf(
        stderr,
        "%lu spans arrived as meant in %lu frames: %lu children of the current span, %lu remote "
        "parents, %lu with tracestate; attributes: %lu overwritten, %lu dropped, %lu cut, %lu "
        "repaired; events: %lu dropped, %lu attributes of theirs; %lu renames; %lu starts with a "
        "full pool; %lu spans with a zero byte in a string\n",
        covered.arrived, covered.frames, covered.nested, covered.remote, covered.with_tracestate,
        covered.overwritten, covered.attributes_dropped, covered.cut, covered.repaired,
        covered.events_dropped, covered.event_attributes_dropped, covered.renamed,
        covered.full_pools, covered.with_zero_byte);
}

int main(int argc, char **argv)
{
    static const otel_transport transport = {see_frame, NULL, NULL, 0};
    static const otel_config config = {.service_name = "corpus", .transport = &transport};
    const unsigned long wanted = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000;
    otel_stats stats;

    chance_state = 0x9E3779B97F4A7C15u ^ (argc > 2 ? strtoull(argv[2], NULL, 10) : 1);
    printing = argc > 3;
    test_port_reset();
    port.ticks_per_second = 1000000000u; /* a tick is a nanosecond: times are exact */
    port.ticks_per_reading = 0;
    port.ticks = 1000;
    if (otel_init(&config) != OTEL_OK) {
        fail(NULL, "otel_init");
    }
    send_everything();
    while (covered.arrived < wanted) {
        step();
    }
    while (open_count > 0) {
        end_span(open_count - 1);
        send_everything();
    }
    stats = stats_now();
    if (stats.contexts_in_use + stats.recordings_in_use + stats.carriers_in_use +
                stats.queue_bytes !=
            0 ||
        stats.spans_sent != covered.arrived || stats.calls_invalid_handle != 0) {
        fail(NULL, "something is left, or was not counted");
    }
    show_coverage();
    return port.lock_errors == 0 ? 0 : 1;
}
