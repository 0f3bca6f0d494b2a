/* SPDX-License-Identifier: MIT */
#include "received.h"

#include <pb_decode.h>
#include <pb_encode.h>

#include <string.h>

enum { HEADER_BYTES = 40, WALL_BYTES = 12, CRC_BYTES = 4 };

static uint64_t little_endian(const uint8_t *bytes, size_t length)
{
    uint64_t value = 0;

    while (length > 0) {
        value = value << 8 | bytes[--length];
    }
    return value;
}

uint32_t crc32_iso_hdlc(const uint8_t *bytes, size_t length)
{
    uint32_t crc = 0xFFFFFFFFu;

    for (size_t i = 0; i < length; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ ((crc & 1u) != 0 ? 0xEDB88320u : 0u);
        }
    }
    return crc ^ 0xFFFFFFFFu;
}

bool link_parse(const uint8_t *bytes, size_t length, link_frame *frame)
{
    size_t header_length = HEADER_BYTES;

    memset(frame, 0, sizeof *frame);
    if (length < HEADER_BYTES + CRC_BYTES) {
        return false;
    }
    frame->magic = bytes[0];
    frame->version = bytes[1];
    frame->kind = bytes[2];
    frame->flags = bytes[3];
    frame->key_id = bytes[4];
    frame->attempt = bytes[5];
    frame->base_distance = (uint16_t)little_endian(&bytes[6], 2);
    frame->device_id = little_endian(&bytes[8], 8);
    frame->boot_id = little_endian(&bytes[16], 8);
    frame->sequence = (uint32_t)little_endian(&bytes[24], 4);
    frame->resource_hash = (uint32_t)little_endian(&bytes[28], 4);
    frame->clock_ns = little_endian(&bytes[32], 8);
    if ((frame->flags & LINK_FLAG_WALL_CLOCK) != 0) {
        header_length += WALL_BYTES;
        if (length < header_length + CRC_BYTES) {
            return false;
        }
        frame->wall_offset_ns = (int64_t)little_endian(&bytes[40], 8);
        frame->wall_uncertainty_us = (uint32_t)little_endian(&bytes[48], 4);
    }
    frame->payload = &bytes[header_length];
    frame->payload_length = length - header_length - CRC_BYTES;
    return crc32_iso_hdlc(bytes, length - CRC_BYTES) ==
           (uint32_t)little_endian(&bytes[length - CRC_BYTES], CRC_BYTES);
}

static bool decode(const uint8_t *bytes, size_t length, const pb_msgdesc_t *fields, void *message,
                   bool exact)
{
    pb_istream_t stream = pb_istream_from_buffer(bytes, length);
    size_t encoded_length = 0;

    memset(message, 0,
           fields == opentelemetry_proto_resource_v1_Resource_fields ? sizeof(otlp_resource)
                                                                     : sizeof(otlp_request));
    if (!pb_decode(&stream, fields, message)) {
        return false;
    }
    if (stream.bytes_left != 0 ||
        (exact &&
         (!pb_get_encoded_size(&encoded_length, fields, message) || encoded_length != length))) {
        pb_release(fields, message);
        return false;
    }
    return true;
}

bool otlp_decode_request(const uint8_t *bytes, size_t length, otlp_request *request, bool exact)
{
    return decode(bytes, length,
                  opentelemetry_proto_collector_trace_v1_ExportTraceServiceRequest_fields, request,
                  exact);
}

void otlp_release(otlp_request *request)
{
    pb_release(opentelemetry_proto_collector_trace_v1_ExportTraceServiceRequest_fields, request);
}

bool otlp_decode_resource(const uint8_t *bytes, size_t length, otlp_resource *resource)
{
    return decode(bytes, length, opentelemetry_proto_resource_v1_Resource_fields, resource, true);
}

void otlp_release_resource(otlp_resource *resource)
{
    pb_release(opentelemetry_proto_resource_v1_Resource_fields, resource);
}

bool stats_decode(const uint8_t *bytes, size_t length, uint64_t fields[STATS_FIELD_COUNT])
{
    pb_istream_t stream = pb_istream_from_buffer(bytes, length);

    memset(fields, 0, STATS_FIELD_COUNT * sizeof fields[0]);
    while (stream.bytes_left != 0) {
        pb_wire_type_t type;
        uint32_t field;
        bool end;

        if (!pb_decode_tag(&stream, &type, &field, &end) || type != PB_WT_VARINT ||
            field >= STATS_FIELD_COUNT || fields[field] != 0 ||
            !pb_decode_varint(&stream, &fields[field])) {
            return false;
        }
    }
    return true;
}

const otlp_attribute *otlp_find(const otlp_attribute *attributes, size_t count, const char *key)
{
    const otlp_attribute *found = NULL;

    for (size_t i = 0; i < count; i++) {
        if (strcmp(attributes[i].key, key) == 0) {
            if (found != NULL) {
                return NULL;
            }
            found = &attributes[i];
        }
    }
    return found;
}
