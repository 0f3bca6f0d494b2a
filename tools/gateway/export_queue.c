/* SPDX-License-Identifier: MIT */
#include "export_queue.h"

#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "join.h"

/* ---- origins ------------------------------------------------------------------------------- */

static struct export_origin **bucket_of(struct export_queue *queue, uint64_t device_id,
                                        uint64_t boot_id)
{
    uint64_t mixed = (device_id ^ (boot_id << 32 | boot_id >> 32)) * 0x9E3779B97F4A7C15u;

    return &queue->origins[mixed >> 32 & (EXPORT_ORIGIN_BUCKETS - 1)];
}

static bool is_origin_of(const struct export_origin *origin, const struct gw_batch *batch)
{
    return origin->device_id == batch->device->device_id && origin->boot_id == batch->boot_id &&
           origin->given_bytes == batch->resource_bytes &&
           strcmp(origin->device_name, batch->device->name) == 0 &&
           (origin->given_bytes == 0 ||
            memcmp(origin->resource, batch->resource, origin->given_bytes) == 0);
}

/* Before it is known what is joined: two attributes, of which one holds the device's name. */
#define ORIGIN_COST_MAX(resource_bytes)                                                            \
    (sizeof(struct export_origin) + (resource_bytes) + GW_DEVICE_NAME_BYTES + 96)

static size_t origin_cost(const struct export_origin *origin)
{
    return sizeof *origin + origin->resource_bytes;
}

static struct export_origin *make_origin(const struct gw_batch *batch)
{
    struct export_origin *origin = calloc(1, sizeof *origin);
    struct buffer resource = {0};

    join_resource(&resource, batch);
    if (origin == NULL || resource.failed) {
        free(origin);
        buffer_free(&resource);
        return NULL;
    }
    origin->device_id = batch->device->device_id;
    origin->boot_id = batch->boot_id;
    memcpy(origin->device_name, batch->device->name, sizeof origin->device_name);
    origin->resource = resource.data; /* now the origin's */
    origin->resource_bytes = resource.size;
    origin->given_bytes = batch->resource_bytes;
    return origin;
}

static struct export_origin *find_or_make_origin(struct export_queue *queue,
                                                 const struct gw_batch *batch)
{
    struct export_origin **bucket = bucket_of(queue, batch->device->device_id, batch->boot_id);
    struct export_origin *origin = *bucket;

    while (origin != NULL && !is_origin_of(origin, batch))
        origin = origin->next;
    if (origin != NULL)
        return origin;
    origin = make_origin(batch);
    if (origin == NULL)
        return NULL;
    origin->next = *bucket;
    *bucket = origin;
    queue->bytes += origin_cost(origin);
    return origin;
}

static void free_origin_unless_used(struct export_queue *queue, struct export_origin *origin)
{
    struct export_origin **link;

    if (origin == NULL || origin->entries > 0)
        return;
    link = bucket_of(queue, origin->device_id, origin->boot_id);
    while (*link != origin)
        link = &(*link)->next;
    *link = origin->next;
    queue->bytes -= origin_cost(origin);
    free(origin->resource);
    free(origin);
}

/* ---- entries ------------------------------------------------------------------------------- */

static size_t entry_cost(size_t size)
{
    return sizeof(struct export_entry) + size;
}

/* `link` points to the entry: the queue's first, or a next. */
static void remove_entry(struct export_queue *queue, struct export_entry **link,
                         struct export_entry *before)
{
    struct export_entry *entry = *link;
    struct export_origin *origin = entry->origin;

    *link = entry->next;
    if (queue->last == entry)
        queue->last = before;
    queue->entries--;
    queue->spans -= entry->spans;
    queue->bytes -= entry_cost(entry->size);
    if (origin != NULL)
        origin->entries--;
    free(entry);
    free_origin_unless_used(queue, origin);
}

static bool let_go_of_oldest(struct export_queue *queue)
{
    struct export_entry *before = queue->last_taken;
    struct export_entry **link = before != NULL ? &before->next : &queue->first;

    if (*link == NULL)
        return false;
    queue->spans_let_go += (*link)->spans;
    queue->payload_bytes -= (*link)->size;
    remove_entry(queue, link, before);
    return true;
}

static bool make_room(struct export_queue *queue, size_t bytes)
{
    if (bytes > queue->bytes_max)
        return false;
    while (queue->bytes > queue->bytes_max - bytes) {
        if (!let_go_of_oldest(queue))
            return false;
    }
    return true;
}

static bool append(struct export_queue *queue, struct export_origin *origin,
                   const struct buffer *content, size_t spans, uint64_t now_ms)
{
    struct export_entry *entry = malloc(entry_cost(content->size));

    if (entry == NULL)
        return false;
    *entry = (struct export_entry){
        .origin = origin, .spans = spans, .put_ms = now_ms, .size = content->size};
    memcpy(entry->bytes, content->data, content->size);
    if (queue->last != NULL)
        queue->last->next = entry;
    else
        queue->first = entry;
    queue->last = entry;
    queue->entries++;
    queue->spans += spans;
    queue->bytes += entry_cost(content->size);
    queue->payload_bytes += content->size;
    if (origin != NULL)
        origin->entries++;
    return true;
}

/* ---- the queue ----------------------------------------------------------------------------- */

static bool put_joined(struct export_queue *queue, const struct gw_batch *batch,
                       const struct joined *joined, uint64_t now_ms)
{
    const struct buffer *without = &joined->without_resource;
    const struct buffer *with = &joined->with_resource;
    size_t spans = batch->span_count;
    bool good = true;

    if (!make_room(queue, entry_cost(without->size) + entry_cost(with->size) +
                              ORIGIN_COST_MAX(batch->resource_bytes)))
        return false;
    if (without->size > 0) {
        struct export_origin *origin = find_or_make_origin(queue, batch);

        /* The spans of a batch with both kinds are all counted with this part. */
        good = origin != NULL && append(queue, origin, without, spans, now_ms);
        free_origin_unless_used(queue, origin);
        spans = 0;
    }
    if (good && with->size > 0)
        good = append(queue, NULL, with, spans, now_ms);
    return good;
}

void export_queue_put(struct export_queue *queue, const struct gw_batch *batch, uint64_t now_ms)
{
    struct joined joined = {0};

    if (!join_spans(&joined, batch) || !put_joined(queue, batch, &joined, now_ms))
        queue->spans_refused += batch->span_count;
    joined_free(&joined);
}

const struct export_entry *export_queue_next(const struct export_queue *queue)
{
    return queue->last_taken != NULL ? queue->last_taken->next : queue->first;
}

struct export_entry *export_queue_take(struct export_queue *queue)
{
    struct export_entry *entry = queue->last_taken != NULL ? queue->last_taken->next : queue->first;

    if (entry == NULL)
        return NULL;
    queue->last_taken = entry;
    queue->taken++;
    queue->payload_bytes -= entry->size;
    return entry;
}

void export_queue_settle(struct export_queue *queue)
{
    for (; queue->taken > 0; queue->taken--)
        remove_entry(queue, &queue->first, NULL);
    queue->last_taken = NULL;
}

void export_queue_put_back(struct export_queue *queue)
{
    const struct export_entry *entry = queue->first;

    for (; queue->taken > 0; queue->taken--) {
        queue->payload_bytes += entry->size;
        entry = entry->next;
    }
    queue->last_taken = NULL;
}

void export_queue_free(struct export_queue *queue)
{
    queue->last_taken = NULL;
    while (queue->first != NULL)
        remove_entry(queue, &queue->first, NULL);
    *queue = (struct export_queue){0};
}
