/* SPDX-License-Identifier: MIT */
/*
 * The output for other systems: OTLP/HTTP, protobuf encoded, by the rules of the OpenTelemetry
 * Protocol Exporter specification.
 *
 * Batches wait in a bounded queue; what is there after `gather_ms`, or as soon as `request_bytes`
 * are there, goes out as one request, one request at a time over a connection that is kept. Spans
 * of the same device, boot and resource share a ResourceSpans. 429, 502, 503, 504 and lost
 * connections are tried again (backoff with jitter, Retry-After honoured) until the queue is full
 * and its oldest has to go; everything else that is not a success is dropped. All of it is counted.
 */
#ifndef GW_EXPORTER_H
#define GW_EXPORTER_H

#include <uv.h>

#include "batch.h"

#define EXPORTER_PROBLEM_BYTES 512

struct exporter_header {
    char *name;
    char *value;
};

/* Zeroed is a valid state; 0 is the default of the numbers below the line. */
struct exporter_config {
    char *traces_url;    /* NULL: no endpoint is given, there is nothing to export to */
    uint32_t timeout_ms; /* of one request; 0: none */
    struct exporter_header *headers;
    size_t header_count;

    uint32_t gather_ms;         /* 200 */
    size_t request_bytes;       /* 1 MiB: a request is sent when this much is there */
    size_t queue_bytes;         /* 64 MiB: with all that it takes to hold them */
    uint32_t backoff_ms;        /* 1 000: the first delay */
    uint32_t backoff_max_ms;    /* 30 000 */
    uint32_t retry_after_max_s; /* 300: a Retry-After is not believed beyond */
};

/*
 * Reads OTEL_EXPORTER_OTLP_ENDPOINT, _HEADERS, _TIMEOUT, _PROTOCOL and their _TRACES_ forms, which
 * win. An empty variable is one that is not set. Returns false and a sentence for the user, in
 * `problem`, when a variable cannot be what is meant; `config` is to be freed all the same.
 */
bool exporter_config_from_environment(struct exporter_config *config,
                                      char problem[EXPORTER_PROBLEM_BYTES]);
void exporter_config_free(struct exporter_config *config);

/* Needs a config with a traces_url, copies what it needs of it. False: no memory, or libcurl does
 * not work. The loop must outlive the sink's close. */
bool exporter_open(struct gw_sink *sink, uv_loop_t *loop, const struct exporter_config *config);

/* After close, and after the loop ran once more. */
void exporter_free(struct gw_sink *sink);

#endif
