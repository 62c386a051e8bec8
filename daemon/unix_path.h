/* unix_path.h — which file the path of a Unix socket leads to, through symbolic links, and how to
 * reach that very file afterwards whatever becomes of the path.
 *
 * Knows no rules and no clients. May wait for a slow file system, as connect(2) would. */
#pragma once
#include <stdbool.h>

#include "proto/wire.h"

/* Whether the address is a path: neither of another family, nor abstract, nor unnamed. */
bool unix_path_is(const struct wire_sockaddr *address);

/* Opens (O_PATH, as the thread's user) the file that connecting to the path would reach, or, for
 * binding, the directory that the new file would be in. *ret_real is the same address without
 * symbolic links. Returns the descriptor, the caller's to close, or -errno; -ENAMETOOLONG also when
 * the real path is no address of a socket any more. */
int unix_path_open(const struct wire_sockaddr *address, bool is_bind,
                   struct wire_sockaddr *ret_real);

/* An address that leads to the file of this descriptor (from unix_path_open, not for binding) as
 * long as it is open. */
void unix_path_of_fd(int fd, struct wire_sockaddr *ret);
