/* SPDX-License-Identifier: MIT */
#include "exporter.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <pb_decode.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "export_queue.h"
#include "http.h"
#include "join.h"
#include "otel.h"
#include "otlp_walk.h"
#include "terminal.h"

#define USER_AGENT "OTel-OTLP-Exporter-otel-h/" OTEL_VERSION
#define NOTICE_INTERVAL_MS 10000u
#define NOTICE_TEXT_BYTES 300u /* of what the other side said */

enum exporter_state {
    EXPORTER_GATHERING, /* nothing is under way */
    EXPORTER_SENDING,
    EXPORTER_WAITING /* after a failure, until retry_due_ms */
};

/* Things worth a line on stderr, each at most once in NOTICE_INTERVAL_MS. */
enum exporter_notice {
    NOTICE_RETRY,
    NOTICE_REFUSED,
    NOTICE_PARTIAL,
    NOTICE_GARBLED,
    NOTICE_FULL,
    NOTICE_COUNT
};

struct exporter {
    struct exporter_config limits; /* only its numbers */
    char *shown_url;               /* without user and password */
    uv_loop_t *loop;
    uv_timer_t timer;
    struct http_client *http;
    struct export_queue queue;
    enum exporter_state state;
    bool is_draining;
    bool is_asked_to_wait; /* the delay under way is the server's wish */
    uint64_t retry_due_ms;
    unsigned failures; /* in a row */
    struct buffer request;
    struct buffer parts; /* an array of struct join_part */
    struct buffer line;  /* of a notice */
    size_t request_spans;

    struct {
        uint64_t last_ms;
        uint64_t suppressed;
        bool was_shown;
    } notices[NOTICE_COUNT];

    uint64_t spans_exported;
    uint64_t spans_rejected; /* by partial successes */
    uint64_t spans_refused;  /* with requests that were refused for good */
    uint64_t spans_at_exit;  /* still held at close */
    uint64_t requests;
    uint64_t retries;
    uint64_t request_bytes;
    uint64_t partial_successes;
    uint64_t answers_garbled;
};

/* ---- saying so ----------------------------------------------------------------------------- */

/* Begins a line of this kind; false when it is too early for another one. */
static bool begin_notice(struct exporter *exporter, enum exporter_notice notice)
{
    uint64_t now_ms = uv_now(exporter->loop);

    if (exporter->notices[notice].was_shown &&
        now_ms - exporter->notices[notice].last_ms < NOTICE_INTERVAL_MS) {
        exporter->notices[notice].suppressed++;
        return false;
    }
    buffer_clear(&exporter->line);
    buffer_format(&exporter->line, "otel-gateway: %s: ", exporter->shown_url);
    if (exporter->notices[notice].suppressed > 0)
        buffer_format(&exporter->line, "(and %" PRIu64 " times like it before) ",
                      exporter->notices[notice].suppressed);
    exporter->notices[notice].suppressed = 0;
    exporter->notices[notice].last_ms = now_ms;
    exporter->notices[notice].was_shown = true;
    return true;
}

static void end_notice(struct exporter *exporter)
{
    buffer_append_text(&exporter->line, "\n");
    if (exporter->line.size > 0)
        fwrite(exporter->line.data, 1, exporter->line.size, stderr);
}

static void add_foreign_text(struct buffer *line, const uint8_t *text, size_t size)
{
    glyphs_append(line, text, size < NOTICE_TEXT_BYTES ? size : NOTICE_TEXT_BYTES,
                  terminal_has_utf8());
}

/* ---- what answers say: google.rpc.Status, ExportTraceServiceResponse ----------------------- */

struct answer_text {
    const uint8_t *bytes;
    size_t size;
};

struct partial_success {
    bool is_there;
    int64_t rejected_spans;
    struct answer_text message;
};

/* Reads a length-delimited field's content where it lies. */
static bool take_content(pb_istream_t *stream, const uint8_t *end, struct answer_text *content)
{
    uint32_t length;

    if (!pb_decode_varint32(stream, &length) || length > stream->bytes_left)
        return false;
    content->bytes = end - stream->bytes_left;
    content->size = length;
    return pb_read(stream, NULL, length);
}

/* A message whose field 1 is a number and whose field 2 is a text, as both of these are. */
static bool read_number_and_text(const uint8_t *bytes, size_t size, uint64_t *number,
                                 struct answer_text *text)
{
    pb_istream_t stream = pb_istream_from_buffer(bytes, size);
    pb_wire_type_t wire_type;
    uint32_t field;
    bool at_end;

    while (stream.bytes_left > 0) {
        bool good = pb_decode_tag(&stream, &wire_type, &field, &at_end);

        if (!good)
            return false;
        if (field == 1 && wire_type == PB_WT_VARINT)
            good = pb_decode_varint(&stream, number);
        else if (field == 2 && wire_type == PB_WT_STRING)
            good = take_content(&stream, bytes + size, text);
        else
            good = pb_skip_field(&stream, wire_type);
        if (!good)
            return false;
    }
    return otlp_utf8_valid(text->bytes, text->size);
}

static bool read_response(const struct http_answer *answer, struct partial_success *partial)
{
    pb_istream_t stream = pb_istream_from_buffer(answer->body, answer->body_bytes);
    pb_wire_type_t wire_type;
    uint32_t field;
    bool at_end;

    *partial = (struct partial_success){0};
    while (stream.bytes_left > 0) {
        struct answer_text content;
        uint64_t rejected = 0;

        if (!pb_decode_tag(&stream, &wire_type, &field, &at_end))
            return false;
        if (field != 1 || wire_type != PB_WT_STRING) {
            if (!pb_skip_field(&stream, wire_type))
                return false;
            continue;
        }
        if (!take_content(&stream, answer->body + answer->body_bytes, &content) ||
            !read_number_and_text(content.bytes, content.size, &rejected, &partial->message))
            return false;
        partial->is_there = true;
        partial->rejected_spans = (int64_t)rejected;
    }
    return true;
}

static bool is_protobuf(const struct http_answer *answer)
{
    return answer->content_type != NULL &&
           strncmp(answer->content_type, "application/x-protobuf", 22) == 0;
}

/* Why a request failed, in the words of whoever knows. */
static struct answer_text reason_of(const struct http_answer *answer)
{
    struct answer_text reason = {0};
    uint64_t code;

    if (answer->status > 0 && is_protobuf(answer) &&
        read_number_and_text(answer->body, answer->body_bytes, &code, &reason) && reason.size > 0)
        return reason;
    if (answer->status > 0 && answer->body_bytes > 0 && !is_protobuf(answer))
        return (struct answer_text){answer->body, answer->body_bytes};
    if (answer->problem != NULL)
        return (struct answer_text){(const uint8_t *)answer->problem, strlen(answer->problem)};
    return (struct answer_text){0};
}

static void add_reason(struct buffer *line, const struct http_answer *answer)
{
    struct answer_text reason = reason_of(answer);

    if (answer->status > 0)
        buffer_format(line, "HTTP %ld%s", answer->status, reason.size > 0 ? ": " : "");
    add_foreign_text(line, reason.bytes, reason.size);
}

/* ---- requests ------------------------------------------------------------------------------ */

static void append_origin(struct exporter *exporter, struct export_origin *origin)
{
    size_t count = 0;

    buffer_clear(&exporter->parts);
    for (const struct export_entry *entry = origin->first_taken; entry != NULL;
         entry = entry->next_of_origin) {
        struct join_part part = {entry->bytes, entry->size};

        buffer_append(&exporter->parts, &part, sizeof part);
        count++;
    }
    if (exporter->parts.failed) {
        exporter->request.failed = true;
        return;
    }
    join_resource_spans(&exporter->request, origin->resource, origin->resource_bytes,
                        (const struct join_part *)(const void *)exporter->parts.data, count);
}

/* The origins of the taken entries, each with its entries in a list; in the order of their first. */
static struct export_origin *take_entries(struct exporter *exporter)
{
    struct export_origin *origins = NULL;
    struct export_origin **link = &origins;
    size_t bytes = 0;
    const struct export_entry *next;

    while ((next = export_queue_next(&exporter->queue)) != NULL &&
           (bytes == 0 || bytes + next->size <= exporter->limits.request_bytes)) {
        struct export_entry *entry = export_queue_take(&exporter->queue);
        struct export_origin *origin = entry->origin;

        bytes += entry->size;
        exporter->request_spans += entry->spans;
        entry->next_of_origin = NULL;
        if (origin == NULL) {
            buffer_append(&exporter->request, entry->bytes, entry->size);
        } else if (origin->first_taken == NULL) {
            origin->first_taken = origin->last_taken = entry;
            origin->next_taken = NULL;
            *link = origin;
            link = &origin->next_taken;
        } else {
            origin->last_taken->next_of_origin = entry;
            origin->last_taken = entry;
        }
    }
    return origins;
}

static bool build_request(struct exporter *exporter)
{
    struct export_origin *origin;

    buffer_clear(&exporter->request);
    exporter->request_spans = 0;
    origin = take_entries(exporter);
    while (origin != NULL) {
        append_origin(exporter, origin);
        origin->first_taken = origin->last_taken = NULL;
        origin = origin->next_taken;
    }
    return !exporter->request.failed;
}

/* ---- when to send -------------------------------------------------------------------------- */

/* The delay after the n-th failure in a row: doubled each time, bounded, and then somewhere between
 * half of it and all of it, so that many gateways do not come back in step. */
static uint64_t backoff_ms(const struct exporter *exporter)
{
    uint64_t delay_ms = exporter->limits.backoff_ms;
    uint32_t random = 0;

    for (unsigned i = 1; i < exporter->failures && delay_ms < exporter->limits.backoff_max_ms; i++)
        delay_ms *= 2;
    if (delay_ms > exporter->limits.backoff_max_ms)
        delay_ms = exporter->limits.backoff_max_ms;
    uv_random(NULL, NULL, &random, sizeof random, 0, NULL);
    return delay_ms / 2 + (delay_ms - delay_ms / 2) * random / UINT32_MAX;
}

static void wait_before_retry(struct exporter *exporter, const struct http_answer *answer)
{
    uint64_t delay_ms;
    long asked_s = answer->retry_after_s;

    export_queue_put_back(&exporter->queue);
    exporter->failures++;
    delay_ms = backoff_ms(exporter);
    exporter->is_asked_to_wait = asked_s > 0;
    if (asked_s > (long)exporter->limits.retry_after_max_s)
        asked_s = (long)exporter->limits.retry_after_max_s;
    if (asked_s > 0)
        delay_ms += (uint64_t)asked_s * 1000u; /* never earlier, and not all at that second */
    exporter->state = EXPORTER_WAITING;
    exporter->retry_due_ms = uv_now(exporter->loop) + delay_ms;
    if (begin_notice(exporter, NOTICE_RETRY)) {
        add_reason(&exporter->line, answer);
        buffer_format(&exporter->line, "; %zu spans wait, trying again in %.1f s",
                      exporter->queue.spans, (double)delay_ms / 1000);
        end_notice(exporter);
    }
}

static uint64_t gathered_at_ms(const struct exporter *exporter, const struct export_entry *oldest)
{
    if (exporter->is_draining || exporter->queue.payload_bytes >= exporter->limits.request_bytes)
        return 0;
    return oldest->put_ms + exporter->limits.gather_ms;
}

static void send_request(struct exporter *exporter)
{
    struct http_answer failure = {.problem = "there is not enough memory for a request"};

    exporter->requests++;
    exporter->retries += exporter->failures > 0;
    if (build_request(exporter)) {
        exporter->state = EXPORTER_SENDING;
        if (http_post(exporter->http, exporter->request.data, exporter->request.size)) {
            exporter->request_bytes += exporter->request.size;
            return;
        }
        failure.problem = "libcurl does not take the request";
    }
    wait_before_retry(exporter, &failure);
}

/* Does what is due now and has itself called again when more will be. */
static void advance(uv_timer_t *timer)
{
    struct exporter *exporter = timer->data;
    const struct export_entry *oldest = export_queue_next(&exporter->queue);
    uint64_t now_ms = uv_now(exporter->loop);
    uint64_t due_ms = exporter->retry_due_ms;

    if (exporter->state == EXPORTER_SENDING || oldest == NULL)
        return;
    if (exporter->state == EXPORTER_GATHERING)
        due_ms = gathered_at_ms(exporter, oldest);
    if (now_ms >= due_ms) {
        send_request(exporter);
        due_ms = exporter->retry_due_ms;
    }
    if (exporter->state != EXPORTER_SENDING)
        uv_timer_start(timer, advance, due_ms > now_ms ? due_ms - now_ms : 0, 0);
}

/* ---- answers ------------------------------------------------------------------------------- */

static void take_success(struct exporter *exporter, const struct http_answer *answer)
{
    struct partial_success partial;
    uint64_t spans = exporter->request_spans;
    uint64_t rejected = 0;

    exporter->failures = 0;
    if (!answer->body_is_whole || (answer->body_bytes > 0 && !is_protobuf(answer)) ||
        !read_response(answer, &partial)) {
        exporter->answers_garbled++;
        if (begin_notice(exporter, NOTICE_GARBLED)) {
            buffer_format(&exporter->line,
                          "HTTP %ld with a body that is not an OTLP response; "
                          "taken for accepted",
                          answer->status);
            end_notice(exporter);
        }
    } else if (partial.is_there && (partial.rejected_spans > 0 || partial.message.size > 0)) {
        rejected = partial.rejected_spans > 0 ? (uint64_t)partial.rejected_spans : 0;
        rejected = rejected < spans ? rejected : spans;
        exporter->partial_successes++;
        if (begin_notice(exporter, NOTICE_PARTIAL)) {
            buffer_format(&exporter->line, "%" PRIu64 " of %" PRIu64 " spans rejected: ", rejected,
                          spans);
            add_foreign_text(&exporter->line, partial.message.bytes, partial.message.size);
            end_notice(exporter);
        }
    }
    exporter->spans_rejected += rejected;
    exporter->spans_exported += spans - rejected;
    export_queue_settle(&exporter->queue);
}

static void take_refusal(struct exporter *exporter, const struct http_answer *answer)
{
    exporter->failures = 0;
    exporter->spans_refused += exporter->request_spans;
    export_queue_settle(&exporter->queue);
    if (begin_notice(exporter, NOTICE_REFUSED)) {
        add_reason(&exporter->line, answer);
        buffer_format(&exporter->line, "; %zu spans dropped, it is of no use to send them again",
                      exporter->request_spans);
        end_notice(exporter);
    }
}

static bool is_worth_a_retry(long status)
{
    return status == 0 || status == 429 || status == 502 || status == 503 || status == 504;
}

static void take_answer(void *self, const struct http_answer *answer)
{
    struct exporter *exporter = self;

    exporter->state = EXPORTER_GATHERING;
    if (answer->status >= 200 && answer->status <= 299)
        take_success(exporter, answer);
    else if (is_worth_a_retry(answer->status))
        wait_before_retry(exporter, answer);
    else
        take_refusal(exporter, answer);
    advance(&exporter->timer);
}

/* ---- the sink ------------------------------------------------------------------------------ */

static void take_batch(void *self, const struct gw_batch *batch)
{
    struct exporter *exporter = self;
    uint64_t gone_before = exporter->queue.spans_let_go + exporter->queue.spans_refused;

    if (batch->signal != GW_TRACES || batch->span_count == 0)
        return;
    export_queue_put(&exporter->queue, batch, uv_now(exporter->loop));
    if (exporter->queue.spans_let_go + exporter->queue.spans_refused > gone_before &&
        begin_notice(exporter, NOTICE_FULL)) {
        buffer_format(&exporter->line,
                      "the queue of %zu bytes is full, the oldest spans are let go",
                      exporter->queue.bytes_max);
        end_notice(exporter);
    }
    advance(&exporter->timer);
}

static bool is_congested(void *self)
{
    const struct exporter *exporter = self;

    return exporter->queue.bytes > exporter->queue.bytes_max / 2;
}

static void start_drain(void *self)
{
    struct exporter *exporter = self;

    exporter->is_draining = true;
    if (exporter->state == EXPORTER_WAITING && !exporter->is_asked_to_wait) {
        exporter->failures = 0; /* the deadline is near: from the shortest delay again */
        exporter->retry_due_ms = 0;
    }
    advance(&exporter->timer);
}

static bool is_drained(void *self)
{
    const struct exporter *exporter = self;

    return exporter->queue.entries == 0;
}

static void close_exporter(void *self)
{
    struct exporter *exporter = self;

    http_close(exporter->http);
    uv_timer_stop(&exporter->timer);
    uv_close((uv_handle_t *)&exporter->timer, NULL);
    exporter->spans_at_exit = exporter->queue.spans;
}

static void visit_counters(void *self, gw_counter_visitor *visit, void *visitor)
{
    const struct exporter *exporter = self;

    visit(visitor, "spans_exported", exporter->spans_exported);
    visit(visitor, "spans_dropped_rejected", exporter->spans_rejected);
    visit(visitor, "spans_dropped_refused", exporter->spans_refused);
    visit(visitor, "spans_dropped_queue_full",
          exporter->queue.spans_let_go + exporter->queue.spans_refused);
    visit(visitor, "spans_dropped_at_exit", exporter->spans_at_exit);
    visit(visitor, "export_requests", exporter->requests);
    visit(visitor, "export_retries", exporter->retries);
    visit(visitor, "export_request_bytes", exporter->request_bytes);
    visit(visitor, "export_partial_successes", exporter->partial_successes);
    visit(visitor, "export_answers_garbled", exporter->answers_garbled);
}

/* ---- opening ------------------------------------------------------------------------------- */

static char *url_without_secrets(const char *text)
{
    CURLU *url = curl_url();
    char *whole = NULL;
    char *copy = NULL;

    if (url != NULL && curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK &&
        curl_url_set(url, CURLUPART_USER, NULL, 0) == CURLUE_OK &&
        curl_url_set(url, CURLUPART_PASSWORD, NULL, 0) == CURLUE_OK &&
        curl_url_set(url, CURLUPART_QUERY, NULL, 0) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_URL, &whole, 0) == CURLUE_OK)
        copy = strdup(whole);
    curl_free(whole);
    curl_url_cleanup(url);
    return copy;
}

static void set_limits(struct exporter_config *limits, const struct exporter_config *config)
{
    *limits = (struct exporter_config){
        .gather_ms = config->gather_ms ? config->gather_ms : 200,
        .request_bytes = config->request_bytes ? config->request_bytes : (size_t)1 << 20,
        .queue_bytes = config->queue_bytes ? config->queue_bytes : (size_t)64 << 20,
        .backoff_ms = config->backoff_ms ? config->backoff_ms : 1000,
        .backoff_max_ms = config->backoff_max_ms ? config->backoff_max_ms : 30000,
        .retry_after_max_s = config->retry_after_max_s ? config->retry_after_max_s : 300,
    };
}

/* "Name: value", and "Name;" where the value is empty, as libcurl wants it. */
static bool append_header_line(struct buffer *lines, const struct exporter_header *header)
{
    size_t bytes = strlen(header->name) + strlen(header->value) + sizeof ": ";
    char *line = malloc(bytes);

    if (line == NULL)
        return false;
    if (header->value[0] != '\0')
        snprintf(line, bytes, "%s: %s", header->name, header->value);
    else
        snprintf(line, bytes, "%s;", header->name);
    buffer_append(lines, &line, sizeof line);
    if (lines->failed)
        free(line);
    return !lines->failed;
}

static bool open_http(struct exporter *exporter, const struct exporter_config *config)
{
    struct exporter_header content_type = {(char[]){"Content-Type"},
                                           (char[]){"application/x-protobuf"}};
    struct buffer lines = {0};
    struct http_settings settings = {
        .url = config->traces_url, .user_agent = USER_AGENT, .timeout_ms = config->timeout_ms};
    bool good = append_header_line(&lines, &content_type);

    for (size_t i = 0; good && i < config->header_count; i++)
        good = append_header_line(&lines, &config->headers[i]);
    settings.header_lines = (const char *const *)(const void *)lines.data;
    settings.header_line_count = lines.size / sizeof(char *);
    if (good)
        exporter->http = http_open(exporter->loop, &settings, take_answer, exporter);
    for (size_t i = 0; i < settings.header_line_count; i++)
        free(((char **)(void *)lines.data)[i]);
    buffer_free(&lines);
    return exporter->http != NULL;
}

bool exporter_open(struct gw_sink *sink, uv_loop_t *loop, const struct exporter_config *config)
{
    struct exporter *exporter = calloc(1, sizeof *exporter);

    if (exporter == NULL)
        return false;
    exporter->loop = loop;
    set_limits(&exporter->limits, config);
    exporter->queue.bytes_max = exporter->limits.queue_bytes;
    exporter->shown_url = url_without_secrets(config->traces_url);
    if (exporter->shown_url == NULL || !open_http(exporter, config)) {
        free(exporter->shown_url);
        free(exporter);
        return false;
    }
    uv_timer_init(loop, &exporter->timer);
    exporter->timer.data = exporter;
    *sink = (struct gw_sink){.self = exporter,
                             .batch = take_batch,
                             .congested = is_congested,
                             .drain = start_drain,
                             .drained = is_drained,
                             .close = close_exporter,
                             .counters = visit_counters};
    return true;
}

void exporter_free(struct gw_sink *sink)
{
    struct exporter *exporter = sink->self;

    http_free(exporter->http);
    export_queue_free(&exporter->queue);
    buffer_free(&exporter->request);
    buffer_free(&exporter->parts);
    buffer_free(&exporter->line);
    free(exporter->shown_url);
    free(exporter);
    *sink = (struct gw_sink){0};
}
