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

/* C0 and C1 controls and DEL; in UTF-8, C1 is the byte 0xc2 before 0x80 to 0x9f. */
static bool is_control(const unsigned char *at, int length)
{
    return (length == 1 && (*at < ' ' || *at == 0x7f) && *at != '\n' && *at != '\t') ||
           (length == 2 && at[0] == 0xc2 && at[1] < 0xa0);
}

void term_put(FILE *f, const char *bytes, size_t n)
{
    const unsigned char *at = (const unsigned char *)bytes, *end = at + n;
    int length;

    if (!isatty(fileno(f))) {
        fwrite(bytes, 1, n, f);
        return;
    }
    for (; at < end; at += length) {
        length = utf8_length(at, end);
        if (length && !is_control(at, length)) {
            fwrite(at, 1, (size_t)length, f);
            continue;
        }
        length = length ? length : 1;
        for (int i = 0; i < length; i++)
            fprintf(f, "\\x%02x", at[i]);
    }
}
