/* SPDX-License-Identifier: MIT */
/* A queue that is soon full, and frames that are soon built: each of them is, ten thousand times. */
#define OTEL_SPAN_BYTES 256
#define OTEL_CARRIER_BYTES 32
#define OTEL_QUEUE_BYTES 1024
#define OTEL_FRAME_BYTES 400
