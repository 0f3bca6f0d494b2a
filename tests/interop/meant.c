/* SPDX-License-Identifier: MIT */
#include "meant.h"

#include "meant_tell.h"

#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

enum { VALUE_BYTES_LIMIT = 256, SHUTDOWN_MS = 3000, NS_PER_MS = 1000000 };

static const otel_tracer control = OTEL_TRACER("boiler.control", "1.4.0");
static const otel_tracer sensors = OTEL_TRACER("boiler.sensors", NULL);
static const otel_tracer storage = OTEL_TRACER("boiler.storage", "0.9");

static void work_ms(uint32_t time_ms)
{
    const uint64_t start_ns = otel_now_ns();
    while (otel_now_ns() - start_ns < (uint64_t)time_ms * NS_PER_MS) {
        otel_poll();
    }
}

/* ---- one trace: a cycle of the boiler ------------------------------------------------------ */

static void convert(const otel_context *parent)
{
    const otel_span_options options = {.tracer = NULL};
    const otel_span span = tell_start("sensor.convert", &options, parent);
    tell_i64(span, "raw", -1);
    work_ms(1);
    tell_end(span);
}

static void read_sensor(const otel_context *parent)
{
    const otel_attribute first[] = {otel_str("sensor.model", "bme280"),
                                    otel_i64("sensor.channel", 2)};
    const otel_span_options options = {.tracer = &sensors,
                                       .kind = OTEL_SPAN_KIND_CLIENT,
                                       .attributes = first,
                                       .attribute_count = COUNT_OF(first)};
    const otel_span span = tell_start("sensor.read", &options, parent);
    const otel_context context = otel_span_context(span);
    OTEL_WITH_SPAN(span)
    {
        convert(&context);
    }
    tell_str(span, "unit", "°C, 摂氏, 🌡");
    tell_str(span, "note.empty", "");
    tell_strn(span, "note.part", "first second", 5);
    tell_str(span, "note.escapes", "a \"quoted\"\\\n\tline");
    tell_end(span);
}

static void evaluate(const otel_context *parent)
{
    const otel_span_options options = {.tracer = &control};
    const otel_span span = tell_start("condition.evaluate", &options, parent);
    const otel_attribute by_value = otel_bool("condition.by_value", true);
    otel_span_set_str(span, "condition.state", "pending"); /* overwritten, with another type */
    tell_i64(span, "int64.min", INT64_MIN);
    tell_i64(span, "int64.max", INT64_MAX);
    tell_i64(span, "zero", 0);
    tell_f64(span, "double.limit", 21.625);
    tell_f64(span, "double.tiny", -2.5e-300);
    tell_bool(span, "condition.met", true);
    tell_bool(span, "condition.forced", false);
    tell_i64(span, "condition.state", 3);
    tell_attribute(span, &by_value);
    otel_span_set_i64(span, "one.too.many", 1); /* over OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT */
    tell_dropped_attributes(span, 1);
    work_ms(2);
    tell_end(span);
}

static void open_valve(const otel_context *parent)
{
    const otel_span_options options = {.tracer = &control, .kind = OTEL_SPAN_KIND_PRODUCER};
    const otel_span span = tell_start("valve.open", &options, parent);
    const otel_attribute attempt[] = {otel_i64("attempt", 1), otel_str("error.type", "timeout"),
                                      otel_bool("last", false), otel_f64("current.ampere", 0.1)};
    const uint64_t given_ns = otel_now_ns() + 250u * 1000u;
    tell_event(span, "valve.moved", NULL, 0, 0);
    tell_event(span, "valve.blocked", attempt, COUNT_OF(attempt), given_ns);
    work_ms(2);
    tell_event(span, "valve.gave_up", attempt, 1, 0);
    tell_status(span, OTEL_SPAN_STATUS_ERROR, "the valve does not move: ‘blocked’");
    tell_end(span);
}

/* What a driver logged before, as a span with given times and a name found out later. */
static void report_history(const otel_context *parent, uint64_t start_ns)
{
    const otel_span_options options = {
        .tracer = &storage, .kind = OTEL_SPAN_KIND_CONSUMER, .start_time_ns = start_ns};
    const otel_span span = tell_start("history", &options, parent);
    tell_name(span, "valve.history");
    tell_status(span, OTEL_SPAN_STATUS_OK, NULL);
    tell_end_at(span, start_ns + 1234567u);
}

/* The library replaces what is not UTF-8, and cuts between two characters. */
static void store_text(const otel_context *parent)
{
    static char given[VALUE_BYTES_LIMIT + 40], arrives[VALUE_BYTES_LIMIT];
    const otel_span_options options = {.tracer = &storage, .parent = parent};
    const otel_span span = tell_start("text.store", &options, parent);
    tell_str_as(span, "latin1",
                "Gr\xFC\xDF"
                "e",
                "Gr??e");
    memset(given, 'x', sizeof given - 1);
    memcpy(&given[VALUE_BYTES_LIMIT - 1], "é", 2);
    memset(arrives, 'x', sizeof arrives - 1);
    tell_str_as(span, "long", given, arrives);
    tell_end(span);
}

static void on_button(void)
{
    const otel_span_options options = {.tracer = &sensors};
    const otel_span span = tell_start("button.pressed", &options, NULL);
    const otel_context context = otel_span_context(span);
    const otel_scope previous = otel_span_make_current(span);
    const otel_span debounce = tell_start("button.debounce", &options, &context);
    tell_i64(debounce, "samples", 7);
    tell_end(debounce);
    otel_scope_restore(previous);
    tell_str(span, "button", "reset");
    tell_end(span);
}

static void run_cycle(void)
{
    const otel_span_options options = {.tracer = &control, .kind = OTEL_SPAN_KIND_SERVER};
    const uint64_t start_ns = otel_now_ns();
    const otel_span cycle = tell_start("boiler.cycle", &options, NULL);
    const otel_context context = otel_span_context(cycle);
    const otel_scope previous = otel_span_make_current(cycle);
    read_sensor(&context);
    meant_elsewhere(on_button);
    evaluate(&context);
    open_valve(&context);
    report_history(&context, start_ns);
    otel_scope_restore(previous);
    tell_end(cycle);
    store_text(&context); /* the context outlives its span */
}

/* ---- another trace: it began in another process -------------------------------------------- */

static void carry_out_command(void)
{
    static const char tracestate[] = "vendor=opaque:1,other=2";
    otel_context remote = {.trace_id = {0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6, 0xa3, 0xce,
                                        0x92, 0x9d, 0x0e, 0x0e, 0x47, 0x36},
                           .span_id = {0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7},
                           .trace_flags = OTEL_TRACE_FLAG_SAMPLED,
                           .state = OTEL_CONTEXT_REMOTE};
    const otel_span_options options = {
        .tracer = &control, .parent = &remote, .kind = OTEL_SPAN_KIND_SERVER};
    const otel_span_options child_options = {.tracer = &control};
    const bool has_tracestate =
        otel_context_set_tracestate(&remote, tracestate, sizeof tracestate - 1) == OTEL_OK;
    const otel_span command = tell_start("remote.command", &options, &remote);
    const otel_context context = otel_span_context(command);
    OTEL_WITH_SPAN(command)
    {
        const otel_span child = tell_start("remote.apply", &child_options, &context);
        if (has_tracestate) {
            tell_tracestate(command, tracestate);
            tell_tracestate(child, tracestate);
        }
        work_ms(1);
        tell_end(child);
    }
    tell_end(command);
    otel_context_release(&remote);
}

/* ---- from start to end --------------------------------------------------------------------- */

int meant_run(const meant_device *device)
{
    const otel_attribute resource[] = {
        otel_str("device.model.identifier", "boiler-7"), otel_i64("deployment.slot", 3),
        otel_bool("deployment.is_test", true), otel_f64("boiler.litres", 80.5)};
    const otel_config config = {.service_name = device->service_name,
                                .service_version = "2.0.1",
                                .resource_attributes = resource,
                                .resource_attribute_count = COUNT_OF(resource),
                                .transport = device->transport,
                                .device_id = device->device_id,
                                .flush_interval_ms = 20};
    otel_stats stats;
    if (otel_init(&config) != OTEL_OK) {
        return 1;
    }
    tell_resource(config.service_name, config.service_version, resource, COUNT_OF(resource));
    run_cycle();
    carry_out_command();
    const otel_status ended = otel_shutdown(SHUTDOWN_MS);
    otel_stats_get(&stats);
    tell_stats(&stats);
    return ended == OTEL_OK && stats.spans_sent == stats.spans_started ? 0 : 1;
}
