/* SPDX-License-Identifier: MIT */
/*
 * Where a device's clock stands against ours, from the arrival of its frames alone.
 *
 * A frame arrives later than its `clock_ns` by a delay that is never negative and often large. So
 * the offset is the line that lies below every (time of arrival − clock_ns) of a sliding window
 * and touches it: the delay is the smallest one, the slope is the drift of the device's clock
 * against ours (Moon, Skelly and Towsley 1999: the edge of the lower convex hull under the middle
 * of the window). Our side is the monotonic clock, so a step of the wall clock moves nothing.
 */
#ifndef GW_CLOCK_H
#define GW_CLOCK_H

#include <stdint.h>

#define CLOCK_POINTS 32

struct clock_point {
    uint64_t arrival_ns; /* monotonic */
    int64_t offset_ns;   /* arrival − device clock, the smallest of its stretch of time */
};

struct device_clock {
    struct clock_point points[CLOCK_POINTS]; /* oldest first */
    uint32_t count;
    uint64_t stretch_ns;         /* how long one point gathers; doubles as history grows */
    uint64_t stretch_started_ns; /* of the newest point */
};

struct clock_offset {
    int64_t offset_ns; /* to add to device time for monotonic time */
    uint64_t uncertainty_ns;
};

/* A frame, sent for the first time, arrived. A zeroed struct is a clock without any. */
void clock_observe(struct device_clock *clock, uint64_t device_ns, uint64_t arrival_ns);

/* The offset at monotonic time `at_ns`. Without observations the uncertainty is UINT64_MAX. */
struct clock_offset clock_estimate(const struct device_clock *clock, uint64_t at_ns);

/* Sum that stops at 0 and at the largest value, so the order of two times is never turned over. */
uint64_t clock_shift(uint64_t time_ns, int64_t offset_ns);

#endif
