/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* qsort_r */
#include "waterfall_trace.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "otlp_tree.h"
#include "terminal.h"

#define MARGIN 2u        /* blanks before a root's name */
#define LEVEL_COLUMNS 3u /* of one level of the tree */
#define NAME_COLUMNS_MIN 20u
#define NAME_COLUMNS_DEEP 14u /* left for the name itself, however deep it is */
#define DURATION_COLUMNS 9u
#define GAP 1u           /* between name, bar and duration */
#define DETAIL_INDENT 4u /* of what stands below a span's line */
#define LEVELS_MAX 32u   /* drawn; deeper ones stand in the same column and say how deep */
#define SERVICES_MAX 4u  /* with a colour of their own */
#define DEPTH_BYTES 24u  /* of "12: " */
#define NO_NODE SIZE_MAX

/* Field numbers of opentelemetry-proto. */
enum {
    SPAN_TRACE_STATE = 3,
    SPAN_NAME = 5,
    SPAN_KIND = 6,
    SPAN_ATTRIBUTES = 9,
    SPAN_DROPPED_ATTRIBUTES = 10,
    SPAN_EVENTS = 11,
    SPAN_DROPPED_EVENTS = 12,
    SPAN_LINKS = 13,
    SPAN_DROPPED_LINKS = 14,
    SPAN_STATUS = 15,
    EVENT_TIME = 1,
    EVENT_NAME = 2,
    EVENT_ATTRIBUTES = 3,
    EVENT_DROPPED_ATTRIBUTES = 4,
    LINK_TRACE_ID = 1,
    LINK_SPAN_ID = 2,
    LINK_ATTRIBUTES = 4,
    LINK_DROPPED_ATTRIBUTES = 5,
    STATUS_MESSAGE = 2,
    STATUS_CODE = 3,
    STATUS_CODE_OK = 1,
    STATUS_CODE_ERROR = 2,
    KEY_VALUE_KEY = 1,
    KEY_VALUE_VALUE = 2,
    ANY_STRING = 1,
    ANY_BOOL = 2,
    ANY_INT = 3,
    ANY_DOUBLE = 4,
    ANY_ARRAY = 5,
    ANY_KEY_VALUES = 6,
    ANY_BYTES = 7
};

/* ---- numbers for people -------------------------------------------------------------------- */

/* Three digits and a unit: "640 ns", "12.4 ms", "2m 03s". At most DURATION_COLUMNS columns. */
static void format_duration(char *text, size_t size, uint64_t ns, bool utf8)
{
    static const struct {
        double ns;
        const char *unit, *ascii;
    } units[] = {{1e3, "µs", "us"}, {1e6, "ms", "ms"}, {1e9, "s", "s"}};
    uint64_t seconds = ns / 1000000000u;
    size_t unit = 0;
    double value;

    if (ns < 1000) {
        snprintf(text, size, "%" PRIu64 " ns", ns);
        return;
    }
    if (seconds >= 1000 * 86400) {
        snprintf(text, size, "%" PRIu64 "d", seconds / 86400);
        return;
    }
    if (seconds >= 100 * 3600) {
        snprintf(text, size, "%" PRIu64 "d %02" PRIu64 "h", seconds / 86400, seconds / 3600 % 24);
        return;
    }
    if (seconds >= 3600) {
        snprintf(text, size, "%" PRIu64 "h %02" PRIu64 "m", seconds / 3600, seconds / 60 % 60);
        return;
    }
    if (seconds >= 60) {
        snprintf(text, size, "%" PRIu64 "m %02" PRIu64 "s", seconds / 60, seconds % 60);
        return;
    }
    while (unit < 2 && (double)ns >= 999.5 * units[unit].ns)
        unit++;
    value = (double)ns / units[unit].ns;
    snprintf(text, size, "%.*f %s",
             value < 9.995   ? 2
             : value < 99.95 ? 1
                             : 0,
             value, utf8 ? units[unit].unit : units[unit].ascii);
}

static void format_clock(char *text, size_t size, uint64_t unix_ns)
{
    time_t seconds = (time_t)(unix_ns / 1000000000u);
    unsigned milliseconds = (unsigned)(unix_ns / 1000000u % 1000u);
    struct tm local;
    char clock[16];

    if (localtime_r(&seconds, &local) == NULL ||
        strftime(clock, sizeof clock, "%H:%M:%S", &local) == 0)
        snprintf(text, size, "?");
    else
        snprintf(text, size, "%s.%03u", clock, milliseconds);
}

static void format_hex(char *text, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
}

/* ---- values -------------------------------------------------------------------------------- */

/* Whether the string is told apart from what stands around it without quotes. */
static bool is_bare_word(const struct otlp_field *string)
{
    for (size_t i = 0; i < string->size; i++) {
        if (string->bytes[i] <= ' ' || strchr("\"=,[]{}", string->bytes[i]) != NULL)
            return false;
    }
    return string->size > 0;
}

static void append_string(struct buffer *out, const struct otlp_field *string, bool may_be_bare)
{
    if (may_be_bare && is_bare_word(string)) {
        buffer_append(out, string->bytes, string->size);
        return;
    }
    buffer_append_text(out, "\"");
    for (size_t i = 0; i < string->size; i++) {
        if (string->bytes[i] == '"')
            buffer_append_text(out, "\\");
        buffer_append(out, &string->bytes[i], 1);
    }
    buffer_append_text(out, "\"");
}

static void append_double(struct buffer *out, uint64_t bits)
{
    char text[32];
    double value;

    memcpy(&value, &bits, sizeof value);
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    buffer_append_text(out, text);
}

static void append_key(struct buffer *out, const struct otlp_node *key_value)
{
    const struct otlp_node *key = otlp_node_find(key_value, KEY_VALUE_KEY);

    if (key != NULL)
        buffer_append(out, key->field.bytes, key->field.size);
}

/* As deep as OTLP_DEPTH_MAX at most, since the walk that built the tree went no deeper. */
static void append_value(struct buffer *out, const struct otlp_node *any_value, bool may_be_bare)
{
    const struct otlp_node *value = any_value != NULL ? any_value->first_child : NULL;

    while (value != NULL && value->next != NULL)
        value = value->next; /* of a oneof the last counts */
    switch (value != NULL ? value->field.number_in_message : 0) {
    case ANY_STRING:
        append_string(out, &value->field, may_be_bare);
        break;
    case ANY_BOOL:
        buffer_append_text(out, value->field.number != 0 ? "true" : "false");
        break;
    case ANY_INT:
        buffer_format(out, "%" PRId64, (int64_t)value->field.number);
        break;
    case ANY_DOUBLE:
        append_double(out, value->field.number);
        break;
    case ANY_BYTES:
        buffer_append_text(out, "0x");
        for (size_t i = 0; i < value->field.size; i++)
            buffer_format(out, "%02x", value->field.bytes[i]);
        break;
    case ANY_ARRAY:
        buffer_append_text(out, "[");
        for (const struct otlp_node *item = value->first_child; item != NULL; item = item->next) {
            append_value(out, item, false);
            buffer_append_text(out, item->next != NULL ? ", " : "");
        }
        buffer_append_text(out, "]");
        break;
    case ANY_KEY_VALUES:
        buffer_append_text(out, "{");
        for (const struct otlp_node *item = value->first_child; item != NULL; item = item->next) {
            append_key(out, item);
            buffer_append_text(out, "=");
            append_value(out, otlp_node_find(item, KEY_VALUE_VALUE), false);
            buffer_append_text(out, item->next != NULL ? ", " : "");
        }
        buffer_append_text(out, "}");
        break;
    default:
        buffer_append_text(out, "null");
        break;
    }
}

/* ---- the tree of spans --------------------------------------------------------------------- */

struct node {
    const struct held_span *span;
    size_t parent; /* index, or NO_NODE */
    size_t first_child;
    size_t next_sibling;
    size_t depth;
    bool is_orphan; /* it has a parent, which is not here */
    bool is_on_path;
    bool is_settled;
};

struct view {
    struct painter *painter;
    const struct held_trace *trace;
    struct node *nodes; /* in order of their start */
    size_t *by_id;      /* indices of nodes, in order of their span ids */
    size_t count;
    size_t first_root;
    uint64_t start_unix_ns; /* of the whole */
    uint64_t duration_ns;
    size_t errors;
    bool time_estimated;
    bool recovered;
    const uint8_t *services[SERVICES_MAX]; /* names; the root's first */
    size_t service_bytes[SERVICES_MAX];
    size_t service_count;
    size_t name_columns;
    size_t bar_columns;
    size_t levels_max;
    struct otlp_tree fields; /* of the span being painted */
    struct buffer scratch;
    bool name_devices;
};

bool held_span_is_local_root(const struct held_span *span)
{
    static const uint8_t none[8];

    return span->parent_is_remote || memcmp(span->parent_id, none, sizeof none) == 0;
}

static int compare_starts(const void *left, const void *right)
{
    const struct held_span *a = ((const struct node *)left)->span;
    const struct held_span *b = ((const struct node *)right)->span;

    if (a->start_unix_ns != b->start_unix_ns)
        return a->start_unix_ns < b->start_unix_ns ? -1 : 1;
    if (a->end_unix_ns != b->end_unix_ns)
        return a->end_unix_ns > b->end_unix_ns ? -1 : 1;
    return memcmp(a->span_id, b->span_id, sizeof a->span_id);
}

static int compare_ids(const void *left, const void *right, void *nodes_of_view)
{
    const struct node *nodes = nodes_of_view;
    size_t a = *(const size_t *)left, b = *(const size_t *)right;
    int order = memcmp(nodes[a].span->span_id, nodes[b].span->span_id, 8);

    return order != 0 ? order : a < b ? -1 : a > b;
}

/* The first node with this span id, or NO_NODE. */
static size_t find_node(const struct view *view, const uint8_t span_id[8])
{
    size_t low = 0, high = view->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (memcmp(view->nodes[view->by_id[middle]].span->span_id, span_id, 8) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < view->count && memcmp(view->nodes[view->by_id[low]].span->span_id, span_id, 8) == 0)
        return view->by_id[low];
    return NO_NODE;
}

static void find_parents(struct view *view)
{
    static const uint8_t none[8];

    for (size_t i = 0; i < view->count; i++) {
        struct node *node = &view->nodes[i];

        node->parent = find_node(view, node->span->parent_id);
        node->is_orphan = node->parent == NO_NODE && !node->span->parent_is_remote &&
                          memcmp(node->span->parent_id, none, sizeof none) != 0;
    }
}

/* The circle that `first` is in loses the link from `first` to its parent. */
static void settle_circle(struct view *view, size_t first)
{
    for (size_t at = first; !view->nodes[at].is_settled; at = view->nodes[at].parent)
        view->nodes[at].is_settled = true;
    view->nodes[first].parent = NO_NODE;
    view->nodes[first].is_orphan = true;
}

/* Parents that go round in a circle have no root: each circle is cut at one of its spans. */
static void cut_circles(struct view *view)
{
    for (size_t i = 0; i < view->count; i++) {
        size_t end = i;

        while (end != NO_NODE && !view->nodes[end].is_settled && !view->nodes[end].is_on_path) {
            view->nodes[end].is_on_path = true;
            end = view->nodes[end].parent;
        }
        for (size_t at = i; at != end; at = view->nodes[at].parent)
            view->nodes[at].is_settled = true;
        if (end != NO_NODE && !view->nodes[end].is_settled)
            settle_circle(view, end);
    }
}

/* From the last to the first, so that each list is in order of start. */
static void link_children(struct view *view)
{
    view->first_root = NO_NODE;
    for (size_t i = view->count; i-- > 0;) {
        struct node *node = &view->nodes[i];
        size_t *list =
            node->parent != NO_NODE ? &view->nodes[node->parent].first_child : &view->first_root;

        node->next_sibling = *list;
        *list = i;
    }
}

/* In the order of the tree: parents before children. */
static size_t next_node(const struct view *view, size_t at)
{
    if (view->nodes[at].first_child != NO_NODE)
        return view->nodes[at].first_child;
    while (at != NO_NODE && view->nodes[at].next_sibling == NO_NODE)
        at = view->nodes[at].parent;
    return at != NO_NODE ? view->nodes[at].next_sibling : NO_NODE;
}

static void measure_depths(struct view *view)
{
    for (size_t at = view->first_root; at != NO_NODE; at = next_node(view, at)) {
        size_t parent = view->nodes[at].parent;

        view->nodes[at].depth = parent != NO_NODE ? view->nodes[parent].depth + 1 : 0;
    }
}

static size_t service_of(const struct view *view, const struct held_span *span)
{
    const uint8_t *name = span->bytes + span->size;

    for (size_t i = 0; i < view->service_count; i++) {
        if (view->service_bytes[i] == span->service_bytes &&
            memcmp(view->services[i], name, span->service_bytes) == 0)
            return i;
    }
    return view->service_count;
}

static void note_service(struct view *view, const struct held_span *span)
{
    size_t service = service_of(view, span);

    if (service < view->service_count || service == SERVICES_MAX)
        return;
    view->services[service] = span->bytes + span->size;
    view->service_bytes[service] = span->service_bytes;
    view->service_count++;
}

static void sum_up(struct view *view)
{
    uint64_t end = 0;

    view->start_unix_ns = view->nodes[0].span->start_unix_ns;
    for (size_t i = 0; i < view->count; i++) {
        const struct held_span *span = view->nodes[i].span;

        end = span->end_unix_ns > end ? span->end_unix_ns : end;
        view->errors += span->is_error;
        view->time_estimated |= span->time_estimated;
        view->recovered |= span->recovered;
    }
    view->duration_ns = end > view->start_unix_ns ? end - view->start_unix_ns : 0;
    for (size_t at = view->first_root; at != NO_NODE; at = next_node(view, at))
        note_service(view, view->nodes[at].span);
}

static bool build_view(struct view *view)
{
    const struct held_span *span = view->trace->first;

    view->count = view->trace->spans;
    view->nodes = calloc(view->count, sizeof *view->nodes);
    view->by_id = calloc(view->count, sizeof *view->by_id);
    if (view->nodes == NULL || view->by_id == NULL)
        return false;
    for (size_t i = 0; i < view->count; i++, span = span->next)
        view->nodes[i] = (struct node){.span = span, .first_child = NO_NODE};
    qsort(view->nodes, view->count, sizeof *view->nodes, compare_starts);
    for (size_t i = 0; i < view->count; i++)
        view->by_id[i] = i;
    qsort_r(view->by_id, view->count, sizeof *view->by_id, compare_ids, view->nodes);
    find_parents(view);
    cut_circles(view);
    link_children(view);
    measure_depths(view);
    sum_up(view);
    return true;
}

/* ---- guides -------------------------------------------------------------------------------- */

#define GUIDES_BYTES (MARGIN + LEVEL_COLUMNS * LEVELS_MAX + DETAIL_INDENT + 1)

static size_t drawn_depth(const struct view *view, const struct node *node)
{
    return node->depth < view->levels_max ? node->depth : view->levels_max;
}

/* What stands left of a node: the lines down to the siblings of its ancestors, and for its own line
 * (`is_own`) the branch that it hangs on. */
static void draw_guides(const struct view *view, size_t at, bool is_own, char guides[GUIDES_BYTES])
{
    const struct node *node = &view->nodes[at];
    size_t levels = drawn_depth(view, node);
    size_t length = MARGIN + LEVEL_COLUMNS * levels;

    memset(guides, ' ', length);
    guides[length] = '\0';
    for (; node->depth > 0; node = &view->nodes[node->parent]) {
        bool has_more = node->next_sibling != NO_NODE;
        bool is_branch = is_own && node == &view->nodes[at];
        char *guide = guides + MARGIN + LEVEL_COLUMNS * (node->depth - 1);

        if (node->depth > levels)
            continue;
        if (is_branch) {
            guide[0] = has_more ? '+' : '`';
            guide[1] = '-';
        } else if (has_more) {
            guide[0] = '|';
        }
    }
    if (!is_own) {
        bool has_children =
            view->nodes[at].first_child != NO_NODE && view->nodes[at].depth < view->levels_max;

        snprintf(guides + length, DETAIL_INDENT + 1, "%c%*s", has_children ? '|' : ' ',
                 (int)DETAIL_INDENT - 1, "");
    }
}

/* ---- a span's line ------------------------------------------------------------------------- */

static const char *kind_text(uint64_t kind)
{
    static const char *const texts[] = {"", "", "server", "client", "producer", "consumer"};

    return kind < sizeof texts / sizeof texts[0] ? texts[kind] : "";
}

static const struct otlp_field *name_of(const struct view *view)
{
    static const struct otlp_field unnamed = {.bytes = (const uint8_t *)"(no name)", .size = 9};
    const struct otlp_node *name = otlp_node_find(&view->fields.root, SPAN_NAME);

    return name != NULL && name->field.size > 0 ? &name->field : &unnamed;
}

static uint64_t status_code_of(const struct view *view)
{
    const struct otlp_node *status = otlp_node_find(&view->fields.root, SPAN_STATUS);

    return status != NULL ? otlp_node_number(status, STATUS_CODE) : 0;
}

/* The bar in half columns: [from, to) of 2 * bar_columns. At least one half, and never outside. */
static void bar_halves(const struct view *view, const struct held_span *span, size_t *from,
                       size_t *to)
{
    size_t halves = 2 * view->bar_columns;
    uint64_t start = span->start_unix_ns - view->start_unix_ns;
    uint64_t end =
        span->end_unix_ns > span->start_unix_ns ? span->end_unix_ns - view->start_unix_ns : start;
    double scale = view->duration_ns > 0 ? (double)halves / (double)view->duration_ns : 0;

    *from = (size_t)((double)start * scale + 0.25);
    *to = (size_t)ceil((double)end * scale - 0.25);
    if (*from >= halves)
        *from = halves - 1;
    if (*to > halves)
        *to = halves;
    if (*to <= *from)
        *to = *from + 1;
}

static void paint_bar(const struct view *view, const struct held_span *span)
{
    struct painter *painter = view->painter;
    size_t service = service_of(view, span);
    enum style style = span->is_error
                           ? STYLE_ERROR
                           : (enum style)(STYLE_BAR_FIRST + (service < SERVICES_MAX ? service : 0));
    size_t from, to;

    bar_halves(view, span, &from, &to);
    for (size_t half = 0; half < 2 * view->bar_columns; half += 2) {
        bool left = half >= from && half < to;
        bool right = half + 1 >= from && half + 1 < to;

        if (left && right)
            painter_symbol(painter, style, "█", "=");
        else if (left)
            painter_symbol(painter, style, "▌", "=");
        else if (right)
            painter_symbol(painter, style, "▐", "=");
        else
            painter_blanks(painter, 1);
    }
}

static void paint_duration(const struct view *view, uint64_t ns)
{
    struct painter *painter = view->painter;
    char text[32];
    size_t columns;

    format_duration(text, sizeof text, ns, painter->has_utf8);
    columns = painter->has_utf8 && strstr(text, "µ") != NULL ? strlen(text) - 1 : strlen(text);
    painter_blanks_to(painter, painter->columns - (columns < DURATION_COLUMNS ? columns : 0));
    painter_symbol(painter, STYLE_PLAIN, text, text);
}

/* What follows the name: kind, and whose span it is where that is not the root's service. */
static void append_name_suffix(const struct view *view, const struct held_span *span,
                               struct buffer *out)
{
    const char *kind = kind_text(otlp_node_number(&view->fields.root, SPAN_KIND));

    if (kind[0] != '\0')
        buffer_format(out, " (%s)", kind);
    if (view->service_count > 1 && service_of(view, span) != 0) {
        buffer_append_text(out, " @");
        buffer_append(out, span->bytes + span->size, span->service_bytes);
    }
}

/* The name and what follows it, as far as they go into the column; then what is left of both. */
struct name_rest {
    struct piece name;
    struct piece suffix;
};

static void paint_name_part(const struct view *view, struct name_rest *rest)
{
    struct piece *pieces[] = {&rest->name, &rest->suffix};
    struct painter *painter = view->painter;

    for (size_t i = 0; i < 2; i++) {
        size_t room = view->name_columns > painter->at ? view->name_columns - painter->at : 0;
        size_t written =
            painter_text(painter, pieces[i]->style, pieces[i]->bytes, pieces[i]->size, room);

        pieces[i]->bytes = (const uint8_t *)pieces[i]->bytes + written;
        pieces[i]->size -= written;
        if (pieces[i]->size > 0)
            return;
    }
}

static void paint_mark(const struct view *view, const struct held_span *span)
{
    if (span->is_error)
        painter_symbol(view->painter, STYLE_ERROR_BOLD, "✗ ", "x ");
    else if (status_code_of(view) == STATUS_CODE_OK)
        painter_symbol(view->painter, STYLE_GOOD, "✓ ", "v ");
}

/* "12: " before a name that is deeper than its column shows; else nothing. */
static void format_depth(char *text, size_t size, const struct view *view, const struct node *node)
{
    text[0] = '\0';
    if (node->depth > view->levels_max)
        snprintf(text, size, "%zu: ", node->depth);
}

static void paint_span_line(struct view *view, size_t at)
{
    const struct node *node = &view->nodes[at];
    const struct held_span *span = node->span;
    struct painter *painter = view->painter;
    const struct otlp_field *name = name_of(view);
    char guides[GUIDES_BYTES];
    struct name_rest rest;
    char deep[DEPTH_BYTES];

    buffer_clear(&view->scratch);
    append_name_suffix(view, span, &view->scratch);
    rest.name =
        (struct piece){node->depth == 0 ? STYLE_BOLD : STYLE_PLAIN, name->bytes, name->size};
    rest.suffix = (struct piece){STYLE_DIM, view->scratch.data, view->scratch.size};
    draw_guides(view, at, true, guides);
    painter_set_prefix(painter, guides, 0);
    painter_begin_line(painter);
    format_depth(deep, sizeof deep, view, node);
    painter_symbol(painter, STYLE_DIM, deep, deep);
    paint_mark(view, span);
    paint_name_part(view, &rest);
    painter_blanks_to(painter, view->name_columns + GAP);
    paint_bar(view, span);
    paint_duration(view, span->end_unix_ns > span->start_unix_ns
                             ? span->end_unix_ns - span->start_unix_ns
                             : 0);
    painter_end_line(painter);
    while (rest.name.size > 0 || rest.suffix.size > 0) { /* a name longer than its column */
        draw_guides(view, at, false, guides);
        painter_set_prefix(painter, guides, 0);
        painter_begin_line(painter);
        paint_name_part(view, &rest);
        painter_end_line(painter);
    }
}

/* ---- what stands below a span's line ------------------------------------------------------- */

static void paint_attribute(struct view *view, const struct otlp_node *key_value, size_t gap)
{
    const struct otlp_node *key = otlp_node_find(key_value, KEY_VALUE_KEY);
    struct piece pieces[] = {
        {STYLE_KEY, key != NULL ? key->field.bytes : NULL, key != NULL ? key->field.size : 0},
        piece_of(STYLE_KEY, "="),
        {.style = STYLE_PLAIN}};

    buffer_clear(&view->scratch);
    append_value(&view->scratch, otlp_node_find(key_value, KEY_VALUE_VALUE), true);
    pieces[2].bytes = view->scratch.data;
    pieces[2].size = view->scratch.size;
    painter_item(view->painter, gap, pieces, 3);
}

static void paint_attributes(struct view *view, const struct otlp_node *message, uint32_t number)
{
    for (const struct otlp_node *node = otlp_node_from(message->first_child, number); node != NULL;
         node = otlp_node_from(node->next, number))
        paint_attribute(view, node, 2);
}

/* A paragraph below the span: wrapped lines hang a little further in. */
static void begin_paragraph(struct view *view, size_t at)
{
    char guides[GUIDES_BYTES];

    draw_guides(view, at, false, guides);
    painter_set_prefix(view->painter, guides, 0);
    painter_begin_line(view->painter);
}

static void paint_words(struct view *view, enum style style, const char *words)
{
    struct piece piece = piece_of(style, words);

    painter_item(view->painter, 2, &piece, 1);
}

static void paint_dropped(struct view *view, uint64_t count, const char *what)
{
    char text[64];

    if (count == 0)
        return;
    snprintf(text, sizeof text, "%" PRIu64 " %s dropped", count, what);
    paint_words(view, STYLE_WARNING, text);
}

static void paint_status_message(struct view *view, size_t at)
{
    const struct otlp_node *status = otlp_node_find(&view->fields.root, SPAN_STATUS);
    const struct otlp_node *message =
        status != NULL ? otlp_node_find(status, STATUS_MESSAGE) : NULL;
    struct piece piece = {.style = STYLE_ERROR};

    if (message == NULL || message->field.size == 0)
        return;
    piece.bytes = message->field.bytes;
    piece.size = message->field.size;
    begin_paragraph(view, at);
    painter_item(view->painter, 0, &piece, 1);
    painter_end_line(view->painter);
}

static void paint_span_attributes(struct view *view, size_t at)
{
    const struct otlp_node *span = &view->fields.root;
    uint64_t dropped = otlp_node_number(span, SPAN_DROPPED_ATTRIBUTES);
    uint64_t dropped_events = otlp_node_number(span, SPAN_DROPPED_EVENTS);
    uint64_t dropped_links = otlp_node_number(span, SPAN_DROPPED_LINKS);
    const struct otlp_node *state = otlp_node_find(span, SPAN_TRACE_STATE);

    if (otlp_node_from(span->first_child, SPAN_ATTRIBUTES) == NULL && dropped == 0 &&
        dropped_events == 0 && dropped_links == 0 && (state == NULL || state->field.size == 0))
        return;
    begin_paragraph(view, at);
    paint_attributes(view, span, SPAN_ATTRIBUTES);
    if (state != NULL && state->field.size > 0) {
        struct piece pieces[] = {piece_of(STYLE_KEY, "tracestate "),
                                 {STYLE_PLAIN, state->field.bytes, state->field.size}};

        painter_item(view->painter, 2, pieces, 2);
    }
    paint_dropped(view, dropped, "attributes");
    paint_dropped(view, dropped_events, "events");
    paint_dropped(view, dropped_links, "links");
    painter_end_line(view->painter);
}

static void paint_event(struct view *view, size_t at, const struct otlp_node *event)
{
    struct painter *painter = view->painter;
    const struct otlp_node *name = otlp_node_find(event, EVENT_NAME);
    uint64_t time = otlp_node_number(event, EVENT_TIME);
    uint64_t start = view->nodes[at].span->start_unix_ns;
    bool is_before = time < start;
    struct piece pieces[4];
    char offset[40];

    offset[0] = is_before ? '-' : '+';
    format_duration(offset + 1, sizeof offset - 1, is_before ? start - time : time - start,
                    painter->has_utf8);
    begin_paragraph(view, at);
    pieces[0] = piece_of(STYLE_WARNING, painter->has_utf8 ? "• " : "* ");
    pieces[1] = piece_of(STYLE_DIM, offset);
    pieces[2] = piece_of(STYLE_PLAIN, " ");
    pieces[3] = (struct piece){STYLE_BOLD, name != NULL ? name->field.bytes : NULL,
                               name != NULL ? name->field.size : 0};
    painter_item(painter, 0, pieces, 4);
    painter->hanging = 2;
    paint_attributes(view, event, EVENT_ATTRIBUTES);
    paint_dropped(view, otlp_node_number(event, EVENT_DROPPED_ATTRIBUTES), "attributes");
    painter_end_line(painter);
}

static void paint_link(struct view *view, size_t at, const struct otlp_node *link)
{
    struct painter *painter = view->painter;
    char ids[16 * 2 + 1 + 8 * 2 + 1];
    struct piece pieces[2];

    format_hex(ids, otlp_node_find(link, LINK_TRACE_ID)->field.bytes, 16);
    ids[32] = '/';
    format_hex(ids + 33, otlp_node_find(link, LINK_SPAN_ID)->field.bytes, 8);
    begin_paragraph(view, at);
    pieces[0] = piece_of(STYLE_WARNING, painter->has_utf8 ? "→ " : "> ");
    pieces[1] = piece_of(STYLE_PLAIN, ids);
    painter_item(painter, 0, pieces, 2);
    painter->hanging = 2;
    paint_attributes(view, link, LINK_ATTRIBUTES);
    paint_dropped(view, otlp_node_number(link, LINK_DROPPED_ATTRIBUTES), "attributes");
    painter_end_line(painter);
}

static void paint_origin(struct view *view, size_t at)
{
    const struct node *node = &view->nodes[at];
    char id[17];
    char text[64];

    if (!node->is_orphan && !(node->span->parent_is_remote && node->parent == NO_NODE))
        return;
    format_hex(id, node->span->parent_id, 8);
    snprintf(text, sizeof text, node->is_orphan ? "parent %s not seen" : "remote parent %s", id);
    begin_paragraph(view, at);
    paint_words(view, node->is_orphan ? STYLE_WARNING : STYLE_DIM, text);
    painter_end_line(view->painter);
}

static void paint_details(struct view *view, size_t at)
{
    const struct otlp_node *first = view->fields.root.first_child;

    paint_origin(view, at);
    paint_status_message(view, at);
    paint_span_attributes(view, at);
    for (const struct otlp_node *node = otlp_node_from(first, SPAN_EVENTS); node != NULL;
         node = otlp_node_from(node->next, SPAN_EVENTS))
        paint_event(view, at, node);
    for (const struct otlp_node *node = otlp_node_from(first, SPAN_LINKS); node != NULL;
         node = otlp_node_from(node->next, SPAN_LINKS))
        paint_link(view, at, node);
}

/* ---- header and axis ----------------------------------------------------------------------- */

static const char *end_text(enum trace_end end)
{
    switch (end) {
    case TRACE_NO_ROOT:
        return "incomplete: its root has not come";
    case TRACE_STILL_COMING:
        return "incomplete: more may follow";
    case TRACE_NO_ROOM:
        return "incomplete: shown early, too much is held";
    case TRACE_AT_EXIT:
        return "incomplete: its root had not come at the end";
    case TRACE_COMPLETE:
        break;
    }
    return NULL;
}

static void paint_fact(struct view *view, enum style style, const char *text)
{
    struct piece pieces[] = {piece_of(STYLE_DIM, view->painter->has_utf8 ? "· " : "- "),
                             piece_of(style, text)};

    painter_item(view->painter, 1, pieces, 2);
}

static void paint_device(struct view *view, const struct held_span *span)
{
    struct piece pieces[] = {
        piece_of(STYLE_DIM, view->painter->has_utf8 ? "· " : "- "),
        {STYLE_DIM, span->bytes + span->size + span->service_bytes, span->device_bytes}};

    painter_item(view->painter, 1, pieces, 2);
}

static void paint_header(struct view *view, enum trace_end end)
{
    struct painter *painter = view->painter;
    const struct held_span *root = view->nodes[view->first_root].span;
    struct piece pieces[] = {piece_of(view->errors > 0 ? STYLE_ERROR_BOLD : STYLE_BAR_FIRST,
                                      painter->has_utf8 ? "◆ " : "* "),
                             {STYLE_BOLD, root->bytes + root->size, root->service_bytes}};
    char text[80];

    painter_set_prefix(painter, "", 2);
    painter_item(painter, 0, pieces, 2);
    if (view->name_devices)
        paint_device(view, root);
    format_hex(text, view->trace->trace_id, 16);
    paint_fact(view, STYLE_DIM, text);
    format_duration(text, sizeof text, view->duration_ns, painter->has_utf8);
    paint_fact(view, STYLE_BOLD, text);
    snprintf(text, sizeof text, view->count == 1 ? "%zu span" : "%zu spans", view->count);
    paint_fact(view, STYLE_PLAIN, text);
    if (view->errors > 0) {
        snprintf(text, sizeof text, view->errors == 1 ? "%zu error" : "%zu errors", view->errors);
        paint_fact(view, STYLE_ERROR_BOLD, text);
    }
    snprintf(text, sizeof text, "%s",
             !view->time_estimated ? ""
             : painter->has_utf8   ? "≈ "
                                   : "about ");
    format_clock(text + strlen(text), sizeof text - strlen(text), view->start_unix_ns);
    paint_fact(view, STYLE_DIM, text);
    if (view->recovered)
        paint_fact(view, STYLE_WARNING, "recovered after a reset");
    if (end_text(end) != NULL)
        paint_fact(view, STYLE_WARNING, end_text(end));
    painter_end_line(painter);
}

/* The time axis: 0, the middle and the end above the bars. */
static void paint_axis(struct view *view)
{
    struct painter *painter = view->painter;
    size_t start = view->name_columns + GAP;
    char text[32];

    if (view->duration_ns == 0 || view->count < 2)
        return;
    painter_blanks_to(painter, start);
    painter_symbol(painter, STYLE_DIM, "╷0", "|0");
    format_duration(text, sizeof text, view->duration_ns / 2, painter->has_utf8);
    painter_blanks_to(painter, start + view->bar_columns / 2);
    painter_symbol(painter, STYLE_DIM, "╷", "|");
    painter_symbol(painter, STYLE_DIM, text, text);
    painter_end_line(painter);
}

/* ---- the trace ----------------------------------------------------------------------------- */

static bool read_span(struct view *view, const struct held_span *span)
{
    return otlp_tree_build(&view->fields, OTLP_SPAN, span->bytes, span->size);
}

static size_t wanted_name_columns(struct view *view, const struct node *node)
{
    const struct otlp_field *name = name_of(view);
    bool utf8 = view->painter->has_utf8;
    char deep[DEPTH_BYTES];

    format_depth(deep, sizeof deep, view, node);
    buffer_clear(&view->scratch);
    append_name_suffix(view, node->span, &view->scratch);
    return MARGIN + LEVEL_COLUMNS * drawn_depth(view, node) + strlen(deep) +
           (status_code_of(view) != 0 ? 2 : 0) + glyphs_columns(name->bytes, name->size, utf8) +
           glyphs_columns(view->scratch.data, view->scratch.size, utf8);
}

/* The widest name decides, within bounds that leave room for bars. */
static void lay_out(struct view *view)
{
    size_t columns = view->painter->columns;
    size_t most = columns * 45 / 100;
    size_t widest = NAME_COLUMNS_MIN;

    view->levels_max = (most - MARGIN - NAME_COLUMNS_DEEP) / LEVEL_COLUMNS;
    if (view->levels_max > LEVELS_MAX)
        view->levels_max = LEVELS_MAX;
    for (size_t i = 0; i < view->count; i++) {
        size_t wanted = 0;

        if (read_span(view, view->nodes[i].span))
            wanted = wanted_name_columns(view, &view->nodes[i]);
        widest = wanted > widest ? wanted : widest;
    }
    view->name_columns = widest < most ? widest : most;
    view->bar_columns = columns - view->name_columns - 2 * GAP - DURATION_COLUMNS;
}

bool paint_trace(struct painter *painter, const struct held_trace *trace, enum trace_end end,
                 bool name_devices)
{
    struct view view = {.painter = painter, .trace = trace, .name_devices = name_devices};
    bool good = build_view(&view);

    if (good) {
        lay_out(&view);
        paint_header(&view, end);
        paint_axis(&view);
    }
    for (size_t at = view.first_root; good && at != NO_NODE; at = next_node(&view, at)) {
        good = read_span(&view, view.nodes[at].span);
        if (!good)
            break;
        paint_span_line(&view, at);
        paint_details(&view, at);
    }
    buffer_append_text(&painter->out, "\n");
    free(view.nodes);
    free(view.by_id);
    otlp_tree_free(&view.fields);
    buffer_free(&view.scratch);
    return good && !painter->out.failed && !view.scratch.failed;
}
