/* SPDX-License-Identifier: MIT */
/* tests/vectors/link.tsv, read a line at a time. */
#ifndef GATEWAY_VECTORS_H
#define GATEWAY_VECTORS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "unit.h"

#define VECTOR_LINE_BYTES 16384

struct vector {
    char line[VECTOR_LINE_BYTES];
    const char *name, *verdict, *direction, *key, *fields;
    uint8_t frame[VECTOR_LINE_BYTES / 2], cobs[VECTOR_LINE_BYTES / 2];
    size_t frame_bytes, cobs_bytes;
};

static inline size_t vector_bytes(const char *hex, uint8_t *bytes)
{
    size_t size = strlen(hex) / 2;

    for (size_t i = 0; i < size; i++) {
        unsigned byte = 0;

        assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
        bytes[i] = (uint8_t)byte;
    }
    return size;
}

static inline FILE *vectors_open(void)
{
    FILE *file = fopen("tests/vectors/link.tsv", "r");
    char head[VECTOR_LINE_BYTES];

    assert_non_null(file);
    assert_non_null(fgets(head, sizeof head, file));
    assert_string_equal(head, "name\tverdict\tdirection\tkey\tframe\tcobs\tfields\n");
    return file;
}

static inline bool vectors_next(FILE *file, struct vector *vector)
{
    char *at = vector->line;

    if (fgets(vector->line, sizeof vector->line, file) == NULL)
        return false;
    at[strcspn(at, "\n")] = 0;
    vector->name = strsep(&at, "\t");
    vector->verdict = strsep(&at, "\t");
    vector->direction = strsep(&at, "\t");
    vector->key = strsep(&at, "\t");
    vector->frame_bytes = vector_bytes(strsep(&at, "\t"), vector->frame);
    vector->cobs_bytes = vector_bytes(strsep(&at, "\t"), vector->cobs);
    vector->fields = at;
    assert_non_null(at);
    return true;
}

/* Whether the JSON of the fields has "name":value, value as it stands there. */
static inline bool vector_says(const struct vector *vector, const char *name, const char *value)
{
    char wanted[128];
    const char *found;

    snprintf(wanted, sizeof wanted, "\"%s\":%s", name, value);
    found = strstr(vector->fields, wanted);
    return found != NULL && strchr(",}", found[strlen(wanted)]) != NULL;
}

#endif
