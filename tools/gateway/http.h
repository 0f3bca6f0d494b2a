/* SPDX-License-Identifier: MIT */
/*
 * Posts one body after another to one URL: libcurl's multi interface on libuv's loop, the
 * connection kept between requests. Nothing here blocks, and nothing decides: what an answer means
 * is for the caller.
 */
#ifndef GW_HTTP_H
#define GW_HTTP_H

#include <uv.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An answer's body is kept up to the first bound and read up to the second; then the connection is
 * closed. So are its header lines, all together. */
#define HTTP_BODY_KEPT_BYTES 65536u
#define HTTP_BODY_READ_BYTES (4u << 20)
#define HTTP_HEADER_READ_BYTES (256u << 10)

struct http_answer {
    long status;         /* 0: none came, the connection was lost or never made */
    const char *problem; /* why the exchange did not end as it should; NULL: it did */
    const uint8_t *body;
    size_t body_bytes;
    bool body_is_whole;
    const char *content_type; /* NULL: not said */
    long retry_after_s;       /* 0: not said, or now */
};

typedef void http_answered(void *self, const struct http_answer *answer);

struct http_client;

struct http_settings {
    const char *url;
    const char *user_agent;
    const char *const *header_lines; /* "Name: value" */
    size_t header_line_count;
    uint32_t timeout_ms; /* of one exchange; 0: none */
};

/* NULL when libcurl or memory fails. `answered` is called from the loop, once for each post. */
struct http_client *http_open(uv_loop_t *loop, const struct http_settings *settings,
                              http_answered *answered, void *self);

/* One at a time: not before the last one was answered. `body` stays as it is until then. False when
 * libcurl refuses to start; then `answered` is not called. */
bool http_post(struct http_client *client, const void *body, size_t size);

/* Gives up a post under way (it is not answered any more) and closes what is on the loop. */
void http_close(struct http_client *client);

/* After close, and after the loop ran once more. */
void http_free(struct http_client *client);

#endif
