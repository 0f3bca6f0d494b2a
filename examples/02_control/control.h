/* SPDX-License-Identifier: MIT */
/* The control application: the same on every platform. */
#ifndef CONTROL_H
#define CONTROL_H

#include "platform.h"

enum { CONTROL_CYCLES = 11, CONTROL_PERIOD_MS = 700 };

/* From the timer interrupt, every CONTROL_PERIOD_MS. */
void control_on_timer(void);

/* From the converter's interrupt; `parent` is the span that waits for it. Returns the raw value. */
uint32_t control_on_conversion(const otel_context *parent);

/* In the task, for each event of the queue. */
void control_handle(const control_event *event);

/* Prints what became of the spans. */
void control_print_stats(void);

#endif
