/* SPDX-License-Identifier: MIT */
/* An application that calls all of otel.h, so that the linker keeps all of it. */
#include "board.h"
#include "otel.h"
#include "otel_uart.h"

static void uart_write(void *user, const uint8_t *bytes, size_t length_bytes)
{
    (void)user;
    board_uart_write(bytes, length_bytes);
}

static otel_uart uart = {.write = uart_write};
static const otel_transport transport = OTEL_UART_TRANSPORT(&uart);
static const otel_tracer tracer = OTEL_TRACER("sensor", "1.0");
static const otel_attribute resource[] = {OTEL_ATTRIBUTE_STR("device.model", "x")};
static otel_stats stats;

static void on_wake(void *user)
{
    (void)user;
}

static void on_diagnostic(void *user, otel_counter counter)
{
    (void)user;
    (void)counter;
}

static const otel_config config = {
    .service_name = "thermostat",
    .service_version = "1.0",
    .resource_attributes = resource,
    .resource_attribute_count = 1,
    .transport = &transport,
    .sampler = &otel_sampler_always_on,
    .queue_policy = OTEL_QUEUE_DROP_OLDEST,
    .wake = on_wake,
    .diagnostic = on_diagnostic,
};
static const otel_config quiet = {.transport = &transport, .sampler = &otel_sampler_always_off};

static void child(otel_context *from)
{
    const otel_span_options options = {.tracer = &tracer, .parent = from};
    const otel_attribute attributes[] = {otel_str("key", "value"), otel_f64("real", 0.5)};
    const otel_span span = otel_span_start_with("child", &options);

    OTEL_WITH_SPAN(span)
    {
        otel_span_set_str(span, "str", "text");
        otel_span_set_strn(span, "strn", "text", 3);
        otel_span_set_bool(span, "bool", true);
        otel_span_set_i64(span, "int", 1);
        otel_span_set_f64(span, "real", 1.0);
        otel_span_set(span, &attributes[1]);
        otel_span_event_with(span, "event", attributes, 2);
        otel_span_set_status(span, OTEL_SPAN_STATUS_ERROR, "why");
        otel_span_set_name(otel_span_current(), "renamed");
    }
    if (otel_span_is_recording(span)) {
        otel_span_end_at(span, otel_now_ns());
    }
}

int main(void)
{
    board_init();
    if (otel_init(&config) != OTEL_OK) {
        return 1;
    }
    const otel_span span = otel_span_start("parent");
    otel_context context = otel_span_context(span);

    if (otel_context_is_valid(&context) &&
        otel_context_set_tracestate(&context, "vendor=1", 8) == OTEL_OK) {
        otel_context_retain(&context);
        child(&context);
        otel_context_release(&context);
    }
    otel_span_end(span);
    while (otel_next_poll_ms() != 0) {
        otel_poll();
    }
    (void)otel_uart_console_write(&uart, "text", 4);
    otel_stats_get(&stats);
    (void)otel_flush(10);
    otel_frame_done(true);
    return otel_shutdown(10) == OTEL_OK && otel_init(&quiet) == OTEL_OK ? (int)otel_ram_bytes() : 1;
}
