/* SPDX-License-Identifier: MIT */
#include "source_client.h"

#define RETRY_FIRST_MS 100
#define RETRY_LAST_MS 2000

static void try_again(uv_timer_t *timer)
{
    struct client_source *client = timer->data;

    client->connect(client);
}

static void schedule(struct client_source *client)
{
    if (client->is_closed || client->source.has_ended)
        return;
    uv_timer_start(&client->retry, try_again, client->retry_ms, 0);
    client->retry_ms = client->retry_ms * 2 < RETRY_LAST_MS ? client->retry_ms * 2 : RETRY_LAST_MS;
}

static void on_closed(uv_handle_t *handle)
{
    struct client_source *client = handle->data;

    client->has_handle = false;
    schedule(client);
}

static void drop_connection(struct client_source *client)
{
    if (!client->has_handle)
        schedule(client);
    else if (!uv_is_closing((uv_handle_t *)&client->handle.stream))
        uv_close((uv_handle_t *)&client->handle.stream, on_closed);
}

static void give_buffer(uv_handle_t *handle, size_t suggested_bytes, uv_buf_t *buffer)
{
    (void)handle;
    (void)suggested_bytes;
    *buffer = uv_buf_init((char *)source_read_buffer(), SOURCE_READ_BYTES);
}

static void on_bytes(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
    struct client_source *client = stream->data;

    if (size > 0)
        source_bytes(&client->source, (const uint8_t *)buffer->base, (size_t)size);
    if (size >= 0)
        return;
    if (client->source.setup->ends_at_hangup) {
        source_ended(&client->source);
    } else {
        source_broken(&client->source);
        source_waits(&client->source,
                     size == UV_EOF ? "the other side closed" : uv_strerror((int)size));
    }
    drop_connection(client);
}

void client_connected(struct client_source *client, int status)
{
    if (status == UV_ECANCELED || client->is_closed)
        return;
    if (status == 0)
        status = uv_read_start(&client->handle.stream, give_buffer, on_bytes);
    if (status != 0) {
        source_waits(&client->source, uv_strerror(status));
        drop_connection(client);
        return;
    }
    client->retry_ms = RETRY_FIRST_MS;
    source_is_there(&client->source);
}

void client_start(struct client_source *client)
{
    uv_timer_init(client->source.setup->loop, &client->retry);
    client->retry.data = client;
    client->handle.stream.data = client;
    client->connecting.data = client;
    client->retry_ms = RETRY_FIRST_MS;
    client->connect(client);
}

void client_close(struct source *source)
{
    struct client_source *client = (struct client_source *)source;

    client->is_closed = true;
    uv_close((uv_handle_t *)&client->retry, NULL);
    if (client->has_handle && !uv_is_closing((uv_handle_t *)&client->handle.stream))
        uv_close((uv_handle_t *)&client->handle.stream, on_closed);
}
