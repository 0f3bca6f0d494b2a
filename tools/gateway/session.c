/* SPDX-License-Identifier: MIT */
#include "session.h"

#include <inttypes.h>
#include <pb_decode.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "otlp_walk.h"
#include "window.h"

#define DEVICE_BUCKETS 4096U
#define BOOTS_MAX 3U     /* of a device, remembered at once */
#define RESOURCES_MAX 3U /* of a device, remembered at once */
#define NS_PER_MS UINT64_C(1000000)
/* 2024-01-01: a clock that says less has not been set yet, and nothing leaves under its time. */
#define SANE_UNIX_NS (UINT64_C(1704067200) * 1000 * NS_PER_MS)

const struct gw_stats_field gw_stats_fields[GW_STATS_COUNT] = {
#define GW_STATS_ENTRY(number, name, kind) {number, #name, kind},
    GW_STATS_FIELDS(GW_STATS_ENTRY)
#undef GW_STATS_ENTRY
};

struct resource {
    uint32_t hash;
    uint8_t *bytes;
    size_t size;
    uint64_t used; /* by the sessions' turn */
};

struct boot {
    uint64_t id; /* 0: a free place */
    uint64_t used;
    struct window window;
    struct device_clock clock;
    uint64_t stats_clock_ns; /* of the newest stats */
};

struct device {
    struct gw_device shown;
    struct device *next_in_bucket;
    struct device *older, *newer; /* in the order of when they were heard */
    struct boot boots[BOOTS_MAX];
    struct resource resources[RESOURCES_MAX];
};

/* A data frame and what must be known to hand it out. */
struct parcel {
    struct parcel *next;
    struct device *device;
    uint64_t boot_id;
    struct link_frame frame; /* its payload is `payload` */
    struct link_instant at;
    bool is_replay;
    uint64_t due_ns; /* monotonic; when it stops waiting */
    size_t span_count;
    size_t bytes; /* of memory */
    uint8_t payload[];
};

struct sessions_counters {
    uint64_t frames_received;
    uint64_t frames_by_verdict[LINK_VERDICT_COUNT];
    uint64_t frames_duplicate;
    uint64_t frames_lost;
    uint64_t frames_without_resource;
    uint64_t frames_not_held; /* went without their resource: no room to wait */
    uint64_t frames_no_memory;
    uint64_t frames_clock_not_set; /* let go because our own clock was not set in time */
    uint64_t spans_clock_not_set;
    uint64_t spans_received;
    uint64_t spans_lost;
    uint64_t devices_seen;
    uint64_t devices_forgotten;
    uint64_t boots_seen;
    uint64_t text_bytes;
};

struct sessions {
    struct sessions_options options;
    const struct gw_sink *sinks;
    size_t sink_count;
    struct device *buckets[DEVICE_BUCKETS];
    struct device *oldest, *newest;
    size_t device_count;
    struct link_instant now; /* of the newest frame or tick */
    struct parcel *held_first, **held_end;
    size_t held_bytes;
    uint64_t turn; /* counts frames: what was used least recently has the smallest */
    struct sessions_counters counters;
};

/* ---- telling the outputs ------------------------------------------------------------------- */

static void tell_event(struct sessions *sessions, const struct device *device,
                       enum gw_device_event event)
{
    for (size_t i = 0; i < sessions->sink_count; i++) {
        const struct gw_sink *sink = &sessions->sinks[i];

        if (sink->device_event != NULL)
            sink->device_event(sink->self, &device->shown, event);
    }
}

static void tell_batch(struct sessions *sessions, const struct gw_batch *batch)
{
    for (size_t i = 0; i < sessions->sink_count; i++) {
        const struct gw_sink *sink = &sessions->sinks[i];

        if (sink->batch != NULL)
            sink->batch(sink->self, batch);
    }
}

void sessions_text(struct sessions *sessions, const char *source, const uint8_t *bytes, size_t size)
{
    sessions->counters.text_bytes += size;
    for (size_t i = 0; i < sessions->sink_count; i++) {
        const struct gw_sink *sink = &sessions->sinks[i];

        if (sink->text != NULL)
            sink->text(sink->self, source, bytes, size);
    }
}

bool sessions_congested(const struct sessions *sessions)
{
    for (size_t i = 0; i < sessions->sink_count; i++) {
        const struct gw_sink *sink = &sessions->sinks[i];

        if (sink->congested != NULL && sink->congested(sink->self))
            return true;
    }
    return false;
}

/* ---- resources ----------------------------------------------------------------------------- */

static struct resource *find_resource(struct device *device, uint32_t hash)
{
    for (size_t i = 0; i < RESOURCES_MAX; i++) {
        if (device->resources[i].bytes != NULL && device->resources[i].hash == hash)
            return &device->resources[i];
    }
    return NULL;
}

static struct resource *oldest_resource(struct device *device)
{
    struct resource *oldest = &device->resources[0];

    for (size_t i = 1; i < RESOURCES_MAX; i++) {
        if (device->resources[i].used < oldest->used)
            oldest = &device->resources[i];
    }
    return oldest;
}

/* Cut at the end of a character. */
static void set_service_name(struct gw_device *shown, const uint8_t *name, size_t size)
{
    if (size >= sizeof shown->service_name) {
        size = sizeof shown->service_name - 1;
        while (size > 0 && (name[size] & 0xC0) == 0x80)
            size--;
    }
    memcpy(shown->service_name, name, size);
    shown->service_name[size] = 0;
}

static void name_service(struct gw_device *shown, const uint8_t *resource, size_t size)
{
    const uint8_t *name;
    size_t name_bytes;

    if (otlp_find_string(OTLP_RESOURCE, resource, size, "service.name", &name, &name_bytes))
        set_service_name(shown, name, name_bytes);
}

static bool keep_resource(struct sessions *sessions, struct device *device, uint32_t hash,
                          const uint8_t *bytes, size_t size)
{
    struct resource *place = oldest_resource(device);
    uint8_t *copy = malloc(size + 1);

    if (copy == NULL)
        return false;
    memcpy(copy, bytes, size);
    free(place->bytes);
    *place = (struct resource){hash, copy, size, sessions->turn};
    return true;
}

static void show_resource(struct sessions *sessions, struct device *device,
                          const struct resource *resource)
{
    struct gw_device *shown = &device->shown;

    if (shown->resource != NULL && shown->resource_hash == resource->hash)
        return;
    shown->resource = resource->bytes;
    shown->resource_bytes = resource->size;
    shown->resource_hash = resource->hash;
    name_service(shown, resource->bytes, resource->size);
    tell_event(sessions, device, GW_DEVICE_RESOURCE);
}

/* ---- handing a frame out ------------------------------------------------------------------- */

struct time_patch {
    uint8_t *payload;
    int64_t offset_ns;
};

static void patch_time(void *self, const struct otlp_field *field)
{
    const struct time_patch *patch = self;
    const uint8_t *base = patch->payload;
    uint8_t *bytes = patch->payload + (field->bytes - base);
    uint64_t unix_ns;

    if (field->type != OTLP_TIME)
        return;
    unix_ns = clock_shift(field->number, patch->offset_ns);
    for (unsigned i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(unix_ns >> (8 * i));
}

static void patch_times(uint8_t *payload, size_t size, int64_t offset_ns)
{
    static const struct otlp_visitor visitor = {.field = patch_time};
    struct time_patch patch = {payload, offset_ns};

    otlp_walk(OTLP_TRACES_REQUEST, payload, size, &visitor, &patch, NULL);
}

static struct boot *find_boot(struct device *device, uint64_t boot_id)
{
    for (size_t i = 0; i < BOOTS_MAX; i++) {
        if (device->boots[i].id == boot_id)
            return &device->boots[i];
    }
    return NULL;
}

/* For a boot that was over before we heard of it: as if the next one had started at its end. */
static int64_t offset_before_newest_boot(struct device *device, const struct parcel *parcel)
{
    const struct boot *newest = find_boot(device, device->shown.boot_id);
    uint64_t end_ns = parcel->at.monotonic_ns;

    if (newest != NULL && newest->id != parcel->boot_id && newest->clock.count > 0)
        end_ns = (uint64_t)clock_estimate(&newest->clock, end_ns).offset_ns;
    return (int64_t)(end_ns - parcel->frame.clock_ns);
}

/* To Unix time. */
static int64_t choose_offset(struct device *device, const struct parcel *parcel, bool *estimated)
{
    const struct link_frame *frame = &parcel->frame;
    uint64_t to_unix_ns = parcel->at.unix_ns - parcel->at.monotonic_ns;
    const struct boot *boot = find_boot(device, parcel->boot_id);
    struct clock_offset estimate = {0, UINT64_MAX};

    if (boot != NULL)
        estimate = clock_estimate(&boot->clock, parcel->at.monotonic_ns);
    *estimated = (frame->flags & LINK_WALL_CLOCK) == 0 ||
                 (uint64_t)frame->wall_uncertainty_us * 1000 > estimate.uncertainty_ns;
    if (!*estimated)
        return frame->wall_offset_ns;
    if (estimate.uncertainty_ns == UINT64_MAX)
        estimate.offset_ns = offset_before_newest_boot(device, parcel);
    return (int64_t)((uint64_t)estimate.offset_ns + to_unix_ns);
}

static void hand_out(struct sessions *sessions, struct parcel *parcel, uint8_t *payload)
{
    struct device *device = parcel->device;
    const struct link_frame *frame = &parcel->frame;
    const struct resource *resource = find_resource(device, frame->resource_hash);
    struct gw_batch batch = {
        .device = &device->shown,
        .boot_id = parcel->boot_id,
        .signal = GW_TRACES,
        .self_contained = (frame->flags & LINK_SELF_CONTAINED) != 0,
        .payload = payload,
        .payload_bytes = frame->payload_bytes,
        .span_count = parcel->span_count,
        .recovered = (frame->flags & LINK_RECOVERED) != 0,
        .arrival_unix_ns = parcel->at.unix_ns,
    };

    if (!batch.self_contained) {
        patch_times(payload, frame->payload_bytes,
                    choose_offset(device, parcel, &batch.time_estimated));
        if (resource != NULL) {
            batch.resource = resource->bytes;
            batch.resource_bytes = resource->size;
        } else {
            sessions->counters.frames_without_resource++;
        }
    }
    tell_batch(sessions, &batch);
}

/* ---- holding a frame back ------------------------------------------------------------------ */

static bool lacks_resource(struct device *device, const struct link_frame *frame)
{
    return (frame->flags & LINK_SELF_CONTAINED) == 0 && frame->resource_hash != 0 &&
           find_resource(device, frame->resource_hash) == NULL;
}

static bool clock_is_set(struct link_instant at)
{
    return at.unix_ns >= SANE_UNIX_NS;
}

/* What came before our clock was set gets its time of arrival from the clock that now is. */
static void correct_arrival(const struct sessions *sessions, struct parcel *parcel)
{
    if (!parcel->is_replay && !clock_is_set(parcel->at))
        parcel->at.unix_ns =
            sessions->now.unix_ns - (sessions->now.monotonic_ns - parcel->at.monotonic_ns);
}

static void let_go(struct sessions *sessions, const struct parcel *parcel)
{
    sessions->counters.frames_clock_not_set++;
    sessions->counters.spans_clock_not_set += parcel->span_count;
}

static bool hold(struct sessions *sessions, const struct parcel *parcel)
{
    size_t bytes = sizeof *parcel + parcel->frame.payload_bytes;
    struct parcel *held;

    if (bytes > sessions->options.held_bytes_max - sessions->held_bytes)
        return false;
    held = malloc(bytes);
    if (held == NULL)
        return false;
    *held = *parcel;
    held->next = NULL;
    held->bytes = bytes;
    held->due_ns = parcel->at.monotonic_ns + sessions->options.resource_wait_ms * NS_PER_MS;
    memcpy(held->payload, parcel->frame.payload, parcel->frame.payload_bytes);
    *sessions->held_end = held;
    sessions->held_end = &held->next;
    sessions->held_bytes += bytes;
    return true;
}

/* Hands out, oldest first, every held frame for which `is_free` says so. */
static void release(struct sessions *sessions,
                    bool (*is_free)(const struct sessions *, const struct parcel *, const void *),
                    const void *context)
{
    struct parcel **link = &sessions->held_first;

    while (*link != NULL) {
        struct parcel *parcel = *link;

        if (!is_free(sessions, parcel, context)) {
            link = &parcel->next;
            continue;
        }
        *link = parcel->next;
        sessions->held_bytes -= parcel->bytes;
        correct_arrival(sessions, parcel);
        if (parcel->is_replay || clock_is_set(parcel->at))
            hand_out(sessions, parcel, parcel->payload);
        else
            let_go(sessions, parcel);
        free(parcel);
    }
    sessions->held_end = link;
}

static bool is_of_device(const struct sessions *sessions, const struct parcel *parcel,
                         const void *device)
{
    (void)sessions;
    return parcel->device == device;
}

static bool has_resource(const struct sessions *sessions, const struct parcel *parcel,
                         const void *device)
{
    return parcel->device == device && (parcel->is_replay || clock_is_set(sessions->now)) &&
           !lacks_resource(parcel->device, &parcel->frame);
}

static bool is_due(const struct sessions *sessions, const struct parcel *parcel,
                   const void *context)
{
    (void)context;
    return clock_is_set(sessions->now) && (parcel->due_ns <= sessions->now.monotonic_ns ||
                                           !lacks_resource(parcel->device, &parcel->frame));
}

static bool is_any(const struct sessions *sessions, const struct parcel *parcel,
                   const void *context)
{
    (void)sessions;
    (void)parcel;
    (void)context;
    return true;
}

void sessions_tick(struct sessions *sessions, struct link_instant now)
{
    sessions->now = now;
    release(sessions, is_due, NULL);
}

void sessions_drain(struct sessions *sessions)
{
    release(sessions, is_any, NULL);
}

/* ---- devices and boots --------------------------------------------------------------------- */

static uint64_t mix(uint64_t value)
{
    value ^= value >> 30;
    value *= UINT64_C(0xBF58476D1CE4E5B9);
    value ^= value >> 27;
    value *= UINT64_C(0x94D049BB133111EB);
    return value ^ value >> 31;
}

static bool is_anonymous(const struct link_frame *frame)
{
    return (frame->flags & LINK_ANONYMOUS) != 0;
}

static uint64_t device_key(const struct link_frame *frame, const char *source)
{
    uint64_t key;

    if (!is_anonymous(frame))
        return mix(frame->device_id);
    key = frame->boot_id;
    for (; *source != 0; source++)
        key = mix(key ^ (uint8_t)*source);
    return mix(key);
}

static bool is_same_device(const struct device *device, const struct link_frame *frame,
                           const char *source)
{
    if (!is_anonymous(frame))
        return device->shown.device_id == frame->device_id && device->shown.device_id != 0;
    return device->shown.device_id == 0 && device->shown.boot_id == frame->boot_id &&
           strcmp(device->shown.source, source) == 0;
}

static void unlink_by_age(struct sessions *sessions, struct device *device)
{
    if (device->older != NULL)
        device->older->newer = device->newer;
    else
        sessions->oldest = device->newer;
    if (device->newer != NULL)
        device->newer->older = device->older;
    else
        sessions->newest = device->older;
}

static void append_newest(struct sessions *sessions, struct device *device)
{
    device->older = sessions->newest;
    device->newer = NULL;
    if (sessions->newest != NULL)
        sessions->newest->newer = device;
    else
        sessions->oldest = device;
    sessions->newest = device;
}

static struct device **bucket_of(struct sessions *sessions, const struct device *device)
{
    struct link_frame frame = {.device_id = device->shown.device_id,
                               .boot_id = device->shown.boot_id,
                               .flags = device->shown.device_id == 0 ? LINK_ANONYMOUS : 0};

    return &sessions->buckets[device_key(&frame, device->shown.source) % DEVICE_BUCKETS];
}

static void free_device(struct device *device)
{
    for (size_t i = 0; i < RESOURCES_MAX; i++)
        free(device->resources[i].bytes);
    free(device);
}

static void forget_oldest(struct sessions *sessions)
{
    struct device *device = sessions->oldest;
    struct device **link = bucket_of(sessions, device);

    release(sessions, is_of_device, device);
    while (*link != device)
        link = &(*link)->next_in_bucket;
    *link = device->next_in_bucket;
    unlink_by_age(sessions, device);
    free_device(device);
    sessions->device_count--;
    sessions->counters.devices_forgotten++;
}

static void name_device(struct gw_device *shown, const struct link_frame *frame, const char *source)
{
    shown->device_id = is_anonymous(frame) ? 0 : frame->device_id;
    shown->boot_id = frame->boot_id;
    snprintf(shown->source, sizeof shown->source, "%s", source);
    if (is_anonymous(frame))
        snprintf(shown->name, sizeof shown->name, "anonymous@%.143s", source);
    else
        snprintf(shown->name, sizeof shown->name, "%016" PRIx64, frame->device_id);
    snprintf(shown->service_name, sizeof shown->service_name, "unknown_service");
}

static struct device *add_device(struct sessions *sessions, const struct link_frame *frame,
                                 const char *source)
{
    struct device *device = calloc(1, sizeof *device);
    struct device **bucket;

    if (device == NULL)
        return NULL;
    if (sessions->device_count >= sessions->options.devices_max)
        forget_oldest(sessions);
    name_device(&device->shown, frame, source);
    bucket = bucket_of(sessions, device);
    device->next_in_bucket = *bucket;
    *bucket = device;
    append_newest(sessions, device);
    sessions->device_count++;
    sessions->counters.devices_seen++;
    return device;
}

static struct device *find_device(struct sessions *sessions, const struct link_frame *frame,
                                  const char *source)
{
    struct device *device = sessions->buckets[device_key(frame, source) % DEVICE_BUCKETS];

    while (device != NULL && !is_same_device(device, frame, source))
        device = device->next_in_bucket;
    if (device == NULL)
        return add_device(sessions, frame, source);
    unlink_by_age(sessions, device);
    append_newest(sessions, device);
    if (!is_anonymous(frame) && strcmp(device->shown.source, source) != 0)
        snprintf(device->shown.source, sizeof device->shown.source, "%s", source);
    return device;
}

static struct boot *oldest_boot(struct device *device)
{
    struct boot *oldest = &device->boots[0];

    for (size_t i = 1; i < BOOTS_MAX; i++) {
        if (device->boots[i].used < oldest->used)
            oldest = &device->boots[i];
    }
    return oldest;
}

static struct boot *add_boot(struct sessions *sessions, struct device *device,
                             const struct link_frame *frame)
{
    struct boot *boot = oldest_boot(device);

    *boot = (struct boot){.id = frame->boot_id};
    if ((frame->flags & LINK_RECOVERED) == 0) {
        device->shown.boot_id = frame->boot_id;
        device->shown.boots++;
        device->shown.has_stats = false;
        memset(device->shown.stats, 0, sizeof device->shown.stats);
        sessions->counters.boots_seen++;
        tell_event(sessions, device, GW_DEVICE_BOOT);
    }
    return boot;
}

/* ---- losses -------------------------------------------------------------------------------- */

struct losses {
    uint64_t frames;
    uint64_t spans;
};

static struct losses losses_of(const struct boot *boot)
{
    return (struct losses){window_frames_lost(&boot->window), boot->window.spans_lost};
}

/* Brings a change of one boot's losses into the sums; unsigned sums may well go down. */
static void account_losses(struct sessions *sessions, struct device *device,
                           const struct boot *boot, struct losses before)
{
    struct losses now = losses_of(boot);

    if (now.frames == before.frames && now.spans == before.spans)
        return;
    device->shown.frames_lost += now.frames - before.frames;
    device->shown.spans_lost += now.spans - before.spans;
    sessions->counters.frames_lost += now.frames - before.frames;
    sessions->counters.spans_lost += now.spans - before.spans;
    tell_event(sessions, device, GW_DEVICE_LOSSES);
}

/* ---- stats --------------------------------------------------------------------------------- */

static int stats_index(uint32_t number)
{
    for (int i = 0; i < GW_STATS_COUNT; i++) {
        if (gw_stats_fields[i].number == number)
            return i;
    }
    return -1;
}

static bool read_stats(const uint8_t *bytes, size_t size, uint64_t stats[GW_STATS_COUNT])
{
    pb_istream_t stream = pb_istream_from_buffer(bytes, size);

    memset(stats, 0, sizeof stats[0] * GW_STATS_COUNT);
    while (stream.bytes_left > 0) {
        pb_wire_type_t wire_type;
        uint32_t number;
        bool at_end;
        int index;

        if (!pb_decode_tag(&stream, &wire_type, &number, &at_end) || number == 0)
            return false;
        index = stats_index(number);
        if (index < 0 && !pb_skip_field(&stream, wire_type))
            return false;
        if (index >= 0 && (wire_type != PB_WT_VARINT || !pb_decode_varint(&stream, &stats[index])))
            return false;
    }
    return true;
}

/* What the boot before this one left: its final number. */
static void end_previous_boot(struct sessions *sessions, struct device *device,
                              const uint64_t stats[GW_STATS_COUNT])
{
    uint64_t boot_id = stats[GW_STAT_previous_boot_id];
    uint64_t sequence = stats[GW_STAT_previous_boot_sequence];
    struct boot *previous = boot_id == 0 ? NULL : find_boot(device, boot_id);
    struct losses before;

    if (previous == NULL || !previous->window.started || sequence == 0)
        return;
    before = losses_of(previous);
    window_advance_base(&previous->window, sequence);
    account_losses(sessions, device, previous, before);
}

static void take_stats(struct sessions *sessions, struct device *device, struct boot *boot,
                       const struct link_frame *frame, const uint64_t stats[GW_STATS_COUNT])
{
    struct losses before = losses_of(boot);

    if (frame->clock_ns < boot->stats_clock_ns)
        return; /* overtaken by newer ones */
    boot->stats_clock_ns = frame->clock_ns;
    window_stats(&boot->window, frame->sequence, stats[GW_STAT_spans_sent]);
    end_previous_boot(sessions, device, stats);
    if (boot->id == device->shown.boot_id) {
        device->shown.has_stats = true;
        memcpy(device->shown.stats, stats, sizeof device->shown.stats);
        tell_event(sessions, device, GW_DEVICE_STATS);
    }
    account_losses(sessions, device, boot, before);
}

/* ---- a frame ------------------------------------------------------------------------------- */

/* What a payload turned out to hold. */
struct content {
    struct otlp_counts counts;
    uint64_t stats[GW_STATS_COUNT];
};

static bool traces_are_good(const struct link_frame *frame, struct otlp_counts *counts)
{
    if (otlp_walk(OTLP_TRACES_REQUEST, frame->payload, frame->payload_bytes, NULL, NULL, counts) !=
        NULL)
        return false;
    return (frame->flags & LINK_SELF_CONTAINED) != 0 || counts->resources == 0;
}

static bool resource_is_good(const struct link_frame *frame)
{
    return otlp_walk(OTLP_RESOURCE, frame->payload, frame->payload_bytes, NULL, NULL, NULL) ==
               NULL &&
           link_crc32(frame->payload, frame->payload_bytes) == frame->resource_hash;
}

static enum link_verdict check_payload(const struct link_frame *frame, struct content *content)
{
    switch (frame->kind) {
    case LINK_TRACES:
        return traces_are_good(frame, &content->counts) ? LINK_ok : LINK_bad_payload;
    case LINK_RESOURCE:
        return resource_is_good(frame) ? LINK_ok : LINK_bad_payload;
    case LINK_STATS:
        return read_stats(frame->payload, frame->payload_bytes, content->stats) ? LINK_ok
                                                                                : LINK_bad_payload;
    default:
        return LINK_unsupported;
    }
}

static void name_service_within(void *self, const struct otlp_field *field)
{
    if (field->submessage == OTLP_RESOURCE)
        name_service(self, field->bytes, field->size);
}

static void take_traces(struct sessions *sessions, struct device *device, uint64_t boot_id,
                        const struct link_frame *frame, size_t span_count,
                        const struct arrival *arrival)
{
    static const struct otlp_visitor naming = {.begin = name_service_within};
    struct parcel parcel = {.device = device,
                            .boot_id = boot_id,
                            .frame = *frame,
                            .at = arrival->at,
                            .is_replay = arrival->is_replay,
                            .span_count = span_count};
    bool clock_is_good = arrival->is_replay || clock_is_set(arrival->at);

    device->shown.frames++;
    device->shown.spans += span_count;
    sessions->counters.spans_received += span_count;
    if ((frame->flags & LINK_SELF_CONTAINED) != 0)
        otlp_walk(OTLP_TRACES_REQUEST, frame->payload, frame->payload_bytes, &naming,
                  &device->shown, NULL);
    if (lacks_resource(device, frame) || !clock_is_good) {
        if (hold(sessions, &parcel))
            return;
        sessions->counters.frames_not_held++;
    }
    if (!clock_is_good) {
        let_go(sessions, &parcel);
        return;
    }
    hand_out(sessions, &parcel, frame->payload);
}

static void take_resource(struct sessions *sessions, struct device *device,
                          const struct link_frame *frame)
{
    struct resource *known = find_resource(device, frame->resource_hash);

    if (known == NULL) {
        if (!keep_resource(sessions, device, frame->resource_hash, frame->payload,
                           frame->payload_bytes)) {
            sessions->counters.frames_no_memory++;
            return;
        }
        known = find_resource(device, frame->resource_hash);
    }
    known->used = sessions->turn;
    show_resource(sessions, device, known);
    release(sessions, has_resource, device);
}

/* A capture has no times of arrival: its first frame fixes the offset. */
static void observe_clock(struct boot *boot, const struct link_frame *frame,
                          const struct arrival *arrival)
{
    if (frame->attempt != 0 || (frame->flags & LINK_RECOVERED) != 0)
        return;
    if (arrival->is_replay && boot->clock.count > 0)
        return;
    clock_observe(&boot->clock, frame->clock_ns, arrival->at.monotonic_ns);
}

/* The header is to be believed, and the payload is good unless `verdict` says otherwise. */
static void take_frame(struct sessions *sessions, const struct link_frame *frame,
                       const struct content *content, enum link_verdict verdict,
                       const struct arrival *arrival)
{
    struct device *device = find_device(sessions, frame, arrival->source);
    struct losses before;
    struct boot *boot;
    bool is_new = true;

    if (device == NULL) {
        sessions->counters.frames_no_memory++;
        return;
    }
    boot = find_boot(device, frame->boot_id);
    if (boot == NULL)
        boot = add_boot(sessions, device, frame);
    boot->used = sessions->turn;
    observe_clock(boot, frame, arrival);

    before = losses_of(boot);
    window_advance_base(&boot->window, frame->sequence - frame->base_distance);
    if (link_kind_is_numbered(frame->kind))
        is_new = window_arrive(&boot->window, frame->sequence, (uint32_t)content->counts.spans);
    account_losses(sessions, device, boot, before);

    if (!is_new) {
        device->shown.duplicates++;
        sessions->counters.frames_duplicate++;
    } else if (verdict != LINK_ok) {
        return;
    } else if (frame->kind == LINK_TRACES) {
        take_traces(sessions, device, boot->id, frame, content->counts.spans, arrival);
    } else if (frame->kind == LINK_RESOURCE) {
        take_resource(sessions, device, frame);
    } else if (frame->kind == LINK_STATS) {
        take_stats(sessions, device, boot, frame, content->stats);
    }
}

void sessions_frame(struct sessions *sessions, uint8_t *bytes, size_t size,
                    const struct arrival *arrival)
{
    struct content content = {0};
    struct link_frame frame;
    enum link_verdict verdict =
        link_parse(bytes, size, sessions->options.frame_bytes_max, LINK_UP, &frame);
    bool header_is_good = verdict == LINK_ok;

    if (header_is_good)
        verdict = check_payload(&frame, &content);
    if (verdict != LINK_ok)
        content.counts.spans = 0;
    sessions->counters.frames_received++;
    sessions->counters.frames_by_verdict[verdict]++;
    sessions->turn++;
    if (!arrival->is_replay)
        sessions->now = arrival->at;
    if (header_is_good)
        take_frame(sessions, &frame, &content, verdict, arrival);
}

void sessions_damaged(struct sessions *sessions, enum link_verdict verdict)
{
    sessions->counters.frames_received++;
    sessions->counters.frames_by_verdict[verdict]++;
}

/* ---- all of it ----------------------------------------------------------------------------- */

struct sessions *sessions_create(const struct sessions_options *options,
                                 const struct gw_sink *sinks, size_t sink_count)
{
    struct sessions *sessions = calloc(1, sizeof *sessions);

    if (sessions == NULL)
        return NULL;
    sessions->options = *options;
    sessions->sinks = sinks;
    sessions->sink_count = sink_count;
    sessions->held_end = &sessions->held_first;
    return sessions;
}

void sessions_destroy(struct sessions *sessions)
{
    while (sessions->held_first != NULL) {
        struct parcel *parcel = sessions->held_first;

        sessions->held_first = parcel->next;
        free(parcel);
    }
    while (sessions->oldest != NULL) {
        struct device *device = sessions->oldest;

        sessions->oldest = device->newer;
        free_device(device);
    }
    free(sessions);
}

/* What the devices that are known now counted in their newest boot. */
static void visit_devices_own_counters(const struct sessions *sessions, gw_counter_visitor *visit,
                                       void *visitor)
{
    uint64_t started = 0, sent = 0, dropped = 0;

    for (const struct device *device = sessions->oldest; device != NULL; device = device->newer) {
        const uint64_t *stats = device->shown.stats;

        started += stats[GW_STAT_spans_started];
        sent += stats[GW_STAT_spans_sent];
        for (int i = GW_STAT_spans_dropped_no_context; i <= GW_STAT_spans_dropped_shutdown; i++)
            dropped += stats[i];
    }
    visit(visitor, "device_spans_started", started);
    visit(visitor, "device_spans_sent", sent);
    visit(visitor, "device_spans_dropped", dropped);
}

void sessions_counters(const struct sessions *sessions, gw_counter_visitor *visit, void *visitor)
{
    const struct sessions_counters *counters = &sessions->counters;
    char name[64];

    visit(visitor, "frames_received", counters->frames_received);
    visit(visitor, "frames_accepted", counters->frames_by_verdict[LINK_ok]);
    for (int verdict = LINK_ok + 1; verdict < LINK_VERDICT_COUNT; verdict++) {
        snprintf(name, sizeof name, "frames_refused_%s",
                 link_verdict_name((enum link_verdict)verdict));
        visit(visitor, name, counters->frames_by_verdict[verdict]);
    }
    visit(visitor, "frames_duplicate", counters->frames_duplicate);
    visit(visitor, "frames_lost", counters->frames_lost);
    visit(visitor, "frames_without_resource", counters->frames_without_resource);
    visit(visitor, "frames_not_held", counters->frames_not_held);
    visit(visitor, "frames_no_memory", counters->frames_no_memory);
    visit(visitor, "frames_clock_not_set", counters->frames_clock_not_set);
    visit(visitor, "spans_clock_not_set", counters->spans_clock_not_set);
    visit(visitor, "spans_received", counters->spans_received);
    visit(visitor, "spans_lost", counters->spans_lost);
    visit_devices_own_counters(sessions, visit, visitor);
    visit(visitor, "devices_seen", counters->devices_seen);
    visit(visitor, "devices_forgotten", counters->devices_forgotten);
    visit(visitor, "boots_seen", counters->boots_seen);
    visit(visitor, "text_bytes", counters->text_bytes);
}
