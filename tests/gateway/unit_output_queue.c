/* SPDX-License-Identifier: MIT */
/* The exporter's queue: bounded, in order, nothing let go that is under way, devices kept apart. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "buffer.h"
#include "export_queue.h"

/* ExportTraceServiceRequest{ResourceSpans{ScopeSpans{Span{name}}}} without its ids: the queue only
 * looks at the outer levels. */
static size_t make_payload(uint8_t *payload, size_t name_bytes)
{
    const size_t span = name_bytes + 2, scope = span + 2, resource = scope + 2;
    size_t at = 0;

    assert_true(resource < 128);
    payload[at++] = 1 << 3 | 2;
    payload[at++] = (uint8_t)resource;
    payload[at++] = 2 << 3 | 2;
    payload[at++] = (uint8_t)scope;
    payload[at++] = 2 << 3 | 2;
    payload[at++] = (uint8_t)span;
    payload[at++] = 5 << 3 | 2;
    payload[at++] = (uint8_t)name_bytes;
    memset(payload + at, 'n', name_bytes);
    return at + name_bytes;
}

struct sender {
    struct gw_device device;
    struct gw_batch batch;
    uint8_t payload[160];
    uint8_t resource[8];
};

static void make_sender(struct sender *sender, uint64_t device_id, uint64_t boot_id,
                        size_t name_bytes)
{
    static const uint8_t resource[] = {1 << 3 | 2, 0}; /* one attribute without key and value */

    memset(sender, 0, sizeof *sender);
    sender->device.device_id = device_id;
    snprintf(sender->device.name, sizeof sender->device.name, "%016llx",
             (unsigned long long)device_id);
    memcpy(sender->resource, resource, sizeof resource);
    sender->batch = (struct gw_batch){.device = &sender->device,
                                      .boot_id = boot_id,
                                      .signal = GW_TRACES,
                                      .resource = sender->resource,
                                      .resource_bytes = sizeof resource,
                                      .payload = sender->payload,
                                      .span_count = 1};
    sender->batch.payload_bytes = make_payload(sender->payload, name_bytes);
}

static void put(struct export_queue *queue, uint64_t device_id, uint64_t boot_id, uint64_t now_ms)
{
    struct sender sender;

    make_sender(&sender, device_id, boot_id, 10);
    export_queue_put(queue, &sender.batch, now_ms);
}

static void test_entries_leave_in_order_and_leave_nothing_behind(void **state)
{
    struct export_queue queue = {.bytes_max = 1 << 20};

    (void)state;
    for (uint64_t i = 0; i < 10; i++)
        put(&queue, 1 + i % 3, 7, i);
    assert_int_equal(queue.entries, 10);
    assert_int_equal(queue.spans, 10);
    for (uint64_t i = 0; i < 4; i++)
        assert_int_equal(export_queue_take(&queue)->put_ms, i);
    assert_int_equal(export_queue_next(&queue)->put_ms, 4);
    export_queue_settle(&queue);
    assert_int_equal(queue.entries, 6);
    for (uint64_t i = 4; i < 10; i++)
        assert_int_equal(export_queue_take(&queue)->put_ms, i);
    assert_null(export_queue_take(&queue));
    export_queue_settle(&queue);
    assert_int_equal(queue.bytes, 0);
    assert_int_equal(queue.payload_bytes, 0);
    assert_int_equal(queue.spans, 0);
    export_queue_free(&queue);
}

static void test_what_is_put_back_is_taken_again(void **state)
{
    struct export_queue queue = {.bytes_max = 1 << 20};

    (void)state;
    for (uint64_t i = 0; i < 3; i++)
        put(&queue, 1, 7, i);
    export_queue_take(&queue);
    export_queue_take(&queue);
    export_queue_put_back(&queue);
    assert_int_equal(export_queue_take(&queue)->put_ms, 0);
    assert_int_equal(queue.entries, 3);
    export_queue_free(&queue);
}

static void test_same_device_boot_and_resource_are_one_origin_and_nothing_else_is(void **state)
{
    struct export_queue queue = {.bytes_max = 1 << 20};
    struct sender senders[6];
    const struct export_origin *origins[7];

    (void)state;
    for (size_t i = 0; i < 6; i++)
        make_sender(&senders[i], 1, 7, 10);
    senders[1].device.device_id = 2; /* one thing differs in each */
    strcpy(senders[2].device.name, "anonymous@elsewhere");
    senders[3].batch.boot_id = 8;
    senders[4].resource[0] = 3 << 3 | 2;
    senders[5].batch.resource_bytes = 0;
    for (size_t i = 0; i < 6; i++)
        export_queue_put(&queue, &senders[i].batch, 0);
    export_queue_put(&queue, &senders[0].batch, 0);
    for (size_t i = 0; i < 7; i++)
        origins[i] = export_queue_take(&queue)->origin;
    assert_ptr_equal(origins[0], origins[6]);
    for (size_t i = 0; i < 6; i++) {
        for (size_t j = 0; j < i; j++)
            assert_ptr_not_equal(origins[i], origins[j]);
    }
    export_queue_free(&queue);
}

/* More than the queue has buckets for, and ids that its hash throws together: neighbours in a
 * bucket are told apart too. */
static void test_many_devices_and_boots_are_as_many_origins(void **state)
{
    enum { IDS = 60, BOOTS = 50 };
    struct export_queue queue = {.bytes_max = 1 << 26};
    struct export_entry *entry;
    size_t origins = 0;

    (void)state;
    for (uint64_t i = 0; i < IDS * BOOTS; i++) {
        struct sender sender;

        make_sender(&sender, 1 + (i % IDS << 42), 1 + (i / IDS << 10), 10);
        strcpy(sender.device.name, "same");
        export_queue_put(&queue, &sender.batch, 0);
        export_queue_put(&queue, &sender.batch, 0);
    }
    while ((entry = export_queue_take(&queue)) != NULL) {
        origins += entry->origin->first_taken == NULL;
        entry->origin->first_taken = entry;
        assert_int_equal(entry->origin->entries, 2);
    }
    assert_int_equal(origins, IDS * BOOTS);
    export_queue_free(&queue);
}

/* Against a plain model: what is held is always the newest, the taken apart; memory is bounded. */
static void test_random_use_against_a_model(void **state)
{
    enum { STEPS = 20000, BYTES_MAX = 12000 };
    static uint64_t model[STEPS];
    struct export_queue queue = {.bytes_max = BYTES_MAX};
    uint64_t random = 1, put_count = 0, settled = 0;

    (void)state;
    for (uint64_t step = 0; step < STEPS; step++) {
        uint64_t what = next_random(&random) % 16;

        if (what < 10) {
            put(&queue, 1 + next_random(&random) % 5, 7, step);
            model[put_count++] = step;
        } else if (what < 14) {
            const struct export_entry *next = export_queue_next(&queue);

            assert_ptr_equal(export_queue_take(&queue), next);
        } else if (what == 14) {
            settled += queue.taken;
            export_queue_settle(&queue);
        } else {
            export_queue_put_back(&queue);
        }
        assert_true(queue.bytes <= BYTES_MAX);
        assert_int_equal(queue.entries + settled + queue.spans_let_go + queue.spans_refused,
                         put_count);
        if (queue.last != NULL && queue.spans_refused == 0)
            assert_int_equal(queue.last->put_ms, model[put_count - 1]);
    }
    assert_true(queue.spans_let_go > 0);
    export_queue_free(&queue);
}

static void test_what_is_under_way_is_never_let_go(void **state)
{
    struct export_queue queue = {.bytes_max = 4000};
    const struct export_entry *taken;

    (void)state;
    put(&queue, 1, 7, 0);
    put(&queue, 1, 7, 1);
    export_queue_take(&queue);
    taken = export_queue_take(&queue);
    for (uint64_t i = 2; i < 100; i++)
        put(&queue, 1, 7, i);
    assert_true(queue.spans_let_go > 0);
    assert_int_equal(queue.taken, 2);
    assert_int_equal(queue.first->put_ms, 0);
    assert_ptr_equal(queue.first->next, taken);
    assert_int_equal(queue.last->put_ms, 99);
    while (export_queue_take(&queue) != NULL) /* all of it under way: the newest is refused */
        ;
    for (uint64_t i = 0; i < 10; i++)
        put(&queue, 1, 7, 100 + i);
    assert_true(queue.spans_refused > 0);
    assert_true(queue.bytes <= queue.bytes_max);
    export_queue_free(&queue);
}

static void test_a_batch_larger_than_the_queue_is_refused(void **state)
{
    struct export_queue queue = {.bytes_max = 100};

    (void)state;
    put(&queue, 1, 7, 0);
    assert_int_equal(queue.entries, 0);
    assert_int_equal(queue.spans_refused, 1);
    assert_int_equal(queue.bytes, 0);
    export_queue_free(&queue);
}

static void test_damaged_payloads_are_refused(void **state)
{
    struct export_queue queue = {.bytes_max = 1 << 20};
    struct sender sender;
    size_t whole;

    (void)state;
    make_sender(&sender, 1, 7, 10);
    sender.batch.time_estimated = true;
    whole = sender.batch.payload_bytes;
    for (size_t i = 1; i < whole; i++) {
        sender.batch.payload_bytes = i;
        export_queue_put(&queue, &sender.batch, 0);
    }
    assert_int_equal(queue.entries, 0);
    assert_int_equal(queue.spans_refused, whole - 1);
    export_queue_free(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entries_leave_in_order_and_leave_nothing_behind),
        cmocka_unit_test(test_what_is_put_back_is_taken_again),
        cmocka_unit_test(test_same_device_boot_and_resource_are_one_origin_and_nothing_else_is),
        cmocka_unit_test(test_many_devices_and_boots_are_as_many_origins),
        cmocka_unit_test(test_random_use_against_a_model),
        cmocka_unit_test(test_what_is_under_way_is_never_let_go),
        cmocka_unit_test(test_a_batch_larger_than_the_queue_is_refused),
        cmocka_unit_test(test_damaged_payloads_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
