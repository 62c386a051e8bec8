/* Who and what a pool's settings name. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "pool.h"

enum { MOST_ENTRY_BYTES = 1 << 20 }; /* of one line of passwd or group */

static int add_id(struct pool_ids *ids, uint32_t id)
{
    uint32_t *more = realloc(ids->items, (ids->n + 1) * sizeof *more);

    if (!more)
        return -ENOMEM;
    ids->items = more;
    ids->items[ids->n++] = id;
    return 0;
}

/* A number where the system knows no such name. (uint32_t)-1 is nobody: chown(2) and setuid(2) take
 * it for "unchanged". */
static int add_digits(struct pool_ids *ids, const char *name)
{
    char *end;
    unsigned long long v;

    if (!*name || name[strspn(name, "0123456789")])
        return -ENOENT;
    errno = 0;
    v = strtoull(name, &end, 10);
    return errno || v >= UINT32_MAX ? -ENOENT : add_id(ids, (uint32_t)v);
}

/* The number of a user or group. Returns 0, -ENOENT or another -errno. */
typedef int look_up_fn(const char *name, char *room, size_t n_room, uint32_t *ret);

static int look_up_user(const char *name, char *room, size_t n_room, uint32_t *ret)
{
    struct passwd entry, *found = NULL;
    int r = getpwnam_r(name, &entry, room, n_room, &found);

    if (!found)
        return r ? -r : -ENOENT;
    *ret = found->pw_uid;
    return 0;
}

static int look_up_group(const char *name, char *room, size_t n_room, uint32_t *ret)
{
    struct group entry, *found = NULL;
    int r = getgrnam_r(name, &entry, room, n_room, &found);

    if (!found)
        return r ? -r : -ENOENT;
    *ret = found->gr_gid;
    return 0;
}

/* Groups with many members need much room. */
static int add_looked_up(struct pool_ids *ids, look_up_fn *look_up, const char *name)
{
    char *room = NULL, *more;
    uint32_t id = 0;
    int r = -ERANGE;

    for (size_t n = 4096; r == -ERANGE && n <= MOST_ENTRY_BYTES; n *= 4) {
        if (!(more = realloc(room, n))) {
            r = -ENOMEM;
            break;
        }
        room = more;
        r = look_up(name, room, n, &id);
    }
    free(room);
    if (r == 0)
        return add_id(ids, id);
    /* getpwnam(3): "not found" has several numbers. */
    if (r == -ENOENT || r == -ESRCH || r == -EBADF || r == -EPERM)
        return add_digits(ids, name);
    return r;
}

int pool_add_user(struct pool_ids *ids, const char *name)
{
    return add_looked_up(ids, look_up_user, name);
}

int pool_add_group(struct pool_ids *ids, const char *name)
{
    return add_looked_up(ids, look_up_group, name);
}

int pool_add_name(struct pool_names *names, const char *name)
{
    char **more = realloc(names->items, (names->n + 1) * sizeof *more);

    if (!more)
        return -ENOMEM;
    names->items = more;
    names->items[names->n] = strdup(name);
    return names->items[names->n] ? (int)(names->n++, 0) : -ENOMEM;
}
