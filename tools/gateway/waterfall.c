/* SPDX-License-Identifier: MIT */
#include "waterfall.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "otlp_tree.h"
#include "painter.h"
#include "terminal.h"
#include "waterfall_trace.h"

#define TICK_MS 50u
#define TRACE_BUCKETS 1024u
#define SPANS_OF_TRACE_MAX 4096u
#define PATIENCE_FACTOR 6u /* of a trace that keeps coming */
#define DEVICES_MAX 4096u  /* whose counters are remembered */
#define DEVICE_BUCKETS 256u
#define COUNTERS_INTERVAL_MS 1000u /* between two lines about the same device */

/* What was last said of a device. */
struct shown_device {
    uint64_t device_id;
    uint64_t boot_id; /* of an anonymous one: part of its identity */
    char name[GW_DEVICE_NAME_BYTES];
    char service_name[GW_SERVICE_NAME_BYTES];
    uint64_t frames_lost, spans_lost;
    uint64_t stats[GW_STATS_COUNT];

    /* What is to be said next. */
    bool is_due;
    uint64_t due_ms;
    uint64_t next_frames_lost, next_spans_lost;
    uint64_t next_stats[GW_STATS_COUNT];
    struct shown_device *next_of_bucket;
    struct shown_device *next;
};

struct waterfall {
    struct waterfall_options options;
    uv_loop_t *loop;
    uv_timer_t timer;
    struct painter painter;

    struct held_trace *traces[TRACE_BUCKETS];
    struct held_trace *oldest;
    struct held_trace *newest;
    size_t trace_count, span_count, byte_count;

    struct shown_device *devices[DEVICE_BUCKETS];
    struct shown_device *first_device;
    size_t device_count;
    size_t due_devices;

    char text_source[GW_SOURCE_NAME_BYTES]; /* of the line of console text under way */
    bool is_within_line;

    uint64_t traces_shown;
    uint64_t traces_incomplete;
    uint64_t spans_shown;
    uint64_t spans_not_shown; /* no memory, or the output refused them */
};

/* ---- the stream ---------------------------------------------------------------------------- */

static void begin_painting(struct waterfall *waterfall)
{
    FILE *output = waterfall->options.output;

    painter_reset(&waterfall->painter, terminal_columns(output), terminal_has_colors(output),
                  terminal_has_utf8());
}

/* Blocks where the reader of the stream does: a pause on a terminal is the user's wish. */
static bool put_out(struct waterfall *waterfall, const void *bytes, size_t size)
{
    FILE *output = waterfall->options.output;

    return fwrite(bytes, 1, size, output) == size && fflush(output) == 0;
}

/* A line of console text that has not ended is ended before anything else is shown. */
static bool put_painted(struct waterfall *waterfall)
{
    const struct buffer *out = &waterfall->painter.out;

    if (waterfall->is_within_line)
        put_out(waterfall, "\n", 1);
    waterfall->is_within_line = false;
    return !out->failed && put_out(waterfall, out->data, out->size);
}

/* ---- traces -------------------------------------------------------------------------------- */

static struct held_trace **bucket_of(struct waterfall *waterfall, const uint8_t trace_id[16])
{
    uint64_t halves[2];

    memcpy(halves, trace_id, sizeof halves);
    return &waterfall->traces[((halves[0] ^ halves[1]) * 0x9E3779B97F4A7C15u >> 32) &
                              (TRACE_BUCKETS - 1)];
}

static void unlink_trace(struct waterfall *waterfall, struct held_trace *trace)
{
    struct held_trace **link = bucket_of(waterfall, trace->trace_id);

    while (*link != trace)
        link = &(*link)->next_of_bucket;
    *link = trace->next_of_bucket;
    if (trace->older != NULL)
        trace->older->newer = trace->newer;
    else
        waterfall->oldest = trace->newer;
    if (trace->newer != NULL)
        trace->newer->older = trace->older;
    else
        waterfall->newest = trace->older;
    waterfall->trace_count--;
    waterfall->span_count -= trace->spans;
    waterfall->byte_count -= trace->bytes;
}

static void free_trace(struct held_trace *trace)
{
    while (trace->first != NULL) {
        struct held_span *span = trace->first;

        trace->first = span->next;
        free(span);
    }
    free(trace);
}

static void show_trace(struct waterfall *waterfall, struct held_trace *trace, enum trace_end end)
{
    unlink_trace(waterfall, trace);
    begin_painting(waterfall);
    if (paint_trace(&waterfall->painter, trace, end, waterfall->device_count > 1) &&
        put_painted(waterfall)) {
        waterfall->traces_shown++;
        waterfall->traces_incomplete += end != TRACE_COMPLETE;
        waterfall->spans_shown += trace->spans;
    } else {
        waterfall->spans_not_shown += trace->spans;
    }
    free_trace(trace);
}

static struct held_trace *add_trace(struct waterfall *waterfall, const uint8_t trace_id[16],
                                    struct held_trace **bucket)
{
    struct held_trace *trace = calloc(1, sizeof *trace);

    if (trace == NULL)
        return NULL;
    memcpy(trace->trace_id, trace_id, sizeof trace->trace_id);
    trace->first_ms = uv_now(waterfall->loop);
    trace->next_of_bucket = *bucket;
    *bucket = trace;
    trace->older = waterfall->newest;
    if (waterfall->newest != NULL)
        waterfall->newest->newer = trace;
    else
        waterfall->oldest = trace;
    waterfall->newest = trace;
    waterfall->trace_count++;
    return trace;
}

static struct held_trace *find_or_add_trace(struct waterfall *waterfall, const uint8_t trace_id[16])
{
    struct held_trace **bucket = bucket_of(waterfall, trace_id);
    struct held_trace *trace = *bucket;

    while (trace != NULL && memcmp(trace->trace_id, trace_id, sizeof trace->trace_id) != 0)
        trace = trace->next_of_bucket;
    return trace != NULL ? trace : add_trace(waterfall, trace_id, bucket);
}

static size_t held_span_bytes(const struct held_span *span)
{
    return sizeof *span + span->size + span->service_bytes + span->device_bytes;
}

static void add_span(struct waterfall *waterfall, const uint8_t trace_id[16],
                     struct held_span *span)
{
    struct held_trace *trace = find_or_add_trace(waterfall, trace_id);

    if (trace == NULL) {
        waterfall->spans_not_shown++;
        free(span);
        return;
    }
    if (trace->last != NULL)
        trace->last->next = span;
    else
        trace->first = span;
    trace->last = span;
    trace->spans++;
    trace->bytes += held_span_bytes(span);
    trace->has_root |= held_span_is_local_root(span);
    trace->newest_ms = uv_now(waterfall->loop);
    waterfall->span_count++;
    waterfall->byte_count += held_span_bytes(span);
    if (trace->spans == SPANS_OF_TRACE_MAX)
        show_trace(waterfall, trace, TRACE_NO_ROOM);
    while (waterfall->trace_count > waterfall->options.traces_max ||
           waterfall->span_count > waterfall->options.spans_max ||
           waterfall->byte_count > waterfall->options.bytes_max)
        show_trace(waterfall, waterfall->oldest, TRACE_NO_ROOM);
}

/* ---- devices ------------------------------------------------------------------------------- */

static void forget_devices(struct waterfall *waterfall)
{
    while (waterfall->first_device != NULL) {
        struct shown_device *device = waterfall->first_device;

        waterfall->first_device = device->next;
        free(device);
    }
    memset(waterfall->devices, 0, sizeof waterfall->devices);
    waterfall->device_count = 0;
    waterfall->due_devices = 0;
}

static struct shown_device *find_or_add_device(struct waterfall *waterfall,
                                               const struct gw_device *device)
{
    uint64_t boot_id = device->device_id == 0 ? device->boot_id : 0;
    uint64_t mixed = (device->device_id ^ boot_id) * 0x9E3779B97F4A7C15u;
    struct shown_device **bucket = &waterfall->devices[mixed >> 32 & (DEVICE_BUCKETS - 1)];
    struct shown_device *shown = *bucket;

    while (shown != NULL && (shown->device_id != device->device_id || shown->boot_id != boot_id ||
                             strcmp(shown->name, device->name) != 0))
        shown = shown->next_of_bucket;
    if (shown != NULL)
        return shown;
    if (waterfall->device_count == DEVICES_MAX)
        forget_devices(waterfall);
    shown = calloc(1, sizeof *shown);
    if (shown == NULL)
        return NULL;
    shown->device_id = device->device_id;
    shown->boot_id = boot_id;
    memcpy(shown->name, device->name, sizeof shown->name);
    shown->next_of_bucket = *bucket;
    *bucket = shown;
    shown->next = waterfall->first_device;
    waterfall->first_device = shown;
    waterfall->device_count++;
    return shown;
}

/* Begins a paragraph: a mark, the service and the device. */
static void begin_device_line(struct painter *painter, enum style style, const char *utf8_mark,
                              const char *ascii_mark, const char *service, const char *name)
{
    struct piece pieces[] = {piece_of(style, painter->has_utf8 ? utf8_mark : ascii_mark),
                             piece_of(STYLE_BOLD, service), piece_of(STYLE_DIM, " "),
                             piece_of(STYLE_DIM, name)};

    painter_set_prefix(painter, "", 2);
    painter_item(painter, 0, pieces, 4);
}

static void add_words(struct painter *painter, enum style style, const char *words)
{
    struct piece piece = piece_of(style, words);

    painter_item(painter, 1, &piece, 1);
}

static void add_growth(struct painter *painter, const char *what, uint64_t before, uint64_t now)
{
    char grown[96], whole[64];
    struct piece pieces[2];

    if (now <= before)
        return;
    snprintf(grown, sizeof grown, "%s +%" PRIu64, what, now - before);
    snprintf(whole, sizeof whole, " (%" PRIu64 " in all)", now);
    pieces[0] = piece_of(STYLE_WARNING, grown);
    pieces[1] = piece_of(STYLE_DIM, whole);
    painter_item(painter, 2, pieces, 2);
}

static bool paint_losses(struct painter *painter, const struct shown_device *device)
{
    if (device->next_frames_lost <= device->frames_lost &&
        device->next_spans_lost <= device->spans_lost)
        return false;
    begin_device_line(painter, STYLE_WARNING, "! ", "! ", device->service_name, device->name);
    add_words(painter, STYLE_PLAIN, "lost on the link:");
    add_growth(painter, "frames", device->frames_lost, device->next_frames_lost);
    add_growth(painter, "spans", device->spans_lost, device->next_spans_lost);
    painter_end_line(painter);
    return true;
}

static bool is_grown_drop(const struct shown_device *device, size_t i)
{
    return gw_stats_fields[i].kind == GW_STATS_DROP && device->next_stats[i] > device->stats[i];
}

static bool paint_drops(struct painter *painter, const struct shown_device *device)
{
    bool has_any = false;

    for (size_t i = 0; i < GW_STATS_COUNT; i++)
        has_any |= is_grown_drop(device, i);
    if (!has_any)
        return false;
    begin_device_line(painter, STYLE_WARNING, "! ", "! ", device->service_name, device->name);
    add_words(painter, STYLE_PLAIN, "counts on the device:");
    for (size_t i = 0; i < GW_STATS_COUNT; i++) {
        if (is_grown_drop(device, i))
            add_growth(painter, gw_stats_fields[i].name, device->stats[i], device->next_stats[i]);
    }
    painter_end_line(painter);
    return true;
}

static void say_counters(struct waterfall *waterfall, struct shown_device *device)
{
    bool has_losses, has_drops;

    begin_painting(waterfall);
    has_losses = paint_losses(&waterfall->painter, device);
    has_drops = paint_drops(&waterfall->painter, device);
    if (has_losses || has_drops)
        put_painted(waterfall);
    device->frames_lost = device->next_frames_lost;
    device->spans_lost = device->next_spans_lost;
    memcpy(device->stats, device->next_stats, sizeof device->stats);
    device->is_due = false;
    waterfall->due_devices--;
}

static void say_due_counters(struct waterfall *waterfall, uint64_t now_ms)
{
    for (struct shown_device *device = waterfall->first_device; device != NULL;
         device = device->next) {
        if (device->is_due && now_ms >= device->due_ms) {
            say_counters(waterfall, device);
            device->due_ms = now_ms + COUNTERS_INTERVAL_MS;
        }
    }
}

/* Counters of a boot begin at 0 again. */
static void say_boot(struct waterfall *waterfall, struct shown_device *shown,
                     const struct gw_device *device)
{
    struct painter *painter = &waterfall->painter;
    char words[GW_SOURCE_NAME_BYTES + 64];

    if (shown->is_due)
        say_counters(waterfall, shown);
    memset(shown->stats, 0, sizeof shown->stats);
    memset(shown->next_stats, 0, sizeof shown->next_stats);
    begin_painting(waterfall);
    if (device->boots > 1) {
        begin_device_line(painter, STYLE_WARNING, "↻ ", "! ", device->service_name, device->name);
        snprintf(words, sizeof words, "started again, boot %" PRIu64, device->boots);
    } else {
        begin_device_line(painter, STYLE_GOOD, "+ ", "+ ", "device", device->name);
        snprintf(words, sizeof words, "at %s", device->source);
    }
    add_words(painter, STYLE_PLAIN, words);
    painter_end_line(painter);
    put_painted(waterfall);
}

/* ---- time ---------------------------------------------------------------------------------- */

/* Whether the trace is to be shown now, and then as what. */
static bool is_trace_due(const struct waterfall *waterfall, const struct held_trace *trace,
                         uint64_t now_ms, enum trace_end *end)
{
    uint64_t patience_ms = waterfall->options.patience_ms;
    uint64_t quiet_ms = now_ms - trace->newest_ms;

    if (trace->has_root && quiet_ms >= waterfall->options.quiet_ms)
        *end = TRACE_COMPLETE;
    else if (!trace->has_root && quiet_ms >= patience_ms)
        *end = TRACE_NO_ROOT;
    else if (now_ms - trace->first_ms >= patience_ms * PATIENCE_FACTOR)
        *end = TRACE_STILL_COMING;
    else
        return false;
    return true;
}

static void on_tick(uv_timer_t *timer)
{
    struct waterfall *waterfall = timer->data;
    uint64_t now_ms = uv_now(waterfall->loop);
    struct held_trace *trace = waterfall->oldest;

    while (trace != NULL) {
        struct held_trace *newer = trace->newer;
        enum trace_end end;

        if (is_trace_due(waterfall, trace, now_ms, &end))
            show_trace(waterfall, trace, end);
        trace = newer;
    }
    say_due_counters(waterfall, now_ms);
    if (waterfall->oldest == NULL && waterfall->due_devices == 0)
        uv_timer_stop(timer);
}

static void keep_ticking(struct waterfall *waterfall)
{
    if (!uv_is_active((uv_handle_t *)&waterfall->timer))
        uv_timer_start(&waterfall->timer, on_tick, TICK_MS, TICK_MS);
}

/* ---- spans of a batch ---------------------------------------------------------------------- */

struct span_reader {
    struct waterfall *waterfall;
    const struct gw_batch *batch;
    struct held_span *span; /* the one that is being read */
    uint8_t trace_id[16];
    const uint8_t *service; /* of the ResourceSpans that is being read */
    size_t service_bytes;
};

static struct held_span *hold_span(const struct span_reader *reader, const struct otlp_field *field)
{
    const char *device = reader->batch->device->name;
    size_t device_bytes = strlen(device);
    struct held_span *span =
        calloc(1, sizeof *span + field->size + reader->service_bytes + device_bytes);

    if (span == NULL)
        return NULL;
    span->size = field->size;
    span->service_bytes = reader->service_bytes;
    span->device_bytes = device_bytes;
    span->time_estimated = reader->batch->time_estimated;
    span->recovered = reader->batch->recovered;
    memcpy(span->bytes, field->bytes, field->size);
    memcpy(span->bytes + span->size, reader->service, span->service_bytes);
    memcpy(span->bytes + span->size + span->service_bytes, device, device_bytes);
    return span;
}

static void read_begin(void *self, const struct otlp_field *field)
{
    struct span_reader *reader = self;

    if (field->submessage == OTLP_RESOURCE)
        otlp_find_string(OTLP_RESOURCE, field->bytes, field->size, "service.name", &reader->service,
                         &reader->service_bytes);
    if (field->submessage != OTLP_SPAN)
        return;
    reader->span = hold_span(reader, field);
    reader->waterfall->spans_not_shown += reader->span == NULL;
}

static void read_span_field(struct span_reader *reader, const struct otlp_field *field)
{
    struct held_span *span = reader->span;

    switch (field->number_in_message) {
    case 1:
        memcpy(reader->trace_id, field->bytes, sizeof reader->trace_id);
        break;
    case 2:
        memcpy(span->span_id, field->bytes, sizeof span->span_id);
        break;
    case 4:
        memset(span->parent_id, 0, sizeof span->parent_id);
        memcpy(span->parent_id, field->bytes, field->size);
        break;
    case 7:
        span->start_unix_ns = field->number;
        break;
    case 8:
        span->end_unix_ns = field->number;
        break;
    case 16: /* SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK and …_IS_REMOTE_MASK */
        span->parent_is_remote = (field->number & 0x300) == 0x300;
        break;
    default:
        break;
    }
}

static void read_field(void *self, const struct otlp_field *field)
{
    struct span_reader *reader = self;

    if (reader->span == NULL)
        return;
    if (field->message == OTLP_SPAN)
        read_span_field(reader, field);
    else if (field->message == OTLP_STATUS && field->number_in_message == 3)
        reader->span->is_error = field->number == 2; /* STATUS_CODE_ERROR */
}

static void read_end(void *self, enum otlp_message message)
{
    struct span_reader *reader = self;

    if (message != OTLP_SPAN || reader->span == NULL)
        return;
    if (reader->span->start_unix_ns == 0) /* unknown: OTLP has no other way to say so */
        reader->span->start_unix_ns = reader->span->end_unix_ns;
    add_span(reader->waterfall, reader->trace_id, reader->span);
    reader->span = NULL;
}

static void take_batch(void *self, const struct gw_batch *batch)
{
    static const struct otlp_visitor visitor = {read_begin, read_field, read_end};
    struct waterfall *waterfall = self;
    struct span_reader reader = {.waterfall = waterfall,
                                 .batch = batch,
                                 .service = (const uint8_t *)batch->device->service_name,
                                 .service_bytes = strlen(batch->device->service_name)};

    if (batch->signal != GW_TRACES)
        return;
    if (batch->resource_bytes > 0)
        otlp_find_string(OTLP_RESOURCE, batch->resource, batch->resource_bytes, "service.name",
                         &reader.service, &reader.service_bytes);
    otlp_walk(OTLP_TRACES_REQUEST, batch->payload, batch->payload_bytes, &visitor, &reader, NULL);
    keep_ticking(waterfall);
}

/* ---- the rest of the sink ------------------------------------------------------------------ */

static void take_device_event(void *self, const struct gw_device *device,
                              enum gw_device_event event)
{
    struct waterfall *waterfall = self;
    struct shown_device *shown = find_or_add_device(waterfall, device);

    if (shown == NULL)
        return;
    memcpy(shown->service_name, device->service_name, sizeof shown->service_name);
    if (event == GW_DEVICE_BOOT)
        say_boot(waterfall, shown, device);
    shown->next_frames_lost = device->frames_lost;
    shown->next_spans_lost = device->spans_lost;
    if (event == GW_DEVICE_STATS)
        memcpy(shown->next_stats, device->stats, sizeof shown->next_stats);
    if (event == GW_DEVICE_STATS || event == GW_DEVICE_LOSSES) {
        waterfall->due_devices += !shown->is_due;
        shown->is_due = true;
        keep_ticking(waterfall);
    }
}

static void name_source(struct waterfall *waterfall, const char *source)
{
    struct painter *painter = &waterfall->painter;
    struct piece piece;
    char prefix[GW_SOURCE_NAME_BYTES + 4];

    snprintf(prefix, sizeof prefix, "[%s] ", source);
    begin_painting(waterfall);
    piece = piece_of(STYLE_DIM, prefix);
    painter_text(painter, piece.style, piece.bytes, piece.size, SIZE_MAX);
    painter_plain(painter);
    put_painted(waterfall);
}

/* As it came; where there are several sources, each line with its source. */
static void take_text(void *self, const char *source, const uint8_t *bytes, size_t size)
{
    struct waterfall *waterfall = self;
    bool is_another = strcmp(waterfall->text_source, source) != 0;

    if (is_another && waterfall->is_within_line) {
        put_out(waterfall, "\n", 1);
        waterfall->is_within_line = false;
    }
    snprintf(waterfall->text_source, sizeof waterfall->text_source, "%s", source);
    while (size > 0) {
        const uint8_t *newline = memchr(bytes, '\n', size);
        size_t length = newline != NULL ? (size_t)(newline - bytes) + 1 : size;

        if (waterfall->options.name_sources && !waterfall->is_within_line)
            name_source(waterfall, source);
        put_out(waterfall, bytes, length);
        waterfall->is_within_line = newline == NULL;
        bytes += length;
        size -= length;
    }
}

static void drain(void *self)
{
    struct waterfall *waterfall = self;

    while (waterfall->oldest != NULL)
        show_trace(waterfall, waterfall->oldest,
                   waterfall->oldest->has_root ? TRACE_COMPLETE : TRACE_AT_EXIT);
    say_due_counters(waterfall, UINT64_MAX);
    if (waterfall->is_within_line)
        put_out(waterfall, "\n", 1);
    waterfall->is_within_line = false;
}

static bool is_drained(void *self)
{
    const struct waterfall *waterfall = self;

    return waterfall->oldest == NULL;
}

static void close_waterfall(void *self)
{
    struct waterfall *waterfall = self;

    drain(self);
    uv_timer_stop(&waterfall->timer);
    uv_close((uv_handle_t *)&waterfall->timer, NULL);
}

static void visit_counters(void *self, gw_counter_visitor *visit, void *visitor)
{
    const struct waterfall *waterfall = self;

    visit(visitor, "traces_shown", waterfall->traces_shown);
    visit(visitor, "traces_shown_incomplete", waterfall->traces_incomplete);
    visit(visitor, "spans_shown", waterfall->spans_shown);
    visit(visitor, "spans_not_shown", waterfall->spans_not_shown);
}

static void set_options(struct waterfall_options *set, const struct waterfall_options *given)
{
    *set = (struct waterfall_options){
        .output = given->output != NULL ? given->output : stdout,
        .quiet_ms = given->quiet_ms ? given->quiet_ms : 300,
        .patience_ms = given->patience_ms ? given->patience_ms : 10000,
        .traces_max = given->traces_max ? given->traces_max : 1024,
        .spans_max = given->spans_max ? given->spans_max : 16384,
        .bytes_max = given->bytes_max ? given->bytes_max : (size_t)16 << 20,
        .name_sources = given->name_sources,
    };
}

bool waterfall_open(struct gw_sink *sink, uv_loop_t *loop, const struct waterfall_options *options)
{
    struct waterfall *waterfall = calloc(1, sizeof *waterfall);

    if (waterfall == NULL)
        return false;
    set_options(&waterfall->options, options);
    waterfall->loop = loop;
    uv_timer_init(loop, &waterfall->timer);
    waterfall->timer.data = waterfall;
    *sink = (struct gw_sink){.self = waterfall,
                             .batch = take_batch,
                             .text = take_text,
                             .device_event = take_device_event,
                             .drain = drain,
                             .drained = is_drained,
                             .close = close_waterfall,
                             .counters = visit_counters};
    return true;
}

void waterfall_free(struct gw_sink *sink)
{
    struct waterfall *waterfall = sink->self;

    forget_devices(waterfall);
    painter_free(&waterfall->painter);
    free(waterfall);
    *sink = (struct gw_sink){0};
}
