/* SPDX-License-Identifier: MIT */
/* A transport that walks every piece of a frame, as every transport must, and does nothing with it;
 * or keeps the bytes of the last traces frame for the host to look at. */
#ifndef BENCH_TRANSPORT_H
#define BENCH_TRANSPORT_H

#include "otel.h"

/* Functions that are a transport's, not the library's: left out of the library's instructions. */
#define BENCH_TRANSPORT_FUNCTION __attribute__((noipa))

extern const otel_transport bench_transport;

/* From now on frames of traces are kept. */
void bench_transport_keep(void);

/* The kept frame; an empty one when none came. */
otel_slice bench_transport_kept(void);

#endif
