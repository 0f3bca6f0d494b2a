/* SPDX-License-Identifier: MIT */
/*
 * A control loop as traces: a timer interrupt asks for a cycle; the task reads a sensor, evaluates a
 * condition, calls actions, one of which fails now and then, and stores the result. Each cycle is
 * one trace.
 */
#include "control.h"

/* Two tracers: a backend tells the spans of the driver from those of the application. */
static const otel_tracer driver = OTEL_TRACER("driver", "2.1.0");
static const otel_tracer control = OTEL_TRACER("control", "1.0.0");

/* What the sensor will read; raw values are hundredths of a degree. */
static const uint16_t raw_values[CONTROL_CYCLES] = {2140, 2210, 2380, 2515, 2630, 2705,
                                                    2660, 2540, 2400, 2290, 2180};

enum { LIMIT_RAW = 2500, LIMIT_OF_ALARM_RAW = 2650 };

static double celsius(uint32_t raw)
{
    return (double)raw / 100.0;
}

/* ---- in interrupt handlers ----------------------------------------------------------------- */

/* No span is current in a handler, whatever it interrupted: this one is a root. It has ended before
 * the task looks at the queue, and is the parent of what the task does all the same. */
void control_on_timer(void)
{
    static uint32_t number;
    const otel_span_options options = {.tracer = &driver};
    otel_span span = otel_span_start_with("timer.interrupt", &options);
    const control_event event = {.number = number++, .context = otel_span_context(span)};
    otel_span_set_i64(span, "cycle.number", event.number);
    if (!platform_queue_put(&event)) {
        otel_span_set_status(span, OTEL_SPAN_STATUS_ERROR, "queue full: the cycle is skipped");
    }
    otel_span_end(span);
}

/* The parent came with the request, so this span lies within the one that waits. */
uint32_t control_on_conversion(const otel_context *parent)
{
    static uint32_t conversions;
    const otel_span_options options = {.tracer = &driver, .parent = parent};
    otel_span span = otel_span_start_with("converter.interrupt", &options);
    const uint32_t raw = raw_values[conversions++ % CONTROL_CYCLES];
    otel_span_set_i64(span, "converter.raw", raw);
    otel_span_end(span);
    return raw;
}

/* ---- in the task --------------------------------------------------------------------------- */

static uint32_t read_sensor(void)
{
    const otel_span_options options = {.tracer = &driver, .kind = OTEL_SPAN_KIND_CLIENT};
    otel_span span = otel_span_start_with("sensor.read", &options);
    const otel_context context = otel_span_context(span);
    const uint32_t raw = platform_convert(&context);
    platform_work_ms(3);
    otel_span_set_str(span, "sensor.model", "bme280");
    otel_span_set_f64(span, "sensor.celsius", celsius(raw));
    otel_span_set_bool(span, "sensor.valid", raw != 0);
    otel_span_end(span);
    return raw;
}

static bool evaluate(uint32_t raw)
{
    const otel_span_options options = {.tracer = &control};
    otel_span span = otel_span_start_with("condition.evaluate", &options);
    const bool is_met = raw > LIMIT_RAW;
    otel_span_set_str(span, "condition.rule", "celsius > limit");
    otel_span_set_f64(span, "condition.limit", celsius(LIMIT_RAW));
    otel_span_set_bool(span, "condition.met", is_met);
    if (is_met) {
        const otel_attribute attributes[] = {otel_f64("celsius.above", celsius(raw - LIMIT_RAW))};
        otel_span_event_with(span, "limit.crossed", attributes, 1);
    }
    platform_work_ms(1);
    otel_span_end(span);
    return is_met;
}

static void set_fan(int percent)
{
    const otel_span_options options = {.tracer = &control};
    otel_span span = otel_span_start_with("action.set_fan", &options);
    otel_span_set_i64(span, "fan.percent", percent);
    OTEL_WITH_SPAN(span)
    {
        /* A child of action.set_fan, though nobody passes anything on. */
        const otel_span_options driver_options = {.tracer = &driver};
        otel_span write = otel_span_start_with("pwm.write", &driver_options);
        platform_work_ms(2);
        otel_span_end(write);
    }
    otel_span_set_status(span, OTEL_SPAN_STATUS_OK, NULL);
    otel_span_end(span);
}

static void notify_operator(void)
{
    const otel_span_options options = {.tracer = &control, .kind = OTEL_SPAN_KIND_CLIENT};
    otel_span span = otel_span_start_with("action.notify_operator", &options);
    for (int attempt = 1; attempt <= 2; attempt++) {
        const otel_attribute attributes[] = {otel_i64("attempt", attempt),
                                             otel_str("error.type", "timeout")};
        platform_work_ms(8);
        otel_span_event_with(span, "no answer", attributes, 2);
    }
    otel_span_set_str(span, "error.type", "timeout");
    otel_span_set_status(span, OTEL_SPAN_STATUS_ERROR, "the operator's panel does not answer");
    otel_span_end(span);
}

static void store_result(uint32_t raw, bool is_met)
{
    const otel_span_options options = {.tracer = &driver};
    otel_span span = otel_span_start_with("result.store", &options);
    otel_span_set_f64(span, "result.celsius", celsius(raw));
    otel_span_set_bool(span, "result.alarm", is_met);
    platform_work_ms(4);
    otel_span_event(span, "page written");
    otel_span_end(span);
}

void control_handle(const control_event *event)
{
    const otel_span_options options = {.tracer = &control, .parent = &event->context};
    otel_span span = otel_span_start_with("control.cycle", &options);
    otel_span_set_i64(span, "cycle.number", event->number);
    OTEL_WITH_SPAN(span)
    {
        const uint32_t raw = read_sensor();
        const bool is_met = evaluate(raw);
        if (is_met) {
            set_fan(raw > LIMIT_OF_ALARM_RAW ? 100 : 50);
        }
        if (raw > LIMIT_OF_ALARM_RAW) {
            platform_print("control: too hot, calling the operator\n");
            notify_operator();
        }
        store_result(raw, is_met);
    }
    otel_span_end(span);
}

/* ---- at the end ---------------------------------------------------------------------------- */

static char *append_text(char *at, const char *text)
{
    while (*text != '\0') {
        *at++ = *text++;
    }
    *at = '\0';
    return at;
}

static char *append_number(char *at, uint32_t number)
{
    char digits[11];
    char *first = digits + sizeof digits - 1;
    *first = '\0';
    do {
        *--first = (char)('0' + (int)(number % 10u));
        number /= 10u;
    } while (number != 0);
    return append_text(at, first);
}

void control_print_stats(void)
{
    char line[100];
    char *at = line;
    otel_stats stats;
    otel_stats_get(&stats);
    at = append_text(at, "otel.h: spans started ");
    at = append_number(at, stats.spans_started);
    at = append_text(at, ", sent ");
    at = append_number(at, stats.spans_sent);
    at = append_text(at, ", dropped ");
    at = append_number(at, stats.spans_dropped_no_context + stats.spans_dropped_no_recording +
                               stats.spans_dropped_queue_full + stats.spans_dropped_link +
                               stats.spans_dropped_shutdown);
    (void)append_text(at, "\n");
    platform_print(line);
}
