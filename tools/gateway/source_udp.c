/* SPDX-License-Identifier: MIT */
/* udp:[address:]port: one datagram is one frame, from whoever sends it. */
#include <stdio.h>
#include <string.h>

#include "source.h"

/* Devices that wake up together send together. */
#define RECEIVE_BUFFER_BYTES (4 * 1024 * 1024)

struct udp_source {
    struct source source;
    uv_udp_t socket;
};

static void print_address(const struct sockaddr *address, char *text, size_t text_bytes)
{
    char host[64] = "?";

    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)address;

        uv_ip4_name(v4, host, sizeof host);
        snprintf(text, text_bytes, "udp:%s:%u", host, ntohs(v4->sin_port));
    } else {
        const struct sockaddr_in6 *v6 = (const void *)address;

        uv_ip6_name(v6, host, sizeof host);
        if (strncmp(host, "::ffff:", 7) == 0 && strchr(host, '.') != NULL)
            snprintf(text, text_bytes, "udp:%s:%u", host + 7, ntohs(v6->sin6_port));
        else
            snprintf(text, text_bytes, "udp:[%s]:%u", host, ntohs(v6->sin6_port));
    }
}

static void give_buffer(uv_handle_t *handle, size_t suggested_bytes, uv_buf_t *buffer)
{
    (void)handle;
    (void)suggested_bytes;
    *buffer = uv_buf_init((char *)source_read_buffer(), SOURCE_READ_BYTES);
}

static void on_datagram(uv_udp_t *socket, ssize_t size, const uv_buf_t *buffer,
                        const struct sockaddr *sender, unsigned flags)
{
    struct udp_source *udp = socket->data;
    char name[GW_SOURCE_NAME_BYTES];

    if (sender == NULL) {
        if (size < 0)
            say("%s: %s", udp->source.name, uv_strerror((int)size));
        return;
    }
    if ((flags & UV_UDP_PARTIAL) != 0) {
        sessions_damaged(udp->source.setup->sessions, LINK_too_long);
        return;
    }
    print_address(sender, name, sizeof name);
    source_datagram(&udp->source, name, (uint8_t *)buffer->base, (size_t)size);
}

static int bind_to(uv_udp_t *socket, const char *host, uint16_t port)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address;
    int status;

    if (host[0] == 0) {
        uv_ip6_addr("::", port, &address.v6);
        status = uv_udp_bind(socket, &address.any, 0);
        if (status != UV_EAFNOSUPPORT && status != UV_EADDRNOTAVAIL)
            return status;
        uv_ip4_addr("0.0.0.0", port, &address.v4);
        return uv_udp_bind(socket, &address.any, 0);
    }
    if (uv_ip4_addr(host, port, &address.v4) == 0 || uv_ip6_addr(host, port, &address.v6) == 0)
        return uv_udp_bind(socket, &address.any, 0);
    return UV_EINVAL;
}

static void say_where(const struct udp_source *udp)
{
    struct sockaddr_storage address;
    int address_bytes = sizeof address;
    char name[GW_SOURCE_NAME_BYTES];

    if (uv_udp_getsockname(&udp->socket, (void *)&address, &address_bytes) != 0)
        return;
    print_address((const void *)&address, name, sizeof name);
    say("listening on %s", name);
}

static void close_udp(struct source *source)
{
    struct udp_source *udp = (struct udp_source *)source;

    uv_close((uv_handle_t *)&udp->socket, NULL);
}

static void free_when_closed(uv_handle_t *handle)
{
    source_free(handle->data);
}

static struct source *open_udp(const struct source_setup *setup, const char *address,
                               char problem[SOURCE_PROBLEM_BYTES])
{
    struct udp_source *udp;
    char host[256];
    uint16_t port;
    int status, buffer_bytes = RECEIVE_BUFFER_BYTES;

    if (!source_split_address(address, true, host, &port)) {
        snprintf(problem, SOURCE_PROBLEM_BYTES,
                 "udp:%.200s is not a port or address:port (0 to 65535; an IPv6 address in "
                 "brackets)",
                 address);
        return NULL;
    }
    udp = (struct udp_source *)source_new(&source_udp, setup, address, sizeof *udp, false, problem);
    if (udp == NULL)
        return NULL;
    udp->socket.data = udp;
    status = uv_udp_init(setup->loop, &udp->socket);
    if (status != 0) {
        snprintf(problem, SOURCE_PROBLEM_BYTES, "udp:%.200s: %s", address, uv_strerror(status));
        source_free(&udp->source);
        return NULL;
    }
    status = bind_to(&udp->socket, host, port);
    if (status == 0)
        status = uv_udp_recv_start(&udp->socket, give_buffer, on_datagram);
    if (status != 0) {
        snprintf(problem, SOURCE_PROBLEM_BYTES, "cannot listen on udp:%.200s: %s", address,
                 status == UV_EINVAL ? "the address must be a number of this machine, not a name"
                                     : uv_strerror(status));
        uv_close((uv_handle_t *)&udp->socket, free_when_closed);
        return NULL;
    }
    uv_recv_buffer_size((uv_handle_t *)&udp->socket, &buffer_bytes);
    say_where(udp);
    return &udp->source;
}

const struct source_kind source_udp = {"udp", open_udp, close_udp};
