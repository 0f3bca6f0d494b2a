/* SPDX-License-Identifier: MIT */
/*
 * Each function makes the call of otel.h of the same name and prints what is meant by it as one
 * line `meant: {json}`. Integers and times are decimal, a double is its 64 bits in hexadecimal, ids
 * are hexadecimal. A time that the library takes is told as the two readings of the clock around
 * the call.
 */
#ifndef MEANT_TELL_H
#define MEANT_TELL_H

#include "meant.h"

/* `options->parent` is what the call gets, `parent` is what is meant by it: NULL for a root. */
otel_span tell_start(const char *name, const otel_span_options *options,
                     const otel_context *parent);
void tell_end(otel_span span);
void tell_end_at(otel_span span, uint64_t end_time_ns);

/* For the last one what arrives differs from what is given: it is repaired, or cut. */
void tell_str(otel_span span, const char *key, const char *value);
void tell_strn(otel_span span, const char *key, const char *value, size_t value_length);
void tell_str_as(otel_span span, const char *key, const char *given, const char *arrives);
void tell_bool(otel_span span, const char *key, bool value);
void tell_i64(otel_span span, const char *key, int64_t value);
void tell_f64(otel_span span, const char *key, double value);
void tell_attribute(otel_span span, const otel_attribute *attribute);

/* A time of 0 is now. */
void tell_event(otel_span span, const char *name, const otel_attribute *attributes,
                size_t attribute_count, uint64_t time_ns);
void tell_status(otel_span span, otel_span_status status, const char *message);
void tell_name(otel_span span, const char *name);
void tell_tracestate(otel_span span, const char *tracestate);
void tell_dropped_attributes(otel_span span, uint32_t count);

void tell_resource(const char *service_name, const char *service_version,
                   const otel_attribute *attributes, size_t attribute_count);
void tell_stats(const otel_stats *stats);

#endif
