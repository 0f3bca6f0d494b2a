/* SPDX-License-Identifier: MIT */
/* tcp:host:port: a connection to a terminal server, an emulator, an ESP-Link. */
#include <stdio.h>
#include <string.h>

#include "source_client.h"

#define KEEPALIVE_S 15 /* so that a peer that lost its power is noticed */

struct tcp_source {
    struct client_source client;
    char host[256];
    char port[8];
    uv_getaddrinfo_t resolving;
    bool is_resolving;
    unsigned attempts; /* each takes the next of the host's addresses */
};

static void on_connected(uv_connect_t *request, int status)
{
    struct client_source *client = request->data;

    if (status == 0)
        uv_tcp_keepalive(&client->handle.tcp, 1, KEEPALIVE_S);
    client_connected(client, status);
}

static int begin_to_connect(struct tcp_source *tcp, const struct sockaddr *address)
{
    struct client_source *client = &tcp->client;
    int status = uv_tcp_init(client->source.setup->loop, &client->handle.tcp);

    if (status != 0)
        return status;
    client->has_handle = true;
    return uv_tcp_connect(&client->connecting, &client->handle.tcp, address, on_connected);
}

static const struct addrinfo *choose(const struct addrinfo *addresses, unsigned attempt)
{
    const struct addrinfo *address = addresses;

    for (; attempt > 0; attempt--)
        address = address->ai_next != NULL ? address->ai_next : addresses;
    return address;
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *addresses)
{
    struct tcp_source *tcp = request->data;

    tcp->is_resolving = false;
    if (status == 0 && !tcp->client.is_closed)
        status = begin_to_connect(tcp, choose(addresses, tcp->attempts++ % 64)->ai_addr);
    if (status != 0)
        client_connected(&tcp->client, status);
    uv_freeaddrinfo(addresses);
}

static void connect_tcp(struct client_source *client)
{
    static const struct addrinfo wanted = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct tcp_source *tcp = (struct tcp_source *)client;
    int status = uv_getaddrinfo(client->source.setup->loop, &tcp->resolving, on_resolved, tcp->host,
                                tcp->port, &wanted);

    tcp->is_resolving = status == 0;
    if (status != 0)
        client_connected(client, status);
}

static void close_tcp(struct source *source)
{
    struct tcp_source *tcp = (struct tcp_source *)source;

    if (tcp->is_resolving)
        uv_cancel((uv_req_t *)&tcp->resolving);
    client_close(source);
}

static struct source *open_tcp(const struct source_setup *setup, const char *address,
                               char problem[SOURCE_PROBLEM_BYTES])
{
    struct tcp_source *tcp;
    char host[256];
    uint16_t port;

    if (!source_split_address(address, false, host, &port) || port == 0) {
        snprintf(problem, SOURCE_PROBLEM_BYTES,
                 "tcp:%.200s is not host:port (1 to 65535; an IPv6 address in brackets)", address);
        return NULL;
    }
    tcp = (struct tcp_source *)source_new(&source_tcp, setup, address, sizeof *tcp, true, problem);
    if (tcp == NULL)
        return NULL;
    memcpy(tcp->host, host, sizeof host);
    snprintf(tcp->port, sizeof tcp->port, "%u", port);
    tcp->resolving.data = tcp;
    tcp->client.connect = connect_tcp;
    client_start(&tcp->client);
    return &tcp->client.source;
}

const struct source_kind source_tcp = {"tcp", open_tcp, close_tcp};
