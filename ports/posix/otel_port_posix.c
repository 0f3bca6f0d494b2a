/* SPDX-License-Identifier: MIT */
/*
 * otel.h on POSIX with threads (POSIX.1-2008, a compiler that knows __thread)
 *
 * Lock: one mutex for the process. It keeps threads apart on any number of cores. It does not protect
 * against signal handlers: one that calls otel.h while its thread holds the lock hangs. A thread must
 * not be cancelled asynchronously (the default, deferred cancellation, is fine). A child of fork()
 * goes on with its parent's ids, so it must not use otel.h before it has called exec().
 *
 * Ticks: nanoseconds, and they go on while the machine is suspended where there is a CLOCK_BOOTTIME
 * (Linux); elsewhere CLOCK_MONOTONIC, whose behaviour then is the system's.
 *
 * There is no otel_port_unique_id: a machine's id is not a process's, and two processes that share a
 * device id would be taken for one device that reboots. Give a process that needs an identity over
 * restarts a device_id of its own in otel_config.
 *
 * Has otel_port_wall_time_ns and otel_port_idle: compile the implementation of otel.h with
 * OTEL_PORT_HAS_WALL_TIME=1 and OTEL_PORT_HAS_IDLE=1 to use them.
 */
#define _DEFAULT_SOURCE /* adjtimex; everything else is POSIX */
#define _POSIX_C_SOURCE 200809L

#include "otel_port.h"

#include <fcntl.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/timex.h>
#endif

#define NS_PER_SEC 1000000000u
#define NS_PER_MS 1000000L
#define MS_PER_SEC 1000u

/* What Linux says of a clock that nobody sets: 16 s. A gateway then takes its own estimate. */
#define UNCERTAINTY_UNKNOWN_US 16000000u

#ifdef CLOCK_BOOTTIME
#define TICK_CLOCK CLOCK_BOOTTIME
#else
#define TICK_CLOCK CLOCK_MONOTONIC
#endif

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static __thread uintptr_t context_word;

uintptr_t otel_port_lock(void)
{
    (void)pthread_mutex_lock(&mutex);
    return 0;
}

void otel_port_unlock(uintptr_t state)
{
    (void)state;
    (void)pthread_mutex_unlock(&mutex);
}

uint64_t otel_port_ticks(void)
{
    struct timespec now;
    (void)clock_gettime(TICK_CLOCK, &now);
    return (uint64_t)now.tv_sec * NS_PER_SEC + (uint64_t)now.tv_nsec;
}

uint32_t otel_port_ticks_per_sec(void)
{
    return NS_PER_SEC;
}

uintptr_t otel_port_context_get(void)
{
    return context_word;
}

void otel_port_context_set(uintptr_t word)
{
    context_word = word;
}

bool otel_port_entropy(uint8_t *out, size_t size_bytes)
{
    const int file = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    size_t filled = 0;
    ssize_t got = 1;
    if (file < 0) {
        return false;
    }
    while (filled < size_bytes && got > 0) {
        got = read(file, out + filled, size_bytes - filled);
        filled += got > 0 ? (size_t)got : 0;
    }
    (void)close(file);
    return filled == size_bytes;
}

static uint32_t wall_uncertainty_us(void)
{
#ifdef __linux__
    struct timex state = {.modes = 0};
    if (adjtimex(&state) >= 0 && state.maxerror >= 0 &&
        state.maxerror < (long)UNCERTAINTY_UNKNOWN_US) {
        return (uint32_t)state.maxerror;
    }
#endif
    return UNCERTAINTY_UNKNOWN_US;
}

bool otel_port_wall_time_ns(int64_t *unix_time_ns, uint32_t *uncertainty_us)
{
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0) {
        return false;
    }
    *unix_time_ns = (int64_t)now.tv_sec * (int64_t)NS_PER_SEC + (int64_t)now.tv_nsec;
    *uncertainty_us = wall_uncertainty_us();
    return true;
}

void otel_port_idle(uint32_t at_most_ms)
{
    const struct timespec pause = {
        .tv_sec = (time_t)(at_most_ms / MS_PER_SEC),
        .tv_nsec = (long)(at_most_ms % MS_PER_SEC) * NS_PER_MS,
    };
    (void)nanosleep(&pause, NULL); /* a signal may end it early */
}
