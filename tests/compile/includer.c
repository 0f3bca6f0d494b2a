/* SPDX-License-Identifier: MIT */
/* An application's file that uses everything public, in the words that C99 and C++98 share. Compiled
 * in every language, and twice into one program, where `uses_everything` is given another name. */
#include "otel.h"
#include "otel.h"

#ifndef INCLUDER
#define INCLUDER uses_everything
#endif

#ifdef __cplusplus
extern "C" {
#endif
int INCLUDER(void);
#ifdef __cplusplus
}
#endif

static const otel_tracer tracer = OTEL_TRACER("compile", "1");
static const otel_attribute in_flash = OTEL_ATTRIBUTE_STR("device.model", "none");
static int evaluated;

static const char *counted(const char *text)
{
    evaluated++;
    return text;
}

static void fill(otel_span span)
{
    const otel_attribute attributes[] = {otel_str("s", "v"), otel_strn("n", "value", 2),
                                         otel_bool("b", true), otel_i64("i", -1),
                                         otel_f64("d", 0.5)};

    otel_span_set_str(span, "literal", "literal");
    otel_span_set_str(span, counted("key"), counted("value"));
    otel_span_set_strn(span, "n", "value", 2);
    otel_span_set_bool(span, "b", true);
    otel_span_set_i64(span, "i", 1);
    otel_span_set_f64(span, "d", 1.5);
    otel_span_set(span, &in_flash);
    otel_span_event(span, counted("event"));
    otel_span_event_with(span, "with", attributes, sizeof attributes / sizeof attributes[0]);
    otel_span_event_at(span, "at", attributes, 1, 1000);
    otel_span_set_status(span, OTEL_SPAN_STATUS_ERROR, "message");
    otel_span_set_name(span, "renamed");
}

static otel_span start_child(const otel_context *parent)
{
    otel_span_options options = {&tracer, NULL, OTEL_SPAN_KIND_CLIENT, 0, NULL, 0};

    options.parent = parent;
    otel_span_end(otel_span_start_with("root", NULL));
    return otel_span_start_with(counted("child"), &options);
}

static void pass_on(otel_span span)
{
    otel_context context = otel_span_context(span);
    const otel_scope scope = otel_span_make_current(span);

    if (otel_context_is_valid(&context) &&
        otel_context_set_tracestate(&context, "a=b", 3) == OTEL_OK) {
        otel_context_retain(&context);
        otel_context_release(&context);
    }
    otel_span_end(start_child(OTEL_ROOT));
    otel_scope_restore(scope);
    if (otel_span_current().handle == 0 && otel_span_is_recording(span)) {
        otel_span_end_at(span, otel_now_ns());
    }
}

static int walk(const otel_frame *frame)
{
    uint8_t buffer[16];
    otel_frame_cursor cursor = {0, 0, 0, 0, NULL};
    size_t length = otel_frame_length(frame) + otel_frame_copy(frame, buffer, sizeof buffer);

    length += otel_frame_next(frame, &cursor).length;
    otel_frame_done(true);
    return length != 0;
}

static otel_send_result send(void *self, const otel_frame *frame)
{
    return self == NULL && walk(frame) == 2 ? OTEL_SEND_BUSY : OTEL_SEND_DONE;
}

static const otel_transport transport = {send, NULL, NULL, 0};

/* Returns how many arguments were evaluated: 5, also when the library is disabled. */
int INCLUDER(void)
{
    static const otel_config config = {"compile",
                                       NULL,
                                       &in_flash,
                                       1,
                                       &transport,
                                       0,
                                       &otel_sampler_always_on,
                                       OTEL_QUEUE_DROP_OLDEST,
                                       0,
                                       0,
                                       NULL,
                                       NULL,
                                       NULL};
    otel_stats stats;
    otel_span span;

    evaluated = 0;
    if (otel_init(&config) != OTEL_OK) {
        return -1;
    }
    span = otel_span_start(counted("span"));
    OTEL_WITH_SPAN(span)
    {
        fill(span);
    }
    pass_on(span);
    otel_poll();
    otel_stats_get(&stats);
    if (otel_flush(1) == OTEL_OK && otel_next_poll_ms() > 0 && stats.spans_dropped_link == 0 &&
        otel_ram_bytes() != 1) {
        (void)otel_shutdown(1);
    }
    return evaluated;
}
