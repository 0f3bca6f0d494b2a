/* SPDX-License-Identifier: MIT */
/* unix:path: a stream socket that somebody else listens on. */
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "source_client.h"

struct unix_source {
    struct client_source client;
    char path[sizeof((struct sockaddr_un *)0)->sun_path];
};

static void on_connected(uv_connect_t *request, int status)
{
    client_connected(request->data, status);
}

static void connect_unix(struct client_source *client)
{
    struct unix_source *unix_source = (struct unix_source *)client;
    int status = uv_pipe_init(client->source.setup->loop, &client->handle.pipe, 0);

    if (status != 0) {
        client_connected(client, status);
        return;
    }
    client->has_handle = true;
    uv_pipe_connect(&client->connecting, &client->handle.pipe, unix_source->path, on_connected);
}

static struct source *open_unix(const struct source_setup *setup, const char *address,
                                char problem[SOURCE_PROBLEM_BYTES])
{
    struct unix_source *unix_source;

    if (strlen(address) >= sizeof unix_source->path) {
        snprintf(problem, SOURCE_PROBLEM_BYTES,
                 "unix:%.200s… is too long: a socket's path has at most %zu bytes", address,
                 sizeof unix_source->path - 1);
        return NULL;
    }
    unix_source = (struct unix_source *)source_new(&source_unix, setup, address,
                                                   sizeof *unix_source, true, problem);
    if (unix_source == NULL)
        return NULL;
    snprintf(unix_source->path, sizeof unix_source->path, "%s", address);
    unix_source->client.connect = connect_unix;
    client_start(&unix_source->client);
    return &unix_source->client.source;
}

const struct source_kind source_unix = {"unix", open_unix, client_close};
