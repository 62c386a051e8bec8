/* settings.h — files of settings in a folder of their own, for tests of what the daemon reads: a
 * berthd.conf, not there at first, and an empty berthd.conf.d. */
#pragma once

extern char settings_folder[64], settings_path[128]; /* of the present test */

/* Make and remove them: for tcase_add_checked_fixture. */
void settings_make(void);
void settings_done(void);

/* Writes a file, or removes it or the empty folder. `name` is what follows the path: "" or
 * ".d/10.conf"; settings_done knows 10.conf, 20.conf and 30.other. */
void settings_write(const char *name, const char *text);
void settings_remove(const char *name);
