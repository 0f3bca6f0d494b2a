/* SPDX-License-Identifier: MIT */
#define OTEL_IMPLEMENTATION
#include "otel.h"
#include "otel_udp_posix.h"
#include <stdlib.h>

static otel_udp_posix udp;
static const otel_config config = {.service_name = "thermostat", .transport = &udp.transport};

static void read_sensor(void)
{
    otel_span span = otel_span_start("sensor.read"); /* a root: no span is current here */
    otel_span_set_str(span, "sensor.model", "bme280");
    otel_span_set_i64(span, "sensor.raw", 32455);
    otel_span_end(span); /* now it waits to be sent */
}

int main(int argc, char **argv)
{
    const uint16_t port = argc > 2 ? (uint16_t)atoi(argv[2]) : 4319;
    if (otel_udp_posix_open(&udp, argc > 1 ? argv[1] : "127.0.0.1", port) != 0 ||
        otel_init(&config) != OTEL_OK) {
        return 1;
    }
    read_sensor();
    return otel_shutdown(1000) == OTEL_OK ? 0 : 1;
}
