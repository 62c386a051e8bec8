/* check_wait.c — who waits for what, in which order, and who comes up when. Tickets stand for
 * requests; the points are ends of socketpairs. */
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/wait.h"
#include "house.h"

enum {
    READ = 1 << WAIT_READ,
    WRITE = 1 << WAIT_WRITE,
    STATE = 1 << WAIT_STATE,
    ALL = READ | WRITE | STATE
};

static struct wait *w;
static struct point point;
static struct ticket t[5];
static int ends[2], n_fds;

static void set_up(void)
{
    n_fds = house_count_fds();
    memset(t, 0, sizeof t);
    w = wait_new();
    ck_assert_ptr_nonnull(w);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    wait_add_point(w, &point, ends[0]);
}

static void tear_down(void)
{
    for (int i = 0; i < 5; i++)
        wait_leave(w, &t[i]);
    if (point.fd >= 0)
        wait_remove_point(w, &point);
    close(ends[0]);
    close(ends[1]);
    wait_free(w);
    ck_assert_int_eq(house_count_fds(), n_fds);
}

static void enter(int i, unsigned lanes, uint32_t events)
{
    ck_assert_int_eq(wait_enter(w, &t[i], &point, lanes, events), 0);
}

static void speak(void)
{
    ck_assert_int_eq(write(ends[1], "x", 1), 1);
}

static void listen_all(void)
{
    char text[64];

    ck_assert_int_gt(read(ends[0], text, sizeof text), 0);
}

/* What the kernel says now makes just this one come up; -1: nobody. */
static void expect_next(int i)
{
    wait_collect(w);
    ck_assert_ptr_eq(wait_next(w), i < 0 ? NULL : &t[i]);
}

START_TEST(the_first_of_a_lane_comes_up)
{
    for (int i = 0; i < 3; i++)
        enter(i, READ, EPOLLIN);
    expect_next(-1);
    ck_assert(!wait_is_free(&point, READ));
    ck_assert(wait_is_free(&point, WRITE | STATE));
    speak();
    expect_next(0);
    expect_next(-1);
    for (int i = 0; i < 3; i++) {
        ck_assert(wait_is_first(&t[i]));
        wait_leave(w, &t[i]);
        ck_assert_ptr_eq(wait_next(w), i < 2 ? &t[i + 1] : NULL);
    }
    ck_assert(wait_is_free(&point, ALL));
}
END_TEST

/* Armed for one shot: who still waits says so again, and is told at once what already holds. */
START_TEST(a_point_is_armed_for_one_shot)
{
    enter(0, READ, EPOLLIN);
    speak();
    expect_next(0);
    speak();
    expect_next(-1);
    enter(0, READ, EPOLLIN);
    expect_next(0);
    listen_all();
    enter(0, READ, EPOLLIN);
    expect_next(-1);
    speak();
    expect_next(0);
}
END_TEST

START_TEST(nobody_waits_and_nothing_wakes)
{
    speak();
    expect_next(-1);
    enter(0, READ, EPOLLIN);
    wait_leave(w, &t[0]);
    expect_next(-1);
    ck_assert(!wait_has_next(w));
}
END_TEST

START_TEST(lanes_do_not_disarm_each_other)
{
    enter(0, READ, EPOLLIN);
    enter(1, WRITE, EPOLLOUT);
    expect_next(1);
    wait_leave(w, &t[1]);
    speak();
    expect_next(0);
}
END_TEST

/* A connect stands in all lanes: behind everybody, and before who comes after. */
START_TEST(one_ticket_in_all_lanes)
{
    enter(0, READ, EPOLLIN);
    enter(1, ALL, EPOLLOUT);
    enter(2, WRITE, EPOLLOUT);
    expect_next(-1);
    ck_assert(!wait_is_first(&t[1]));
    ck_assert(!wait_is_first(&t[2]));
    wait_leave(w, &t[0]);
    expect_next(1);
    enter(1, ALL, EPOLLOUT);
    wait_leave(w, &t[1]);
    expect_next(2);
}
END_TEST

START_TEST(one_who_is_parked_is_passed_by)
{
    enter(0, READ, EPOLLIN);
    enter(1, READ, EPOLLIN);
    wait_park(w, &t[0], true);
    expect_next(1); /* its turn has come */
    ck_assert(wait_is_first(&t[1]));
    enter(1, READ, EPOLLIN);
    speak();
    expect_next(1);
    wait_leave(w, &t[1]);
    ck_assert(wait_is_free(&point, READ));
    wait_park(w, &t[0], false);
    expect_next(0);
    ck_assert(wait_is_first(&t[0]));
}
END_TEST

START_TEST(removing_a_point_wakes_all)
{
    struct link link = {.point = &point, .events = EPOLLIN};
    int n = 0;

    enter(0, READ, EPOLLIN);
    enter(1, READ, EPOLLIN);
    enter(2, ALL, EPOLLOUT);
    ck_assert_int_eq(wait_enter_poll(w, &t[3], &link, 1), 0);
    wait_remove_point(w, &point);
    for (struct ticket *next; (next = wait_next(w)); n++)
        ck_assert_int_eq(next->n_links, 0);
    ck_assert_int_eq(n, 4);
}
END_TEST

START_TEST(a_removed_descriptor_is_not_heard)
{
    enter(0, READ, EPOLLIN);
    wait_remove_point(w, &point);
    ck_assert_ptr_eq(wait_next(w), &t[0]);
    wait_leave(w, &t[0]);
    speak();
    expect_next(-1);
}
END_TEST

START_TEST(waiting_on_many_points)
{
    struct point other;
    int more[2];
    struct link links[2] = {{.point = &point, .events = EPOLLIN},
                            {.point = &other, .events = EPOLLIN}};

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, more), 0);
    wait_add_point(w, &other, more[0]);
    ck_assert_int_eq(wait_enter_poll(w, &t[0], links, 2), 0);
    enter(1, READ, EPOLLIN); /* no queue: both are told */
    expect_next(-1);
    ck_assert_int_eq(write(more[1], "x", 1), 1);
    expect_next(0);
    ck_assert_int_eq(wait_enter_poll(w, &t[0], links, 2), 0);
    expect_next(0);
    speak();
    wait_collect(w);
    ck_assert_ptr_nonnull(wait_next(w));
    wait_leave(w, &t[0]);
    wait_remove_point(w, &other);
    close(more[0]);
    close(more[1]);
}
END_TEST

START_TEST(time_brings_up)
{
    enter(0, READ, EPOLLIN);
    enter(1, READ, EPOLLIN);
    ck_assert_int_eq(wait_enter(w, &t[2], NULL, 0, 0), 0);
    ck_assert_int_eq(wait_until(w, &t[0], 300), 0);
    ck_assert_int_eq(wait_until(w, &t[1], 100), 0);
    ck_assert_int_eq(wait_until(w, &t[2], 200), 0);
    ck_assert_int_eq(wait_next_time(w), 100);
    wait_expire(w, 99);
    expect_next(-1);
    wait_expire(w, 100);
    expect_next(1);
    ck_assert(!wait_is_first(&t[1]));
    ck_assert_int_eq(wait_until(w, &t[2], 400), 0);
    wait_expire(w, 300);
    expect_next(0);
    ck_assert_int_eq(wait_next_time(w), 400);
    wait_leave(w, &t[2]);
    ck_assert_int_eq(wait_next_time(w), INT64_MAX);
}
END_TEST

START_TEST(waking_is_for_those_who_wait)
{
    wait_wake(w, &t[0]);
    expect_next(-1);
    enter(0, READ, EPOLLIN);
    wait_wake(w, &t[0]);
    wait_wake(w, &t[0]);
    expect_next(0);
    expect_next(-1);
    wait_wake(w, &t[0]);
    wait_leave(w, &t[0]);
    expect_next(-1);
    wait_leave(w, &t[0]);
}
END_TEST

START_TEST(a_hang_up_is_for_all)
{
    enter(0, READ, EPOLLIN);
    enter(1, WRITE, 0);
    close(ends[1]);
    ends[1] = dup(ends[0]);
    expect_next(0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wait");
    TCase *tc = tcase_create("wait");

    tcase_add_checked_fixture(tc, set_up, tear_down);
    suite_add_tcase(suite, tc);
    tcase_add_test(tc, the_first_of_a_lane_comes_up);
    tcase_add_test(tc, a_point_is_armed_for_one_shot);
    tcase_add_test(tc, nobody_waits_and_nothing_wakes);
    tcase_add_test(tc, lanes_do_not_disarm_each_other);
    tcase_add_test(tc, one_ticket_in_all_lanes);
    tcase_add_test(tc, one_who_is_parked_is_passed_by);
    tcase_add_test(tc, removing_a_point_wakes_all);
    tcase_add_test(tc, a_removed_descriptor_is_not_heard);
    tcase_add_test(tc, waiting_on_many_points);
    tcase_add_test(tc, time_brings_up);
    tcase_add_test(tc, waking_is_for_those_who_wait);
    tcase_add_test(tc, a_hang_up_is_for_all);
    return house_run(suite);
}
