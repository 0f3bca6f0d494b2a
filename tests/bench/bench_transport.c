/* SPDX-License-Identifier: MIT */
#include "bench_transport.h"

enum { FRAME_BYTES_MAX = 1200, KIND_OFFSET = 2, KIND_TRACES = 1 };

static uint8_t kept[FRAME_BYTES_MAX];
static size_t kept_bytes;
static bool keeping;

BENCH_TRANSPORT_FUNCTION static otel_send_result bench_transport_send(void *self,
                                                                      const otel_frame *frame)
{
    otel_frame_cursor cursor = {0};
    otel_slice piece;
    (void)self;

    if (keeping) {
        const size_t length_bytes = otel_frame_copy(frame, kept, sizeof kept);

        kept_bytes = kept[KIND_OFFSET] == KIND_TRACES ? length_bytes : kept_bytes;
        return OTEL_SEND_DONE;
    }
    do {
        piece = otel_frame_next(frame, &cursor);
    } while (piece.length != 0);
    return OTEL_SEND_DONE;
}

const otel_transport bench_transport = {.send = bench_transport_send};

void bench_transport_keep(void)
{
    keeping = true;
    kept_bytes = 0;
}

otel_slice bench_transport_kept(void)
{
    const otel_slice slice = {kept, kept_bytes};

    return slice;
}
