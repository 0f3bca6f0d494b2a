/* SPDX-License-Identifier: MIT */
/* The smallest useful configuration: spans up to 192 bytes, two open at once, one of them waiting.
 */
#define OTEL_CONTEXT_COUNT 2
#define OTEL_RECORDING_COUNT 2
#define OTEL_CARRIER_COUNT 0
#define OTEL_CARRIER_BYTES 16
#define OTEL_SPAN_BYTES 192
#define OTEL_QUEUE_BYTES 256
#define OTEL_FRAME_BYTES 320
#define OTEL_FRAME_SCOPES 1
#define OTEL_SCOPE_BYTES 16
#define OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT 8
#define OTEL_ATTRIBUTE_VALUE_BYTES_LIMIT 64
