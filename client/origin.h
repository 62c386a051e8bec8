/* origin.h — tells the process that opened a session from one that inherited it by fork. A pid does
 * not: it wraps around. A page that the kernel wipes on fork does. */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

struct origin {
    unsigned char *mark; /* a page: 1 where it was made, 0 after a fork */
    bool wiped_on_fork;  /* false: the kernel cannot; `pid` has to do */
    pid_t pid;
    dev_t device; /* of the session's socket, whatever its number is by now */
    ino_t inode;
};

/* Makes the calling process the owner of the socket `fd`. Returns 0 or -errno. */
int origin_init(struct origin *o, int fd);

/* The socket is another one from now on. */
void origin_move(struct origin *o, int fd);

/* Whether the calling process is the owner. */
bool origin_is_here(const struct origin *o);

/* Whether `fd` is still the socket that was given to origin_init: a child may have closed all its
 * descriptors and got the number anew. */
bool origin_holds(const struct origin *o, int fd);

void origin_done(struct origin *o);
