/* SPDX-License-Identifier: MIT */
/* What the control application needs from where it runs: a board (board.c) or POSIX (posix.c). */
#ifndef PLATFORM_H
#define PLATFORM_H

#include "otel.h"

/* What a timer interrupt tells the task. The context travels with it, by value. */
typedef struct control_event {
    uint32_t number;
    otel_context context;
} control_event;

/* Puts an event into the queue; false when it is full. Called from the timer interrupt. */
bool platform_queue_put(const control_event *event);

/* Starts a conversion and waits until its interrupt has called control_on_conversion(parent).
 * Returns what that returned. */
uint32_t platform_convert(const otel_context *parent);

/* Something takes this long. */
void platform_work_ms(uint32_t time_ms);

/* A line of text for a human, on the wire that the spans use too. */
void platform_print(const char *text);

#endif
