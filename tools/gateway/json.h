/* SPDX-License-Identifier: MIT */
/*
 * The output for programs: a line of OTLP/JSON for each batch, an ExportTraceServiceRequest as the
 * exporter would send it (resource joined in, estimated times marked). The console text of the
 * devices goes to stderr.
 *
 * The encoding is that of the OTLP specification: ids in lower-case hexadecimal, 64-bit integers as
 * strings, enums as numbers, bytes in base64, doubles that JSON does not have as "NaN", "Infinity"
 * and "-Infinity".
 */
#ifndef GW_JSON_H
#define GW_JSON_H

#include <stdio.h>

#include "batch.h"

/* `output` is stdout for people who gave NULL. Returns false when there is no memory. */
bool json_open(struct gw_sink *sink, FILE *output);

/* After close. */
void json_free(struct gw_sink *sink);

#endif
