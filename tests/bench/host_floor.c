/* SPDX-License-Identifier: MIT */
/* The standard span through the floor writer, on the host, with a clock that costs nothing. */
#include "host_time.h"
#include "standard_floor.h"

#include <stdio.h>

static uint8_t payload[STANDARD_SPAN_FIELD_BYTES];

static void span(void)
{
    (void)standard_floor_span(payload);
}

int main(void)
{
    printf("floor_span_ns\t%.1f\n", host_least_ns(span));
    return 0;
}
