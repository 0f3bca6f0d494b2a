/* SPDX-License-Identifier: MIT */
/*
 * Where batches wait until they are exported: in memory, bounded in bytes. The exporter knows no
 * more of it than this page; a spool on disk takes its place behind the same functions.
 *
 * Entries leave in the order in which they came. Those taken for a request stay until they are
 * settled, and meanwhile are never let go.
 */
#ifndef GW_EXPORT_QUEUE_H
#define GW_EXPORT_QUEUE_H

#include "batch.h"

/* A device, a boot of it and a resource: what spans under one resource have in common. */
struct export_origin {
    uint64_t device_id;
    uint64_t boot_id;
    char device_name[GW_DEVICE_NAME_BYTES];
    uint8_t *resource; /* as it is exported */
    size_t resource_bytes;
    size_t given_bytes; /* of them, what the batch brought; the rest was joined */

    struct export_entry *first_taken; /* scratch of whoever took entries */
    struct export_entry *last_taken;
    struct export_origin *next_taken;

    size_t entries; /* in the queue, with this origin */
    struct export_origin *next;
};

struct export_entry {
    struct export_origin *origin; /* NULL: whole ResourceSpans, which brought their resource */
    struct export_entry *next_of_origin; /* scratch of whoever took entries */
    size_t spans;
    uint64_t put_ms; /* on the loop's clock */
    struct export_entry *next;
    size_t size;
    uint8_t bytes[];
};

#define EXPORT_ORIGIN_BUCKETS 1024u

struct export_queue {
    size_t bytes_max;
    size_t bytes;         /* all that the queue's memory holds */
    size_t payload_bytes; /* of the entries not taken */
    size_t entries;
    size_t spans;
    uint64_t spans_let_go;  /* the oldest, to make room */
    uint64_t spans_refused; /* there was no room, all of it being under way, or no memory */

    struct export_entry *first;
    struct export_entry *last;
    struct export_entry *last_taken; /* first…last_taken are taken; NULL: none is */
    size_t taken;
    struct export_origin *origins[EXPORT_ORIGIN_BUCKETS];
};

/* Copies the batch's spans into the queue, letting go of its oldest where there is no room. */
void export_queue_put(struct export_queue *queue, const struct gw_batch *batch, uint64_t now_ms);

/* The oldest entry that is not taken; NULL: none. */
const struct export_entry *export_queue_next(const struct export_queue *queue);

/* Takes the oldest entry that is not taken; NULL: none. */
struct export_entry *export_queue_take(struct export_queue *queue);

/* What was taken is done with, or it goes back to be taken again. */
void export_queue_settle(struct export_queue *queue);
void export_queue_put_back(struct export_queue *queue);

void export_queue_free(struct export_queue *queue);

#endif
