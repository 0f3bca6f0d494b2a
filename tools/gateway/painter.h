/* SPDX-License-Identifier: MIT */
/*
 * Styled text on lines of a given width: escapes what would harm a terminal, counts columns, wraps
 * between items where it can and between characters where it must, and repeats a prefix on each
 * line that it begins.
 */
#ifndef GW_PAINTER_H
#define GW_PAINTER_H

#include "buffer.h"

enum style {
    STYLE_PLAIN,
    STYLE_BOLD,
    STYLE_DIM,
    STYLE_ERROR,
    STYLE_ERROR_BOLD,
    STYLE_GOOD,
    STYLE_WARNING,
    STYLE_KEY,
    STYLE_BAR_FIRST, /* and one for each further service in a trace */
    STYLE_BAR_LAST = STYLE_BAR_FIRST + 3,
    STYLE_COUNT
};

struct painter {
    struct buffer out;
    size_t columns; /* of a line */
    bool has_colors;
    bool has_utf8;

    size_t at; /* columns used in this line */
    enum style style;
    struct buffer prefix; /* of continued lines: text, painted dim */
    size_t prefix_columns;
    size_t hanging; /* further blanks behind the prefix */
};

/* A piece of an item; its bytes come from strangers. */
struct piece {
    enum style style;
    const void *bytes;
    size_t size;
};

struct piece piece_of(enum style style, const char *text);

/* Starts again with nothing, on a stream of these properties. */
void painter_reset(struct painter *painter, size_t columns, bool has_colors, bool has_utf8);
void painter_free(struct painter *painter);

/* Our own text: `utf8` where the stream has it, else `ascii`. Never wrapped. */
void painter_symbol(struct painter *painter, enum style style, const char *utf8, const char *ascii);

void painter_blanks(struct painter *painter, size_t count);
void painter_blanks_to(struct painter *painter, size_t column);

/* Ends the line, without blanks at its end. */
void painter_end_line(struct painter *painter);

/* What lines begin with from now on: a text in which each byte stands for one column: '|', '+'
 * (a branch), '`' (the last branch), '-' and ' '. */
void painter_set_prefix(struct painter *painter, const char *guides, size_t hanging);
void painter_begin_line(struct painter *painter);

/* Writes the pieces as one item: `gap` blanks before it unless it begins a line; a new line first
 * where it does not fit any more; broken between characters where it is longer than a line. */
void painter_item(struct painter *painter, size_t gap, const struct piece *pieces, size_t count);

/* What follows is in nobody's style. */
void painter_plain(struct painter *painter);

/* Writes glyphs until `columns_max` are used, and returns the bytes written. */
size_t painter_text(struct painter *painter, enum style style, const void *bytes, size_t size,
                    size_t columns_max);

#endif
