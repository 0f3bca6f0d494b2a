/* SPDX-License-Identifier: MIT */
/* The standard span through otel.h on the host, four to a frame, its check left out. With
 * HOST_CLOCK, on the POSIX port with its clock and its lock; else with a clock and a lock that cost
 * nothing, to be held against the floor. */
#include "bench_transport.h"
#include "host_time.h"
#include "standard_otel.h"

#include <stdio.h>

#ifdef HOST_CLOCK
#define ROW "otel_span_ns"
#else
#define ROW "otel_span_no_clock_ns"
#endif

static void span(void)
{
    static unsigned since_poll;

    standard_otel_span();
    if (++since_poll == 4) {
        since_poll = 0;
        otel_poll();
    }
}

int main(void)
{
    static const otel_config config = {
        .service_name = "thermostat",
        .transport = &bench_transport,
        .device_id = 1,
        .flush_interval_ms = 1,
    };
    otel_stats stats;

    if (otel_init(&config) != OTEL_OK) {
        return 1;
    }
    printf(ROW "\t%.1f\n", host_least_ns(span));
    otel_stats_get(&stats);
    return stats.spans_dropped_queue_full == 0 && stats.spans_dropped_no_recording == 0 ? 0 : 2;
}
