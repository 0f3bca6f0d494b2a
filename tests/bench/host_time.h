/* SPDX-License-Identifier: MIT */
/* Time of one call on the host. Machines that run this are shared, so it is the least of many
 * batches that counts, and only ratios within one run mean anything. */
#ifndef HOST_TIME_H
#define HOST_TIME_H

#include <stdint.h>
#include <time.h>

enum { HOST_CALLS_A_BATCH = 2000, HOST_BATCHES = 500 };

static inline double host_seconds(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Nanoseconds a call of `call`. */
static inline double host_least_ns(void (*call)(void))
{
    double least_s = 1e9;

    for (int batch = 0; batch < HOST_BATCHES; batch++) {
        const double start_s = host_seconds();
        double taken_s;

        for (int i = 0; i < HOST_CALLS_A_BATCH; i++) {
            call();
        }
        taken_s = host_seconds() - start_s;
        least_s = taken_s < least_s ? taken_s : least_s;
    }
    return least_s / HOST_CALLS_A_BATCH * 1e9;
}

#endif
