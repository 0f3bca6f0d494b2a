/* SPDX-License-Identifier: MIT */
/*
 * The device's own counters, as LINK.md numbers and names them: the one list of them in the
 * gateway. GW_STATS_FIELDS(X) calls X(field number, name, kind) for each; the kind is
 * GW_STATS_COUNTER (counts since boot, only grows), GW_STATS_DROP (a counter of something that was
 * let go, worth showing when it grows), GW_STATS_LEVEL (a reading) or GW_STATS_REFERENCE (names
 * something else).
 */
#ifndef GW_STATS_FIELDS_H
#define GW_STATS_FIELDS_H

#define GW_STATS_FIELDS(X)                                                                         \
    X(1, spans_started, GW_STATS_COUNTER)                                                          \
    X(2, spans_not_recorded, GW_STATS_COUNTER)                                                     \
    X(3, spans_live, GW_STATS_LEVEL)                                                               \
    X(4, spans_queued, GW_STATS_COUNTER)                                                           \
    X(5, spans_sent, GW_STATS_COUNTER)                                                             \
    X(6, spans_dropped_no_context, GW_STATS_DROP)                                                  \
    X(7, spans_dropped_no_recording, GW_STATS_DROP)                                                \
    X(8, spans_dropped_queue_full, GW_STATS_DROP)                                                  \
    X(9, spans_dropped_link, GW_STATS_DROP)                                                        \
    X(10, spans_dropped_shutdown, GW_STATS_DROP)                                                   \
    X(11, attributes_dropped, GW_STATS_DROP)                                                       \
    X(12, attributes_truncated, GW_STATS_DROP)                                                     \
    X(13, events_dropped, GW_STATS_DROP)                                                           \
    X(14, links_dropped, GW_STATS_DROP)                                                            \
    X(15, strings_repaired, GW_STATS_DROP)                                                         \
    X(16, calls_invalid_handle, GW_STATS_DROP)                                                     \
    X(17, calls_busy, GW_STATS_DROP)                                                               \
    X(18, calls_not_running, GW_STATS_DROP)                                                        \
    X(19, calls_invalid_argument, GW_STATS_DROP)                                                   \
    X(20, carriers_dropped, GW_STATS_DROP)                                                         \
    X(21, frames_sent, GW_STATS_COUNTER)                                                           \
    X(22, frames_lost, GW_STATS_DROP)                                                              \
    X(23, frames_busy, GW_STATS_COUNTER)                                                           \
    X(24, frames_received_refused, GW_STATS_DROP)                                                  \
    X(25, clock_backward, GW_STATS_DROP)                                                           \
    X(26, queue_bytes, GW_STATS_LEVEL)                                                             \
    X(27, queue_bytes_max, GW_STATS_LEVEL)                                                         \
    X(28, queue_capacity_bytes, GW_STATS_LEVEL)                                                    \
    X(29, contexts_max, GW_STATS_LEVEL)                                                            \
    X(30, recordings_max, GW_STATS_LEVEL)                                                          \
    X(31, carriers_max, GW_STATS_LEVEL)                                                            \
    X(40, previous_boot_id, GW_STATS_REFERENCE)                                                    \
    X(41, previous_boot_sequence, GW_STATS_REFERENCE)                                              \
    X(42, control_number, GW_STATS_REFERENCE)

enum gw_stats_kind { GW_STATS_COUNTER, GW_STATS_DROP, GW_STATS_LEVEL, GW_STATS_REFERENCE };

/* Indices into gw_device.stats: GW_STAT_spans_started … GW_STAT_control_number. */
enum gw_stats_index {
#define GW_STATS_INDEX(number, name, kind) GW_STAT_##name,
    GW_STATS_FIELDS(GW_STATS_INDEX)
#undef GW_STATS_INDEX
        GW_STATS_COUNT
};

struct gw_stats_field {
    unsigned number; /* protobuf field number */
    const char *name;
    enum gw_stats_kind kind;
};

/* In the order of the indices. Defined in session.c. */
extern const struct gw_stats_field gw_stats_fields[GW_STATS_COUNT];

#endif
