/* check_turns.c — work without end: a turn of the loop does a little for each client, and one with
 * much to do holds up nobody. Time is counted in looks at the clock and turns, never in seconds. */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/server.h"
#include "house.h"
#include "proto/limits.h"

enum {
    LOOK_USEC = 50,   /* what a look at the clock takes, and so at least each request */
    MOST_TURNS = 3,   /* until another client is answered */
    MOST_OPENED = 60, /* in a turn: less than one batch */
    N_BATCHES = 6,
    N_HOGS = 5,
    STOP_USEC = 400 * LOOK_USEC,
};

static struct now now;
static int64_t look_usec;

static struct now ticking_clock(void)
{
    now.monotonic += look_usec;
    now.real += look_usec;
    return now;
}

/* From now on the daemon's clock goes on by looks alone. */
static void let_looks_take_time(void)
{
    struct core *core = server_core(house_server());

    now = core->now;
    look_usec = LOOK_USEC;
    core->clock = ticking_clock;
}

static int64_t n_opened(void)
{
    return store_tally(server_core(house_server())->store).n_opened;
}

/* A batch of requests that each open a socket, so that what was done can be counted. */
static void send_batch(struct house_client *c)
{
    static const char entry[] = "{\"method\":\"socket\",\"params\":{\"type\":\"SOCK_DGRAM\"}},";
    char line[sizeof entry * LIMIT_BATCH_ENTRIES + 3] = "[";
    char *end = line + 1;

    for (int i = 0; i < LIMIT_BATCH_ENTRIES; i++)
        end = stpcpy(end, entry);
    strcpy(end - 1, "]\n");
    house_send_bytes(c, line, strlen(line));
}

/* Pings, and takes turns until there is an answer. No turn does more than a little of what there is
 * to do. */
static void expect_ping_soon(struct house_client *c)
{
    struct pollfd p = {.fd = house_client_fd(c), .events = POLLIN};
    int n = 0;

    house_send(c, "{'method':'ping','id':1}");
    while (poll(&p, 1, 0) == 0) {
        int64_t before = n_opened();

        ck_assert_int_lt(n++, MOST_TURNS);
        house_turn(1);
        ck_assert_int_le(n_opened() - before, MOST_OPENED);
    }
    ck_assert(house_has(house_next(c), "result"));
}

/* Others are served while the daemon has n_to_open sockets to open. */
static void expect_fairness(struct house_client *other, int64_t n_to_open)
{
    for (int i = 0; i < 3; i++)
        expect_ping_soon(other);
    ck_assert_int_gt(n_opened(), 0);
    ck_assert_int_lt(n_opened(), n_to_open);
    look_usec = 0;
}

/* All is done in the end. */
static void expect_done(struct house_client *hog)
{
    house_begin(hog, 1, "ping", "{}");
    house_expect_id(house_next(hog), 1);
}

/* A batch takes the time that it takes, but not at once. */
START_TEST(batches_one_after_another)
{
    struct house_client *hog = house_client(), *other = house_client();

    let_looks_take_time();
    for (int i = 0; i < N_BATCHES; i++)
        send_batch(hog);
    expect_fairness(other, N_BATCHES * LIMIT_BATCH_ENTRIES);
    expect_done(hog);
    ck_assert_int_eq(n_opened(), N_BATCHES * LIMIT_BATCH_ENTRIES);
}
END_TEST

START_TEST(lines_one_after_another)
{
    static const char line[] = "{\"method\":\"socket\",\"params\":{\"type\":\"SOCK_DGRAM\"}}\n";
    struct house_client *hog = house_client(), *other = house_client();

    let_looks_take_time();
    for (int i = 0; i < N_BATCHES * LIMIT_BATCH_ENTRIES; i++)
        house_send_bytes(hog, line, sizeof line - 1);
    expect_fairness(other, N_BATCHES * LIMIT_BATCH_ENTRIES);
    expect_done(hog);
    ck_assert_int_eq(n_opened(), N_BATCHES * LIMIT_BATCH_ENTRIES);
}
END_TEST

/* The more there are, the less each may do. */
START_TEST(many_clients_with_batches)
{
    struct house_client *hogs[N_HOGS], *other = house_client();

    let_looks_take_time();
    for (int i = 0; i < N_HOGS; i++)
        send_batch(hogs[i] = house_client());
    expect_fairness(other, N_HOGS * LIMIT_BATCH_ENTRIES);
    for (int i = 0; i < N_HOGS; i++)
        expect_done(hogs[i]);
    ck_assert_int_eq(n_opened(), N_HOGS * LIMIT_BATCH_ENTRIES);
}
END_TEST

/* What stands behind an entry that waited is for its client's next turn too. */
START_TEST(a_batch_that_waited)
{
    static const char entry[] = ",{\"method\":\"socket\"}";
    struct house_client *hog = house_client(), *other = house_client();
    long long ends[2];
    char first[64];

    house_pair(hog, "SOCK_STREAM", ends);
    snprintf(first, sizeof first, "[{\"method\":\"recv\",\"id\":7,\"params\":[%lld]}", ends[1]);
    house_send_bytes(hog, first, strlen(first));
    for (int i = 1; i < LIMIT_BATCH_ENTRIES; i++)
        house_send_bytes(hog, entry, sizeof entry - 1);
    house_send_bytes(hog, "]\n", 2);
    house_expect_silence(hog);
    let_looks_take_time();
    house_send(other, "{'method':'send','params':{'handle':%lld,'text':'go'}}", ends[0]);
    for (int i = 0; i < 2; i++)
        expect_ping_soon(other);
    ck_assert_int_gt(n_opened(), 2);
    look_usec = 0;
    ck_assert_str_eq(house_text(house_next(hog), "0.result.text"), "go");
    ck_assert_int_eq(n_opened(), 2 + LIMIT_BATCH_ENTRIES - 1);
}
END_TEST

/* A list looks at so many rows and no more, whether they pass its filter or not; the next page goes
 * on there. */
START_TEST(a_history_that_does_not_pass)
{
    enum { N_ROWS = LIMIT_LIST_SEEN + 100, N_PER_BATCH = 32 };
    struct house_client *c = house_client();
    char line[N_PER_BATCH * 128] = "[", *end = line + 1;
    json_t *page;

    for (int i = 0; i < N_PER_BATCH; i++)
        end += sprintf(end,
                       "%s{\"method\":\"socket\",\"params\":{\"name\":\"@%d\"}},"
                       "{\"method\":\"close\",\"params\":{\"handle\":\"@%d\"}}",
                       i ? "," : "", i, i);
    strcpy(end, "]\n");
    for (int i = 0; i < N_ROWS; i += N_PER_BATCH)
        house_send_bytes(c, line, strlen(line));
    house_do(c, "ping", "{}");
    page = house_do(c, "ledger.list", "{'filter':{'state':'closed','label':'none'}}");
    ck_assert_uint_eq(house_size(page, "rows"), 0);
    ck_assert_int_eq(house_int(page, "next"), HANDLE_FIRST + LIMIT_LIST_SEEN - 1);
    page = house_do(c, "ledger.list", "{'filter':{'state':'closed','label':'none'},'after':%lld}",
                    house_int(page, "next"));
    ck_assert_uint_eq(house_size(page, "rows"), 0);
    ck_assert(!house_has(page, "next"));
}
END_TEST

/* A daemon that stops waits for nobody who has been answered, though he does not hang up. */
START_TEST(who_stays_connected)
{
    struct house_client *idle = house_client(), *c = house_client();

    house_do(idle, "ping", "{}");
    house_make(c, "socketpair", "{'name':'@p'}");
    house_begin(c, 1, "recv", "{'handle':'@p'}");
    house_begin(c, 2, "ping", "{}");
    let_looks_take_time();
    server_stop(house_server(), STOP_USEC);
    ck_assert_int_eq(house_n_sessions(), 0);
    for (int i = 1; i <= 2; i++) {
        json_t *reply = house_next(c);

        house_expect_id(reply, i);
        house_expect_error(reply, "cancelled", "STOPPING");
    }
    house_expect_end(c);
    house_expect_end(idle);
    house_reopen((struct house_setup){0});
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("turns");
    TCase *tc = house_case(suite, "turns");

    tcase_add_test(tc, batches_one_after_another);
    tcase_add_test(tc, lines_one_after_another);
    tcase_add_test(tc, many_clients_with_batches);
    tcase_add_test(tc, a_batch_that_waited);
    tcase_add_test(tc, a_history_that_does_not_pass);
    tcase_add_test(tc, who_stays_connected);
    return house_run(suite);
}
