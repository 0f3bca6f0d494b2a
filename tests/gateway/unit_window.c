/* SPDX-License-Identifier: MIT */
#include "window.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

/* ---- against a model that remembers everything --------------------------------------------- */

#define NUMBERS 4096U

struct model {
    bool started;
    uint64_t first, base, highest;
    bool arrived[NUMBERS];
    uint32_t spans[NUMBERS];
};

static void model_base(struct model *model, uint64_t base)
{
    if (!model->started) {
        model->started = true;
        model->first = model->base = base;
        model->highest = base - 1;
    }
    if (base > model->base)
        model->base = base;
}

static bool model_arrive(struct model *model, uint64_t number, uint32_t spans)
{
    if (model->arrived[number] || number + WINDOW_NUMBERS <= model->highest)
        return false;
    model->arrived[number] = true;
    model->spans[number] = spans;
    if (number > model->highest)
        model->highest = number;
    return true;
}

static uint64_t model_frames_lost(const struct model *model)
{
    uint64_t lost = 0;

    for (uint64_t number = model->first; number < model->base; number++)
        lost += !model->arrived[number];
    return lost;
}

/* Frames sent in order with loss, repetition, delay and bases of a reliable or a best effort
 * device; the window says what the model says after every one of them. */
static void run_against_model(uint64_t seed, bool reliable)
{
    struct window window = {0};
    struct model *model = calloc(1, sizeof *model);
    uint64_t random = seed;
    uint64_t next = 1 + next_random(&random) % 100;

    for (int step = 0; step < 3000 && next + 400 < NUMBERS; step++) {
        uint64_t draw = next_random(&random);
        uint64_t back = draw >> 32 & 0x3FF;
        uint64_t number = next, base;
        uint32_t spans = (uint32_t)(draw >> 8 & 7);

        if (draw % 8 == 0) /* repeated or late */
            number = next > back + 1 ? next - 1 - back : 1;
        else if (draw % 64 == 1) /* much lost */
            number = next + back % 300;
        else if (draw % 8 == 2) /* some lost */
            number = next + back % 4;
        if (number >= next)
            next = number + 1;
        base = reliable && number > 1 ? number - back % (number < 65 ? number : 65) : number;
        window_advance_base(&window, base);
        model_base(model, base);
        assert_int_equal(window_arrive(&window, number, spans), model_arrive(model, number, spans));
        assert_int_equal(window_frames_lost(&window), model_frames_lost(model));
        if (draw % 16 == 3) { /* a frame without a number tells the base too */
            base = reliable ? window.base : next;
            window_advance_base(&window, base);
            model_base(model, base);
            assert_int_equal(window_frames_lost(&window), model_frames_lost(model));
        }
    }
    free(model);
}

static void a_best_effort_window_agrees_with_the_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++)
        run_against_model(seed, false);
}

static void a_reliable_window_agrees_with_the_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++)
        run_against_model(seed, true);
}

/* ---- the cases that LINK.md names ---------------------------------------------------------- */

static bool arrive(struct window *window, uint64_t number, uint64_t base_distance)
{
    window_advance_base(window, number - base_distance);
    return window_arrive(window, number, 2);
}

static void what_was_before_the_first_contact_is_not_lost(void **state)
{
    struct window window = {0};

    (void)state;
    assert_true(arrive(&window, 1000, 0));
    assert_int_equal(window_frames_lost(&window), 0);
    assert_true(arrive(&window, 999, 0)); /* overtaken, yet good */
    assert_int_equal(window_frames_lost(&window), 0);
    assert_false(arrive(&window, 999, 0));
}

static void best_effort_gaps_are_lost_at_once_and_taken_back(void **state)
{
    struct window window = {0};

    (void)state;
    arrive(&window, 1, 0);
    arrive(&window, 4, 0);
    assert_int_equal(window_frames_lost(&window), 2);
    assert_true(arrive(&window, 3, 0));
    assert_int_equal(window_frames_lost(&window), 1);
    assert_false(arrive(&window, 3, 0));
    assert_int_equal(window_frames_lost(&window), 1);
}

static void reliable_gaps_at_or_above_base_are_pending(void **state)
{
    struct window window = {0};

    (void)state;
    arrive(&window, 1, 0);
    arrive(&window, 5, 3); /* 2, 3, 4 may still come */
    assert_int_equal(window_frames_lost(&window), 0);
    arrive(&window, 6, 2); /* 2 and 3 are abandoned */
    assert_int_equal(window_frames_lost(&window), 2);
    arrive(&window, 4, 0);
    window_advance_base(&window, 7);
    assert_int_equal(window_frames_lost(&window), 2);
}

static void a_jump_over_the_whole_range_is_counted(void **state)
{
    struct window window = {0};

    (void)state;
    arrive(&window, 1, 0);
    arrive(&window, UINT32_MAX, 0);
    assert_int_equal(window_frames_lost(&window), UINT32_MAX - 2);
    assert_false(arrive(&window, 1, 0));
    assert_false(arrive(&window, 2, 0)); /* further back than the window */
}

static void spans_of_lost_frames_are_the_difference(void **state)
{
    struct window window = {0};

    (void)state;
    arrive(&window, 1, 0);
    arrive(&window, 4, 0);
    window_stats(&window, 5, 9); /* 9 sent in 1 to 4; 2 + 2 came */
    assert_int_equal(window.spans_lost, 5);
    arrive(&window, 2, 0);
    assert_int_equal(window.spans_lost, 3);
    window_stats(&window, 5, 9);
    assert_int_equal(window.spans_lost, 3);
    arrive(&window, 5, 0);
    window_stats(&window, 6, 11);
    assert_int_equal(window.spans_lost, 3);
}

static void spans_that_overtook_the_stats_are_not_counted_for_them(void **state)
{
    struct window window = {0};

    (void)state;
    arrive(&window, 1, 0);
    arrive(&window, 2, 0);
    arrive(&window, 3, 0);
    window_stats(&window, 3, 6); /* below 3: 2 + 2 of 6 */
    assert_int_equal(window.spans_lost, 2);
    window_stats(&window, 2, 99); /* older than what is known */
    assert_int_equal(window.spans_lost, 2);
}

static void a_boot_seen_late_counts_spans_from_its_first_stats(void **state)
{
    struct window window = {0};

    (void)state;
    arrive(&window, 50, 0);
    window_stats(&window, 51, 1000);
    assert_int_equal(window.spans_lost, 0);
    arrive(&window, 52, 0);
    window_stats(&window, 53, 1004);
    assert_int_equal(window.spans_lost, 2);
}

static void pending_frames_are_waited_for(void **state)
{
    struct window window = {0};

    (void)state;
    arrive(&window, 1, 0);
    arrive(&window, 3, 1); /* 2 may still come */
    window_stats(&window, 4, 6);
    assert_int_equal(window.spans_lost, 0);
    window_advance_base(&window, 4);
    window_stats(&window, 4, 6);
    assert_int_equal(window.spans_lost, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_best_effort_window_agrees_with_the_model),
        cmocka_unit_test(a_reliable_window_agrees_with_the_model),
        cmocka_unit_test(what_was_before_the_first_contact_is_not_lost),
        cmocka_unit_test(best_effort_gaps_are_lost_at_once_and_taken_back),
        cmocka_unit_test(reliable_gaps_at_or_above_base_are_pending),
        cmocka_unit_test(a_jump_over_the_whole_range_is_counted),
        cmocka_unit_test(spans_of_lost_frames_are_the_difference),
        cmocka_unit_test(spans_that_overtook_the_stats_are_not_counted_for_them),
        cmocka_unit_test(a_boot_seen_late_counts_spans_from_its_first_stats),
        cmocka_unit_test(pending_frames_are_waited_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
