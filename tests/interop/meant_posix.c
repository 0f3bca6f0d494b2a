/* SPDX-License-Identifier: MIT */
/*
 * The application as a program: meant_posix PORT DEVICE_ID SERVICE_NAME sends datagrams to PORT of
 * 127.0.0.1. A DEVICE_ID of 0 is an anonymous device.
 */
#define _POSIX_C_SOURCE 200809L

#include "meant.h"
#include "otel_udp_posix.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

void meant_print(const char *line, size_t length)
{
    (void)fwrite(line, 1, length, stdout);
}

typedef struct elsewhere {
    void (*work)(void);
} elsewhere;

static void *run_elsewhere(void *argument)
{
    const elsewhere *const wanted = argument;
    wanted->work();
    return NULL;
}

void meant_elsewhere(void (*work)(void))
{
    elsewhere wanted = {.work = work};
    pthread_t thread;
    if (pthread_create(&thread, NULL, run_elsewhere, &wanted) != 0 ||
        pthread_join(thread, NULL) != 0) {
        abort();
    }
}

int main(int argc, char **argv)
{
    static otel_udp_posix udp;
    if (argc != 4) {
        (void)fprintf(stderr, "usage: meant_posix PORT DEVICE_ID SERVICE_NAME\n");
        return 2;
    }
    if (otel_udp_posix_open(&udp, "127.0.0.1", (uint16_t)strtoul(argv[1], NULL, 10)) != 0) {
        return 1;
    }
    const meant_device device = {.service_name = argv[3],
                                 .device_id = strtoull(argv[2], NULL, 16),
                                 .transport = &udp.transport};
    return meant_run(&device);
}
