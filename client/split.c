#include "client/split.h"

#include <stddef.h>
#include <string.h>

static const char blanks[] = " \t\r\n";

/* Copies what is between quotes, from behind the first, to *to. Returns what is behind the last, or
 * NULL. */
static char *copy_quoted(char *from, char quote, char **to)
{
    for (; *from && *from != quote; *(*to)++ = *from++)
        if (quote == '"' && *from == '\\' && (from[1] == '"' || from[1] == '\\'))
            from++;
    return *from ? from + 1 : NULL;
}

/* Takes one word; the text moves to the left as quotes vanish. Returns what is behind it, or NULL.
 */
static char *take_word(char *from)
{
    char *to = from;

    while (from && *from && !strchr(blanks, *from)) {
        if (*from == '\'' || *from == '"') {
            char quote = *from;

            from = copy_quoted(from + 1, quote, &to);
            continue;
        }
        if (*from == '\\' && from[1])
            from++;
        *to++ = *from++;
    }
    if (!from)
        return NULL;
    from += *from != '\0';
    *to = '\0';
    return from;
}

int split_line(char *line, char *words[static SPLIT_MAX_WORDS + 1])
{
    int n = 0;

    for (;;) {
        line += strspn(line, blanks);
        if (!*line || *line == '#')
            break;
        if (n == SPLIT_MAX_WORDS)
            return SPLIT_TOO_MANY;
        words[n++] = line;
        if (!(line = take_word(line)))
            return SPLIT_OPEN_QUOTE;
    }
    words[n] = NULL;
    return n;
}
