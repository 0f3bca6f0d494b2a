/* SPDX-License-Identifier: MIT */
#include "clock.h"

#include <stdbool.h>
#include <stdlib.h>

#define STRETCH_FIRST_NS UINT64_C(1000000000)
#define STRETCH_LAST_NS (32 * STRETCH_FIRST_NS) /* times 32 points: a window of 17 minutes */
#define SLOPE_HISTORY_NS (8 * STRETCH_FIRST_NS) /* less than this says nothing about drift */
#define SLOPE_POINTS 4U
#define SLOPE_MAX 0.02 /* an RC oscillator out of the box; more is no drift but a jump */

/* The smallest delay cannot be seen from one side: what it may be on a wire of ours. */
#define SMALLEST_DELAY_NS UINT64_C(10000000)
/* While few frames came, even the smallest of them may have waited. */
#define FEW_FRAMES_NS UINT64_C(100000000)
#define DRIFT_UNKNOWN 100e-6
#define DRIFT_WANDER 2e-6

/* ---- history ------------------------------------------------------------------------------- */

static void halve(struct device_clock *clock)
{
    for (uint32_t i = 0; i < clock->count / 2; i++) {
        struct clock_point a = clock->points[2 * i], b = clock->points[2 * i + 1];

        clock->points[i] = a.offset_ns < b.offset_ns ? a : b;
    }
    clock->count /= 2;
    clock->stretch_ns *= 2;
}

static void drop_oldest(struct device_clock *clock)
{
    for (uint32_t i = 1; i < clock->count; i++)
        clock->points[i - 1] = clock->points[i];
    clock->count--;
}

static void add_point(struct device_clock *clock, struct clock_point point)
{
    if (clock->count == 0)
        clock->stretch_ns = STRETCH_FIRST_NS;
    if (clock->count == CLOCK_POINTS && clock->stretch_ns < STRETCH_LAST_NS)
        halve(clock);
    if (clock->count == CLOCK_POINTS)
        drop_oldest(clock);
    clock->stretch_started_ns = point.arrival_ns;
    clock->points[clock->count++] = point;
}

void clock_observe(struct device_clock *clock, uint64_t device_ns, uint64_t arrival_ns)
{
    struct clock_point point = {arrival_ns, (int64_t)(arrival_ns - device_ns)};
    struct clock_point *newest;

    if (clock->count > 0 && arrival_ns < clock->stretch_started_ns)
        return; /* over another source, overtaken on the way here */
    if (clock->count == 0 || arrival_ns - clock->stretch_started_ns >= clock->stretch_ns) {
        add_point(clock, point);
        return;
    }
    newest = &clock->points[clock->count - 1];
    if (point.offset_ns < newest->offset_ns)
        *newest = point;
}

/* ---- line ---------------------------------------------------------------------------------- */

/* Relative to the oldest point: doubles then hold nanoseconds of weeks exactly enough. */
struct line {
    uint64_t origin_ns;
    int64_t origin_offset_ns;
    double height_ns; /* at the origin */
    double slope;
    bool has_slope;
};

static double point_x(const struct line *line, const struct clock_point *point)
{
    return (double)(int64_t)(point->arrival_ns - line->origin_ns);
}

static double point_y(const struct line *line, const struct clock_point *point)
{
    return (double)(int64_t)((uint64_t)point->offset_ns - (uint64_t)line->origin_offset_ns);
}

static double slope_between(const struct line *line, const struct clock_point *a,
                            const struct clock_point *b)
{
    return (point_y(line, b) - point_y(line, a)) / (point_x(line, b) - point_x(line, a));
}

static double mean_x(const struct device_clock *clock, const struct line *line)
{
    double sum = 0;

    for (uint32_t i = 0; i < clock->count; i++)
        sum += point_x(line, &clock->points[i]);
    return sum / clock->count;
}

/* Slope of the lower convex hull's edge under the middle of the window: from a corner of the hull
 * the next one is where the slope is smallest. */
static double hull_slope(const struct device_clock *clock, const struct line *line)
{
    double middle = mean_x(clock, line);
    uint32_t corner = 0;

    for (;;) {
        const struct clock_point *from = &clock->points[corner];
        double slope = slope_between(line, from, &clock->points[corner + 1]);
        uint32_t next = corner + 1;

        for (uint32_t i = corner + 2; i < clock->count; i++) {
            double candidate = slope_between(line, from, &clock->points[i]);

            if (candidate <= slope) {
                slope = candidate;
                next = i;
            }
        }
        if (next + 1 >= clock->count || point_x(line, &clock->points[next]) >= middle)
            return slope;
        corner = next;
    }
}

static struct line fit(const struct device_clock *clock)
{
    const struct clock_point *oldest = &clock->points[0];
    const struct clock_point *newest = &clock->points[clock->count - 1];
    struct line line = {.origin_ns = oldest->arrival_ns, .origin_offset_ns = oldest->offset_ns};

    if (clock->count >= SLOPE_POINTS &&
        newest->arrival_ns - oldest->arrival_ns >= SLOPE_HISTORY_NS) {
        double slope = hull_slope(clock, &line);

        line.has_slope = slope > -SLOPE_MAX && slope < SLOPE_MAX;
        line.slope = line.has_slope ? slope : 0;
    }
    for (uint32_t i = 0; i < clock->count; i++) {
        const struct clock_point *point = &clock->points[i];
        double height = point_y(&line, point) - line.slope * point_x(&line, point);

        if (i == 0 || height < line.height_ns)
            line.height_ns = height;
    }
    return line;
}

static int compare_doubles(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return (left > right) - (left < right);
}

/* How far above the line the middle one of the points lies. */
static double median_residual_ns(const struct device_clock *clock, const struct line *line)
{
    double residuals[CLOCK_POINTS];

    for (uint32_t i = 0; i < clock->count; i++) {
        const struct clock_point *point = &clock->points[i];

        residuals[i] = point_y(line, point) - line->slope * point_x(line, point) - line->height_ns;
    }
    qsort(residuals, clock->count, sizeof residuals[0], compare_doubles);
    return residuals[clock->count / 2];
}

/* A device's clock may say anything; what does not fit is cut. */
static int64_t to_ns(double value)
{
    const double limit = 9.2e18;

    return (int64_t)(value > limit ? limit : value < -limit ? -limit : value);
}

struct clock_offset clock_estimate(const struct device_clock *clock, uint64_t at_ns)
{
    struct line line;
    double x, age_ns, drift_ns;

    if (clock->count == 0)
        return (struct clock_offset){0, UINT64_MAX};
    line = fit(clock);
    x = (double)(int64_t)(at_ns - line.origin_ns);
    age_ns = (double)(int64_t)(at_ns - clock->points[clock->count - 1].arrival_ns);
    drift_ns =
        line.has_slope ? DRIFT_WANDER * (age_ns > 0 ? age_ns : 0) : DRIFT_UNKNOWN * (x > 0 ? x : 0);
    return (struct clock_offset){
        .offset_ns = (int64_t)((uint64_t)line.origin_offset_ns +
                               (uint64_t)to_ns(line.height_ns + line.slope * x)),
        .uncertainty_ns = SMALLEST_DELAY_NS + (clock->count < SLOPE_POINTS ? FEW_FRAMES_NS : 0) +
                          (uint64_t)to_ns(median_residual_ns(clock, &line) + drift_ns),
    };
}

uint64_t clock_shift(uint64_t time_ns, int64_t offset_ns)
{
    uint64_t distance_ns = offset_ns < 0 ? 0 - (uint64_t)offset_ns : (uint64_t)offset_ns;

    if (offset_ns < 0)
        return time_ns < distance_ns ? 0 : time_ns - distance_ns;
    return time_ns > UINT64_MAX - distance_ns ? UINT64_MAX : time_ns + distance_ns;
}
