/* SPDX-License-Identifier: MIT */
/* The standard span through otel.h, from its start to the payload bytes of a frame; and one that is
 * not sampled. The frame's check is left out at compile time (BENCH_NO_CHECK). */
#include "bench_firmware.h"
#include "bench_port.h"
#include "bench_transport.h"
#include "board.h"
#include "standard_otel.h"

enum { SPANS_A_FRAME = 4, REPETITIONS = 16, OVER_FLUSH_INTERVAL_MS = 2000 };

BENCH_REGION(otel_span)
BENCH_REGION(otel_spans)
BENCH_REGION(otel_frame)
BENCH_REGION(otel_unsampled)

static void frame_of_spans(void)
{
    bench_begin_otel_spans();
    for (int i = 0; i < SPANS_A_FRAME; i++) {
        standard_otel_span();
    }
    bench_end_otel_spans();
    bench_port_advance_ms(OVER_FLUSH_INTERVAL_MS);
    bench_begin_otel_frame();
    otel_poll();
    bench_end_otel_frame();
}

static void unsampled_span(void)
{
    static const otel_context parent = {
        .trace_id = STANDARD_TRACE_ID,
        .span_id = STANDARD_PARENT_ID,
        .state = OTEL_CONTEXT_REMOTE,
    };
    static const otel_span_options options = {.parent = &parent};

    bench_begin_otel_unsampled();
    const otel_span span = otel_span_start_with(STANDARD_NAME, &options);
    const otel_scope scope = otel_span_make_current(span);
    otel_scope_restore(scope);
    otel_span_end(span);
    bench_end_otel_unsampled();
}

int main(void)
{
    static const otel_config config = {
        .service_name = "thermostat",
        .transport = &bench_transport,
        .device_id = 1,
    };
    otel_slice frame;

    board_init();
    if (otel_init(&config) != OTEL_OK || otel_flush(1000) != OTEL_OK) {
        return 1;
    }
    for (int i = 0; i < REPETITIONS; i++) {
        frame_of_spans();
        unsampled_span();
    }
    bench_begin_otel_span();
    standard_otel_span();
    bench_end_otel_span();
    if (otel_flush(1000) != OTEL_OK) {
        return 2;
    }
    bench_transport_keep();
    for (int i = 0; i < SPANS_A_FRAME; i++) {
        standard_otel_span();
    }
    if (otel_flush(1000) != OTEL_OK) {
        return 3;
    }
    frame = bench_transport_kept();
    bench_show("frame", frame.bytes, frame.length);
    return frame.length != 0 ? 0 : 4;
}
