/* SPDX-License-Identifier: MIT */
/* A small application. With USES_OTEL it includes otel.h and calls every part of it; without, the
 * header is never seen. Built with OTEL_DISABLED the two images must be the same, byte by byte:
 * arguments with side effects happen in both. */
#include "board.h"

static volatile uint32_t sensor = 7;
static unsigned samples;

static int64_t sample(void)
{
    samples++;
    return (int64_t)sensor;
}

#ifdef USES_OTEL
#define OTEL_IMPLEMENTATION
#include "otel.h"

static const otel_tracer tracer = OTEL_TRACER("sensor", "1.0");
static const otel_attribute resource[] = {OTEL_ATTRIBUTE_STR("device.model", "x")};
static const otel_config config = {
    .service_name = "thermostat",
    .resource_attributes = resource,
    .resource_attribute_count = 1,
    .sampler = &otel_sampler_always_on,
};

static int64_t measure(void)
{
    const otel_span_options options = {.tracer = &tracer, .parent = OTEL_ROOT};
    const otel_span span = otel_span_start_with("measure", &options);
    const otel_attribute attribute = otel_str("key", "value");
    const int64_t raw = sample();

    OTEL_WITH_SPAN(span)
    {
        const otel_span child = otel_span_start("child");

        otel_span_set_i64(child, "sensor.raw", sample());
        otel_span_set_str(child, "sensor.model", "bme280");
        otel_span_set_bool(child, "sensor.valid", raw > 3);
        otel_span_set_f64(child, "sensor.level", 0.5);
        otel_span_event_with(child, "limit.passed", &attribute, 1);
        otel_span_set_status(child, OTEL_SPAN_STATUS_ERROR, "too high");
        otel_span_set_name(child, "renamed");
        otel_span_end(child);
    }
    if (otel_span_is_recording(span)) {
        sensor = 0;
    }
    otel_span_end(span);
    return raw;
}

int main(void)
{
    otel_stats stats;
    int64_t sum = 0;

    board_init();
    if (otel_init(&config) != OTEL_OK) {
        return 1;
    }
    for (int i = 0; i < 3; i++) {
        sum += measure();
        otel_poll();
    }
    otel_stats_get(&stats);
    sum += stats.spans_started;
    (void)otel_flush(10);
    (void)otel_shutdown(10);
    sensor = (uint32_t)sum + samples;
    return 0;
}

#else

static int64_t measure(void)
{
    const int64_t raw = sample();

    (void)sample();
    return raw;
}

int main(void)
{
    int64_t sum = 0;

    board_init();
    for (int i = 0; i < 3; i++) {
        sum += measure();
    }
    sensor = (uint32_t)sum + samples;
    return 0;
}

#endif
