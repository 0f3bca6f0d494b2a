/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L

#include "otel_udp_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* A frame of more pieces is copied. Systems in use take 1024. */
enum { PIECES_MAX = 64, DATAGRAM_BYTES_MAX = 65507 };

static ssize_t send_pieces(int to, struct iovec *pieces, size_t count)
{
    struct msghdr message = {.msg_iov = pieces};
    ssize_t sent;
    message.msg_iovlen = count;
    do {
        sent = sendmsg(to, &message, 0);
    } while (sent < 0 && errno == EINTR);
    return sent;
}

static ssize_t send_copied(int to, const otel_frame *frame)
{
    uint8_t bytes[DATAGRAM_BYTES_MAX];
    struct iovec piece = {.iov_base = bytes};
    piece.iov_len = otel_frame_copy(frame, bytes, sizeof bytes);
    return send_pieces(to, &piece, 1);
}

/* Fills in `pieces`; returns how many there are, or PIECES_MAX + 1 when they are more. */
static size_t gather(const otel_frame *frame, struct iovec *pieces)
{
    otel_frame_cursor cursor = {0, 0, 0, 0, NULL};
    otel_slice slice = otel_frame_next(frame, &cursor);
    size_t count = 0;
    while (slice.length != 0 && count < PIECES_MAX) {
        /* sendmsg only reads, but its structure has no const. */
        union {
            const uint8_t *read;
            void *base;
        } bytes = {.read = slice.bytes};
        pieces[count].iov_base = bytes.base;
        pieces[count].iov_len = slice.length;
        count++;
        slice = otel_frame_next(frame, &cursor);
    }
    return slice.length == 0 ? count : PIECES_MAX + 1;
}

static otel_send_result send_datagram(void *self, const otel_frame *frame)
{
    const otel_udp_posix *const udp = self;
    struct iovec pieces[PIECES_MAX];
    const size_t count = gather(frame, pieces);
    const ssize_t sent = count <= PIECES_MAX ? send_pieces(udp->socket, pieces, count)
                                             : send_copied(udp->socket, frame);
    if (sent >= 0) {
        return OTEL_SEND_DONE;
    }
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS ? OTEL_SEND_BUSY
                                                                       : OTEL_SEND_LOST;
}

/* A datagram longer than `capacity` is dropped; an error that an earlier one caused is let go. */
static size_t receive_datagram(void *self, uint8_t *buffer, size_t capacity)
{
    const otel_udp_posix *const udp = self;
    struct iovec piece = {.iov_base = buffer, .iov_len = capacity};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    const ssize_t received = recvmsg(udp->socket, &message, 0);
    return received > 0 && (message.msg_flags & MSG_TRUNC) == 0 ? (size_t)received : 0;
}

static int connect_socket(otel_udp_posix *udp, const struct addrinfo *address)
{
    udp->socket = socket(address->ai_family, address->ai_socktype, address->ai_protocol);
    if (udp->socket < 0) {
        return errno;
    }
    if (fcntl(udp->socket, F_SETFD, FD_CLOEXEC) == 0 &&
        fcntl(udp->socket, F_SETFL, O_NONBLOCK) == 0 &&
        connect(udp->socket, address->ai_addr, address->ai_addrlen) == 0) {
        return 0;
    }
    const int error = errno;
    otel_udp_posix_close(udp);
    return error;
}

int otel_udp_posix_open(otel_udp_posix *udp, const char *host, uint16_t port)
{
    const struct addrinfo wanted = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM};
    struct addrinfo *addresses = NULL;
    char service[sizeof "65535"];
    int error = EADDRNOTAVAIL;
    udp->transport.send = send_datagram;
    udp->transport.receive = receive_datagram;
    udp->transport.self = udp;
    udp->transport.frame_bytes_max = DATAGRAM_BYTES_MAX;
    udp->socket = -1;
    (void)snprintf(service, sizeof service, "%u", (unsigned)port);
    const int failure = getaddrinfo(host, service, &wanted, &addresses);
    if (failure != 0) {
        return failure == EAI_SYSTEM ? errno : error;
    }
    for (const struct addrinfo *address = addresses; error != 0 && address != NULL;
         address = address->ai_next) {
        error = connect_socket(udp, address);
    }
    freeaddrinfo(addresses);
    return error;
}

void otel_udp_posix_close(otel_udp_posix *udp)
{
    if (udp->socket >= 0) {
        (void)close(udp->socket);
        udp->socket = -1;
    }
}
