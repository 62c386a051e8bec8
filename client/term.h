/* term.h — writing for people: colours where a terminal takes them, and bytes of strangers made
 * harmless. */
#pragma once
#include <stdbool.h>
#include <stdio.h>

enum term_style { TERM_PLAIN, TERM_ERROR, TERM_HINT, TERM_KEY };

/* Whether `f` is a terminal that should get colours: NO_COLOR and TERM=dumb say no. */
bool term_has_colour(FILE *f);

/* The escape sequence that begins a style, "" where there are no colours. */
const char *term_style(FILE *f, enum term_style style);

/* Writes n bytes. On a terminal, what is no printable UTF-8, line break or tab becomes \xHH: a
 * payload or a label must not move the cursor. */
void term_put(FILE *f, const char *bytes, size_t n);
