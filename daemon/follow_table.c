#include "follow_table.h"

#include <linux/sock_diag.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "follow_message.h"

enum {
    READ_BYTES = 32 << 10, /* the kernel fills no more in one read */
    MOST_READS = 64,       /* about a hundred sockets each */
};

/* -- reading -- */

static bool make_room(struct follow_table *t)
{
    size_t n = t->n_room ? 2 * t->n_room : 2 * READ_BYTES;
    char *bytes;

    if (t->n_room - t->n_bytes >= READ_BYTES)
        return true;
    if (!(bytes = realloc(t->bytes, n)))
        return false;
    t->bytes = bytes;
    t->n_room = n;
    return true;
}

static bool is_about_socket(const struct nlmsghdr *h)
{
    return h->nlmsg_type == SOCK_DIAG_BY_FAMILY &&
           h->nlmsg_len >= NLMSG_LENGTH(sizeof(struct inet_diag_msg));
}

/* What one read has brought. Whether that was the last of it. */
static bool take_read(struct follow_table *t, size_t n)
{
    const struct nlmsghdr *h = (const struct nlmsghdr *)(t->bytes + t->n_bytes);

    for (; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
        t->n_entries += is_about_socket(h);
        t->is_whole = h->nlmsg_type == NLMSG_DONE;
        if (t->is_whole || h->nlmsg_type == NLMSG_ERROR)
            return true;
        t->n_bytes += NLMSG_ALIGN(h->nlmsg_len);
    }
    return false;
}

static bool read_answer(struct follow_table *t, int fd)
{
    for (int i = 0; i < MOST_READS && make_room(t); i++) {
        ssize_t n = recv(fd, t->bytes + t->n_bytes, READ_BYTES, MSG_DONTWAIT);

        if (n <= 0)
            return false;
        if (take_read(t, (size_t)n))
            return true;
    }
    return false;
}

/* -- order -- */

static int compare(const void *a, const void *b)
{
    const struct follow_table_entry *x = a, *y = b;

    if (x->cookie != y->cookie)
        return x->cookie < y->cookie ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

static bool make_order(struct follow_table *t)
{
    const struct nlmsghdr *h;
    size_t n = 0;

    if (!t->n_entries)
        return true;
    if (!(t->entries = malloc(t->n_entries * sizeof *t->entries)))
        return false;
    for (size_t at = 0; at < t->n_bytes; at += NLMSG_ALIGN(h->nlmsg_len)) {
        h = (const struct nlmsghdr *)(t->bytes + at);
        if (is_about_socket(h))
            t->entries[n++] = (struct follow_table_entry){follow_message_cookie(h), at};
    }
    qsort(t->entries, n, sizeof *t->entries, compare);
    return true;
}

bool follow_table_read(struct follow_table *t, int fd)
{
    bool is_read = read_answer(t, fd);

    if (!make_order(t))
        follow_table_clear(t);
    return is_read;
}

const struct nlmsghdr *follow_table_find(const struct follow_table *t, int64_t cookie)
{
    size_t from = 0, to = t->n_entries;

    while (from < to) {
        size_t middle = from + (to - from) / 2;

        if (t->entries[middle].cookie < cookie)
            from = middle + 1;
        else
            to = middle;
    }
    if (from == t->n_entries || t->entries[from].cookie != cookie)
        return NULL;
    return (const struct nlmsghdr *)(t->bytes + t->entries[from].at);
}

void follow_table_clear(struct follow_table *t)
{
    free(t->bytes);
    free(t->entries);
    *t = (struct follow_table){0};
}
