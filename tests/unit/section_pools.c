/* SPDX-License-Identifier: MIT */
/* >>pools: contexts, recording buffers, carriers; and every way to misuse a handle. */

static otel_span open_spans[OTEL_CONTEXT_COUNT];

static otel_context remote_context(uint8_t flags)
{
    otel_context context;

    memset(&context, 0, sizeof context);
    memset(context.trace_id, 0xAB, sizeof context.trace_id);
    memset(context.span_id, 0xCD, sizeof context.span_id);
    context.trace_flags = flags;
    context.state = OTEL_CONTEXT_REMOTE;
    return context;
}

static bool is_none(const otel_context *context)
{
    return memcmp(context, &otel_context_none, sizeof *context) == 0;
}

static void touch_everything(otel_span span)
{
    const otel_attribute attribute = otel_i64("touched", 1);

    otel_span_set_str(span, "touched", "t");
    otel_span_set_strn(span, "touched", "t", 1);
    otel_span_set_bool(span, "touched", true);
    otel_span_set_i64(span, "touched", 1);
    otel_span_set_f64(span, "touched", 1.0);
    otel_span_set(span, &attribute);
    otel_span_event(span, "touched");
    otel_span_event_with(span, "touched", &attribute, 1);
    otel_span_event_at(span, "touched", &attribute, 1, 5);
    otel_span_set_status(span, OTEL_SPAN_STATUS_ERROR, "touched");
    otel_span_set_name(span, "touched");
}

enum { TOUCHES = 11 };

static void a_full_context_pool_refuses_and_counts(void)
{
    otel_span refused;

    start();
    for (size_t i = 0; i < OTEL_CONTEXT_COUNT; i++) {
        open_spans[i] = otel_span_start("open");
        CHECK(open_spans[i].handle != 0);
    }
    CHECK_EQUAL(stats_now().contexts_in_use, OTEL_CONTEXT_COUNT);
    CHECK_EQUAL(stats_now().contexts_max, OTEL_CONTEXT_COUNT);
    CHECK_EQUAL(stats_now().spans_dropped_no_context, 0);
    refused = otel_span_start("refused");
    CHECK_EQUAL(stats_now().spans_dropped_no_context, 1);
    CHECK(!otel_span_is_recording(refused));
    touch_everything(refused);
    otel_span_end(refused);
    for (size_t i = 0; i < OTEL_CONTEXT_COUNT; i++) {
        otel_span_end(open_spans[i]);
    }
    CHECK_EQUAL(stats_now().contexts_in_use, 0);
    refused = otel_span_start("again");
    CHECK(refused.handle != 0);
    otel_span_end(refused);
}

static void a_full_recording_pool_passes_the_parents_context_on(void)
{
    const otel_context remote = remote_context(OTEL_TRACE_FLAG_SAMPLED | OTEL_TRACE_FLAG_RANDOM);
    otel_span_options options = {0};
    otel_context context;
    otel_span child, root;

    SKIP_UNLESS(OTEL_CONTEXT_COUNT >= OTEL_RECORDING_COUNT + 1);
    start();
    for (size_t i = 0; i < OTEL_RECORDING_COUNT; i++) {
        open_spans[i] = otel_span_start("open");
        CHECK(otel_span_is_recording(open_spans[i]));
    }
    CHECK_EQUAL(stats_now().recordings_in_use, OTEL_RECORDING_COUNT);
    options.parent = &remote;
    child = otel_span_start_with("child", &options);
    CHECK(!otel_span_is_recording(child));
    context = otel_span_context(child);
    CHECK_BYTES(&context, sizeof context, &remote, sizeof remote);
    CHECK_EQUAL(stats_now().spans_dropped_no_recording, 1);
    touch_everything(child);
    otel_span_end(child);
    options.parent = OTEL_ROOT;
    root = otel_span_start_with("root", &options);
    CHECK(!otel_span_is_recording(root));
    context = otel_span_context(root);
    CHECK(!otel_context_is_valid(&context));
    otel_span_end(root);
    CHECK_EQUAL(stats_now().spans_dropped_no_recording, 2);
    for (size_t i = 0; i < OTEL_RECORDING_COUNT; i++) {
        otel_span_end(open_spans[i]);
    }
    CHECK_EQUAL(stats_now().recordings_in_use, 0);
    CHECK_EQUAL(stats_now().calls_invalid_handle, 0);
}

static void a_span_that_has_ended_is_counted_and_left_alone(void)
{
    otel_context context;
    const otlp_span *got;
    otel_span span;

    start();
    span = otel_span_start("ended");
    got = end_and_receive(span);
    REQUIRE(got != NULL);
    CHECK(!otel_span_is_recording(span));
    context = otel_span_context(span);
    CHECK(is_none(&context));
    forget_received();
    CHECK_EQUAL(stats_now().calls_invalid_handle, 1); /* a question about recording is no misuse */
    touch_everything(span);
    CHECK_EQUAL(stats_now().calls_invalid_handle, 1 + TOUCHES);
    otel_span_end(span);
    otel_span_end_at(span, 5);
    CHECK_EQUAL(stats_now().calls_invalid_handle, 3 + TOUCHES);
    send_all();
    CHECK_EQUAL(received_count(), 0);
    CHECK_EQUAL(stats_now().spans_sent, 1);
}

static void an_old_handle_does_not_touch_the_slots_next_span(void)
{
    otel_span old, fresh;
    const otlp_span *got;

    start();
    for (unsigned round = 0; round < 3u * OTEL_CONTEXT_COUNT; round++) {
        old = otel_span_start("old");
        otel_span_end(old);
        send_all();
        forget_received();
        for (size_t i = 0; i < OTEL_CONTEXT_COUNT; i++) {
            open_spans[i] = otel_span_start("fresh");
        }
        touch_everything(old);
        otel_span_end(old);
        for (size_t i = 0; i < OTEL_CONTEXT_COUNT; i++) {
            otel_span_end(open_spans[i]);
        }
        send_all();
        for (size_t i = 0; (got = received_span(i)) != NULL; i++) {
            CHECK_TEXT(got->name, "fresh");
            CHECK_EQUAL(got->attributes_count, 0);
        }
        forget_received();
    }
    fresh = otel_span_start("fresh");
    CHECK(fresh.handle != old.handle);
    otel_span_end(fresh);
}

static void no_span_at_all_is_a_counted_no_op(void)
{
    const otel_span none = {0};
    const uint32_t before = stats_now().calls_invalid_handle;

    start();
    touch_everything(none);
    otel_span_end(none);
    CHECK(!otel_span_is_recording(none));
    CHECK(stats_now().calls_invalid_handle >= before + TOUCHES + 1);
}

static void random_handles_harm_nobody(void)
{
    uint32_t random = 12345;
    const otlp_span *got;
    otel_span span;

    start();
    span = otel_span_start("safe");
    for (unsigned i = 0; i < TEST_ROUNDS; i++) {
        otel_span wild;

        random = random * 1664525u + 1013904223u;
        wild.handle = i % 2u == 0 ? random : span.handle ^ (1u << random % 32u);
        if (wild.handle == span.handle) {
            continue;
        }
        touch_everything(wild);
        otel_span_end(wild);
        CHECK(!otel_span_is_recording(wild));
    }
    CHECK(otel_span_is_recording(span));
    got = end_and_receive(span);
    REQUIRE(got != NULL);
    CHECK_TEXT(got->name, "safe");
    CHECK_EQUAL(got->attributes_count + got->events_count, 0);
    CHECK_EQUAL(stats_now().spans_started, 1);
}

static void a_handle_from_before_a_restart_is_void(void)
{
    otel_span old, fresh;
    const otlp_span *got;

    start();
    old = otel_span_start("old");
    CHECK_SIGNED(otel_shutdown(1000), OTEL_OK);
    CHECK_EQUAL(stats_now().spans_dropped_shutdown, 1);
    start();
    fresh = otel_span_start("fresh");
    touch_everything(old);
    otel_span_end(old);
    got = end_and_receive(fresh);
    REQUIRE(got != NULL);
    CHECK_TEXT(got->name, "fresh");
    CHECK_EQUAL(got->attributes_count, 0);
}

/* A handle that survived a reset in a register or in memory that is not cleared. */
static void a_handle_from_another_boot_is_void(void)
{
    otel_span old, fresh;
    const otlp_span *got;

    start();
    old = otel_span_start("old");
    fixture_before();
    start();
    fresh = otel_span_start("fresh");
    touch_everything(old);
    otel_span_end(old);
    CHECK(otel_span_is_recording(fresh));
    got = end_and_receive(fresh);
    REQUIRE(got != NULL);
    CHECK_TEXT(got->name, "fresh");
    CHECK_EQUAL(got->attributes_count, 0);
}

/* After 2^24 spans in one slot its generation starts anew, and never makes a handle of zero. */
static void a_generation_that_wraps_is_still_a_span(void)
{
    start();
    for (size_t i = 0; i < OTEL_CONTEXT_COUNT; i++) {
        oteli.slots[i].state |= 0xFFFFFF00u;
    }
    for (size_t i = 0; i < 2u * OTEL_CONTEXT_COUNT; i++) {
        const otel_span span = otel_span_start("wrapped");
        CHECK(span.handle != 0);
        CHECK(otel_span_is_recording(span));
        REQUIRE(end_and_receive(span) != NULL);
        CHECK(!otel_span_is_recording(span));
    }
}

static void children_hang_together(void)
{
    otel_span_options options = {0};
    otel_context parent_context, child_context;
    otel_span parent, child;
    const otlp_span *got;

    SKIP_UNLESS(OTEL_CONTEXT_COUNT >= 2 && OTEL_RECORDING_COUNT >= 2);
    start();
    parent = otel_span_start("parent");
    parent_context = otel_span_context(parent);
    options.parent = &parent_context;
    child = otel_span_start_with("child", &options);
    child_context = otel_span_context(child);
    CHECK_BYTES(child_context.trace_id, 16, parent_context.trace_id, 16);
    CHECK(memcmp(child_context.span_id, parent_context.span_id, 8) != 0);
    otel_span_end(parent);
    otel_span_end(child);
    send_all();
    got = received_span(1);
    REQUIRE(got != NULL);
    CHECK_TEXT(got->name, "child");
    CHECK(bytes_are(got->trace_id, parent_context.trace_id, 16));
    CHECK(bytes_are(got->parent_span_id, parent_context.span_id, 8));
    CHECK_EQUAL(got->flags & (FLAG_HAS_IS_REMOTE | FLAG_IS_REMOTE), FLAG_HAS_IS_REMOTE);
}

static void a_remote_parent_is_marked(void)
{
    const otel_context remote = remote_context(OTEL_TRACE_FLAG_SAMPLED);
    otel_span_options options = {0};
    otel_context context;
    const otlp_span *got;
    otel_span span;

    start();
    options.parent = &remote;
    span = otel_span_start_with("child", &options);
    context = otel_span_context(span);
    CHECK_EQUAL(context.state & OTEL_CONTEXT_REMOTE, 0);
    got = end_and_receive(span);
    REQUIRE(got != NULL);
    CHECK(bytes_are(got->parent_span_id, remote.span_id, 8));
    CHECK_EQUAL(got->flags & (FLAG_HAS_IS_REMOTE | FLAG_IS_REMOTE),
                FLAG_HAS_IS_REMOTE | FLAG_IS_REMOTE);
}

static void an_invalid_parent_makes_a_root(void)
{
    otel_context half = remote_context(OTEL_TRACE_FLAG_SAMPLED);
    otel_span_options options = {0};
    const otlp_span *got;

    start();
    memset(half.span_id, 0, sizeof half.span_id);
    CHECK(!otel_context_is_valid(&half));
    options.parent = &half;
    got = end_and_receive(otel_span_start_with("root", &options));
    REQUIRE(got != NULL);
    CHECK(got->parent_span_id == NULL);
    CHECK(!bytes_are(got->trace_id, half.trace_id, 16));
}

static void tracestate_of_the_parent_travels_with_the_span(void)
{
    otel_context context = remote_context(OTEL_TRACE_FLAG_SAMPLED);
    otel_span_options options = {0};
    const otlp_span *got;

    SKIP_UNLESS(OTEL_CARRIER_COUNT >= 1);
    start();
    CHECK_SIGNED(otel_context_set_tracestate(&context, "vendor=value,b=2", 16), OTEL_OK);
    options.parent = &context;
    got = end_and_receive(otel_span_start_with("child", &options));
    REQUIRE(got != NULL && got->trace_state != NULL);
    CHECK_TEXT(got->trace_state, "vendor=value,b=2");
    CHECK_TEXT(got->name, "child");
    otel_context_release(&context);
}

static void carriers_are_counted_and_come_back(void)
{
    otel_span_options options = {0};
    otel_context context = remote_context(OTEL_TRACE_FLAG_SAMPLED);
    otel_context copy;
    otel_span span;

    SKIP_UNLESS(OTEL_CARRIER_COUNT >= 1);
    start();
    CHECK_SIGNED(otel_context_set_tracestate(&context, "vendor=value", 12), OTEL_OK);
    CHECK_EQUAL(stats_now().carriers_in_use, 1);
    options.parent = &context;
    span = otel_span_start_with("child", &options);
    otel_context_release(&context);
    CHECK_EQUAL(stats_now().carriers_in_use, 1);
    copy = otel_span_context(span);
    otel_context_retain(&copy);
    otel_span_end(span);
    CHECK_EQUAL(stats_now().carriers_in_use, 1);
    otel_context_release(&copy);
    CHECK_EQUAL(stats_now().carriers_in_use, 0);
    otel_context_release(&copy);
    CHECK_EQUAL(stats_now().carriers_in_use, 0);
    CHECK_EQUAL(stats_now().carriers_max, 1);
}

static void a_full_carrier_pool_drops_the_tracestate_only(void)
{
    static otel_context contexts[OTEL_CARRIER_COUNT + 1];
    otel_span_options options = {0};
    const otlp_span *got;

    start();
    for (size_t i = 0; i + 1 < COUNT_OF(contexts); i++) {
        contexts[i] = remote_context(OTEL_TRACE_FLAG_SAMPLED);
        CHECK_SIGNED(otel_context_set_tracestate(&contexts[i], "a=b", 3), OTEL_OK);
    }
    contexts[OTEL_CARRIER_COUNT] = remote_context(OTEL_TRACE_FLAG_SAMPLED);
    CHECK_SIGNED(otel_context_set_tracestate(&contexts[OTEL_CARRIER_COUNT], "a=b", 3),
                 OTEL_ERROR_FULL);
    CHECK_EQUAL(stats_now().carriers_dropped, 1);
    CHECK_EQUAL(contexts[OTEL_CARRIER_COUNT].carrier, 0);
    options.parent = &contexts[OTEL_CARRIER_COUNT];
    got = end_and_receive(otel_span_start_with("child", &options));
    REQUIRE(got != NULL);
    CHECK(got->trace_state == NULL);
    CHECK(bytes_are(got->parent_span_id, contexts[OTEL_CARRIER_COUNT].span_id, 8));
    for (size_t i = 0; i + 1 < COUNT_OF(contexts); i++) {
        otel_context_release(&contexts[i]);
    }
}

static void bad_tracestate_is_refused(void)
{
    static char longer[OTEL_CARRIER_BYTES + 2];
    otel_context context = remote_context(0);

    start();
    memset(longer, 'a', sizeof longer - 1);
    SKIP_UNLESS(OTEL_CARRIER_COUNT >= 1);
    CHECK_SIGNED(otel_context_set_tracestate(&context, longer, OTEL_CARRIER_BYTES + 1),
                 OTEL_ERROR_INVALID_ARGUMENT);
    CHECK_SIGNED(otel_context_set_tracestate(&context, "", 0), OTEL_ERROR_INVALID_ARGUMENT);
    CHECK_SIGNED(otel_context_set_tracestate(&context, NULL, 3), OTEL_ERROR_INVALID_ARGUMENT);
    CHECK_SIGNED(otel_context_set_tracestate(NULL, "a=b", 3), OTEL_ERROR_INVALID_ARGUMENT);
    CHECK_SIGNED(otel_context_set_tracestate(&context, "a=\xE9", 3), OTEL_ERROR_INVALID_ARGUMENT);
    CHECK_SIGNED(otel_context_set_tracestate(&context, "a=\n", 3), OTEL_ERROR_INVALID_ARGUMENT);
    CHECK_SIGNED(otel_context_set_tracestate(&context, "a=\x7F", 3), OTEL_ERROR_INVALID_ARGUMENT);
    CHECK_EQUAL(context.carrier, 0);
    CHECK_EQUAL(stats_now().carriers_in_use, 0);
}

static void all_of_printable_ascii_is_good_tracestate(void)
{
    otel_context context = remote_context(0);

    SKIP_UNLESS(OTEL_CARRIER_COUNT >= 1);
    start();
    CHECK_SIGNED(otel_context_set_tracestate(&context, "a= ~", 4), OTEL_OK);
    CHECK_SIGNED(otel_context_set_tracestate(&context, "b=!", OTEL_NUL_TERMINATED), OTEL_OK);
    CHECK_EQUAL(stats_now().carriers_in_use, 1); /* the first block was let go */
    otel_context_release(&context);
}

static void a_wild_carrier_reference_harms_nobody(void)
{
    otel_context held = remote_context(OTEL_TRACE_FLAG_SAMPLED);
    otel_context wild = remote_context(OTEL_TRACE_FLAG_SAMPLED);
    otel_span_options options = {0};
    uint32_t random = 99;

    SKIP_UNLESS(OTEL_CARRIER_COUNT >= 1);
    start();
    CHECK_SIGNED(otel_context_set_tracestate(&held, "a=b", 3), OTEL_OK);
    for (unsigned i = 0; i < 200; i++) {
        random = random * 1664525u + 1013904223u;
        wild.carrier = random;
        if (wild.carrier == held.carrier) {
            continue;
        }
        options.parent = &wild;
        otel_span_end(otel_span_start_with("wild", &options));
        otel_context_retain(&wild);
        otel_context_release(&wild);
        send_all();
        forget_received();
        CHECK_EQUAL(stats_now().carriers_in_use, 1);
    }
    otel_context_release(&held);
    CHECK_EQUAL(stats_now().carriers_in_use, 0);
    otel_context_retain(NULL);
    otel_context_release(NULL);
}

static const check_test pools_tests[] = {
    CHECK_TEST(a_full_context_pool_refuses_and_counts),
    CHECK_TEST(a_full_recording_pool_passes_the_parents_context_on),
    CHECK_TEST(a_span_that_has_ended_is_counted_and_left_alone),
    CHECK_TEST(an_old_handle_does_not_touch_the_slots_next_span),
    CHECK_TEST(no_span_at_all_is_a_counted_no_op),
    CHECK_TEST(random_handles_harm_nobody),
    CHECK_TEST(a_handle_from_before_a_restart_is_void),
    CHECK_TEST(a_handle_from_another_boot_is_void),
    CHECK_TEST(a_generation_that_wraps_is_still_a_span),
    CHECK_TEST(children_hang_together),
    CHECK_TEST(a_remote_parent_is_marked),
    CHECK_TEST(an_invalid_parent_makes_a_root),
    CHECK_TEST(tracestate_of_the_parent_travels_with_the_span),
    CHECK_TEST(carriers_are_counted_and_come_back),
    CHECK_TEST(a_full_carrier_pool_drops_the_tracestate_only),
    CHECK_TEST(bad_tracestate_is_refused),
    CHECK_TEST(all_of_printable_ascii_is_good_tracestate),
    CHECK_TEST(a_wild_carrier_reference_harms_nobody),
};
