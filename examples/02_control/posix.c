/* SPDX-License-Identifier: MIT */
/* The control application as a program: threads stand for its interrupts, a pipe for its queue. */
#define _POSIX_C_SOURCE 200809L

#include "control.h"
#include "otel_udp_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { POLL_INTERVAL_MS = 10, SHUTDOWN_MS = 1000 };

static otel_udp_posix udp;
static int queue[2];

static const otel_config config = {
    .service_name = "thermostat",
    .service_version = "1.0.0",
    .transport = &udp.transport,
    .flush_interval_ms = 100,
};

/* The pipe does not wait: when it is full, so is the queue. */
bool platform_queue_put(const control_event *event)
{
    return write(queue[1], event, sizeof *event) == (ssize_t)sizeof *event;
}

typedef struct conversion {
    otel_context parent;
    uint32_t raw;
} conversion;

static void *run_conversion(void *argument)
{
    conversion *const wanted = argument;
    wanted->raw = control_on_conversion(&wanted->parent);
    return NULL;
}

uint32_t platform_convert(const otel_context *parent)
{
    conversion wanted = {.parent = *parent};
    pthread_t thread;
    if (pthread_create(&thread, NULL, run_conversion, &wanted) == 0) {
        (void)pthread_join(thread, NULL);
    }
    return wanted.raw;
}

void platform_work_ms(uint32_t time_ms)
{
    const struct timespec time = {.tv_nsec = (long)time_ms * 1000000L};
    (void)nanosleep(&time, NULL);
}

void platform_print(const char *text)
{
    (void)fputs(text, stdout);
    (void)fflush(stdout);
}

static void *run_timer(void *unused)
{
    (void)unused;
    for (uint32_t i = 0; i < CONTROL_CYCLES; i++) {
        platform_work_ms(CONTROL_PERIOD_MS);
        control_on_timer();
    }
    return NULL;
}

static void run(void)
{
    struct pollfd waiting = {.fd = queue[0], .events = POLLIN};
    for (uint32_t cycles = 0; cycles < CONTROL_CYCLES;) {
        control_event event;
        if (poll(&waiting, 1, POLL_INTERVAL_MS) == 1 &&
            read(queue[0], &event, sizeof event) == (ssize_t)sizeof event) {
            control_handle(&event);
            cycles++;
        }
        otel_poll();
    }
}

int main(int argc, char **argv)
{
    pthread_t timer;
    const uint16_t port = argc > 2 ? (uint16_t)atoi(argv[2]) : 4319;
    const int error = otel_udp_posix_open(&udp, argc > 1 ? argv[1] : "127.0.0.1", port);
    if (error != 0 || otel_init(&config) != OTEL_OK) {
        (void)fprintf(stderr, "control: no telemetry: %s\n", strerror(error));
    }
    if (pipe(queue) != 0 || fcntl(queue[1], F_SETFL, O_NONBLOCK) != 0 ||
        pthread_create(&timer, NULL, run_timer, NULL) != 0) {
        return 1;
    }
    run();
    (void)pthread_join(timer, NULL);
    (void)otel_shutdown(SHUTDOWN_MS);
    control_print_stats();
    return 0;
}
