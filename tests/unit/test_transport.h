/* SPDX-License-Identifier: MIT */
/* A transport that takes, is busy, loses or keeps as it is told, and remembers every frame. */
#ifndef TEST_TRANSPORT_H
#define TEST_TRANSPORT_H

#include "otel.h"

enum { TEST_FRAME_COUNT = 64 };

typedef struct test_transport {
    otel_send_result answer;
    unsigned long
        answers_until_done; /* after so many answers it becomes OTEL_SEND_DONE; 0: never */
    void (*on_send)(void);  /* before the answer, as application code of the transport */
    unsigned long sends;
    unsigned long frames_accepted; /* answered OTEL_SEND_DONE or OTEL_SEND_TAKEN */
    unsigned pieces_wrong;         /* walks over a frame that did not give the bytes of its copy */
    bool owns_frame;         /* OTEL_SEND_TAKEN was answered, otel_frame_done not yet called */
    const otel_frame *frame; /* the last one offered */

    const uint8_t *incoming; /* what receive gives, once */
    size_t incoming_length;

    size_t frame_count;
    size_t frames_not_remembered;
    struct {
        const uint8_t *bytes;
        size_t length;
    } frames[TEST_FRAME_COUNT];
    size_t arena_used;
} test_transport;

extern test_transport wire;
extern otel_transport wire_transport;

void test_transport_reset(void);

/* Forgets the frames, not the behaviour. */
void test_transport_forget(void);

/* Gives a kept frame back. */
void test_transport_release(bool delivered);

#endif
