#include "client/relay.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    PIECE_BYTES = 256 << 10,
    PACKET_BYTES = 16 << 10, /* as other netcats; more would be cut in pieces on the way */
    MAX_PACKET_BYTES = 64 << 10,
};

/* What both threads know. There is one, for it outlives relay_run() when the other thread does. */
struct both {
    struct relay r;
    int peer_ended;        /* eventfd: from now on `in` may not be silent for long */
    _Atomic int64_t alive; /* CLOCK_MONOTONIC in ms: when something last came or went */
    int up_error;          /* of the direction to the net */
    bool is_in_error;      /* and it is `in`'s */
    bool is_left;          /* `in` has not come to its end */
    char up[PIECE_BYTES], down[PIECE_BYTES];
};

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* -- to the net -------------------------------------------------------------------------------- */

/* Waits for `in`. False: the peer has ended, and nothing comes any more. A peer that has no more to
 * say may well have much to hear, so that its end alone ends nothing here. */
static bool wait_for_in(struct both *b)
{
    struct pollfd p[] = {{.fd = b->r.in, .events = POLLIN},
                         {.fd = b->peer_ended, .events = POLLIN}};

    while (poll(p, 2, -1) < 0 && errno == EINTR)
        ;
    /* POLLNVAL too: the read says what is wrong. */
    if (p[0].revents)
        return true;
    while (poll(p, 1, b->r.linger_ms) < 0 && errno == EINTR)
        ;
    b->is_left = !p[0].revents;
    return !b->is_left;
}

static int send_all(struct both *b, const char *data, size_t n)
{
    ssize_t sent;

    do {
        sent = send(b->r.fd, data, n, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR)
            return errno;
        if (sent > 0) {
            data += sent;
            n -= (size_t)sent;
            b->alive = now_ms();
        }
    } while (n);
    return 0;
}

static void *carry_up(void *context)
{
    struct both *b = context;
    size_t n_most = b->r.is_packets ? PACKET_BYTES : PIECE_BYTES;
    ssize_t n = 1;

    while (n > 0 && !b->up_error && wait_for_in(b)) {
        while ((n = read(b->r.in, b->up, n_most)) < 0 && errno == EINTR)
            ;
        if (n < 0) {
            b->up_error = errno;
            b->is_in_error = true;
            /* The other direction would wait for an end that the peer has no reason to make. */
            shutdown(b->r.fd, SHUT_RDWR);
        } else if (n > 0) {
            b->up_error = send_all(b, b->up, (size_t)n);
        }
    }
    if (!b->up_error && !b->r.is_packets)
        shutdown(b->r.fd, SHUT_WR);
    return NULL;
}

/* -- from the net ------------------------------------------------------------------------------ */

/* 0 when something came, ETIMEDOUT when the silence is too long. */
static int wait_for_net(struct both *b)
{
    struct pollfd p = {.fd = b->r.fd, .events = POLLIN};
    int64_t left = -1;
    int n;

    do {
        if (b->r.silence_ms >= 0 && (left = b->alive + b->r.silence_ms - now_ms()) <= 0)
            return ETIMEDOUT;
        n = poll(&p, 1, (int)left);
    } while (n == 0 || (n < 0 && errno == EINTR));
    return 0;
}

/* An empty packet is none of both. */
static bool is_end(const struct both *b)
{
    struct pollfd p = {.fd = b->r.fd, .events = POLLRDHUP};
    int n = 0;

    if (!b->r.is_packets)
        return true;
    return poll(&p, 1, 0) > 0 && ioctl(b->r.fd, SIOCINQ, &n) == 0 && n == 0;
}

static int write_all(int fd, const char *data, size_t n)
{
    while (n) {
        ssize_t written = write(fd, data, n);

        if (written < 0 && errno == EAGAIN) /* somebody has made it so, for himself as well */
            poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1);
        else if (written < 0 && errno != EINTR)
            return errno;
        if (written > 0) {
            data += written;
            n -= (size_t)written;
        }
    }
    return 0;
}

static enum relay_how carry_down(struct both *b, int *ret_error)
{
    ssize_t n;

    for (;;) {
        if ((*ret_error = wait_for_net(b)))
            return RELAY_SILENT;
        n = recv(b->r.fd, b->down, b->r.is_packets ? MAX_PACKET_BYTES : PIECE_BYTES, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            *ret_error = errno;
            return RELAY_RESET;
        }
        if (n == 0 && is_end(b))
            return RELAY_ENDED;
        b->alive = now_ms();
        if ((*ret_error = write_all(b->r.out, b->down, (size_t)n)))
            return RELAY_OUT_FAILED;
    }
}

/* -- both -------------------------------------------------------------------------------------- */

static enum relay_how run(struct both *b, int *ret_error)
{
    enum relay_how how;
    pthread_t thread;
    uint64_t one = 1;

    if ((*ret_error = pthread_create(&thread, NULL, carry_up, b)))
        return RELAY_IN_FAILED;
    how = carry_down(b, ret_error);
    if (how != RELAY_ENDED) {
        pthread_detach(thread);
        return how;
    }
    if (write(b->peer_ended, &one, sizeof one) < 0)
        *ret_error = errno;
    pthread_join(thread, NULL);
    *ret_error = b->up_error;
    if (b->up_error)
        return b->is_in_error ? RELAY_IN_FAILED : RELAY_UNSENT;
    return b->is_left ? RELAY_LEFT : RELAY_ENDED;
}

enum relay_how relay_run(const struct relay *r, int *ret_error)
{
    static struct both both;

    both.r = *r;
    both.alive = now_ms();
    if ((both.peer_ended = eventfd(0, EFD_CLOEXEC)) < 0) {
        *ret_error = errno;
        return RELAY_IN_FAILED;
    }
    return run(&both, ret_error);
}
