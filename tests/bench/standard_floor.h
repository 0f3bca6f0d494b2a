/* SPDX-License-Identifier: MIT */
/* The standard span through the floor writer; `payload` takes STANDARD_SPAN_FIELD_BYTES. */
#ifndef STANDARD_FLOOR_H
#define STANDARD_FLOOR_H

#include "bench_inputs.h"
#include "floor_span.h"
#include "standard_span.h"

#define FLOOR_TEXT(literal) (literal), sizeof(literal) - 1

static inline size_t standard_floor_span(uint8_t *payload)
{
    static const floor_context parent = {STANDARD_TRACE_ID, STANDARD_PARENT_ID};

    floor_start(FLOOR_TEXT(STANDARD_NAME), 2, &parent, bench_random(), bench_clock_ns());
    floor_set_str(FLOOR_TEXT(STANDARD_MODEL_KEY), FLOOR_TEXT(STANDARD_MODEL));
    floor_set_str(FLOOR_TEXT(STANDARD_PLACE_KEY), FLOOR_TEXT(STANDARD_PLACE));
    floor_set_i64(FLOOR_TEXT(STANDARD_RAW_KEY), STANDARD_RAW);
    floor_set_bool(FLOOR_TEXT(STANDARD_VALID_KEY), STANDARD_VALID);
    floor_event(FLOOR_TEXT(STANDARD_EVENT), bench_clock_ns(), FLOOR_TEXT(STANDARD_EVENT_KEY),
                FLOOR_TEXT(STANDARD_EVENT_VALUE));
    floor_status(1);
    floor_end(bench_clock_ns());
    return floor_batch(payload);
}

#endif
