/* SPDX-License-Identifier: MIT */
/* >>public: life, current spans, samplers, hooks; every call at every wrong moment; interrupts. */

static void call_everything(void)
{
    otel_context context = remote_context(OTEL_TRACE_FLAG_SAMPLED);
    const otel_span span = otel_span_start("early");
    otel_scope scope;

    CHECK(!otel_span_is_recording(span));
    touch_everything(span);
    context = otel_span_context(span);
    CHECK(is_none(&context));
    scope = otel_span_make_current(span);
    CHECK_EQUAL(otel_span_current().handle, 0);
    otel_scope_restore(scope);
    otel_span_end(span);
    otel_span_end_at(span, 7);
    CHECK(otel_context_set_tracestate(&context, "a=b", 3) != OTEL_OK);
    otel_context_retain(&context);
    otel_context_release(&context);
    otel_poll();
    CHECK(otel_next_poll_ms() <= OTEL_POLL_INTERVAL_MAX_MS);
    CHECK_EQUAL(otel_now_ns(), 0);
    otel_frame_done(true);
    CHECK_SIGNED(otel_flush(5), OTEL_ERROR_STATE);
    CHECK_SIGNED(otel_shutdown(5), OTEL_ERROR_STATE);
    CHECK(otel_ram_bytes() > OTEL_QUEUE_BYTES + (size_t)OTEL_RECORDING_COUNT * OTEL_SPAN_BYTES +
                                 OTEL_CONTEXT_COUNT * sizeof(otel_context));
}

static void every_call_before_init_is_a_counted_no_op(void)
{
    call_everything();
    CHECK(stats_now().calls_not_running >= 1u + TOUCHES + 2u);
    CHECK_EQUAL(wire.sends, 0);
    start();
    otel_span_end(otel_span_start("works"));
    send_all();
    CHECK_EQUAL(received_count(), 1);
}

static void every_call_after_shutdown_is_a_counted_no_op(void)
{
    uint32_t before;
    unsigned long sends;

    start();
    otel_span_end(otel_span_start("works"));
    CHECK_SIGNED(otel_shutdown(1000), OTEL_OK);
    before = stats_now().calls_not_running;
    sends = wire.sends;
    call_everything();
    CHECK(stats_now().calls_not_running >= before + 1u + TOUCHES + 2u);
    CHECK_EQUAL(wire.sends, sends);
}

static void every_call_after_a_failed_init_is_a_counted_no_op(void)
{
    port.entropy_fails = true;
    CHECK_SIGNED(otel_init(&config), OTEL_ERROR_ENTROPY);
    call_everything();
}

static void init_says_what_is_wrong(void)
{
    CHECK_SIGNED(otel_init(NULL), OTEL_ERROR_INVALID_ARGUMENT);
    wire_transport.send = NULL;
    CHECK_SIGNED(otel_init(&config), OTEL_ERROR_INVALID_ARGUMENT);
    test_transport_reset();
    config.resource_attribute_count = 3;
    CHECK_SIGNED(otel_init(&config), OTEL_ERROR_INVALID_ARGUMENT);
    config.resource_attribute_count = 0;
    start();
    CHECK_SIGNED(otel_init(&config), OTEL_ERROR_STATE);
    otel_span_end(otel_span_start("still works"));
    send_all();
    CHECK_EQUAL(received_count(), 1);
}

static void null_arguments_are_counted(void)
{
    otel_span_options options = {0};
    uint32_t before;
    otel_span span;

    start();
    span = otel_span_start("null");
    before = stats_now().calls_invalid_argument;
    otel_span_set(span, NULL);
    CHECK(stats_now().calls_invalid_argument > before);
    otel_span_set_str(span, "k", null_text);
    otel_span_set_strn(span, "k", null_text, 5);
    before = stats_now().calls_invalid_argument;
    otel_span_event(span, null_text);
    CHECK_EQUAL(stats_now().calls_invalid_argument, before + 1);
    otel_span_event_with(span, "e", NULL, 3);
    otel_span_set_status(span, OTEL_SPAN_STATUS_ERROR, NULL);
    otel_span_set_name(span, null_text);
    otel_stats_get(NULL);
    CHECK(!otel_context_is_valid(NULL));
    REQUIRE(end_and_receive(span) != NULL);
    options.attribute_count = 2;
    REQUIRE(end_and_receive(otel_span_start_with("null attributes", &options)) != NULL);
    REQUIRE(end_and_receive(otel_span_start_with("null options", NULL)) != NULL);
    options.attribute_count = 0;
    for (int odd = OTEL_SPAN_KIND_CONSUMER + 1; odd < 100; odd += 71) {
        options.kind = (otel_span_kind)odd;
        REQUIRE(end_and_receive(otel_span_start_with("odd kind", &options)) != NULL);
        CHECK_EQUAL(received_span(0)->kind, OTEL_SPAN_KIND_INTERNAL);
    }
}

static void an_attribute_of_no_type_is_dropped(void)
{
    otel_attribute odd = otel_i64("k", 1);
    const otlp_span *got;
    otel_span span;

    start();
    odd.type = (otel_value_type)99;
    span = otel_span_start("odd");
    otel_span_set(span, &odd);
    otel_span_event_with(span, "e", &odd, 1);
    got = end_and_receive(span);
    REQUIRE(got != NULL);
    CHECK_EQUAL(got->attributes_count, 0);
    REQUIRE(got->events_count == 1);
    CHECK_EQUAL(got->events[0].attributes_count, 0);
}

static void a_span_starts_as_child_of_the_current_one(void)
{
    otel_context parent_context, child_context;
    otel_span parent, child;
    otel_scope scope;

    SKIP_UNLESS(OTEL_CONTEXT_COUNT >= 2 && OTEL_RECORDING_COUNT >= 2);
    start();
    CHECK_EQUAL(otel_span_current().handle, 0);
    parent = otel_span_start("parent");
    CHECK_EQUAL(otel_span_current().handle, 0);
    scope = otel_span_make_current(parent);
    CHECK_EQUAL(otel_span_current().handle, parent.handle);
    child = otel_span_start("child");
    parent_context = otel_span_context(parent);
    child_context = otel_span_context(child);
    CHECK_BYTES(child_context.trace_id, 16, parent_context.trace_id, 16);
    otel_scope_restore(scope);
    CHECK_EQUAL(otel_span_current().handle, 0);
    otel_span_end(child);
    otel_span_end(parent);
}

static void options_choose_root_although_a_span_is_current(void)
{
    otel_span_options options = {0};
    otel_context parent_context, root_context;
    otel_span parent, root;
    otel_scope scope;

    SKIP_UNLESS(OTEL_CONTEXT_COUNT >= 2 && OTEL_RECORDING_COUNT >= 2);
    start();
    parent = otel_span_start("parent");
    scope = otel_span_make_current(parent);
    options.parent = OTEL_ROOT;
    root = otel_span_start_with("root", &options);
    parent_context = otel_span_context(parent);
    root_context = otel_span_context(root);
    CHECK(memcmp(root_context.trace_id, parent_context.trace_id, 16) != 0);
    otel_scope_restore(scope);
    otel_span_end(root);
    otel_span_end(parent);
}

static void scopes_nest_and_ended_spans_are_nobodys_parent(void)
{
    otel_scope outer_scope, inner_scope;
    otel_span outer, inner, late;
    const otlp_span *got;

    SKIP_UNLESS(OTEL_CONTEXT_COUNT >= 2 && OTEL_RECORDING_COUNT >= 2);
    start();
    outer = otel_span_start("outer");
    outer_scope = otel_span_make_current(outer);
    inner = otel_span_start("inner");
    inner_scope = otel_span_make_current(inner);
    CHECK_EQUAL(otel_span_current().handle, inner.handle);
    otel_scope_restore(inner_scope);
    CHECK_EQUAL(otel_span_current().handle, outer.handle);
    otel_span_end(inner);
    otel_span_end(outer);
    send_all();
    forget_received();
    late = otel_span_start("late");
    got = end_and_receive(late);
    REQUIRE(got != NULL);
    CHECK(got->parent_span_id == NULL);
    otel_scope_restore(outer_scope);
}

static void no_span_leaves_the_current_one(void)
{
    const otel_span none = {0};
    otel_scope scope, again;
    otel_span span;

    start();
    span = otel_span_start("current");
    scope = otel_span_make_current(span);
    again = otel_span_make_current(none);
    CHECK_EQUAL(otel_span_current().handle, span.handle);
    otel_scope_restore(again);
    CHECK_EQUAL(otel_span_current().handle, span.handle);
    otel_scope_restore(scope);
    otel_span_end(span);
}

static void each_task_and_handler_has_a_current_span_of_its_own(void)
{
    otel_scope scope;
    otel_span span;

    start();
    span = otel_span_start("task 0");
    scope = otel_span_make_current(span);
    port.context = 1;
    CHECK_EQUAL(otel_span_current().handle, 0);
    port.context = TEST_CONTEXT_HANDLER;
    CHECK_EQUAL(otel_span_current().handle, 0);
    port.context = 0;
    CHECK_EQUAL(otel_span_current().handle, span.handle);
    otel_scope_restore(scope);
    port.context = 2; /* a span may end in another task */
    CHECK(end_and_receive(span) != NULL);
    port.context = 0;
}

static void with_span_restores_however_the_block_is_left(void)
{
    otel_span span;

    start();
    span = otel_span_start("block");
    OTEL_WITH_SPAN(span)
    {
        CHECK_EQUAL(otel_span_current().handle, span.handle);
    }
    CHECK_EQUAL(otel_span_current().handle, 0);
#ifdef __GNUC__
    for (int i = 0; i < 3; i++) {
        OTEL_WITH_SPAN(span)
        {
            CHECK_EQUAL(otel_span_current().handle, span.handle);
            break;
        }
        CHECK_EQUAL(otel_span_current().handle, 0);
    }
#endif
    otel_span_end(span);
}

static void an_unsampled_root_propagates_an_id_of_its_own(void)
{
    otel_span_options options = {0};
    otel_context root_context, child_context;
    otel_span root, child;

    SKIP_UNLESS(OTEL_CONTEXT_COUNT >= 2);
    config.sampler = &otel_sampler_always_off;
    start();
    root = otel_span_start("root");
    root_context = otel_span_context(root);
    CHECK(!otel_span_is_recording(root));
    CHECK(otel_context_is_valid(&root_context));
    CHECK_EQUAL(root_context.trace_flags & OTEL_TRACE_FLAG_SAMPLED, 0);
    options.parent = &root_context;
    child = otel_span_start_with("child", &options);
    child_context = otel_span_context(child);
    CHECK_BYTES(child_context.trace_id, 16, root_context.trace_id, 16);
    CHECK(memcmp(child_context.span_id, root_context.span_id, 8) != 0);
    touch_everything(child);
    otel_span_end(child);
    otel_span_end(root);
    send_all();
    CHECK_EQUAL(received_count(), 0);
    CHECK_EQUAL(stats_now().spans_not_recorded, 2);
    CHECK_EQUAL(stats_now().spans_started, 0);
    CHECK_EQUAL(stats_now().recordings_max, 0);
    CHECK_EQUAL(stats_now().calls_invalid_handle, 0);
}

static void by_default_a_child_is_sampled_as_its_parent_was(void)
{
    const otel_context unsampled = remote_context(OTEL_TRACE_FLAG_RANDOM);
    const otel_context sampled = remote_context(OTEL_TRACE_FLAG_SAMPLED | OTEL_TRACE_FLAG_RANDOM);
    otel_span_options options = {0};
    otel_span span;

    start();
    options.parent = &unsampled;
    span = otel_span_start_with("child", &options);
    CHECK(!otel_span_is_recording(span));
    CHECK_EQUAL(otel_span_context(span).trace_flags, OTEL_TRACE_FLAG_RANDOM);
    otel_span_end(span);
    options.parent = &sampled;
    span = otel_span_start_with("child", &options);
    CHECK(otel_span_is_recording(span));
    otel_span_end(span);
}

static void always_on_records_under_an_unsampled_parent(void)
{
    const otel_context unsampled = remote_context(0);
    otel_span_options options = {0};
    otel_span span;

    config.sampler = &otel_sampler_always_on;
    start();
    options.parent = &unsampled;
    span = otel_span_start_with("child", &options);
    CHECK(otel_span_is_recording(span));
    CHECK_EQUAL(otel_span_context(span).trace_flags, OTEL_TRACE_FLAG_SAMPLED);
    otel_span_end(span);
}

static otel_sampling_input asked;
static otel_context asked_parent;
static uint8_t asked_trace_id[16];
static const otel_sampler *asked_self;

static otel_sampling_decision decide_and_remember(const otel_sampler *self,
                                                  const otel_sampling_input *input)
{
    test_port_outside_lock();
    asked_self = self;
    asked = *input;
    asked_parent = *input->parent;
    memcpy(asked_trace_id, input->trace_id, sizeof asked_trace_id);
    return OTEL_SAMPLING_RECORD_AND_SAMPLE;
}

static void a_sampler_sees_everything(void)
{
    static const otel_sampler sampler = {decide_and_remember, NULL};
    const otel_context remote = remote_context(OTEL_TRACE_FLAG_SAMPLED);
    const otel_attribute attribute = otel_i64("a", 1);
    otel_span_options options = {0};
    otel_context context;
    otel_span span;

    config.sampler = &sampler;
    start();
    options.parent = &remote;
    options.kind = OTEL_SPAN_KIND_SERVER;
    options.attributes = &attribute;
    options.attribute_count = 1;
    span = otel_span_start_with("asked", &options);
    context = otel_span_context(span);
    CHECK(asked_self == &sampler);
    CHECK_BYTES(&asked_parent, sizeof asked_parent, &remote, sizeof remote);
    CHECK_BYTES(asked_trace_id, 16, context.trace_id, 16);
    CHECK_TEXT(asked.name, "asked");
    CHECK_EQUAL(asked.kind, OTEL_SPAN_KIND_SERVER);
    CHECK_EQUAL(asked.attribute_count, 1);
    CHECK(asked.attributes == &attribute);
    otel_span_end(span);
    span = otel_span_start("root");
    context = otel_span_context(span);
    CHECK(is_none(&asked_parent));
    CHECK_BYTES(asked_trace_id, 16, context.trace_id, 16);
    otel_span_end(span);
}

static unsigned wakes;
static unsigned diagnostics;
static unsigned diagnostics_of[64];

static void count_wake(void *user)
{
    test_port_outside_lock();
    CHECK(user == &wakes);
    wakes++;
}

static void count_diagnostic(void *user, otel_counter counter)
{
    test_port_outside_lock();
    CHECK(user == &wakes);
    diagnostics++;
    diagnostics_of[(unsigned)counter % COUNT_OF(diagnostics_of)]++;
}

static void the_wake_hook_tells_that_the_queue_is_no_longer_empty(void)
{
    wakes = 0;
    config.wake = count_wake;
    config.user = &wakes;
    start();
    send_all();
    CHECK_EQUAL(wakes, 0);
    otel_span_end(otel_span_start("one"));
    CHECK_EQUAL(wakes, 1);
    otel_span_end(otel_span_start("two"));
    CHECK_EQUAL(wakes, 1);
    send_all();
    otel_span_end(otel_span_start("three"));
    CHECK_EQUAL(wakes, 2);
}

static void the_diagnostic_hook_tells_the_first_of_each_kind(void)
{
    otel_span span;

    diagnostics = 0;
    memset(diagnostics_of, 0, sizeof diagnostics_of);
    config.diagnostic = count_diagnostic;
    config.user = &wakes;
    start();
    span = otel_span_start("fine");
    otel_span_end(span);
    CHECK_EQUAL(diagnostics, 0);
    otel_span_end(span);
    otel_span_end(span);
    otel_poll();
    CHECK_EQUAL(diagnostics_of[OTEL_COUNTER_calls_invalid_handle], 1);
    span = otel_span_start("more");
    otel_span_set_str(span, "k", "\xFF");
    otel_span_set_str(span, "k", "\xFF");
    otel_poll();
    CHECK_EQUAL(diagnostics_of[OTEL_COUNTER_strings_repaired], 1);
    for (unsigned i = 0; i <= OTEL_SPAN_EVENT_COUNT_LIMIT; i++) {
        otel_span_event(span, "e");
    }
    otel_poll();
    CHECK_EQUAL(diagnostics_of[OTEL_COUNTER_events_dropped], 1);
    otel_span_end(span);
    CHECK_EQUAL(diagnostics_of[OTEL_COUNTER_spans_started], 0);
    CHECK_EQUAL(diagnostics_of[OTEL_COUNTER_spans_queued], 0);
    send_all();
    CHECK_EQUAL(diagnostics_of[OTEL_COUNTER_spans_sent], 0);
}

static void poll_again(void)
{
    const unsigned long sends = wire.sends;

    otel_poll();
    CHECK_EQUAL(wire.sends, sends);
}

static void a_second_poller_returns_at_once(void)
{
    start();
    otel_span_end(otel_span_start("one"));
    wire.on_send = poll_again;
    port.ticks += 10u * port.ticks_per_second;
    for (unsigned i = 0; i < 5; i++) {
        otel_poll();
        port.ticks += port.ticks_per_second;
    }
    wire.on_send = NULL;
    CHECK_EQUAL(stats_now().spans_sent, 1);
}

static void a_span_waits_no_longer_than_the_flush_interval(void)
{
    config.flush_interval_ms = 200;
    start();
    send_all();
    forget_received();
    otel_span_end(otel_span_start("waits"));
    otel_poll();
    CHECK(otel_next_poll_ms() <= 200);
    port.ticks += 199500;
    CHECK_EQUAL(otel_next_poll_ms(), 1); /* half a millisecond early is not "now" */
    port.ticks += 50500;
    CHECK_EQUAL(otel_next_poll_ms(), 0);
    otel_poll();
    CHECK_EQUAL(stats_now().spans_sent, 1);
}

static void an_idle_system_may_sleep_long(void)
{
    config.stats_interval_ms = 0x7FFFFFFFu;
    start();
    send_all();
    for (unsigned i = 0; i < 5; i++) {
        otel_poll();
    }
    CHECK(otel_next_poll_ms() > 1000);
    CHECK(otel_next_poll_ms() <= OTEL_POLL_INTERVAL_MAX_MS);
    CHECK(otel_next_poll_ms() <= 60000);
}

static void counters_survive_a_restart(void)
{
    start();
    otel_span_end(otel_span_start("one"));
    CHECK_SIGNED(otel_shutdown(1000), OTEL_OK);
    CHECK_EQUAL(stats_now().spans_sent, 1);
    start();
    otel_span_end(otel_span_start("two"));
    send_all();
    CHECK_EQUAL(stats_now().spans_sent, 2);
}

/* Interrupts at every moment at which they are on. */

static otel_span victim;
static const char *long_literal = "a value that an interrupt writes";

static void handler_with_a_span_of_its_own(void)
{
    const otel_span span = otel_span_start("handler");

    otel_span_set_i64(span, "h", 1);
    otel_span_event(span, "in handler");
    otel_span_end(span);
}

static void handler_that_ends_the_victim(void)
{
    otel_span_end(victim);
}

static void handler_that_writes_the_victim(void)
{
    otel_span_set_str(victim, "k", long_literal);
    otel_span_set_i64(victim, "i", 77);
    otel_span_event(victim, "h");
    otel_span_set_name(victim, "renamed by the handler");
    otel_span_set_status(victim, OTEL_SPAN_STATUS_ERROR, "handler");
}

static void handler_that_does_both(void)
{
    handler_that_writes_the_victim();
    handler_with_a_span_of_its_own();
    handler_that_ends_the_victim();
}

static void handler_that_polls(void)
{
    otel_poll();
}

static void interrupted_path(void)
{
    victim.handle = 0;
    victim = otel_span_start("path");
    otel_span_set_str(victim, "k", "from the task");
    otel_span_set_str(victim, "k", "again, and longer than it was");
    otel_span_set_i64(victim, "i", 5);
    otel_span_event(victim, "e");
    otel_span_set_status(victim, OTEL_SPAN_STATUS_ERROR, "task");
    otel_span_set_name(victim, "renamed");
    otel_span_end(victim);
    otel_poll();
}

/* Returns whether the interrupt came at all: the path has fewer moments than `moment` otherwise. */
static bool run_interrupted(void (*handler)(void), unsigned long moment)
{
    uint32_t started;
    bool came;

    port.handler = handler;
    port.handler_countdown = moment;
    interrupted_path();
    came = port.handler_countdown == 0;
    port.handler_countdown = 0;
    send_all();
    started = stats_now().spans_started;
    CHECK_EQUAL(stats_now().spans_sent + stats_now().spans_dropped_queue_full, started);
    for (size_t i = 0; received_span(i) != NULL; i++) {
        CHECK(received_span(i)->end_time_unix_nano >= received_span(i)->start_time_unix_nano);
    }
    check_nothing_left();
    forget_received();
    return came;
}

static void interrupts_at_every_moment(void)
{
    static void (*const handlers[])(void) = {
        handler_with_a_span_of_its_own, handler_that_ends_the_victim,
        handler_that_writes_the_victim, handler_that_does_both, handler_that_polls};

    start();
    for (size_t h = 0; h < COUNT_OF(handlers); h++) {
        unsigned long moment = 1;
        while (run_interrupted(handlers[h], moment)) {
            moment++;
        }
        CHECK(moment > 20);
    }
}

static const check_test public_tests[] = {
    CHECK_TEST(every_call_before_init_is_a_counted_no_op),
    CHECK_TEST(every_call_after_shutdown_is_a_counted_no_op),
    CHECK_TEST(every_call_after_a_failed_init_is_a_counted_no_op),
    CHECK_TEST(init_says_what_is_wrong),
    CHECK_TEST(null_arguments_are_counted),
    CHECK_TEST(an_attribute_of_no_type_is_dropped),
    CHECK_TEST(a_span_starts_as_child_of_the_current_one),
    CHECK_TEST(options_choose_root_although_a_span_is_current),
    CHECK_TEST(scopes_nest_and_ended_spans_are_nobodys_parent),
    CHECK_TEST(no_span_leaves_the_current_one),
    CHECK_TEST(each_task_and_handler_has_a_current_span_of_its_own),
    CHECK_TEST(with_span_restores_however_the_block_is_left),
    CHECK_TEST(an_unsampled_root_propagates_an_id_of_its_own),
    CHECK_TEST(by_default_a_child_is_sampled_as_its_parent_was),
    CHECK_TEST(always_on_records_under_an_unsampled_parent),
    CHECK_TEST(a_sampler_sees_everything),
    CHECK_TEST(the_wake_hook_tells_that_the_queue_is_no_longer_empty),
    CHECK_TEST(the_diagnostic_hook_tells_the_first_of_each_kind),
    CHECK_TEST(a_second_poller_returns_at_once),
    CHECK_TEST(a_span_waits_no_longer_than_the_flush_interval),
    CHECK_TEST(an_idle_system_may_sleep_long),
    CHECK_TEST(counters_survive_a_restart),
    CHECK_TEST(interrupts_at_every_moment),
};
