/* SPDX-License-Identifier: MIT */
/* The smallest useful application of otel.h: start, end, string, int64, status; resource, CRC, COBS
 * over a UART that takes one byte at a time. */
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
static const otel_config config = {.service_name = "thermostat", .transport = &transport};

int main(void)
{
    board_init();
    if (otel_init(&config) != OTEL_OK) {
        return 1;
    }
    for (;;) {
        const otel_span span = otel_span_start("sensor.read");

        otel_span_set_str(span, "sensor.model", "bme280");
        otel_span_set_i64(span, "sensor.raw", board_uart_read_byte());
        otel_span_set_status(span, OTEL_SPAN_STATUS_OK, NULL);
        otel_span_end(span);
        otel_poll();
    }
}
