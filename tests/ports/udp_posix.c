/* SPDX-License-Identifier: MIT */
/* otel_udp_posix against sockets of its own. */
#define _POSIX_C_SOURCE 200809L

#include "check.h"
#include "otel_udp_posix.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { FRAME_BYTES = 1200, TOO_MANY_BYTES = 66000, RECEIVE_TIMEOUT_S = 2 };

/* A frame in pieces of `piece_bytes`. */
struct otel_frame {
    const uint8_t *bytes;
    size_t length;
    size_t piece_bytes;
};

static uint8_t content[TOO_MANY_BYTES];

size_t otel_frame_length(const otel_frame *frame)
{
    return frame->length;
}

otel_slice otel_frame_next(const otel_frame *frame, otel_frame_cursor *cursor)
{
    const size_t left = frame->length - cursor->position;
    const otel_slice piece = {frame->bytes + cursor->position,
                              left < frame->piece_bytes ? left : frame->piece_bytes};
    cursor->position += (uint32_t)piece.length;
    return piece;
}

size_t otel_frame_copy(const otel_frame *frame, uint8_t *buffer, size_t capacity)
{
    if (frame->length > capacity) {
        return 0;
    }
    memcpy(buffer, frame->bytes, frame->length);
    return frame->length;
}

static otel_frame frame_of(size_t length, size_t piece_bytes)
{
    const otel_frame frame = {content, length, piece_bytes};
    return frame;
}

/* A socket that listens on a free port of 127.0.0.1, and that port. */
static int listen_somewhere(uint16_t *port)
{
    const struct timeval timeout = {.tv_sec = RECEIVE_TIMEOUT_S};
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    const int listener = socket(AF_INET, SOCK_DGRAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(bind(listener, (const struct sockaddr *)&address, sizeof address) == 0);
    CHECK(getsockname(listener, (struct sockaddr *)&address, &length) == 0);
    CHECK(setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) == 0);
    *port = ntohs(address.sin_port);
    return listener;
}

static void arrives_whole(size_t length, size_t piece_bytes)
{
    static uint8_t received[TOO_MANY_BYTES];
    const otel_frame frame = frame_of(length, piece_bytes);
    otel_udp_posix udp;
    uint16_t port;
    const int listener = listen_somewhere(&port);
    CHECK_EQUAL(otel_udp_posix_open(&udp, "127.0.0.1", port), 0);
    CHECK_EQUAL(udp.transport.send(udp.transport.self, &frame), OTEL_SEND_DONE);
    const ssize_t got = recv(listener, received, sizeof received, 0);
    CHECK(got >= 0);
    CHECK_BYTES(received, (size_t)got, content, length);
    otel_udp_posix_close(&udp);
    close(listener);
}

static void one_datagram_is_one_frame(void)
{
    arrives_whole(FRAME_BYTES, FRAME_BYTES); /* one piece */
    arrives_whole(FRAME_BYTES, 300);
    arrives_whole(64, 1); /* as many pieces as are sent as they are */
    arrives_whole(65, 1); /* one more */
    arrives_whole(FRAME_BYTES, 1);
    arrives_whole(65507, 65507); /* the largest of all datagrams */
    arrives_whole(65507, 100);
}

static void a_frame_that_no_datagram_holds_is_lost(void)
{
    otel_udp_posix udp;
    uint16_t port;
    const int listener = listen_somewhere(&port);
    otel_frame frame = frame_of(65508, 65508);
    CHECK_EQUAL(otel_udp_posix_open(&udp, "127.0.0.1", port), 0);
    CHECK_EQUAL(udp.transport.send(udp.transport.self, &frame), OTEL_SEND_LOST);
    frame = frame_of(10, 10);
    CHECK_EQUAL(udp.transport.send(udp.transport.self, &frame), OTEL_SEND_DONE);
    otel_udp_posix_close(&udp);
    close(listener);
}

static void where_nobody_listens_the_next_frame_is_lost(void)
{
    const otel_frame frame = frame_of(FRAME_BYTES, FRAME_BYTES);
    otel_udp_posix udp;
    uint16_t port;
    close(listen_somewhere(&port));
    CHECK_EQUAL(otel_udp_posix_open(&udp, "127.0.0.1", port), 0);
    CHECK_EQUAL(udp.transport.send(udp.transport.self, &frame), OTEL_SEND_DONE);
    CHECK_EQUAL(udp.transport.send(udp.transport.self, &frame), OTEL_SEND_LOST);
    otel_udp_posix_close(&udp);
    CHECK_EQUAL(udp.transport.send(udp.transport.self, &frame), OTEL_SEND_LOST);
}

/* UDP on the loopback is never full; a pair of local datagram sockets is. */
static void a_full_socket_is_busy(void)
{
    const otel_frame frame = frame_of(FRAME_BYTES, FRAME_BYTES);
    otel_udp_posix udp;
    int ends[2];
    otel_send_result result = OTEL_SEND_DONE;
    uint8_t received[FRAME_BYTES];
    CHECK_EQUAL(otel_udp_posix_open(&udp, "127.0.0.1", 9), 0);
    otel_udp_posix_close(&udp);
    REQUIRE(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) == 0);
    REQUIRE(fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0);
    udp.socket = ends[0];
    for (unsigned i = 0; i < 100000 && result == OTEL_SEND_DONE; i++) {
        result = udp.transport.send(udp.transport.self, &frame);
    }
    CHECK_EQUAL(result, OTEL_SEND_BUSY);
    CHECK(recv(ends[1], received, sizeof received, 0) == FRAME_BYTES);
    CHECK_EQUAL(udp.transport.send(udp.transport.self, &frame), OTEL_SEND_DONE);
    close(ends[1]);
    otel_udp_posix_close(&udp);
}

/* Sends `length` bytes back to whoever sent a frame to `listener`. */
static void answer(int listener, size_t length)
{
    struct sockaddr_in peer;
    socklen_t peer_length = sizeof peer;
    uint8_t received[FRAME_BYTES];
    CHECK(recvfrom(listener, received, sizeof received, 0, (struct sockaddr *)&peer, &peer_length) >
          0);
    CHECK(sendto(listener, content, length, 0, (const struct sockaddr *)&peer, peer_length) ==
          (ssize_t)length);
}

static void what_comes_back_is_received_unless_it_is_too_long(void)
{
    const otel_frame frame = frame_of(10, 10);
    otel_udp_posix udp;
    uint16_t port;
    uint8_t received[64];
    const int listener = listen_somewhere(&port);
    CHECK_EQUAL(otel_udp_posix_open(&udp, "127.0.0.1", port), 0);
    CHECK_EQUAL(udp.transport.receive(udp.transport.self, received, sizeof received), 0);
    CHECK_EQUAL(udp.transport.send(udp.transport.self, &frame), OTEL_SEND_DONE);
    CHECK_EQUAL(udp.transport.send(udp.transport.self, &frame), OTEL_SEND_DONE);
    CHECK_EQUAL(udp.transport.send(udp.transport.self, &frame), OTEL_SEND_DONE);
    answer(listener, sizeof received + 1);
    answer(listener, sizeof received);
    answer(listener, 1);
    CHECK_EQUAL(udp.transport.receive(udp.transport.self, received, sizeof received), 0);
    const size_t whole = udp.transport.receive(udp.transport.self, received, sizeof received);
    CHECK_BYTES(received, whole, content, sizeof received);
    CHECK_EQUAL(udp.transport.receive(udp.transport.self, received, sizeof received), 1);
    otel_udp_posix_close(&udp);
    close(listener);
}

static void a_host_that_is_none_is_an_error(void)
{
    const otel_frame frame = frame_of(10, 10);
    otel_udp_posix udp;
    CHECK_EQUAL(otel_udp_posix_open(&udp, "256.1.1.1.", 1), EADDRNOTAVAIL);
    CHECK_EQUAL(udp.transport.send(udp.transport.self, &frame), OTEL_SEND_LOST);
    otel_udp_posix_close(&udp);
}

static void do_nothing(void)
{
}

int main(void)
{
    static const check_test tests[] = {
        CHECK_TEST(one_datagram_is_one_frame),
        CHECK_TEST(a_frame_that_no_datagram_holds_is_lost),
        CHECK_TEST(where_nobody_listens_the_next_frame_is_lost),
        CHECK_TEST(a_full_socket_is_busy),
        CHECK_TEST(what_comes_back_is_received_unless_it_is_too_long),
        CHECK_TEST(a_host_that_is_none_is_an_error),
    };
    for (size_t i = 0; i < sizeof content; i++) {
        content[i] = (uint8_t)(i * 31u + (i >> 8));
    }
    check_run("udp_posix", tests, sizeof tests / sizeof tests[0], do_nothing, do_nothing);
    return check_finish();
}
