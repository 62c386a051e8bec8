/* check_berth_session.c — the session of libberth: how it is found and opened, how it ends, what
 * fork does to it, replies and data of awkward sizes. The daemon is a script. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/fake_daemon.h"
#include "tests/house.h"

/* -- life -------------------------------------------------------------------------------------- */

START_TEST(daemon_ends_the_session)
{
    const struct turn turn = {.request = NULL};
    struct fake_daemon *fake;
    berth *b;

    fake = fake_daemon_start(&turn, 1, &b);
    for (int i = 0; i < 3; i++) {
        errno = 0;
        ck_assert_int_eq(berth_ping(b, NULL), -1);
        ck_assert_int_eq(errno, ECONNRESET);
        ck_assert_str_eq(berth_last_error(b)->kind, "local");
    }
    ck_assert_int_eq(berth_process(b), -1);
    fake_daemon_finish(b, fake);
}
END_TEST

START_TEST(nonsense_ends_the_session)
{
    static const char *const nonsense[] = {"#hello", "#[]", "#{\"id\":1}", "#7"};
    const struct turn turn = {.reply = nonsense[_i]};
    struct fake_daemon *fake;
    berth *b;

    fake = fake_daemon_start(&turn, 1, &b);
    ck_assert_int_eq(berth_ping(b, NULL), -1);
    ck_assert_int_eq(errno, EPROTO);
    fake_daemon_finish(b, fake);
}
END_TEST

/* Replies of awkward sizes, and one with a number that JSON cannot keep. */
START_TEST(reply_of_any_size)
{
    static const int sizes[] = {0, 1, 4095, 4096, 4097, 16383, 16384, 65536, 1 << 20, 5 << 20};
    int n = sizes[_i];
    char *text = malloc((size_t)n + 100), *data = malloc((size_t)n + 1);
    struct turn turn = {.reply = text};
    struct fake_daemon *fake;
    berth *b;
    int at;

    ck_assert(text && data);
    data[n] = '\0';
    at = snprintf(text, 100, "{\"text\":\"");
    memset(text + at, 'x', (size_t)n);
    snprintf(text + at + n, 80, "\",\"eof\":false,\"later\":18446744073709551615}");
    fake = fake_daemon_start(&turn, 1, &b);
    ck_assert_int_eq(berth_recv(b, H, data, (size_t)n, 0), n);
    ck_assert_uint_eq(strspn(data, "x"), (size_t)n);
    fake_daemon_finish(b, fake);
    free(text);
    free(data);
}
END_TEST

START_TEST(large_data_goes_in_pieces)
{
    static char data[(640 << 10) + 5];
    const struct turn turns[] = {
        {.reply = "{\"sent\":655360}"},
        {"sendall {" ON ",\"text\":\"xxxxx\"}",
         ERROR(-32002, "{\"kind\":\"timeout\",\"name\":\"T\",\"sent\":2}"), 0, 0},
        {.reply = "{\"sent\":7}"},
    };
    struct fake_daemon *fake;
    berth *b;

    memset(data, 'x', sizeof data);
    fake = fake_daemon_start(turns, 3, &b);
    ck_assert_int_eq(berth_sendall(b, H, data, sizeof data, 0), -1);
    ck_assert_int_eq(berth_last_error(b)->sent, (640 << 10) + 2);
    ck_assert_int_eq(berth_send(b, H, data, sizeof data, 0), 7);
    fake_daemon_finish(b, fake);
}
END_TEST

/* The child of a fork is told, and leaves the parent's session alone. */
START_TEST(fork_is_noticed)
{
    const struct turn turns[] = {{.reply = "{\"uptime\":1}"}, {.reply = "{\"uptime\":2}"}};
    struct fake_daemon *fake;
    int status, pipe_ends[2];
    berth *b;
    pid_t child;

    fake = fake_daemon_start(turns, 2, &b);
    ck_assert_int_eq(berth_ping(b, NULL), 0);
    ck_assert_int_eq(pipe2(pipe_ends, O_CLOEXEC), 0);
    child = fork();
    if (child == 0) {
        int fd = berth_ping(b, NULL) < 0 && errno == ESTALE && berth_fd(b) < 0 &&
                         berth_send_request(b, "ping", NULL, -1) < 0 &&
                         strcmp(berth_last_error(b)->kind, "local") == 0
                     ? 0
                     : 1;

        /* The number of the session's socket may be another file by now; that one must stay open.
         */
        for (int i = 3; i < 20; i++)
            if (i != pipe_ends[1])
                dup2(pipe_ends[1], i);
        berth_free(b);
        for (int i = 3; i < 20; i++)
            fd |= fcntl(i, F_GETFD) < 0;
        _exit(fd);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(berth_ping(b, NULL), 0);
    fake_daemon_finish(b, fake);
}
END_TEST

START_TEST(descriptors_are_close_on_exec)
{
    struct fake_daemon *fake;
    berth *b;

    fake = fake_daemon_start(NULL, 0, &b);
    ck_assert_int_eq(fcntl(berth_fd(b), F_GETFD), FD_CLOEXEC);
    fake_daemon_finish(b, fake);
}
END_TEST

START_TEST(nothing_there)
{
    char path[200];

    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    ck_assert_ptr_null(berth_new("/nowhere/berth.sock"));
    ck_assert_int_eq(errno, ENOENT);
    ck_assert_str_eq(berth_last_error(NULL)->kind, "local");
    ck_assert_ptr_nonnull(strstr(berth_last_error(NULL)->message, "/nowhere/berth.sock"));
    ck_assert_ptr_nonnull(berth_last_error(NULL)->hint);
    ck_assert_ptr_null(berth_new(path));
    ck_assert_int_eq(errno, ENAMETOOLONG);
    ck_assert_ptr_null(berth_new_from_fd(4000));
    ck_assert_int_eq(errno, EBADF);
    ck_assert_int_eq(berth_ping(NULL, NULL), -1);
    ck_assert_int_eq(errno, EINVAL);
    berth_free(NULL);
}
END_TEST

/* -- finding the daemon ------------------------------------------------------------------------ */

static int listen_at(const char *path, int backlog)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(un.sun_path, sizeof un.sun_path, "%s", path);
    ck_assert_int_eq(bind(fd, (void *)&un, sizeof un), 0);
    ck_assert_int_eq(listen(fd, backlog), 0);
    return fd;
}

START_TEST(path_of_the_environment)
{
    char dir[] = "/tmp/berth-check-XXXXXX", path[64];
    int listener;
    berth *b;

    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/berth.sock", dir);
    setenv("BERTH_SOCKET", path, 1);
    listener = listen_at(path, 5);
    b = berth_new(NULL);
    ck_assert_ptr_nonnull(b);
    berth_free(b);
    /* What is said outright goes first. */
    ck_assert_ptr_null(berth_new("/nowhere/berth.sock"));
    unlink(path);
    rmdir(dir);
    close(listener);
}
END_TEST

struct opener {
    const char *path;
    _Atomic pid_t thread; /* 0: not begun */
};

static void *open_session(void *arg)
{
    struct opener *opener = arg;

    opener->thread = gettid();
    return berth_new(opener->path);
}

/* Whether the thread waits inside connect(2); true too where the kernel does not tell. */
static bool is_connecting(struct opener *opener)
{
    char path[64], text[16] = "";
    FILE *f;

    if (!opener->thread)
        return false;
    snprintf(path, sizeof path, "/proc/self/task/%d/syscall", opener->thread);
    if (!(f = fopen(path, "re")))
        return true;
    if (!fgets(text, sizeof text, f))
        text[0] = '\0';
    fclose(f);
    return strtol(text, NULL, 10) == SYS_connect;
}

static int fill_backlog(const char *path, int fds[static 8])
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int n = 0;

    snprintf(un.sun_path, sizeof un.sun_path, "%s", path);
    do
        fds[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    while (connect(fds[n++], (void *)&un, sizeof un) == 0 && n < 8);
    ck_assert_int_eq(errno, EAGAIN);
    return n;
}

/* Connecting to a full backlog is EAGAIN at once; the library waits for room instead. */
START_TEST(full_backlog)
{
    char dir[] = "/tmp/berth-check-XXXXXX", path[64];
    struct opener opener = {.path = path};
    int listener, fds[8], n;
    pthread_t thread;
    void *b;

    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/s", dir);
    listener = listen_at(path, 0);
    n = fill_backlog(path, fds);
    ck_assert_int_eq(pthread_create(&thread, NULL, open_session, &opener), 0);
    while (!is_connecting(&opener))
        ck_assert_msg(pthread_tryjoin_np(thread, &b) == EBUSY, "it did not wait");
    close(accept(listener, NULL, NULL));
    ck_assert_int_eq(pthread_join(thread, &b), 0);
    ck_assert_ptr_nonnull(b);
    berth_free(b);
    while (n)
        close(fds[--n]);
    close(listener);
    unlink(path);
    rmdir(dir);
}
END_TEST

/* A daemon that will not have us says so and goes; that we could not write is not the news. */
START_TEST(last_words_are_heard)
{
    static const char words[] =
        "{\"id\":null,\"error\":{\"code\":-32020,\"message\":\"too many\",\"data\":"
        "{\"kind\":\"limit\",\"name\":\"SESSIONS\"}}}\n";
    int ends[2];
    berth *b;

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    ck_assert_int_eq(write(ends[1], words, strlen(words)), (ssize_t)strlen(words));
    close(ends[1]);
    b = berth_new_from_fd(ends[0]);
    ck_assert_int_eq(berth_ping(b, NULL), -1);
    ck_assert_str_eq(berth_last_error(b)->name, "SESSIONS");
    ck_assert_int_eq(berth_ping(b, NULL), -1);
    ck_assert_int_eq(errno, ECONNRESET);
    berth_free(b);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("berth_session");
    TCase *tests = tcase_create("session");

    suite_add_tcase(suite, tests);
    tcase_add_test(tests, daemon_ends_the_session);
    tcase_add_loop_test(tests, nonsense_ends_the_session, 0, 4);
    tcase_add_loop_test(tests, reply_of_any_size, 0, 10);
    tcase_add_test(tests, large_data_goes_in_pieces);
    tcase_add_test(tests, fork_is_noticed);
    tcase_add_test(tests, descriptors_are_close_on_exec);
    tcase_add_test(tests, nothing_there);
    tcase_add_test(tests, path_of_the_environment);
    tcase_add_test(tests, full_backlog);
    tcase_add_test(tests, last_words_are_heard);
    return house_run(suite);
}
