/* SPDX-License-Identifier: MIT */
/* The standard span through otel.h. */
#ifndef STANDARD_OTEL_H
#define STANDARD_OTEL_H

#include "otel.h"
#include "standard_span.h"

static const otel_context standard_parent = {
    .trace_id = STANDARD_TRACE_ID,
    .span_id = STANDARD_PARENT_ID,
    .trace_flags = OTEL_TRACE_FLAG_SAMPLED,
    .state = OTEL_CONTEXT_REMOTE,
};

static inline void standard_otel_span(void)
{
    static const otel_span_options options = {
        .parent = &standard_parent,
        .kind = OTEL_SPAN_KIND_SERVER,
    };
    const otel_span span = otel_span_start_with(STANDARD_NAME, &options);
    const otel_attribute event_attribute = otel_str(STANDARD_EVENT_KEY, STANDARD_EVENT_VALUE);

    otel_span_set_str(span, STANDARD_MODEL_KEY, STANDARD_MODEL);
    otel_span_set_str(span, STANDARD_PLACE_KEY, STANDARD_PLACE);
    otel_span_set_i64(span, STANDARD_RAW_KEY, STANDARD_RAW);
    otel_span_set_bool(span, STANDARD_VALID_KEY, STANDARD_VALID);
    otel_span_event_with(span, STANDARD_EVENT, &event_attribute, 1);
    otel_span_set_status(span, OTEL_SPAN_STATUS_OK, NULL);
    otel_span_end(span);
}

#endif
