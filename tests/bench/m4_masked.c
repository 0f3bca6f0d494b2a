/* SPDX-License-Identifier: MIT */
/*
 * Calls everything there is to call, in any order, with full and empty pools and queues, from the
 * task and from an interrupt that comes at the worst places, so that the counting plugin sees the
 * longest stretch with interrupts masked. The same calls in every run.
 */
#include "bench_firmware.h"
#include "bench_inputs.h"
#include "bench_port.h"
#include "board.h"
#include "otel.h"

#include <string.h>

enum { CALLS = 60000, HANDLES = 24, TEXT_BYTES = 700 };

static otel_span handles[HANDLES];
static otel_scope scopes[8];
static unsigned scope_count;
static otel_context contexts[4];
static char text[TEXT_BYTES + 1];
static bool interrupting;
static const otel_tracer tracers[] = {OTEL_TRACER("fuzz.one", "1.0"),
                                      OTEL_TRACER("fuzz.two", NULL)};

static unsigned draw(unsigned below)
{
    return (unsigned)((bench_random() >> 32) % below);
}

/* Some text of a random length, mostly short, ending at the end of `text`. */
static const char *draw_text(void)
{
    const unsigned length = draw(8) == 0 ? draw(TEXT_BYTES) : draw(24);

    return text + TEXT_BYTES - length;
}

static otel_span draw_span(void)
{
    return handles[draw(HANDLES)];
}

static otel_span any_start(void)
{
    const otel_attribute first[] = {otel_str("first", draw_text()), otel_i64("second", 2)};
    otel_span_options options = {0};

    options.tracer = draw(2) == 0 ? NULL : &tracers[draw(2)];
    options.parent = draw(3) == 0 ? NULL : draw(2) == 0 ? OTEL_ROOT : &contexts[draw(4)];
    options.attributes = first;
    options.attribute_count = draw(3);
    return draw(2) == 0 ? otel_span_start(draw_text()) : otel_span_start_with("span", &options);
}

/* Ends what was there first, now and then twice. */
static void any_restart(otel_span *handle)
{
    otel_span_end(*handle);
    if (draw(8) == 0) {
        otel_span_end(*handle);
    }
    *handle = any_start();
}

static void any_set(otel_span span)
{
    static const char *const keys[] = {"a", "key.two", "a.longer.key.than.most", "d", ""};
    const char *key = draw(8) == 0 ? draw_text() : keys[draw(5)];

    switch (draw(6)) {
    case 0:
        otel_span_set_str(span, key, draw_text());
        break;
    case 1:
        otel_span_set_strn(span, key, draw_text(), draw(8));
        break;
    case 2:
        otel_span_set_bool(span, key, true);
        break;
    case 3:
        otel_span_set_i64(span, key, (int64_t)bench_random());
        break;
    case 4:
        otel_span_set_f64(span, key, 1.5);
        break;
    default:
        otel_span_set_name(span, draw_text());
        break;
    }
}

static void any_event(otel_span span)
{
    const otel_attribute attributes[] = {otel_str("key", draw_text()), otel_bool("flag", false),
                                         otel_f64("real", 0.5)};

    otel_span_event_with(span, draw_text(), attributes, draw(4));
}

/* Contexts hold their tracestate until another takes their place; a borrowed one is retained. */
static void any_context(otel_span span)
{
    otel_context *context = &contexts[draw(4)];

    otel_context_release(context);
    *context = otel_span_context(span);
    if (draw(2) == 0) {
        otel_context_retain(context);
        return;
    }
    context->carrier = 0;
    if (otel_context_set_tracestate(context, "vendor=value,other=1", 20) != OTEL_OK) {
        context->carrier = 0;
    }
}

static void any_current(otel_span span)
{
    if (draw(2) == 0 && scope_count < 8) {
        scopes[scope_count++] = otel_span_make_current(span);
    } else if (scope_count > 0) {
        otel_scope_restore(scopes[--scope_count]);
    }
    (void)otel_span_current();
}

static void any_look(otel_span span)
{
    static otel_stats stats;

    (void)otel_span_is_recording(span);
    (void)otel_now_ns();
    (void)otel_next_poll_ms();
    otel_stats_get(&stats);
}

static void any_link(void)
{
    bench_port_advance_ms(draw(3000));
    if (draw(16) == 0) {
        (void)otel_flush(1);
    } else {
        otel_poll();
    }
    otel_frame_done(draw(2) == 0);
}

static void any_call(void)
{
    const otel_span span = draw_span();

    switch (draw(8)) {
    case 0:
        any_restart(&handles[draw(HANDLES)]);
        break;
    case 1:
    case 2:
        any_set(span);
        break;
    case 3:
        any_event(span);
        otel_span_set_status(span, OTEL_SPAN_STATUS_ERROR, draw_text());
        break;
    case 4:
        otel_span_end(span);
        break;
    case 5:
        any_context(span);
        break;
    case 6:
        any_current(span);
        any_look(span);
        break;
    default:
        any_link();
        break;
    }
}

/* What a handler may do: spans, also those of the task that it interrupts. */
static void on_interrupt(void)
{
    const otel_span own = (bench_port_handler_enter(), otel_span_start("handler"));

    otel_span_set_str(own, "key", draw_text());
    otel_span_end(own);
    any_set(draw_span());
    if (draw(4) == 0) {
        otel_span_end(draw_span());
    }
}

/* The library reads its clock, asks its sampler and calls its hooks outside the lock: an interrupt
 * comes there now and then. */
static void interrupt_now(void)
{
    if (!interrupting && draw(4) == 0) {
        interrupting = true;
        board_irq_pend(BOARD_IRQ_SPARE_0);
        interrupting = false;
    }
}

static otel_sampling_decision decide(const otel_sampler *self, const otel_sampling_input *input)
{
    (void)self;
    (void)input;
    interrupt_now();
    return draw(4) == 0 ? OTEL_SAMPLING_DROP : OTEL_SAMPLING_RECORD_AND_SAMPLE;
}

static void on_wake(void *user)
{
    (void)user;
    interrupt_now();
}

static void on_diagnostic(void *user, otel_counter counter)
{
    (void)user;
    (void)counter;
    interrupt_now();
}

static otel_send_result send(void *self, const otel_frame *frame)
{
    (void)self;
    (void)otel_frame_length(frame);
    interrupt_now();
    return (otel_send_result)draw(4);
}

static void run(const otel_config *config)
{
    if (otel_init(config) != OTEL_OK) {
        board_exit(1);
    }
    for (int i = 0; i < CALLS; i++) {
        any_call();
    }
    while (scope_count > 0) {
        otel_scope_restore(scopes[--scope_count]);
    }
    for (int i = 0; i < 4; i++) {
        otel_context_release(&contexts[i]);
    }
    (void)otel_shutdown(20);
    otel_frame_done(false); /* the transport lets go of what it may still hold */
}

/* A path that was never taken proves nothing about its length; and nothing may have leaked. */
static bool took_every_path(void)
{
    otel_stats stats;

    otel_stats_get(&stats);
    return stats.spans_sent != 0 && stats.spans_not_recorded != 0 &&
           stats.spans_dropped_no_context != 0 && stats.spans_dropped_no_recording != 0 &&
           stats.spans_dropped_queue_full != 0 && stats.spans_dropped_link != 0 &&
           stats.spans_dropped_shutdown != 0 && stats.attributes_dropped != 0 &&
           stats.attributes_truncated != 0 && stats.events_dropped != 0 &&
           stats.strings_repaired != 0 && stats.calls_invalid_handle != 0 &&
           stats.calls_busy != 0 && stats.calls_not_running != 0 && stats.carriers_dropped != 0 &&
           stats.frames_sent != 0 && stats.frames_lost != 0 && stats.frames_busy != 0 &&
           stats.contexts_in_use == 0 && stats.recordings_in_use == 0 && stats.carriers_in_use == 0;
}

int main(void)
{
    static const otel_transport transport = {.send = send};
    static const otel_sampler sampler = {.decide = decide};
    static const otel_config refusing = {
        .service_name = "thermostat",
        .transport = &transport,
        .sampler = &sampler,
        .wake = on_wake,
        .diagnostic = on_diagnostic,
    };
    static otel_config dropping;

    board_init();
    board_handler_set(BOARD_EXCEPTION_IRQ(BOARD_IRQ_SPARE_0), on_interrupt);
    board_irq_enable(BOARD_IRQ_SPARE_0);
    memset(text, 'x', TEXT_BYTES);
    text[TEXT_BYTES / 2] = (char)0xC3; /* a character that no second byte completes */
    bench_port_on_ticks = interrupt_now;
    any_call(); /* before otel_init */
    run(&refusing);
    dropping = refusing;
    dropping.queue_policy = OTEL_QUEUE_DROP_OLDEST;
    run(&dropping);
    any_call(); /* after otel_shutdown */
    return took_every_path() ? 0 : 2;
}
