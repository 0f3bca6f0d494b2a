/* SPDX-License-Identifier: MIT */
/*
 * The standard span: what every row of the benchmark records, so that rows can be compared.
 * A 16-character name, kind server, a parent, 2 strings, 1 int, 1 bool, 1 event with 1 string,
 * status OK: 239 bytes of OTLP as the body of one Span message (flags included), 242 with tag and
 * length. rust/src/main.rs repeats the same values.
 */
#ifndef STANDARD_SPAN_H
#define STANDARD_SPAN_H

#define STANDARD_SPAN_BYTES 239u
#define STANDARD_SPAN_FIELD_BYTES 242u /* as a field of ScopeSpans */

#define STANDARD_NAME "sensor.condition"
#define STANDARD_MODEL_KEY "sensor.model"
#define STANDARD_MODEL "bme280-rev-b"
#define STANDARD_PLACE_KEY "sensor.place"
#define STANDARD_PLACE "line-3-north"
#define STANDARD_RAW_KEY "sensor.raw"
#define STANDARD_RAW 23512
#define STANDARD_VALID_KEY "sensor.valid"
#define STANDARD_VALID 1
#define STANDARD_EVENT "limit.passed"
#define STANDARD_EVENT_KEY "threshold"
#define STANDARD_EVENT_VALUE "upper-2"

/* clang-format off */
#define STANDARD_TRACE_ID {0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6, \
                           0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e, 0x47, 0x36}
#define STANDARD_PARENT_ID {0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7}
/* clang-format on */

#endif
