/* SPDX-License-Identifier: MIT */
/* Every option at the least that the header allows, but for a frame that has room for a resource. */
#define TEST_CONFIG_NAME "least"
#define TEST_ARENA_BYTES 4096u

#define OTEL_CONTEXT_COUNT 1
#define OTEL_RECORDING_COUNT 1
#define OTEL_CARRIER_COUNT 0
#define OTEL_CARRIER_BYTES 16
#define OTEL_SPAN_BYTES 128
#define OTEL_QUEUE_BYTES 256
#define OTEL_FRAME_BYTES 280
#define OTEL_FRAME_SCOPES 1
#define OTEL_SCOPE_BYTES 8
#define OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT 1
#define OTEL_SPAN_EVENT_COUNT_LIMIT 1
#define OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT 1
#define OTEL_ATTRIBUTE_VALUE_BYTES_LIMIT 8
