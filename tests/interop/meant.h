/* SPDX-License-Identifier: MIT */
/*
 * An application of a dozen spans that says on its console what it means by them: lines of
 * `meant: {json}`. A test compares what arrived at the other end with these lines, so nothing
 * that lies in between is asked what the right answer is.
 *
 *   meant.c        the application: the same on every platform
 *   meant_tell.c   each function makes one call of otel.h and tells what it means
 *   meant_board.c, meant_posix.c   where it runs
 */
#ifndef MEANT_H
#define MEANT_H

#include "otel.h"

/* ---- what a platform brings ---------------------------------------------------------------- */

/* Writes a whole line, its newline included, to the console. May be called in meant_elsewhere(). */
void meant_print(const char *line, size_t length);

/* Calls `work` where the caller's current span must not be seen, in an interrupt handler or in
 * another thread, and returns when it has. */
void meant_elsewhere(void (*work)(void));

/* ---- the application ----------------------------------------------------------------------- */

typedef struct meant_device {
    const char *service_name;
    uint64_t device_id;
    const otel_transport *transport;
} meant_device;

/* Returns 0 when every span was handed to the transport. */
int meant_run(const meant_device *device);

#endif
