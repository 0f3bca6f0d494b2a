/* SPDX-License-Identifier: MIT */
/*
 * otel_udp_posix.h - frames as UDP datagrams, on POSIX sockets
 *
 *     static otel_udp_posix udp;
 *     static const otel_config config = { .service_name = "…", .transport = &udp.transport };
 *
 *     if (otel_udp_posix_open(&udp, "127.0.0.1", 4319) == 0 && otel_init(&config) == OTEL_OK) …
 *
 * One datagram is one frame. Nothing waits: a full socket is OTEL_SEND_BUSY; a frame that is too
 * large for the path, or a peer that nobody listens at, is OTEL_SEND_LOST, and so is every other
 * error. A datagram that left proves nothing. Sending needs up to 66 KB of stack.
 */
#ifndef OTEL_UDP_POSIX_INCLUDED
#define OTEL_UDP_POSIX_INCLUDED

#include "otel.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct otel_udp_posix {
    otel_transport transport;
    int socket;
} otel_udp_posix;

/*
 * Opens a socket towards `host` (a name, or an address of IPv4 or IPv6) and fills in `udp`, which must
 * stay where it is. Returns 0 or an errno value; EADDRNOTAVAIL when `host` is no known name. On an
 * error, sending with `udp->transport` loses the frame. May wait for a name server.
 */
int otel_udp_posix_open(otel_udp_posix *udp, const char *host, uint16_t port);

/* Closes the socket; call it after otel_shutdown. */
void otel_udp_posix_close(otel_udp_posix *udp);

#ifdef __cplusplus
}
#endif
#endif /* OTEL_UDP_POSIX_INCLUDED */
