#include "inherit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "socket.h"

static int by_cookie(const void *a, const void *b)
{
    int64_t x = ((const struct inherited_fd *)a)->cookie;
    int64_t y = ((const struct inherited_fd *)b)->cookie;

    return x < y ? -1 : x > y;
}

int inherit_take(struct inheritance *in)
{
    char **names = NULL;
    int n = sd_listen_fds_with_names(1, &names);

    *in = (struct inheritance){NULL, 0};
    if (n <= 0)
        return n == -ENOMEM ? n : 0;
    if (!(in->items = calloc((size_t)n, sizeof *in->items))) {
        for (int i = 0; i < n; i++)
            free(names[i]);
        free(names);
        return -ENOMEM;
    }
    for (int i = 0; i < n; i++) {
        int fd = SD_LISTEN_FDS_START + i;

        in->items[in->n++] =
            (struct inherited_fd){.fd = fd, .name = names[i], .cookie = socket_cookie(fd)};
    }
    free(names);
    qsort(in->items, in->n, sizeof *in->items, by_cookie);
    return 0;
}

void inherit_done(struct inheritance *in)
{
    for (size_t i = 0; i < in->n; i++) {
        if (in->items[i].fd >= 0)
            close(in->items[i].fd);
        free(in->items[i].name);
    }
    free(in->items);
    *in = (struct inheritance){NULL, 0};
}

static const char *path_of(int fd, struct sockaddr_un *address)
{
    socklen_t n = sizeof *address;

    memset(address, 0, sizeof *address);
    if (sd_is_socket(fd, AF_UNIX, SOCK_STREAM, 1) <= 0 ||
        getsockname(fd, (struct sockaddr *)address, &n) < 0 || address->sun_path[0] != '/')
        return NULL;
    return address->sun_path;
}

int inherit_take_control(struct inheritance *in, const char *path, char **ret_path)
{
    struct sockaddr_un address;
    const char *bound;
    int fd;

    for (size_t i = 0; i < in->n; i++) {
        if (!(bound = path_of(in->items[i].fd, &address)) ||
            (strcmp(in->items[i].name, "berthd.socket") != 0 && strcmp(bound, path) != 0))
            continue;
        if (!(*ret_path = strdup(bound)))
            return -1;
        fd = in->items[i].fd;
        in->items[i].fd = -1;
        fcntl(fd, F_SETFL, O_NONBLOCK);
        return fd;
    }
    return -1;
}

struct inherited_fd *inherit_find(struct inheritance *in, int64_t cookie, const char *name)
{
    struct inherited_fd key = {.cookie = cookie}, *found;

    if (!cookie || !in->n)
        return NULL;
    found = bsearch(&key, in->items, in->n, sizeof *in->items, by_cookie);
    /* The same socket may have come twice: from its unit and from the store. */
    while (found && found > in->items && found[-1].cookie == cookie)
        found--;
    for (; found && found < in->items + in->n && found->cookie == cookie; found++)
        if (found->fd >= 0 && (!name || strcmp(found->name, name) == 0))
            return found;
    return NULL;
}
