/* A pumped stream whose net end is TLS: the client sees plaintext, and every end as what it was. */
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "certificates.h"
#include "daemon/pump.h"
#include "daemon/tls_net.h"
#include "fds.h"
#include "tls_pair.h"

enum { N_BYTES = 8 << 20, PIECE = 50001, OURS = TLS_PAIR_CLIENT, PEER = TLS_PAIR_SERVER };

static char byte_at(size_t i, unsigned seed)
{
    return (char)((i * 2654435761u + seed) >> 11);
}

static bool is_right(const char *data, size_t n, size_t at, unsigned seed)
{
    for (size_t i = 0; i < n; i++)
        if (data[i] != byte_at(at + i, seed))
            return false;
    return true;
}

static void fill(char *data, size_t n, size_t at, unsigned seed)
{
    for (size_t i = 0; i < n; i++)
        data[i] = byte_at(at + i, seed);
}

/* -- a stream -- */

struct streamed {
    struct tls_pair pair; /* OURS is the pump's */
    struct pump *pump;
    struct pump_stream *stream;
    int client;
};

static void open_stream(struct streamed *s)
{
    struct pump_request request = {.user = s};

    tls_pair_open(&s->pair, (struct tls_request){0}, (struct tls_request){0});
    s->pump = pump_new(1, PUMP_LINGER_MS);
    ck_assert_ptr_nonnull(s->pump);
    request.net = tls_net(s->pair.ends[OURS], s->pair.fds[OURS]);
    ck_assert_int_eq(pump_open(s->pump, &request, &s->stream, &s->client), 0);
}

static struct pump_end await_end(struct streamed *s)
{
    struct pollfd wait = {.fd = pump_fd(s->pump), .events = POLLIN};
    struct pump_end end;

    while (!pump_next(s->pump, &end))
        ck_assert_int_eq(poll(&wait, 1, 10000), 1);
    return end;
}

static void close_stream(struct streamed *s)
{
    if (s->client >= 0)
        close(s->client);
    pump_free(s->pump);
    tls_pair_close(&s->pair);
    tls_pair_done();
}

/* -- the client: a thread for each direction -- */

struct side {
    int fd;
    const char *complaint; /* NULL: none */
};

static void *client_writes(void *argument)
{
    struct side *side = argument;
    char room[PIECE];
    size_t n;

    for (size_t at = 0; at < N_BYTES; at += n) {
        n = N_BYTES - at < PIECE ? N_BYTES - at : PIECE;
        fill(room, n, at, 1);
        if (send(side->fd, room, n, MSG_NOSIGNAL) != (ssize_t)n)
            side->complaint = "its write failed";
    }
    shutdown(side->fd, SHUT_WR);
    return NULL;
}

static void *client_reads(void *argument)
{
    struct side *side = argument;
    char room[PIECE];
    size_t at = 0;
    ssize_t n;

    for (; (n = recv(side->fd, room, sizeof room, 0)) > 0; at += (size_t)n)
        if (!is_right(room, (size_t)n, at, 2))
            side->complaint = "it read other bytes";
    if (n < 0 || at != N_BYTES)
        side->complaint = n < 0 ? "its read failed" : "it read too little";
    return NULL;
}

/* The peer does both, as the socket goes. */
static void peer_exchanges(struct tls_pair *p)
{
    static char out[PIECE], in[PIECE];
    size_t n_sent = 0, n_received = 0, n = 1;
    struct error e = {0};
    bool is_shut = false;

    while (n || !is_shut) {
        struct pollfd wait = {.fd = p->fds[PEER]};
        size_t n_out = N_BYTES - n_sent < PIECE ? N_BYTES - n_sent : PIECE, n_taken = 0;
        int r_in = 0, r_out = 0;

        fill(out, n_out, n_sent, 2);
        if (n_out)
            r_out = tls_send(p->ends[PEER], out, n_out, &n_taken, &e);
        else if ((r_out = tls_shutdown(p->ends[PEER], &e)) == 0)
            is_shut = true;
        n_sent += n_taken;
        if (n && (r_in = tls_recv(p->ends[PEER], in, sizeof in, &n, &e)) == 0) {
            ck_each(is_right(in, n, n_received, 1), "the peer read other bytes");
            n_received += n;
        }
        ck_each(r_in <= 0 && r_out <= 0, "%s", e.message);
        wait.events = (short)((r_in ? tls_read_wants(p->ends[PEER]) : 0) |
                              (r_out ? tls_write_wants(p->ends[PEER]) : 0));
        if ((r_in || !n) && (r_out || is_shut) && wait.events)
            ck_each(poll(&wait, 1, 10000) == 1, "nothing moves any more");
    }
    ck_assert_uint_eq(n_received, N_BYTES);
}

START_TEST(both_ways)
{
    struct streamed s;
    pthread_t threads[2];
    struct side sides[2];
    struct pump_end end;

    open_stream(&s);
    sides[0] = sides[1] = (struct side){s.client, NULL};
    ck_assert_int_eq(pthread_create(&threads[0], NULL, client_writes, &sides[0]), 0);
    ck_assert_int_eq(pthread_create(&threads[1], NULL, client_reads, &sides[1]), 0);
    peer_exchanges(&s.pair);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        ck_assert_msg(!sides[i].complaint, "%s", sides[i].complaint);
    }
    end = await_end(&s);
    ck_assert_int_eq(end.how, PUMP_FINISHED);
    ck_assert_int_eq(end.sent, N_BYTES);
    ck_assert_int_eq(end.received, N_BYTES);
    close_stream(&s);
}
END_TEST

/* What was decrypted before the stream began is not lost. */
START_TEST(pending_before)
{
    struct streamed s;
    struct pump_request request = {.user = &s};
    char room[20] = "";

    tls_pair_open(&s.pair, (struct tls_request){0}, (struct tls_request){0});
    tls_pair_send(&s.pair, PEER, "0123456789", 10);
    ck_assert_uint_eq(tls_pair_recv(&s.pair, OURS, room, 4), 4);
    s.pump = pump_new(1, PUMP_LINGER_MS);
    request.net = tls_net(s.pair.ends[OURS], s.pair.fds[OURS]);
    ck_assert_int_eq(pump_open(s.pump, &request, &s.stream, &s.client), 0);
    ck_assert_int_eq(recv(s.client, room, 6, MSG_WAITALL), 6);
    ck_assert_int_eq(memcmp(room, "456789", 6), 0);
    close_stream(&s);
}
END_TEST

/* An end that TLS has not said is none: the client must not take it for one. */
START_TEST(truncation)
{
    struct streamed s;
    struct error e = {0};
    struct pump_end end;
    char room[20];

    open_stream(&s);
    tls_pair_send(&s.pair, PEER, "half of i", 9);
    shutdown(s.pair.fds[PEER], SHUT_WR);
    ck_assert_int_eq(recv(s.client, room, 9, MSG_WAITALL), 9);
    ck_assert_int_eq(recv(s.client, room, sizeof room, 0), -1);
    ck_assert_int_eq(errno, ECONNRESET);
    end = await_end(&s);
    ck_assert_int_eq(end.how, PUMP_NET_RESET);
    ck_assert_int_eq(end.error, EPROTO);
    ck_assert(tls_has_failed(s.pair.ends[OURS], &e));
    tls_pair_expect_error(&e, "tls", "TRUNCATED");
    close_stream(&s);
}
END_TEST

/* A client that dies is a reset to the peer, not an end. */
START_TEST(a_client_that_leaves_data)
{
    struct streamed s;
    struct error e = {0};
    char room[20];
    size_t n;
    int r;

    open_stream(&s);
    tls_pair_send(&s.pair, PEER, "unread", 6);
    ck_assert_int_eq(recv(s.client, room, 1, MSG_PEEK), 1);
    close(s.client);
    s.client = -1;
    ck_assert_int_eq(await_end(&s).how, PUMP_CLIENT_RESET);
    while ((r = tls_recv(s.pair.ends[PEER], room, sizeof room, &n, &e)) == -EAGAIN)
        tls_pair_wait(s.pair.fds[PEER], POLLIN);
    ck_assert_int_eq(r, ERROR_OS);
    ck_assert_str_eq(e.name, "ECONNRESET");
    close_stream(&s);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tls_pump");
    TCase *tests = fds_case(suite, "streams");
    int r;

    certificates_open();
    (void)tls_pair_identities();
    tcase_add_test(tests, both_ways);
    tcase_add_test(tests, pending_before);
    tcase_add_test(tests, truncation);
    tcase_add_test(tests, a_client_that_leaves_data);
    r = fds_run(suite);
    certificates_close();
    return r;
}
