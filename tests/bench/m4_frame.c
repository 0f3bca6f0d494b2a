/* SPDX-License-Identifier: MIT */
/* What a frame costs on its way to a UART (CRC-32, COBS), and how many bytes go over the wire for a
 * long run of standard spans, from otel_init to otel_shutdown. */
#include "bench_firmware.h"
#include "bench_port.h"
#include "board.h"
#include "otel_uart.h"
#include "standard_otel.h"

#include <string.h>

enum {
    SPANS_A_FRAME = 4,
    REPETITIONS = 8,
    SPANS_OF_LINK = 1000,
    SPAN_INTERVAL_MS = 10,
    OVER_FLUSH_INTERVAL_MS = 2000,
    WIRE_BYTES_MAX = 1400
};

BENCH_REGION(otel_uart_frame)

static uint8_t wire[WIRE_BYTES_MAX];
static size_t wire_bytes;
static uint32_t written_bytes;
static bool keeping;

/* Not the library's: left out of the count. */
__attribute__((noipa)) static void bench_wire_write(void *user, const uint8_t *bytes,
                                                    size_t length_bytes)
{
    (void)user;
    written_bytes += length_bytes;
    if (keeping) {
        memcpy(wire + wire_bytes, bytes, length_bytes);
        wire_bytes += length_bytes;
    }
}

static void frame(void)
{
    for (int i = 0; i < SPANS_A_FRAME; i++) {
        standard_otel_span();
    }
    bench_port_advance_ms(OVER_FLUSH_INTERVAL_MS);
    bench_begin_otel_uart_frame();
    otel_poll();
    bench_end_otel_uart_frame();
}

static int link(const otel_config *config)
{
    written_bytes = 0;
    if (otel_init(config) != OTEL_OK) {
        return 1;
    }
    for (int i = 0; i < SPANS_OF_LINK; i++) {
        standard_otel_span();
        bench_port_advance_ms(SPAN_INTERVAL_MS);
        otel_poll();
    }
    if (otel_shutdown(1000) != OTEL_OK) {
        return 1;
    }
    bench_show("written_bytes", (const uint8_t *)&written_bytes, sizeof written_bytes);
    return 0;
}

int main(void)
{
    static otel_uart uart = {.write = bench_wire_write};
    static const otel_transport transport = OTEL_UART_TRANSPORT(&uart);
    static const otel_config config = {
        .service_name = "thermostat",
        .transport = &transport,
        .device_id = 1,
    };

    board_init();
    if (otel_init(&config) != OTEL_OK || otel_flush(1000) != OTEL_OK) {
        return 1;
    }
    for (int i = 0; i < REPETITIONS; i++) {
        keeping = i == REPETITIONS - 1;
        frame();
    }
    bench_show("wire", wire, wire_bytes);
    keeping = false;
    if (otel_shutdown(1000) != OTEL_OK) {
        return 2;
    }
    return link(&config);
}
