/* Bytes through TLS: all of them, in order, whatever the socket takes at a time; and every way in
 * which they can end. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "certificates.h"
#include "daemon/tls_net.h"
#include "daemon/tls_setup.h"
#include "dice.h"
#include "fds.h"
#include "tls_pair.h"

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

/* Small buffers, so that the socket is full soon. Not the receiver's: TCP gets slow with those. */
static void make_narrow(const struct tls_pair *p)
{
    int n = 4096;

    for (int i = 0; i < 2; i++)
        setsockopt(p->fds[i], SOL_SOCKET, SO_SNDBUF, &n, sizeof n);
}

static void open_version(struct tls_pair *p, int version)
{
    tls_pair_make(p, (struct tls_request){0}, (struct tls_request){0});
    SSL_set_max_proto_version(p->ends[0]->ssl, version);
    tls_pair_shake(p);
    ck_assert_msg(p->results[0] == 0 && p->results[1] == 0, "%s; %s", p->errors[0].message,
                  p->errors[1].message);
    ck_assert_int_eq(SSL_version(p->ends[1]->ssl), version);
}

/* -- transfers -- */

enum { ROOM = 70000 };

/* One direction: what is sent and what has come, as two streams of the same dice. */
struct flow {
    struct dice sent, received;
    size_t n_total, n_sent, n_received;
    bool is_shut, is_over;
    char room[ROOM];
    size_t n_room, room_at;
};

static char next_byte(struct dice *d)
{
    return (char)dice_bits(d);
}

/* Offers a piece of odd length; what is not taken is offered again, cut anew. Returns 0 or the
 * result that stopped it. */
static int push(struct tls *t, struct flow *f, struct dice *dice)
{
    struct error e = {0};
    size_t n;
    int r;

    if (f->n_sent == f->n_total)
        return f->is_shut ? 0 : (r = tls_shutdown(t, &e)) == 0 ? (f->is_shut = true, 0) : r;
    if (f->room_at == f->n_room) {
        f->n_room = 1 + dice_below(dice, dice_one_in(dice, 3) ? 100 : ROOM - 1);
        if (f->n_room > f->n_total - f->n_sent)
            f->n_room = f->n_total - f->n_sent;
        for (size_t i = 0; i < f->n_room; i++)
            f->room[i] = next_byte(&f->sent);
        f->room_at = 0;
    }
    n = 1 + dice_below(dice, f->n_room - f->room_at);
    if ((r = tls_send(t, f->room + f->room_at, n, &n, &e)) == 0) {
        f->room_at += n;
        f->n_sent += n;
    }
    ck_each(r == 0 || r == -EAGAIN, "send: %s", e.message);
    ck_each(tls_wire_n_unsent(&t->wire) <= TLS_RECORD_BYTES + 1024, "%zu bytes unsent",
            tls_wire_n_unsent(&t->wire));
    return r;
}

static int pull(struct tls *t, struct flow *f, struct dice *dice)
{
    static _Thread_local char room[ROOM];
    struct error e = {0};
    size_t n;
    int r;

    if (f->is_over)
        return 0;
    r = tls_recv(t, room, 1 + dice_below(dice, dice_one_in(dice, 3) ? 50 : ROOM), &n, &e);
    ck_each(r == 0 || r == -EAGAIN, "recv: %s", e.message);
    if (r != 0)
        return r;
    f->is_over = n == 0;
    for (size_t i = 0; i < n; i++)
        ck_each(room[i] == next_byte(&f->received), "byte %zu is another", f->n_received + i);
    f->n_received += n;
    return 0;
}

static struct flow *new_flow(uint64_t seed, size_t n)
{
    struct flow *f = calloc(1, sizeof *f);

    ck_assert_ptr_nonnull(f);
    f->sent.state = f->received.state = seed;
    f->n_total = n;
    return f;
}

/* Both directions at once, each end doing now this and now that. */
static void exchange(struct tls_pair *p, struct dice *dice, size_t n)
{
    struct flow *flows[2] = {new_flow(1, n), new_flow(2, n)};

    while (!flows[0]->is_over || !flows[1]->is_over) {
        struct pollfd waits[2];
        bool moved = false;

        for (int end = 0; end < 2; end++) {
            struct flow *out = flows[end], *in = flows[!end];
            int r_out = dice_one_in(dice, 8) ? 0 : push(p->ends[end], out, dice);
            int r_in = dice_one_in(dice, 4) ? 0 : pull(p->ends[end], in, dice);

            moved |= r_out == 0 || r_in == 0;
            waits[end] = (struct pollfd){p->fds[end],
                                         (short)((r_out ? tls_write_wants(p->ends[end]) : 0) |
                                                 (r_in ? tls_read_wants(p->ends[end]) : 0)),
                                         0};
        }
        if (!moved)
            ck_each(poll(waits, 2, 10000) > 0, "nothing moves any more");
    }
    for (int i = 0; i < 2; i++) {
        ck_assert_uint_eq(flows[i]->n_received, n);
        free(flows[i]);
    }
}

START_TEST(all_bytes)
{
    struct dice dice = dice_new();
    struct tls_pair p;

    open_version(&p, versions[_i]);
    make_narrow(&p);
    exchange(&p, &dice, dice_rounds(3 << 20, 100 << 20));
    tls_pair_close(&p);
    tls_pair_done();
}
END_TEST

/* What did not go out is not what the next call brings: a send that gave up, then another, of less
 * than the record that waits. */
START_TEST(another_send_after_one_that_gave_up)
{
    static char a[100000], room[1000];
    size_t n, n_a = 0, n_b = 0, n_read = 0;
    struct error e = {0};
    struct tls_pair p;
    int r;

    open_version(&p, versions[_i]);
    make_narrow(&p);
    memset(a, 'a', sizeof a);
    while ((r = tls_send(p.ends[0], a, sizeof a, &n, &e)) == 0)
        n_a += n;
    ck_assert_int_eq(r, -EAGAIN);
    ck_assert_uint_eq(tls_write_wants(p.ends[0]), EPOLLOUT);
    while (n_read < n_a + 3) {
        struct pollfd waits[2] = {{.fd = p.fds[0]}, {.fd = p.fds[1], .events = POLLIN}};

        r = n_b ? tls_flush(p.ends[0], &e) : tls_send(p.ends[0], "bbb", 3, &n_b, &e);
        ck_each(r == 0 || r == -EAGAIN, "%s", e.message);
        waits[0].events = (short)tls_write_wants(p.ends[0]);
        r = tls_recv(p.ends[1], room, sizeof room, &n, &e);
        ck_each(r == 0 || r == -EAGAIN, "%s", e.message);
        for (size_t i = 0; r == 0 && i < n; i++, n_read++)
            ck_each(room[i] == (n_read < n_a ? 'a' : 'b'), "byte %zu of %zu is %c", n_read, n_a,
                    room[i]);
        ck_each(r == 0 || poll(waits, 2, 10000) > 0, "nothing moves any more");
    }
    ck_assert_uint_eq(n_b, 3);
    tls_pair_close(&p);
    tls_pair_done();
}
END_TEST

/* What is decrypted the socket knows nothing of. */
START_TEST(pending_bytes)
{
    struct tls_pair p;
    char room[200];

    open_version(&p, versions[_i]);
    ck_assert(!tls_is_readable(p.ends[1]));
    memset(room, 'x', sizeof room);
    tls_pair_send(&p, 0, room, 100);
    ck_assert(!tls_is_readable(p.ends[1]));
    ck_assert_uint_eq(tls_pair_recv(&p, 1, room, 30), 30);
    ck_assert(tls_is_readable(p.ends[1]));
    ck_assert_uint_eq((size_t)SSL_pending(p.ends[1]->ssl), 70);
    ck_assert_uint_eq(tls_pair_recv(&p, 1, room, sizeof room), 70);
    ck_assert(!tls_is_readable(p.ends[1]));
    tls_pair_close(&p);
    tls_pair_done();
}
END_TEST

/* Small records are read together, and then the socket knows nothing of the later ones either. */
START_TEST(pending_records)
{
    static const size_t record_bytes[] = {5 + 8 + 10 + 16, 5 + 10 + 1 + 16};
    struct pollfd wait = {.events = POLLIN};
    struct tls_pair p;
    char room[1000] = "";
    int on = 1;

    open_version(&p, versions[_i]);
    setsockopt(p.fds[0], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    for (int i = 0; i < 20; i++)
        tls_pair_send(&p, 0, "0123456789", 10);
    /* all of them have come */
    ck_assert_int_eq(fcntl(p.fds[1], F_SETFL, 0), 0);
    ck_assert_int_eq(recv(p.fds[1], room, 20 * record_bytes[_i], MSG_PEEK | MSG_WAITALL),
                     (ssize_t)(20 * record_bytes[_i]));
    ck_assert_uint_eq(tls_pair_recv(&p, 1, room, 10), 10);
    wait.fd = p.fds[1];
    ck_assert_int_eq(poll(&wait, 1, 0), 0);
    ck_assert(tls_is_readable(p.ends[1]));
    ck_assert_uint_eq(tls_pair_recv(&p, 1, room, sizeof room), 190);
    ck_assert(!tls_is_readable(p.ends[1]));
    tls_pair_close(&p);
    tls_pair_done();
}
END_TEST

/* A socket that somebody else has made blocking does not block us. */
START_TEST(a_blocking_socket)
{
    struct error e = {0};
    struct tls_pair p;
    static char room[50000];
    size_t n;
    int r;

    open_version(&p, versions[_i]);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(fcntl(p.fds[i], F_SETFL, 0), 0);
    ck_assert_int_eq(tls_recv(p.ends[0], room, sizeof room, &n, &e), -EAGAIN);
    while ((r = tls_send(p.ends[0], room, sizeof room, &n, &e)) == 0)
        ;
    ck_assert_int_eq(r, -EAGAIN);
    tls_pair_close(&p);
    tls_pair_done();
}
END_TEST

/* Bytes that were read before TLS began are its first ones. */
START_TEST(read_ahead)
{
    struct tls_pair p;
    struct tls_request q = {.server_side = true, .identity = "good"};
    struct error e = {0};
    char hello[4096];
    size_t n_ahead;

    tls_pair_make(&p, (struct tls_request){0}, (struct tls_request){0});
    ck_assert_int_eq(tls_pair_step(p.ends[0], &e), -EAGAIN);
    n_ahead = (size_t)recv(p.fds[1], hello, _i ? sizeof hello : 7, 0);
    tls_free(p.ends[1]);
    q.fd = p.fds[1];
    q.ahead = hello;
    q.n_ahead = n_ahead;
    ck_assert_int_eq(tls_pair_new(tls_pair_contexts(), &q, &p.ends[1], &e), 0);
    memset(hello, 0, sizeof hello); /* it was copied */
    tls_pair_shake(&p);
    ck_assert(p.results[0] == 0 && p.results[1] == 0);
    ck_assert(!tls_is_readable(p.ends[1]));
    tls_pair_close(&p);
    tls_pair_done();
}
END_TEST

/* Messages of TLS's own between the data pass; nothing but them keeps us busy for no longer than
 * somebody honest would. */
START_TEST(idle_talk)
{
    struct error e = {0};
    struct tls_pair p;
    char c;
    size_t n;
    int r;

    tls_pair_open(&p, (struct tls_request){0}, (struct tls_request){0});
    for (int i = 0; i < 40; i++)
        ck_each(SSL_key_update(p.ends[1]->ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1 &&
                    SSL_do_handshake(p.ends[1]->ssl) == 1,
                "%d", i);
    tls_pair_send(&p, 1, "x", 1);
    ck_assert_uint_eq(tls_pair_recv(&p, 0, &c, 1), 1);
    for (int i = 0; i < 100; i++)
        ck_each(SSL_key_update(p.ends[1]->ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1 &&
                    SSL_do_handshake(p.ends[1]->ssl) == 1,
                "%d", i);
    while ((r = tls_recv(p.ends[0], &c, 1, &n, &e)) == -EAGAIN)
        tls_pair_wait(p.fds[0], POLLIN);
    ck_assert_int_eq(r, ERROR_TLS);
    tls_pair_expect_error(&e, "tls", "PROTOCOL");
    tls_pair_close(&p);
    tls_pair_done();
}
END_TEST

/* A peer that sends byte by byte is read in pieces. */
START_TEST(tiny_records)
{
    enum { N = 2000 };
    struct error e = {0};
    struct tls_pair p;
    char room[N];
    size_t n, n_read = 0;

    tls_pair_open(&p, (struct tls_request){0}, (struct tls_request){0});
    for (int i = 0; i < N; i++)
        tls_pair_send(&p, 1, "x", 1);
    while (n_read < N) {
        tls_pair_wait(p.fds[0], tls_is_readable(p.ends[0]) ? POLLOUT : POLLIN);
        ck_assert_int_eq(tls_recv(p.ends[0], room, sizeof room, &n, &e), 0);
        ck_assert_uint_le(n, 64);
        n_read += n;
    }
    tls_pair_close(&p);
    tls_pair_done();
}
END_TEST

/* -- ends -- */

START_TEST(half_close)
{
    struct error e = {0};
    struct tls_pair p;
    char room[10];
    size_t n;

    open_version(&p, versions[_i]);
    tls_pair_send(&p, 0, "ask", 3);
    tls_pair_shut(&p, 0);
    tls_pair_shut(&p, 0);
    ck_assert_int_eq(tls_send(p.ends[0], "x", 1, &n, &e), ERROR_OS);
    ck_assert_str_eq(e.name, "EPIPE");
    ck_assert_uint_eq(tls_pair_recv(&p, 1, room, sizeof room), 3);
    for (int i = 0; i < 2; i++)
        ck_assert_uint_eq(tls_pair_recv(&p, 1, room, sizeof room), 0);
    ck_assert(tls_is_readable(p.ends[1]));
    /* the other way it goes on */
    tls_pair_send(&p, 1, "answer", 6);
    ck_assert_uint_eq(tls_pair_recv(&p, 0, room, sizeof room), 6);
    tls_pair_shut(&p, 1);
    ck_assert_uint_eq(tls_pair_recv(&p, 0, room, sizeof room), 0);
    tls_pair_close(&p);
    tls_pair_done();
}
END_TEST

/* A FIN that TLS has not announced may be anybody's. What came before it is still read. */
START_TEST(truncation)
{
    struct tls_pair p;
    struct error e = {0};
    char room[10];

    open_version(&p, versions[_i]);
    tls_pair_send(&p, 0, "half of i", 9);
    shutdown(p.fds[0], SHUT_WR);
    ck_assert_uint_eq(tls_pair_recv(&p, 1, room, sizeof room), 9);
    tls_pair_expect_failure(&p, 1, "TRUNCATED");
    ck_assert(tls_has_failed(p.ends[1], &e) && tls_is_readable(p.ends[1]));
    tls_pair_expect_error(&e, "tls", "TRUNCATED");
    ck_assert_ptr_nonnull(e.hint);
    tls_pair_close(&p);
    tls_pair_done();
}
END_TEST

/* A record cut off in its middle. */
START_TEST(truncation_inside_of_a_record)
{
    struct tls_pair p;
    struct error e = {0};
    static char room[100000];
    size_t n;

    open_version(&p, versions[_i]);
    make_narrow(&p);
    while (tls_send(p.ends[0], room, sizeof room, &n, &e) == 0)
        ;
    ck_assert_uint_gt(tls_wire_n_unsent(&p.ends[0]->wire), 0);
    shutdown(p.fds[0], SHUT_WR);
    do {
        int r = tls_recv(p.ends[1], room, sizeof room, &n, &e);

        if (r > 0)
            break;
        ck_assert(r == -EAGAIN || n > 0);
        tls_pair_wait(p.fds[1], POLLIN);
    } while (true);
    tls_pair_expect_error(&e, "tls", "TRUNCATED");
    tls_pair_close(&p);
    tls_pair_done();
}
END_TEST

static void reset(int fd)
{
    struct linger linger = {1, 0};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close(fd);
}

START_TEST(a_reset)
{
    struct tls_pair p;
    struct error e = {0};
    char room[10];
    size_t n;

    open_version(&p, versions[_i]);
    reset(p.fds[0]);
    p.fds[0] = -1;
    tls_pair_wait(p.fds[1], POLLIN);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(tls_recv(p.ends[1], room, sizeof room, &n, &e), ERROR_OS);
        ck_assert_str_eq(e.name, "ECONNRESET");
    }
    ck_assert_int_eq(tls_send(p.ends[1], room, 1, &n, &e), 0); /* as send(2): not known yet */
    ck_assert_int_eq(tls_send(p.ends[1], room, 1, &n, &e), ERROR_OS);
    ck_assert_str_eq(e.name, "EPIPE");
    tls_pair_close(&p);
    tls_pair_done();
}
END_TEST

/* Whose writes fail still reads what had come. */
START_TEST(reading_behind_a_failed_write)
{
    struct tls_pair p;
    struct error e = {0};
    char room[10];
    size_t n;

    open_version(&p, versions[_i]);
    tls_pair_send(&p, 0, "bye", 3);
    tls_pair_shut(&p, 0);
    shutdown(p.fds[1], SHUT_WR);
    ck_assert_int_eq(tls_send(p.ends[1], "x", 1, &n, &e), 0);
    ck_assert_int_eq(tls_send(p.ends[1], "x", 1, &n, &e), ERROR_OS);
    ck_assert_str_eq(e.name, "EPIPE");
    ck_assert_uint_eq(tls_pair_recv(&p, 1, room, sizeof room), 3);
    ck_assert_uint_eq(tls_pair_recv(&p, 1, room, sizeof room), 0);
    tls_pair_close(&p);
    tls_pair_done();
}
END_TEST

/* Bytes changed on their way. */
START_TEST(damage)
{
    struct tls_pair p;
    struct error e = {0};
    char record[200];
    ssize_t n;

    open_version(&p, versions[_i]);
    tls_pair_send(&p, 0, "x", 1);
    tls_pair_wait(p.fds[1], POLLIN);
    n = recv(p.fds[1], record, sizeof record, 0);
    record[n - 1] ^= 1;
    tls_free(p.ends[0]);
    p.ends[0] = NULL;
    /* Back by its own way: the peer's socket sends it again. */
    ck_assert_int_eq(send(p.fds[0], record, (size_t)n, 0), n);
    tls_pair_expect_failure(&p, 1, "PROTOCOL");
    ck_assert(tls_has_failed(p.ends[1], &e));
    ck_assert_ptr_nonnull(strstr(e.message, "bad record mac"));
    tls_pair_close(&p);
    tls_pair_done();
}
END_TEST

/* -- what TLS says to itself in between -- */

START_TEST(new_keys)
{
    struct tls_pair p;
    char c;

    open_version(&p, TLS1_3_VERSION);
    for (int i = 0; i < 10; i++) {
        ck_assert(SSL_key_update(p.ends[0]->ssl, SSL_KEY_UPDATE_REQUESTED));
        tls_pair_send(&p, 0, "x", 1);
        ck_assert_uint_eq(tls_pair_recv(&p, 1, &c, 1), 1);
        tls_pair_send(&p, 1, "y", 1);
        ck_assert_uint_eq(tls_pair_recv(&p, 0, &c, 1), 1);
        ck_assert_int_eq(c, 'y');
    }
    tls_pair_close(&p);
    tls_pair_done();
}
END_TEST

/* Neither a client that begins it nor a server that asks for it gets new keys. */
START_TEST(no_renegotiation)
{
    int asking = _i, asked = !_i;
    struct tls_pair p;
    struct error e = {0};
    char c;
    size_t n;

    open_version(&p, TLS1_2_VERSION);
    SSL_clear_options(p.ends[asking]->ssl, SSL_OP_NO_RENEGOTIATION);
    ck_assert(SSL_renegotiate(p.ends[asking]->ssl));
    (void)SSL_do_handshake(p.ends[asking]->ssl);
    tls_pair_wait(p.fds[asked], POLLIN);
    ck_assert_int_eq(tls_recv(p.ends[asked], &c, 1, &n, &e), -EAGAIN);
    tls_pair_wait(p.fds[asking], POLLIN);
    tls_pair_expect_failure(&p, asking, "PROTOCOL");
    tls_pair_close(&p);
    tls_pair_done();
}
END_TEST

/* -- threads -- */

/* A connection wanders: begun here, used there. And many share one set of contexts. */
static void *use(void *argument)
{
    struct tls_pair *p = argument;
    struct dice dice = {(uint64_t)(intptr_t)p};

    exchange(p, &dice, 300000);
    return NULL;
}

START_TEST(threads)
{
    struct tls_pair pairs[4];
    pthread_t ids[4];

    for (int i = 0; i < 4; i++) {
        open_version(&pairs[i], versions[i % 2]);
        make_narrow(&pairs[i]);
    }
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&ids[i], NULL, use, &pairs[i]), 0);
    for (int i = 0; i < 4; i++) {
        struct tls_pair p; /* meanwhile */

        tls_pair_open(&p, (struct tls_request){0}, (struct tls_request){0});
        tls_pair_close(&p);
        pthread_join(ids[i], NULL);
        tls_pair_close(&pairs[i]);
    }
    tls_pair_done();
}
END_TEST

/* -- the pump's end -- */

START_TEST(net)
{
    static char room[200000];
    struct pump_net nets[2];
    struct tls_pair p;
    unsigned wants = 0;
    size_t n_sent = 0;
    ssize_t r;

    open_version(&p, versions[_i]);
    make_narrow(&p);
    for (int i = 0; i < 2; i++)
        nets[i] = tls_net(p.ends[i], p.fds[i]);
    ck_assert_int_eq(nets[1].ops->read(&nets[1], room, sizeof room, &wants), -EAGAIN);
    ck_assert_uint_eq(wants, POLLIN);
    while ((r = nets[0].ops->write(&nets[0], room, sizeof room, &wants)) > 0) {
        n_sent += (size_t)r;
        ck_assert_uint_eq(wants, POLLOUT); /* also when it does not wait */
    }
    ck_assert_int_eq(r, -EAGAIN);
    ck_assert_uint_eq(wants, POLLOUT);
    ck_assert_int_eq(nets[0].ops->flush(&nets[0], &wants), -EAGAIN);
    ck_assert_int_eq(nets[0].ops->shut(&nets[0], &wants), -EAGAIN);
    while ((r = nets[1].ops->read(&nets[1], room, sizeof room, &wants)) != -ENODATA) {
        ck_assert(r > 0 || r == -EAGAIN);
        ck_assert_uint_eq(wants, POLLIN);
        n_sent -= r > 0 ? (size_t)r : 0;
        nets[0].ops->shut(&nets[0], &(unsigned){0});
    }
    ck_assert_uint_eq(n_sent, 0);
    ck_assert_int_eq(nets[0].ops->write(&nets[0], room, 1, &wants), -EPIPE);
    nets[1].ops->reset(&nets[1]);
    tls_pair_wait(p.fds[0], POLLIN);
    ck_assert_int_eq(nets[0].ops->read(&nets[0], room, 1, &wants), -ECONNRESET);
    tls_pair_close(&p);
    open_version(&p, versions[_i]);
    nets[0] = tls_net(p.ends[0], p.fds[0]);
    shutdown(p.fds[1], SHUT_WR);
    tls_pair_wait(p.fds[0], POLLIN);
    ck_assert_int_eq(nets[0].ops->read(&nets[0], room, 1, &wants), -EPROTO);
    tls_pair_close(&p);
    tls_pair_done();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tls_io");
    TCase *tests = fds_case(suite, "bytes");
    int r;

    certificates_open();
    (void)tls_pair_identities();
    tcase_add_loop_test(tests, all_bytes, 0, 2);
    tcase_add_loop_test(tests, another_send_after_one_that_gave_up, 0, 2);
    tcase_add_loop_test(tests, pending_bytes, 0, 2);
    tcase_add_loop_test(tests, pending_records, 0, 2);
    tcase_add_loop_test(tests, a_blocking_socket, 0, 2);
    tcase_add_loop_test(tests, read_ahead, 0, 2);
    tcase_add_test(tests, idle_talk);
    tcase_add_test(tests, tiny_records);
    tcase_add_loop_test(tests, half_close, 0, 2);
    tcase_add_loop_test(tests, truncation, 0, 2);
    tcase_add_loop_test(tests, truncation_inside_of_a_record, 0, 2);
    tcase_add_loop_test(tests, a_reset, 0, 2);
    tcase_add_loop_test(tests, reading_behind_a_failed_write, 0, 2);
    tcase_add_loop_test(tests, damage, 0, 2);
    tcase_add_test(tests, new_keys);
    tcase_add_loop_test(tests, no_renegotiation, 0, 2);
    tcase_add_test(tests, threads);
    tcase_add_loop_test(tests, net, 0, 2);
    r = fds_run(suite);
    certificates_close();
    return r;
}
