/* split.h — a line as a shell takes it apart: words, quotes, comments. No variables, no globbing.
 */
#pragma once

enum { SPLIT_MAX_WORDS = 128 };
enum { SPLIT_OPEN_QUOTE = -1, SPLIT_TOO_MANY = -2 };

/* Splits `line` in place. 'single quotes' keep all, "double quotes" all but \" and \\, a backslash
 * outside of quotes the next character; # at the start of a word begins a comment. Returns how many
 * words there are (words[n] is NULL), or one of the codes above. */
int split_line(char *line, char *words[static SPLIT_MAX_WORDS + 1]);
