/* SPDX-License-Identifier: MIT */
#include "window.h"

#include <string.h>

static bool is_seen(const struct window *window, uint64_t number)
{
    uint64_t slot = number % WINDOW_NUMBERS;

    if (number > window->highest || window->highest - number >= WINDOW_NUMBERS)
        return false;
    return (window->seen[slot / 64] >> (slot % 64) & 1) != 0;
}

static void set_slot(struct window *window, uint64_t number, bool is_there, uint32_t spans)
{
    uint64_t slot = number % WINDOW_NUMBERS;
    uint64_t bit = (uint64_t)1 << (slot % 64);

    if (is_there)
        window->seen[slot / 64] |= bit;
    else
        window->seen[slot / 64] &= ~bit;
    window->spans[slot] = spans;
}

/* Numbers between the old and the new highest have not arrived; they reuse old slots. */
static void advance_highest(struct window *window, uint64_t number)
{
    uint64_t next = window->highest + 1;

    if (number - window->highest >= WINDOW_NUMBERS)
        next = number - WINDOW_NUMBERS + 1;
    for (; next <= number; next++)
        set_slot(window, next, false, 0);
    window->highest = number;
}

static void start(struct window *window, uint64_t base)
{
    memset(window, 0, sizeof *window);
    window->started = true;
    window->first = base;
    window->base = base;
    window->highest = base - 1;
    if (base == 1) {
        window->has_baseline = true;
        window->baseline = 1;
    }
}

void window_advance_base(struct window *window, uint64_t base)
{
    uint64_t number;

    if (!window->started)
        start(window, base);
    for (number = window->base; number < base && number <= window->highest; number++)
        window->received_below_base += is_seen(window, number);
    if (base > window->base)
        window->base = base;
}

/* Spans of a number that was counted as lost when the last stats came. */
static void take_back_spans(struct window *window, uint64_t sequence, uint32_t spans)
{
    if (sequence >= window->stats_sequence)
        return;
    window->spans_lost -= spans < window->spans_lost ? spans : window->spans_lost;
}

bool window_arrive(struct window *window, uint64_t sequence, uint32_t spans)
{
    if (sequence > window->highest)
        advance_highest(window, sequence);
    else if (is_seen(window, sequence) || window->highest - sequence >= WINDOW_NUMBERS)
        return false;
    set_slot(window, sequence, true, spans);
    if (sequence >= window->first && sequence < window->base)
        window->received_below_base++;
    if (window->has_baseline && sequence >= window->baseline) {
        window->spans_arrived += spans;
        take_back_spans(window, sequence, spans);
    }
    return true;
}

/* Spans in numbers from `sequence` on. */
static uint64_t spans_from(const struct window *window, uint64_t sequence)
{
    uint64_t spans = 0;

    for (uint64_t number = window->highest;
         number >= sequence && number > 0 && window->highest - number < WINDOW_NUMBERS; number--)
        spans += is_seen(window, number) ? window->spans[number % WINDOW_NUMBERS] : 0;
    return spans;
}

static bool is_pending(const struct window *window, uint64_t sequence)
{
    for (uint64_t number = window->base; number < sequence; number++) {
        if (!is_seen(window, number))
            return true;
    }
    return false;
}

void window_stats(struct window *window, uint64_t sequence, uint64_t spans_sent)
{
    uint64_t sent, arrived;

    if (sequence < window->stats_sequence || is_pending(window, sequence))
        return;
    window->stats_sequence = sequence;
    if (!window->has_baseline) {
        window->has_baseline = true;
        window->baseline = sequence;
        window->baseline_spans_sent = spans_sent;
        window->spans_arrived = spans_from(window, sequence);
        return;
    }
    sent = spans_sent - window->baseline_spans_sent;
    arrived = window->spans_arrived - spans_from(window, sequence);
    window->spans_lost =
        spans_sent > window->baseline_spans_sent && sent > arrived ? sent - arrived : 0;
}

uint64_t window_frames_lost(const struct window *window)
{
    return window->base - window->first - window->received_below_base;
}
