/* SPDX-License-Identifier: MIT */
/*
 * Which frame numbers of one boot arrived, which are lost, and what that says about spans
 * (LINK.md, "Sequence, base, loss").
 */
#ifndef GW_WINDOW_H
#define GW_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#define WINDOW_NUMBERS 256U /* a number further back than this is taken for a duplicate */

struct window {
    bool started;
    uint64_t first;               /* the base at first contact: what is below is no loss of ours */
    uint64_t base;                /* the highest base told */
    uint64_t highest;             /* the highest number that arrived; first - 1: none */
    uint64_t received_below_base; /* numbers from first to below base that arrived */
    uint64_t seen[WINDOW_NUMBERS / 64];
    uint32_t spans[WINDOW_NUMBERS]; /* in the frame of that number */

    bool has_baseline; /* spans are counted from number `baseline` on */
    uint64_t baseline;
    uint64_t baseline_spans_sent;
    uint64_t spans_arrived;  /* in numbers from the baseline on */
    uint64_t stats_sequence; /* of the newest stats, 0: none */
    uint64_t spans_lost;
};

/* A header said that `base` is the lowest number that the device may still send. */
void window_advance_base(struct window *window, uint64_t base);

/* A numbered frame came; its base must have been told before. False: a duplicate. */
bool window_arrive(struct window *window, uint64_t sequence, uint32_t spans);

/* The device says that it handed over so many spans in numbers below `sequence`. */
void window_stats(struct window *window, uint64_t sequence, uint64_t spans_sent);

/* Numbers that never arrived and never will. */
uint64_t window_frames_lost(const struct window *window);

#endif
