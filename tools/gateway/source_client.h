/* SPDX-License-Identifier: MIT */
/* What tcp: and unix: share: a stream that is connected to, and again whenever it was lost. */
#ifndef GW_SOURCE_CLIENT_H
#define GW_SOURCE_CLIENT_H

#include "source.h"

struct client_source;

struct client_source {
    struct source source;
    /* Initialises client->handle and begins to connect; ends in client_connected, now or later. */
    void (*connect)(struct client_source *client);
    union {
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } handle;
    uv_connect_t connecting;
    uv_timer_t retry;
    uint64_t retry_ms;
    bool has_handle; /* `handle` is open on the loop */
    bool is_closed;
};

/* Starts a new client; its kind has set `connect`. */
void client_start(struct client_source *client);

/* How connecting went: 0 or libuv's error. */
void client_connected(struct client_source *client, int status);

void client_close(struct source *source);

#endif
