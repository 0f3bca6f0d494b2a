/* SPDX-License-Identifier: MIT */
#define OTEL_IMPLEMENTATION
#include "otel.h"
#include "otel_udp_posix.h"

int main(void)
{
    static otel_udp_posix udp;
    static const otel_config config = {.service_name = "thermostat", .transport = &udp.transport};
    if (otel_udp_posix_open(&udp, "127.0.0.1", 4319) != 0 || otel_init(&config) != OTEL_OK) {
        return 1;
    }
    otel_span cycle = otel_span_start("control.cycle");
    otel_scope previous = otel_span_make_current(cycle);

    otel_span reading = otel_span_start("sensor.read"); /* a child of control.cycle */
    otel_span_set_str(reading, "sensor.model", "bme280");
    otel_span_set_f64(reading, "sensor.celsius", 21.5);
    otel_span_event(reading, "calibrated");
    otel_span_end(reading);

    otel_scope_restore(previous);
    otel_span_end(cycle);
    return otel_shutdown(1000) == OTEL_OK ? 0 : 1; /* firmware calls otel_poll() instead */
}
