/* check_discard.c — getting rid of what others have sent. A file system of the test's own, whose
 * server does not answer, is the one that makes close(2) wait; where it cannot be mounted (no root,
 * no FUSE) that is not tried. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fds.h"
#include "daemon/discard.h"

/* -- a server of one file -- */

static void reply(int fuse, uint64_t unique, int error, const void *data, size_t n)
{
    char room[512];
    struct fuse_out_header head = {
        .len = (uint32_t)(sizeof head + n), .error = -error, .unique = unique};

    memcpy(room, &head, sizeof head);
    if (n)
        memcpy(room + sizeof head, data, n);
    (void)!write(fuse, room, sizeof head + n);
}

static struct fuse_attr attributes(uint64_t node)
{
    return (struct fuse_attr){
        .ino = node, .mode = node == 1 ? S_IFDIR | 0755 : S_IFREG | 0644, .nlink = 1};
}

/* Waits for leave to answer: a byte; or the end of patience, which is the test's failure. */
static bool await_leave(int leave)
{
    struct pollfd p = {.fd = leave, .events = POLLIN};

    return poll(&p, 1, 5000) == 1;
}

/* Returns false when there is nothing more to serve. */
static bool serve_one(int fuse, int leave, bool *was_allowed)
{
    static char room[1 << 17];
    const struct fuse_in_header *in = (const void *)room;
    struct fuse_init_out init = {
        .major = FUSE_KERNEL_VERSION, .minor = 31, .max_readahead = 65536, .max_write = 65536};
    struct fuse_entry_out entry = {.nodeid = 2, .generation = 1, .attr = attributes(2)};
    struct fuse_attr_out attr;
    struct fuse_open_out open = {.fh = 1};

    if (read(fuse, room, sizeof room) < (ssize_t)sizeof *in)
        return errno == EINTR;
    switch (in->opcode) {
    case FUSE_INIT:
        reply(fuse, in->unique, 0, &init, sizeof init);
        break;
    case FUSE_LOOKUP:
        reply(fuse, in->unique, 0, &entry, sizeof entry);
        break;
    case FUSE_GETATTR:
        attr = (struct fuse_attr_out){.attr = attributes(in->nodeid)};
        reply(fuse, in->unique, 0, &attr, sizeof attr);
        break;
    case FUSE_OPEN:
        reply(fuse, in->unique, 0, &open, sizeof open);
        break;
    case FUSE_FLUSH:
        *was_allowed &= await_leave(leave);
        reply(fuse, in->unique, 0, NULL, 0);
        break;
    case FUSE_RELEASE:
        reply(fuse, in->unique, 0, NULL, 0);
        return false;
    case FUSE_FORGET:
        break;
    default:
        reply(fuse, in->unique, ENOSYS, NULL, 0);
    }
    return true;
}

/* A process that serves: its exit says whether it was given leave each time it waited. */
static pid_t start_server(int fuse, int leave)
{
    pid_t pid = fork();
    bool was_allowed = true;

    ck_assert_int_ge(pid, 0);
    if (pid)
        return pid;
    while (serve_one(fuse, leave, &was_allowed))
        ;
    _exit(!was_allowed);
}

static int mount_own(const char *path)
{
    char options[100];
    int fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);

    if (fuse < 0)
        return -1;
    snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0", fuse);
    if (mount("berth-test", path, "fuse", 0, options) == 0)
        return fuse;
    close(fuse);
    return -1;
}

START_TEST(a_file_whose_server_takes_its_time)
{
    char dir[] = "/tmp/berth-check-XXXXXX", path[64];
    int fuse, fd, leave[2], status, n = fds_count();
    pid_t server;

    ck_assert_ptr_nonnull(mkdtemp(dir));
    if ((fuse = mount_own(dir)) >= 0) {
        ck_assert_int_eq(pipe2(leave, O_CLOEXEC), 0);
        server = start_server(fuse, leave[0]);
        snprintf(path, sizeof path, "%s/file", dir);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        ck_assert_int_ge(fd, 0);
        discard_fd(fd);
        ck_assert_int_eq(write(leave[1], "x", 1), 1); /* it has not waited for this */
        ck_assert_int_eq(waitpid(server, &status, 0), server);
        ck_assert_int_eq(status, 0);
        umount2(dir, MNT_DETACH);
        close(fuse);
        close(leave[0]);
        close(leave[1]);
    }
    fds_await(n);
    ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

/* -- the rest -- */

START_TEST(all_are_closed)
{
    int pipes[2], sockets[2], n = fds_count();
    struct linger linger = {1, 5};
    char c;

    ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
    setsockopt(sockets[0], SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    discard_fd(-1);
    for (int i = 0; i < 40; i++)
        discard_fd(memfd_create("x", MFD_CLOEXEC));
    discard_fd(open("/dev/null", O_RDONLY | O_CLOEXEC));
    discard_fd(pipes[1]);
    discard_fd(sockets[0]);
    ck_assert_int_eq(read(pipes[0], &c, 1), 0);
    ck_assert_int_eq(read(sockets[1], &c, 1), 0);
    close(pipes[0]);
    close(sockets[1]);
    fds_await(n);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("discard");
    TCase *tests = fds_case(suite, "discard");

    tcase_add_test(tests, a_file_whose_server_takes_its_time);
    tcase_add_test(tests, all_are_closed);
    return fds_run(suite);
}
