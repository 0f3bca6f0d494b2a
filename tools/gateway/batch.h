/* SPDX-License-Identifier: MIT */
/*
 * Between the two halves of the gateway: what the input side (sources, frames, sessions, clocks)
 * hands to every output (waterfall, JSON, exporter). An output is a `struct gw_sink`; several run
 * at once and none knows of another.
 *
 * One thread: every function is called from the loop. Pointers are valid during the call, whoever
 * needs more copies.
 */
#ifndef GW_BATCH_H
#define GW_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stats_fields.h"

#define GW_SOURCE_NAME_BYTES 144
#define GW_DEVICE_NAME_BYTES (GW_SOURCE_NAME_BYTES + 16)
#define GW_SERVICE_NAME_BYTES 128

enum gw_signal { GW_TRACES = 1, GW_METRICS = 2, GW_LOGS = 3 };

/* A device as people see it. Two devices are never one: with an id, the id decides; an anonymous
 * one is told apart by its source and boot. */
struct gw_device {
    char name[GW_DEVICE_NAME_BYTES];   /* the id in 16 hex digits, or "anonymous@<source>" */
    char source[GW_SOURCE_NAME_BYTES]; /* where it was last heard, e.g. "serial:/dev/ttyACM0" */
    uint64_t device_id;                /* 0: anonymous */
    uint64_t boot_id;                  /* its newest boot */
    char service_name[GW_SERVICE_NAME_BYTES]; /* valid UTF-8, "unknown_service" until known */

    /* The newest resource: a valid OTLP Resource message; NULL and 0 bytes until one came. */
    const uint8_t *resource;
    size_t resource_bytes;
    uint32_t resource_hash;

    /* Over all boots that this gateway saw. */
    uint64_t boots;
    uint64_t frames;      /* data frames accepted */
    uint64_t spans;       /* in those */
    uint64_t frames_lost; /* numbers that never arrived; a late arrival is taken back */
    uint64_t spans_lost;  /* known from the device's stats; spans of lost frames are among them */
    uint64_t duplicates;  /* frames dropped because their number had been seen */

    /* What the device says about itself, counted since its boot; see stats_fields.h. */
    bool has_stats;
    uint64_t stats[GW_STATS_COUNT];
};

/* One accepted frame. */
struct gw_batch {
    const struct gw_device *device;
    uint64_t boot_id; /* the boot that recorded it: not always the device's newest */
    enum gw_signal signal;

    /* The OTLP Resource that goes with it. 0 bytes when it is inside the payload (self_contained)
     * or unknown: then it is exported as service.name unknown_service with the device's name as
     * service.instance.id. */
    const uint8_t *resource;
    size_t resource_bytes;
    bool self_contained;

    /* A valid OTLP export request of the signal (otlp_walk has passed it), in Unix time; unless
     * self_contained no ResourceSpans in it has a resource. */
    const uint8_t *payload;
    size_t payload_bytes;
    size_t span_count;

    bool time_estimated; /* the offset to Unix time is the gateway's estimate: mark the spans */
    bool recovered;      /* recorded by a boot that crashed */
    uint64_t arrival_unix_ns;
};

enum gw_device_event {
    GW_DEVICE_BOOT,     /* first frame of a device, or of a new boot of it */
    GW_DEVICE_RESOURCE, /* a resource came, or another one than before */
    GW_DEVICE_STATS,    /* the device's own counters came */
    GW_DEVICE_LOSSES    /* frames_lost or spans_lost changed */
};

typedef void gw_counter_visitor(void *self, const char *name, uint64_t value);

/* Functions that an output has no use for may be NULL. */
struct gw_sink {
    void *self;
    void (*batch)(void *self, const struct gw_batch *batch);
    /* Console text of a device, any bytes, cut anywhere; `source` names the source it came from. */
    void (*text)(void *self, const char *source, const uint8_t *bytes, size_t size);
    void (*device_event)(void *self, const struct gw_device *device, enum gw_device_event event);
    /* True while taking more would mean letting something go: sources that can wait (a capture
     * file, standard input) then do. */
    bool (*congested)(void *self);
    /* No batch follows: let everything out now instead of gathering. */
    void (*drain)(void *self);
    /* True when nothing is held any more; asked again and again after drain, until the deadline. */
    bool (*drained)(void *self);
    /* Gives up what is still held, counting it, and closes every handle on the loop; the loop runs
     * once more afterwards, and only then may memory that handles use be freed. */
    void (*close)(void *self);
    /* Calls `visit` for each counter, e.g. "spans_exported"; asked once, after close. */
    void (*counters)(void *self, gw_counter_visitor *visit, void *visitor);
};

#endif
