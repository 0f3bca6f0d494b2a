/* SPDX-License-Identifier: MIT */
/*
 * What a stream for people can show: how wide it is, whether it has colours and UTF-8; and text of
 * strangers made harmless for it.
 */
#ifndef GW_TERMINAL_H
#define GW_TERMINAL_H

#include <stdio.h>

#include "buffer.h"

#define TERMINAL_COLUMNS_MIN 60
#define TERMINAL_COLUMNS_MAX 250
#define TERMINAL_COLUMNS_DEFAULT 100 /* of what is not a terminal */

/* COLUMNS, else what the terminal says; within the bounds above. */
size_t terminal_columns(FILE *stream);

/* A terminal, not a dumb one, and NO_COLOR is not set. */
bool terminal_has_colors(FILE *stream);

/* Whether the user's locale is UTF-8. Sets the process's LC_CTYPE from the environment. */
bool terminal_has_utf8(void);

/* What is shown for one character. */
struct glyph {
    char text[12];
    size_t bytes;
    size_t columns; /* 0 for a mark that combines with the one before */
};

/* Makes a glyph of the first character of `bytes` (at least one byte) and returns how many bytes it
 * was. Control characters, what reorders or hides text, and what is not UTF-8 are shown as escapes
 * (\n, \x1b, \u{202e}); without `utf8` all that is not ASCII is. */
size_t glyph_of(struct glyph *glyph, const uint8_t *bytes, size_t size, bool utf8);

/* The columns that a text takes, and the text, as glyphs. */
size_t glyphs_columns(const uint8_t *bytes, size_t size, bool utf8);
void glyphs_append(struct buffer *out, const uint8_t *bytes, size_t size, bool utf8);

#endif
