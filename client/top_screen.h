/* top_screen.h — `berth top` on the terminal, by ncurses: drawing, keys, and the terminal as it was
 * before. */
#pragma once
#include "client/top.h"

struct top_screen;

/* Takes the terminal over. Returns NULL when it cannot show this (TERM unknown), or memory is out.
 */
struct top_screen *screen_open(void);

/* Gives the terminal back as it was. */
void screen_close(struct top_screen *s);

/* The terminal has another size now. */
void screen_resize(struct top_screen *s);

/* Draws all. `late`: the daemon owes an answer. */
void screen_draw(struct top_screen *s, const struct top *t, bool late);

/* Handles the keys that were pressed. Returns false when it was the one to quit. */
bool screen_keys(struct top_screen *s, struct top *t);
