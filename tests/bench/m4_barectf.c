/* SPDX-License-Identifier: MIT */
/* What the standard span says, as three CTF events written by barectf's generated tracer. */
#include "bench_firmware.h"
#include "bench_inputs.h"
#include "board.h"
#include "standard_span.h"

#include "barectf.h"

BENCH_REGION(barectf_events)

enum { PACKET_BYTES = 320 };

static struct barectf_default_ctx context;
static uint8_t packet[PACKET_BYTES];

static uint64_t clock_get(void *data)
{
    (void)data;
    return bench_clock_ns();
}

static int backend_full(void *data)
{
    (void)data;
    return 0;
}

static void packet_open(void *data)
{
    (void)data;
    barectf_default_open_packet(&context);
}

static void packet_close(void *data)
{
    (void)data;
    barectf_default_close_packet(&context);
}

int main(void)
{
    static const struct barectf_platform_callbacks callbacks = {
        .device_clock_get_value = clock_get,
        .is_backend_full = backend_full,
        .open_packet = packet_open,
        .close_packet = packet_close,
    };

    board_init();
    barectf_init(&context, packet, sizeof packet, callbacks, NULL);
    for (int i = 0; i < 8; i++) {
        barectf_default_open_packet(&context);
        bench_begin_barectf_events();
        const uint64_t span_id = bench_random();
        barectf_trace_span_start(&context, 0x4bf92f3577b34da6u, 0xa3ce929d0e0e4736u, span_id,
                                 0x00f067aa0ba902b7u, 2, STANDARD_NAME, STANDARD_MODEL,
                                 STANDARD_PLACE, STANDARD_RAW, STANDARD_VALID);
        barectf_trace_span_event(&context, span_id, STANDARD_EVENT, STANDARD_EVENT_VALUE);
        barectf_trace_span_end(&context, span_id, 1);
        bench_end_barectf_events();
        barectf_default_close_packet(&context);
    }
    bench_show("ctf", packet, context.parent.content_size / 8);
    return barectf_discarded_event_records_count(&context) == 0 ? 0 : 1;
}
