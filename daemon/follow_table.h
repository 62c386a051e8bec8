/* follow_table.h — the kernel's answer about all sockets of one kind, kept so that it serves for as
 * many of them as are asked after. Reads a netlink socket that has been asked; asks nobody itself.
 *
 * One of zeros is empty, and nothing is found in it. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nlmsghdr;

struct follow_table {
    bool is_whole; /* what is not in it the kernel does not have */
    char *bytes;   /* the answer's messages, one behind the other */
    size_t n_bytes, n_room;
    struct follow_table_entry {
        int64_t cookie;
        size_t at; /* its message's place */
    } * entries;   /* in order */
    size_t n_entries;
};

/* Reads the answer to a question for all (follow_message_for_all) into an empty table, as far as it
 * is not too long and there is memory for it. Does not wait. False: the kernel would go on with it,
 * so the socket is of no more use. */
bool follow_table_read(struct follow_table *t, int fd);

/* The first message about the socket with this cookie, the table's own; NULL: there is none. */
const struct nlmsghdr *follow_table_find(const struct follow_table *t, int64_t cookie);

/* Makes it empty again. */
void follow_table_clear(struct follow_table *t);
