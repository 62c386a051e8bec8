/* config.h — the settings: /etc/berth/berthd.conf and berthd.conf.d (INI, by libinih). A file is
 * taken whole or not at all; whatever is wrong is named with file and line. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "pool.h"

/* [tls NAME]: an identity that `wrap` names. Paths are absolute; NULL where absent. */
struct tls_identity {
    char *name, *cert, *key, *ca;
    struct pool_names pools; /* whose users may name it; there is a pool of each name */
    char *path;              /* of the file, and the line of its section */
    int line;
    struct tls_identity *next;
};

struct config {
    int64_t n_max_sessions, n_max_sessions_per_uid, n_max_line_bytes;
    int64_t n_history_rows, history_age_usec, session_grace_usec;
    struct pools *pools; /* owned; NULL only in config_default's, afterwards at least one */
    struct tls_identity *identities; /* owned; in the order of the files */
};

/* What holds without any settings, but for the pools. */
struct config config_default(void);

/* Reads `path` and then path.d's *.conf in the order of their names. `path` NULL: the system's,
 * which need not exist. Asks the system for users and groups, which may take its time. Returns 0,
 * or -errno with a message that names file and line. *config is changed only on success: its
 * numbers and identities are replaced, its pools renewed (pools_renew), so that what is in use
 * stays. Without any [pool] there is one, `default`, for the daemon's own user. */
int config_read(const char *path, struct config *config, char *ret_message, size_t n_message);

/* Frees what the config owns, not the struct. */
void config_free(struct config *config);
