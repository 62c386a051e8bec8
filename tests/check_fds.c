/* check_fds.c — descriptors that come with messages: those that nobody asked for, that are missing
 * or too many end the session, and none stays open. The fixture counts them. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "house.h"

/* Whether the other end of a pipe that was sent away is closed everywhere. */
static int pipe_to_send(int *ret_watch)
{
    int fds[2];

    ck_assert_int_eq(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
    *ret_watch = fds[0];
    return fds[1];
}

static bool is_closed(int watch)
{
    char c;

    return read(watch, &c, 1) == 0;
}

static json_t *expect_fd_error(struct house_client *c)
{
    json_t *reply = house_next(c);

    ck_assert_int_eq(house_int(reply, "error.code"), -32023);
    ck_assert_str_eq(house_text(reply, "error.data.kind"), "fd");
    return reply;
}

/* Sends the line with n descriptors; all must be closed and the session end after an error. */
static void expect_refusal(const char *line, int n)
{
    struct house_client *c = house_client(), *other = house_client();
    int fds[8], watch;

    house_make(c, "socket", "{'name':'s'}");
    fds[0] = pipe_to_send(&watch);
    for (int i = 1; i < n; i++)
        fds[i] = fds[0];
    house_send_fds(c, line, fds, n);
    close(fds[0]);
    expect_fd_error(c);
    house_expect_end(c);
    ck_assert(is_closed(watch));
    close(watch);
    ck_assert_int_eq(house_int(house_do(other, "ledger.audit", "{}"), "reclaimed"), 1);
}

START_TEST(an_uninvited_descriptor)
{
    static const char *const lines[] = {
        "{'id':1,'method':'ping','fds':1}",
        "{'id':1,'method':'recv','fds':1,'params':{'handle':'s'}}",
    };

    expect_refusal(lines[_i], 1);
}
END_TEST

/* The message does not speak of it; it is found to be surplus when all is read. */
START_TEST(a_surplus_descriptor)
{
    struct house_client *c = house_client();
    int watch, fd = pipe_to_send(&watch);
    json_t *reply;

    house_send_fds(c, "{'id':1,'method':'ping'}", &fd, 1);
    close(fd);
    reply = house_next(c);
    if (!house_has(reply, "error")) {
        house_expect_id(reply, 1);
        reply = house_next(c);
    }
    ck_assert_str_eq(house_text(reply, "error.data.kind"), "fd");
    house_expect_end(c);
    ck_assert(is_closed(watch));
    close(watch);
}
END_TEST

START_TEST(too_many_descriptors)
{
    static const struct {
        const char *line;
        int n;
    } rows[] = {
        {"{'id':1,'method':'sendfile','fds':1,'params':{'handle':'s'}}", 2},
        {"{'id':1,'method':'sendfile','fds':1,'params':{'handle':'s'}}", 4},
        {"{'id':1,'method':'sendfile','fds':1,'params':{'handle':'s'}}", 5},
        {"{'id':1,'method':'sendfile','fds':1,'params':{'handle':'s'}}", 8},
        {"{'id':1,'method':'sendfile','fds':2,'params':{'handle':'s'}}", 2},
        {"{'id':1,'method':'ping'}", 8},
    };

    expect_refusal(rows[_i].line, rows[_i].n);
}
END_TEST

START_TEST(a_missing_descriptor)
{
    struct house_client *c = house_client();

    house_make(c, "socket", "{'name':'s'}");
    house_send(c, "{'id':1,'method':'sendfile'%s,'params':{'handle':'s'}}", _i ? "" : ",'fds':1");
    ck_assert_str_eq(house_text(expect_fd_error(c), "error.data.name"), "MISSING");
    house_expect_end(c);
}
END_TEST

START_TEST(a_number_of_descriptors_that_is_none)
{
    static const char *const numbers[] = {"-1", "0.5", "'1'", "null"};
    struct house_client *c = house_client();

    house_send(c, "{'id':1,'method':'ping','fds':%s}", numbers[_i]);
    ck_assert_int_eq(house_int(house_next(c), "error.code"), -32600);
    house_do(c, "ping", "{}");
    house_send(c, "{'id':1,'method':'ping','fds':0}");
    ck_assert(house_has(house_next(c), "result"));
}
END_TEST

/* The kernel glues messages together; whose descriptor it is, the messages say. */
START_TEST(descriptors_of_glued_messages)
{
    struct house_client *c = house_client();
    int watch[3], fds[3];

    house_make(c, "socketpair", "{'name':'s'}");
    for (int i = 0; i < 3; i++) {
        house_send(c, "{'id':%d,'method':'ping'}", 10 + i);
        fds[i] = pipe_to_send(&watch[i]);
        house_send_fds(c, "{'id':1,'method':'sendfile','fds':1,'params':{'handle':'s'}}", &fds[i],
                       1);
        close(fds[i]);
    }
    for (int i = 0; i < 3; i++) {
        house_expect_id(house_next(c), 10 + i);
        house_expect_error(house_next(c), "os", "EINVAL"); /* a pipe is no file */
    }
    for (int i = 0; i < 3; i++) {
        ck_assert(is_closed(watch[i]));
        close(watch[i]);
    }
    house_do(c, "ping", "{}");
}
END_TEST

/* Many messages with a descriptor each, before the daemon looks. */
START_TEST(a_pile_of_descriptors)
{
    struct house_client *c = house_client();
    int fd = open("/etc/hosts", O_RDONLY | O_CLOEXEC);

    ck_assert_int_ge(fd, 0);
    house_make(c, "socketpair", "{'type':'SOCK_DGRAM','name':'s'}");
    for (int i = 0; i < 100; i++)
        house_send_fds(c, "{'id':1,'method':'sendfile','fds':1,'params':{'handle':'s','count':0}}",
                       &fd, 1);
    close(fd);
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(house_int(house_next(c), "result.sent"), 0);
}
END_TEST

START_TEST(descriptors_of_a_session_that_left)
{
    struct house_client *c = house_client(), *other = house_client();
    int watch, fd = pipe_to_send(&watch);
    long long ends[2];

    house_pair(other, "SOCK_STREAM", ends);
    house_begin(c, 1, "recv", "{'handle':%lld}", ends[0]);
    house_send_fds(c, "{'id':1,'method':'sendfile','fds':1,'params':{'handle':'s'}}", &fd, 1);
    close(fd);
    house_turn(4);
    house_leave(c);
    ck_assert(is_closed(watch));
    close(watch);
}
END_TEST

/* A line that is no request cannot say what its descriptor is for. */
START_TEST(a_descriptor_with_a_bad_line)
{
    static const char *const lines[] = {"no json", "7", "{'id':1,'fds':1}", "[]",
                                        "{'id':1,'method':'no such','fds':1}"};
    struct house_client *c = house_client();
    int watch, fd = pipe_to_send(&watch);

    house_send_fds(c, lines[_i], &fd, 1);
    close(fd);
    ck_assert(house_has(house_next(c), "error"));
    house_until(is_closed(watch));
    close(watch);
}
END_TEST

/* Those that cannot be sent would be the daemon's own: one session has at most one of them. */
START_TEST(replies_that_wait_do_not_pile_up)
{
    static char echo[400001]; /* leaves no room for what comes behind it */
    struct house_client *c = house_client();
    long long ends[2];
    int before;

    house_pair(c, "SOCK_STREAM", ends);
    memset(echo, 'e', sizeof echo - 1);
    before = house_count_fds();
    house_send(c, "{'id':1,'method':'ping','params':{'echo':'%s'}}", echo);
    for (int i = 0; i < 10; i++)
        house_send(c, "{'id':2,'method':'handoff','params':{'handle':%lld}}", ends[0]);
    house_turn(20);
    ck_assert_int_le(house_count_fds(), before + 1);
    ck_assert_ptr_nonnull(house_at(house_next(c), "result"));
    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(house_int(house_next(c), "fds"), 1);
        close(house_take_fd(c));
    }
    ck_assert_int_eq(house_count_fds(), before);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fds");
    TCase *tc = house_case(suite, "fds");

    tcase_add_loop_test(tc, an_uninvited_descriptor, 0, 2);
    tcase_add_test(tc, a_surplus_descriptor);
    tcase_add_loop_test(tc, too_many_descriptors, 0, 6);
    tcase_add_loop_test(tc, a_missing_descriptor, 0, 2);
    tcase_add_loop_test(tc, a_number_of_descriptors_that_is_none, 0, 4);
    tcase_add_test(tc, descriptors_of_glued_messages);
    tcase_add_test(tc, a_pile_of_descriptors);
    tcase_add_test(tc, replies_that_wait_do_not_pile_up);
    tcase_add_test(tc, descriptors_of_a_session_that_left);
    tcase_add_loop_test(tc, a_descriptor_with_a_bad_line, 0, 5);
    return house_run(suite);
}
