/* SPDX-License-Identifier: MIT */
#include "clock.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "unit.h"

#define NS_PER_S 1e9

/* A device whose clock runs off by `drift` and whose frames are delayed by at least `delay_min_s`
 * and then by a heavy tail: one in ten waits up to seconds. */
struct device {
    double drift;
    double started_s; /* on our clock */
    double delay_min_s;
    double tail_s; /* scale */
    uint64_t random;
};

static double uniform(struct device *device)
{
    return (double)(next_random(&device->random) >> 11) / 9007199254740992.0;
}

static double device_clock_s(const struct device *device, double now_s)
{
    return (now_s - device->started_s) * (1 + device->drift);
}

/* Pareto with shape 1.2, cut at a minute. */
static double delay_s(struct device *device)
{
    double tail = device->tail_s * (pow(1 - uniform(device), -1 / 1.2) - 1);

    return device->delay_min_s + (tail < 60 ? tail : 60);
}

static uint64_t to_ns(double seconds)
{
    return (uint64_t)(seconds * NS_PER_S + 0.5);
}

/* How far the estimate puts an instant of the device from where it was, in seconds. */
static double error_s(const struct device_clock *clock, const struct device *device, double at_s,
                      double arrival_s)
{
    struct clock_offset offset = clock_estimate(clock, to_ns(arrival_s));
    uint64_t placed_ns = clock_shift(to_ns(device_clock_s(device, at_s)), offset.offset_ns);

    return ((double)placed_ns - at_s * NS_PER_S) / NS_PER_S;
}

/* Sends frames every `interval_s` and returns the largest error after `settled_s`. */
static double worst_error_s(struct device *device, double duration_s, double interval_s,
                            double settled_s)
{
    struct device_clock clock = {0};
    double worst = 0;

    for (double sent_s = device->started_s + 1; sent_s < device->started_s + duration_s;
         sent_s += interval_s * (0.5 + uniform(device))) {
        double arrival_s = sent_s + delay_s(device);
        double error;

        clock_observe(&clock, to_ns(device_clock_s(device, sent_s)), to_ns(arrival_s));
        error = fabs(error_s(&clock, device, sent_s, arrival_s));
        if (sent_s > device->started_s + settled_s && error > worst)
            worst = error;
    }
    return worst;
}

static void ten_days_at_100_ppm_stay_within_milliseconds(void **state)
{
    static const double drifts[] = {100e-6, -100e-6, 0, 20e-6};

    (void)state;
    for (size_t i = 0; i < sizeof drifts / sizeof drifts[0]; i++) {
        struct device device = {drifts[i], 5000, 0.002, 0.0005, 7 + i};
        double worst = worst_error_s(&device, 10 * 86400, 10, 1800);

        if (worst > 0.02)
            fail_msg("drift %g: worst error %g s", drifts[i], worst);
    }
}

static void heavy_tails_do_not_move_the_estimate(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct device device = {50e-6, 100, 0.001, 0.05, seed};
        double worst = worst_error_s(&device, 7200, 0.5, 60);

        if (worst > 0.03)
            fail_msg("seed %d: worst error %g s", (int)seed, worst);
    }
}

/* An RC oscillator, one per cent off: right from the start and later. */
static void a_poor_oscillator_is_followed(void **state)
{
    struct device fast = {0.01, 100, 0.001, 0.0005, 3};
    struct device slow = {-0.01, 100, 0.001, 0.0005, 4};

    (void)state;
    assert_true(worst_error_s(&fast, 3600, 1, 0) < 0.15);
    assert_true(worst_error_s(&slow, 3600, 1, 0) < 0.15);
    assert_true(worst_error_s(&fast, 3600, 1, 60) < 0.05);
    assert_true(worst_error_s(&slow, 3600, 1, 60) < 0.05);
}

/* The drift changes with temperature: an hour at one, an hour at the other. */
static void a_changed_drift_is_learnt_within_the_window(void **state)
{
    struct device device = {30e-6, 100, 0.001, 0.0005, 5};
    struct device_clock clock = {0};
    double device_s = 0, worst = 0;

    (void)state;
    for (double sent_s = 101; sent_s < 100 + 4 * 3600; sent_s += 5) {
        double arrival_s = sent_s + delay_s(&device);
        double placed_s;

        device_s += 5 * (1 + (sent_s < 100 + 2 * 3600 ? 30e-6 : 60e-6));
        clock_observe(&clock, to_ns(device_s), to_ns(arrival_s));
        placed_s = (double)clock_shift(to_ns(device_s),
                                       clock_estimate(&clock, to_ns(arrival_s)).offset_ns) /
                   NS_PER_S;
        if (fabs(placed_s - sent_s) > worst)
            worst = fabs(placed_s - sent_s);
    }
    assert_true(worst < 0.06); /* 30 ppm over a window of 17 minutes, halved */
}

static void the_uncertainty_covers_the_error(void **state)
{
    struct device device = {80e-6, 100, 0.001, 0.002, 6};
    struct device_clock clock = {0};
    unsigned outside = 0, frames = 0;

    (void)state;
    for (double sent_s = 101; sent_s < 100 + 6 * 3600; sent_s += 7) {
        double arrival_s = sent_s + delay_s(&device);
        struct clock_offset offset;

        clock_observe(&clock, to_ns(device_clock_s(&device, sent_s)), to_ns(arrival_s));
        offset = clock_estimate(&clock, to_ns(arrival_s));
        frames++;
        outside += fabs(error_s(&clock, &device, sent_s, arrival_s)) * NS_PER_S >
                   (double)offset.uncertainty_ns;
    }
    assert_true(outside * 50 < frames); /* under two per cent */
    assert_true(clock_estimate(&clock, to_ns(100 + 6 * 3600)).uncertainty_ns < 40000000);
}

static void without_frames_nothing_is_certain(void **state)
{
    struct device_clock clock = {0};

    (void)state;
    assert_true(clock_estimate(&clock, 5).uncertainty_ns == UINT64_MAX);
}

static void the_first_frame_is_placed_where_it_arrived(void **state)
{
    struct device_clock clock = {0};

    (void)state;
    clock_observe(&clock, 1000, 50000);
    assert_int_equal(clock_estimate(&clock, 50000).offset_ns, 49000);
    clock_observe(&clock, 2000, 50500); /* a smaller delay */
    assert_int_equal(clock_estimate(&clock, 50500).offset_ns, 48500);
    clock_observe(&clock, 3000, 99000); /* a larger one */
    assert_int_equal(clock_estimate(&clock, 99000).offset_ns, 48500);
}

/* Whatever a device says of its clock, nothing breaks and the order of times stays. */
static void hostile_clocks_break_nothing(void **state)
{
    struct device_clock clock = {0};
    uint64_t random = 9, arrival_ns = UINT64_C(1) << 40;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        uint64_t draw = next_random(&random);
        struct clock_offset offset;
        uint64_t start_ns = next_random(&random) >> draw % 64;
        uint64_t end_ns = start_ns + (next_random(&random) >> (draw >> 8) % 64);

        arrival_ns += draw >> 20 & 0xFFFFFFFFF;
        clock_observe(&clock, next_random(&random) >> (draw >> 16) % 64, arrival_ns);
        offset = clock_estimate(&clock, arrival_ns + (draw >> 40));
        if (end_ns < start_ns)
            end_ns = start_ns;
        assert_true(clock_shift(start_ns, offset.offset_ns) <=
                    clock_shift(end_ns, offset.offset_ns));
    }
}

static void shifting_stops_at_both_ends(void **state)
{
    (void)state;
    assert_true(clock_shift(5, -6) == 0);
    assert_true(clock_shift(5, -5) == 0);
    assert_true(clock_shift(5, 7) == 12);
    assert_true(clock_shift(UINT64_MAX - 1, 1) == UINT64_MAX);
    assert_true(clock_shift(UINT64_MAX - 1, 2) == UINT64_MAX);
    assert_true(clock_shift(0, INT64_MIN) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_days_at_100_ppm_stay_within_milliseconds),
        cmocka_unit_test(heavy_tails_do_not_move_the_estimate),
        cmocka_unit_test(a_poor_oscillator_is_followed),
        cmocka_unit_test(a_changed_drift_is_learnt_within_the_window),
        cmocka_unit_test(the_uncertainty_covers_the_error),
        cmocka_unit_test(without_frames_nothing_is_certain),
        cmocka_unit_test(the_first_frame_is_placed_where_it_arrived),
        cmocka_unit_test(hostile_clocks_break_nothing),
        cmocka_unit_test(shifting_stops_at_both_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
