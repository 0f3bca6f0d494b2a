/* SPDX-License-Identifier: MIT */
/* The library as a user compiles it. With BENCH_NO_CHECK the frame's CRC costs nothing, so that a
 * row can leave it out; another row measures it. */
#ifdef BENCH_NO_CHECK
#define OTEL_CRC32(crc, bytes, length) ((void)(bytes), (void)(length), (crc))
#endif
#define OTEL_IMPLEMENTATION
#include "otel.h"
