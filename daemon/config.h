/* config.h — the settings: /etc/berth/berthd.conf and berthd.conf.d (INI, by libinih). A file is
 * taken whole or not at all; whatever is wrong is named with file and line. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct config {
    int64_t n_max_sessions, n_max_sessions_per_uid, n_max_line_bytes;
    int64_t n_history_rows, history_age_usec, session_grace_usec;
};

/* What holds without any settings. */
struct config config_default(void);

/* Reads `path` and then path.d's *.conf in the order of their names. `path` NULL: the system's,
 * which need not exist. Returns 0, or -errno with a message that names file and line. *config is
 * changed only on success. */
int config_read(const char *path, struct config *config, char *ret_message, size_t n_message);
