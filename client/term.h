/* term.h — writing for people: colours where a terminal takes them, and bytes of strangers made
 * harmless. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "proto/buf.h"

enum term_style { TERM_PLAIN, TERM_ERROR, TERM_HINT, TERM_KEY };

/* Whether `f` is a terminal that should get colours: NO_COLOR and TERM=dumb say no. */
bool term_has_colour(FILE *f);

/* The escape sequence that begins a style, "" where there are no colours. */
const char *term_style(FILE *f, enum term_style style);

/* Writes n bytes for people, also where a file or a pipe keeps them for later. What is no printable
 * UTF-8, line break or tab becomes \xHH, what turns the direction of the text <U+XXXX>: a payload
 * or a label must not move the cursor, nor look like something else. */
void term_put(FILE *f, const char *bytes, size_t n);

/* Whether this character has no shape of its own and turns the direction of the text around it, or
 * breaks its line. */
bool term_is_invisible(uint32_t c);

/* Appends n bytes for a table, which makes controls harmless by itself: only what turns the
 * direction of the text becomes <U+XXXX>. */
void term_add_visible(struct buf *b, const char *bytes, size_t n);
