/* SPDX-License-Identifier: MIT */
/*
 * Devices, their boots, and what becomes of each frame: refused, a duplicate, held for its
 * resource, or handed to the outputs in Unix time.
 */
#ifndef GW_SESSION_H
#define GW_SESSION_H

#include "batch.h"
#include "link.h"

struct sessions_options {
    size_t devices_max;     /* the one not heard for longest is forgotten for a new one */
    size_t frame_bytes_max; /* of a frame, header and check included */
    size_t held_bytes_max;  /* of frames that wait for their resource, all devices together */
    uint64_t resource_wait_ms;
};

/* How a frame came. */
struct arrival {
    /* Shown to people; tells anonymous devices apart. Shorter than GW_SOURCE_NAME_BYTES. */
    const char *source;
    struct link_instant at;
    bool is_replay; /* from a capture: the time of arrival says nothing about delays */
};

struct sessions;

/* The sinks stay the caller's. NULL: no memory. */
struct sessions *sessions_create(const struct sessions_options *options,
                                 const struct gw_sink *sinks, size_t sink_count);
/* Releases nothing: drain first. */
void sessions_destroy(struct sessions *sessions);

/* One frame, not COBS encoded; its bytes are overwritten. */
void sessions_frame(struct sessions *sessions, uint8_t *bytes, size_t size,
                    const struct arrival *arrival);
/* A run of a stream that started like a frame and is none. */
void sessions_damaged(struct sessions *sessions, enum link_verdict verdict);
void sessions_text(struct sessions *sessions, const char *source, const uint8_t *bytes,
                   size_t size);

/* Hands out what has waited long enough; to be called every 100 ms or so. */
void sessions_tick(struct sessions *sessions, struct link_instant now);
/* Hands out everything that is held. */
void sessions_drain(struct sessions *sessions);

/* Whether an output asks for patience. */
bool sessions_congested(const struct sessions *sessions);

void sessions_counters(const struct sessions *sessions, gw_counter_visitor *visit, void *visitor);

#endif
