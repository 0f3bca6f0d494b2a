/* SPDX-License-Identifier: MIT */
#include "painter.h"

#include <string.h>

#include "terminal.h"

static const char *const style_codes[STYLE_COUNT] = {
    [STYLE_PLAIN] = "\x1b[0m",
    [STYLE_BOLD] = "\x1b[0;1m",
    [STYLE_DIM] = "\x1b[0;2m",
    [STYLE_ERROR] = "\x1b[0;31m",
    [STYLE_ERROR_BOLD] = "\x1b[0;1;31m",
    [STYLE_GOOD] = "\x1b[0;32m",
    [STYLE_WARNING] = "\x1b[0;33m",
    [STYLE_KEY] = "\x1b[0;2m",
    [STYLE_BAR_FIRST] = "\x1b[0;36m",
    [STYLE_BAR_FIRST + 1] = "\x1b[0;35m",
    [STYLE_BAR_FIRST + 2] = "\x1b[0;34m",
    [STYLE_BAR_LAST] = "\x1b[0;33m",
};

struct piece piece_of(enum style style, const char *text)
{
    return (struct piece){style, text, strlen(text)};
}

void painter_reset(struct painter *painter, size_t columns, bool has_colors, bool has_utf8)
{
    buffer_clear(&painter->out);
    buffer_clear(&painter->prefix);
    painter->columns = columns;
    painter->has_colors = has_colors;
    painter->has_utf8 = has_utf8;
    painter->at = 0;
    painter->style = STYLE_PLAIN;
    painter->prefix_columns = 0;
    painter->hanging = 0;
}

void painter_free(struct painter *painter)
{
    buffer_free(&painter->out);
    buffer_free(&painter->prefix);
}

static void set_style(struct painter *painter, enum style style)
{
    if (!painter->has_colors || painter->style == style)
        return;
    buffer_append_text(&painter->out, style_codes[style]);
    painter->style = style;
}

void painter_symbol(struct painter *painter, enum style style, const char *utf8, const char *ascii)
{
    const char *text = painter->has_utf8 ? utf8 : ascii;

    set_style(painter, style);
    buffer_append_text(&painter->out, text);
    painter->at += glyphs_columns((const uint8_t *)text, strlen(text), painter->has_utf8);
}

void painter_blanks(struct painter *painter, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buffer_append_text(&painter->out, " ");
    painter->at += count;
}

void painter_blanks_to(struct painter *painter, size_t column)
{
    if (painter->at < column)
        painter_blanks(painter, column - painter->at);
}

void painter_plain(struct painter *painter)
{
    set_style(painter, STYLE_PLAIN);
}

void painter_end_line(struct painter *painter)
{
    set_style(painter, STYLE_PLAIN);
    while (painter->out.size > 0 && painter->out.data[painter->out.size - 1] == ' ')
        painter->out.size--;
    buffer_append_text(&painter->out, "\n");
    painter->at = 0;
}

static const char *guide_text(char guide, bool has_utf8)
{
    switch (guide) {
    case '|':
        return has_utf8 ? "│" : "|";
    case '+':
        return has_utf8 ? "├" : "|";
    case '`':
        return has_utf8 ? "└" : "`";
    case '-':
        return has_utf8 ? "─" : "-";
    default:
        return " ";
    }
}

void painter_set_prefix(struct painter *painter, const char *guides, size_t hanging)
{
    buffer_clear(&painter->prefix);
    painter->prefix_columns = strlen(guides);
    painter->hanging = hanging;
    for (; *guides != '\0'; guides++)
        buffer_append_text(&painter->prefix, guide_text(*guides, painter->has_utf8));
}

void painter_begin_line(struct painter *painter)
{
    if (painter->prefix.size > 0)
        set_style(painter, STYLE_DIM);
    buffer_append(&painter->out, painter->prefix.data, painter->prefix.size);
    painter->at += painter->prefix_columns;
    set_style(painter, STYLE_PLAIN);
    painter_blanks(painter, painter->hanging);
}

static void continue_line(struct painter *painter)
{
    painter_end_line(painter);
    painter_begin_line(painter);
}

size_t painter_text(struct painter *painter, enum style style, const void *bytes, size_t size,
                    size_t columns_max)
{
    const uint8_t *text = bytes;
    size_t columns = 0;
    size_t at = 0;

    if (size > 0)
        set_style(painter, style);
    while (at < size) {
        struct glyph glyph;
        size_t used = glyph_of(&glyph, text + at, size - at, painter->has_utf8);

        if (columns + glyph.columns > columns_max)
            break;
        buffer_append(&painter->out, glyph.text, glyph.bytes);
        columns += glyph.columns;
        at += used;
    }
    painter->at += columns;
    return at;
}

static size_t pieces_columns(const struct piece *pieces, size_t count, bool has_utf8)
{
    size_t columns = 0;

    for (size_t i = 0; i < count; i++)
        columns += glyphs_columns(pieces[i].bytes, pieces[i].size, has_utf8);
    return columns;
}

void painter_item(struct painter *painter, size_t gap, const struct piece *pieces, size_t count)
{
    size_t line_start = painter->prefix_columns + painter->hanging;
    size_t columns = pieces_columns(pieces, count, painter->has_utf8);

    if (painter->at > line_start) {
        if (painter->at + gap + columns > painter->columns)
            continue_line(painter);
        else
            painter_blanks(painter, gap);
    }
    for (size_t i = 0; i < count; i++) {
        const uint8_t *bytes = pieces[i].bytes;
        size_t left = pieces[i].size;

        while (left > 0) {
            size_t room = painter->columns > painter->at ? painter->columns - painter->at : 0;
            size_t written = painter_text(painter, pieces[i].style, bytes, left, room);

            bytes += written;
            left -= written;
            if (left > 0)
                continue_line(painter);
        }
    }
}
