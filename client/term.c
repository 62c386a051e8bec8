#include "client/term.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/utf8.h"

bool term_has_colour(FILE *f)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

    return isatty(fileno(f)) && !(no_color && *no_color) && !(term && strcmp(term, "dumb") == 0);
}

const char *term_style(FILE *f, enum term_style style)
{
    static const char *const sequences[] = {
        [TERM_PLAIN] = "\033[0m",
        [TERM_ERROR] = "\033[1;31m",
        [TERM_HINT] = "\033[1;33m",
        [TERM_KEY] = "\033[1m",
    };

    return term_has_colour(f) ? sequences[style] : "";
}

bool term_is_invisible(uint32_t c)
{
    /* The first and last of each kind. */
    static const uint32_t kinds[][2] = {
        {0x061c, 0x061c}, {0x200e, 0x200f}, {0x2028, 0x202e}, {0x2066, 0x2069}};

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (c >= kinds[i][0] && c <= kinds[i][1])
            return true;
    return false;
}

/* The code point of well-formed UTF-8 of this length. */
static uint32_t decode(const unsigned char *at, int length)
{
    uint32_t c = length == 1 ? *at : *at & (0x7fu >> length);

    for (int i = 1; i < length; i++)
        c = c << 6 | (at[i] & 0x3fu);
    return c;
}

/* C0 and C1 controls and DEL. */
static bool is_control(uint32_t c)
{
    return (c < ' ' && c != '\n' && c != '\t') || (c >= 0x7f && c < 0xa0);
}

void term_put(FILE *f, const char *bytes, size_t n)
{
    const unsigned char *at = (const unsigned char *)bytes, *end = at + n;
    int length;

    for (; at < end; at += length ? length : 1) {
        uint32_t c = (length = utf8_length(at, end)) ? decode(at, length) : 0;

        if (term_is_invisible(c))
            fprintf(f, "<U+%04X>", (unsigned)c);
        else if (length && !is_control(c))
            fwrite(at, 1, (size_t)length, f);
        else
            for (int i = 0; i < (length ? length : 1); i++)
                fprintf(f, "\\x%02x", at[i]);
    }
}

void term_add_visible(struct buf *b, const char *bytes, size_t n)
{
    const unsigned char *at = (const unsigned char *)bytes, *end = at + n;
    int length;

    for (; at < end; at += length ? length : 1) {
        uint32_t c = (length = utf8_length(at, end)) ? decode(at, length) : 0;

        if (term_is_invisible(c))
            buf_printf(b, "<U+%04X>", (unsigned)c);
        else
            buf_add(b, at, length ? (size_t)length : 1);
    }
}
