/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* wcwidth */
#include "terminal.h"

#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

static size_t bounded_columns(unsigned long columns)
{
    if (columns < TERMINAL_COLUMNS_MIN)
        return TERMINAL_COLUMNS_MIN;
    return columns < TERMINAL_COLUMNS_MAX ? columns : TERMINAL_COLUMNS_MAX;
}

size_t terminal_columns(FILE *stream)
{
    const char *variable = getenv("COLUMNS");
    struct winsize size;

    if (variable != NULL) {
        char *end;
        unsigned long columns = strtoul(variable, &end, 10);

        if (*end == '\0' && columns > 0)
            return bounded_columns(columns);
    }
    if (isatty(fileno(stream)) && ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return bounded_columns(size.ws_col);
    return TERMINAL_COLUMNS_DEFAULT;
}

bool terminal_has_colors(FILE *stream)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");

    return isatty(fileno(stream)) && (no_color == NULL || no_color[0] == '\0') &&
           (term == NULL || strcmp(term, "dumb") != 0);
}

bool terminal_has_utf8(void)
{
    return setlocale(LC_CTYPE, "") != NULL && strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

/* ---- characters ---------------------------------------------------------------------------- */

struct character {
    uint32_t code;
    size_t bytes; /* 0: not UTF-8 */
};

static struct character decode(const uint8_t *bytes, size_t size)
{
    struct character character = {bytes[0], 1};
    uint32_t smallest;

    if (bytes[0] < 0x80)
        return character;
    if (bytes[0] < 0xC2 || bytes[0] > 0xF4)
        return (struct character){0};
    character.bytes = bytes[0] < 0xE0 ? 2 : bytes[0] < 0xF0 ? 3 : 4;
    if (character.bytes > size)
        return (struct character){0};
    smallest = character.bytes == 2 ? 0x80 : character.bytes == 3 ? 0x800 : 0x10000;
    character.code = bytes[0] & (0x7FU >> character.bytes);
    for (size_t i = 1; i < character.bytes; i++) {
        if ((bytes[i] & 0xC0) != 0x80)
            return (struct character){0};
        character.code = character.code << 6 | (bytes[i] & 0x3F);
    }
    if (character.code < smallest || character.code > 0x10FFFF ||
        (character.code >= 0xD800 && character.code <= 0xDFFF))
        return (struct character){0};
    return character;
}

/* Characters that are not seen, or change what is seen around them. */
static bool is_deceptive(uint32_t code)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {{0x00AD, 0x00AD},   {0x061C, 0x061C}, {0x115F, 0x1160}, {0x180B, 0x180F},
                  {0x200B, 0x200F},   {0x2028, 0x202E}, {0x2060, 0x206F}, {0x3164, 0x3164},
                  {0xFEFF, 0xFEFF},   {0xFFA0, 0xFFA0}, {0xFFF0, 0xFFFB}, {0xE000, 0xF8FF},
                  {0xE0000, 0x10FFFF}};

    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        if (code >= ranges[i].first && code <= ranges[i].last)
            return true;
    }
    return false;
}

static void set_escape(struct glyph *glyph, uint32_t code, bool is_character)
{
    static const char named[] = "\nn\rr\tt";
    const char *name = is_character && code < ' ' && code != 0 ? strchr(named, (int)code) : NULL;
    int length;

    if (name != NULL)
        length = snprintf(glyph->text, sizeof glyph->text, "\\%c", name[1]);
    else if (code < 0xA0 || !is_character)
        length = snprintf(glyph->text, sizeof glyph->text, "\\x%02x", (unsigned)code);
    else
        length = snprintf(glyph->text, sizeof glyph->text, "\\u{%x}", (unsigned)code);
    glyph->bytes = glyph->columns = (size_t)length;
}

/* The columns of a character that may be shown as it is, -1 of another. */
static int columns_of(uint32_t code, bool utf8)
{
    if (code < 0x80)
        return code >= ' ' && code != 0x7F ? 1 : -1;
    return utf8 && !is_deceptive(code) ? wcwidth((wchar_t)code) : -1;
}

size_t glyph_of(struct glyph *glyph, const uint8_t *bytes, size_t size, bool utf8)
{
    struct character character = decode(bytes, size);
    int columns = columns_of(character.code, utf8);

    if (character.bytes == 0) {
        set_escape(glyph, bytes[0], false);
        return 1;
    }
    if (columns < 0) {
        set_escape(glyph, character.code, true);
        return character.bytes;
    }
    memcpy(glyph->text, bytes, character.bytes);
    glyph->bytes = character.bytes;
    glyph->columns = (size_t)columns;
    return character.bytes;
}

size_t glyphs_columns(const uint8_t *bytes, size_t size, bool utf8)
{
    size_t columns = 0;
    struct glyph glyph;

    for (size_t at = 0; at < size;) {
        at += glyph_of(&glyph, bytes + at, size - at, utf8);
        columns += glyph.columns;
    }
    return columns;
}

void glyphs_append(struct buffer *out, const uint8_t *bytes, size_t size, bool utf8)
{
    struct glyph glyph;

    for (size_t at = 0; at < size;) {
        at += glyph_of(&glyph, bytes + at, size - at, utf8);
        buffer_append(out, glyph.text, glyph.bytes);
    }
}
