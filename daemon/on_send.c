/* Handlers that send. */
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "call_io.h"
#include "file_job.h"
#include "handlers.h"
#include "socket.h"

/* A client's flags. MSG_ZEROCOPY would let the kernel read the daemon's memory after the call's is
 * given back; what asks not to wait is a timeout of 0. */
static int take_flags(struct call *c, struct wire_msg_flags flags)
{
    if (c->handle->tls && flags.v & ~(MSG_DONTWAIT | MSG_NOSIGNAL))
        return error_param(&c->error, "flags", "do not go with TLS");
    if (flags.v & MSG_ZEROCOPY)
        return error_param(&c->error, "flags", "MSG_ZEROCOPY needs memory of your own");
    if (flags.v & MSG_DONTWAIT)
        c->timeout_usec = 0;
    return 0;
}

/* One attempt; `to` NULL: to the peer. What the receiver of a Unix socket is shown is the client.
 */
static int attempt(struct call *c, const char *data, size_t n, int flags,
                   const struct wire_sockaddr *to, ssize_t *ret)
{
    const struct principal *who = c->session->who;
    const struct ucred as = {getpid(), who->uid, who->gid};
    bool is_unix = c->handle->family == AF_UNIX;
    int r = is_unix && to ? call_assume(c, PRINCIPAL_WHOLE) : 0;

    if (r)
        return r;
    if (!to)
        return call_send(c, data, n, flags, is_unix && principal_is_other(who) ? &as : NULL, ret);
    *ret = socket_send(c->handle->fd, data, n, flags, to,
                       is_unix && principal_is_other(who) ? &as : NULL);
    if (is_unix && to)
        principal_resume(who, PRINCIPAL_WHOLE);
    return 0;
}

/* Writes down what went out; c->n_sent is the sum of all attempts. */
static void note_sent(struct call *c, ssize_t n)
{
    c->n_sent += (size_t)n;
    c->n_vain = 0;
    store_note_use(c->core->store, c->handle, n, 0);
    if (c->handle->state == STATE_CONNECTING)
        store_note_state(c->core->store, c->handle, STATE_CONNECTED);
}

/* Whoever is told that it was sent may go without a close. Who does not wait is told what was
 * taken: the last of it goes out by itself. */
static int tell_sent(struct call *c, struct sent_result *ret)
{
    int r = c->timeout_usec == 0 ? 0 : call_flush(c, c->method->name);

    if (r)
        return r;
    ret->sent = (struct wire_int){true, (int64_t)c->n_sent};
    return 0;
}

/* Whether bytes may go as messages. */
static int check_way(struct call *c)
{
    int r = call_check_plane(c, PLANE_MESSAGE);

    return r ? r : call_check_bytes(c);
}

int on_send(struct call *c, const struct send_params *p, struct sent_result *ret)
{
    ssize_t n;
    int r;

    if ((r = check_way(c)) || (r = take_flags(c, p->flags)))
        return r;
    if (c->n_sent)
        return tell_sent(c, ret);
    if ((r = attempt(c, p->payload.data, p->payload.n, p->flags.v, NULL, &n)))
        return r;
    if (n == -EAGAIN)
        return call_wait(c, call_send_events(c), "send");
    if (n < 0)
        return call_os(c, (int)n, "send");
    note_sent(c, n);
    return tell_sent(c, ret);
}

int on_sendall(struct call *c, const struct send_params *p, struct sent_result *ret)
{
    ssize_t n;
    int r;

    if ((r = check_way(c)) || (r = take_flags(c, p->flags)))
        return r;
    if (c->n_sent && c->n_sent == p->payload.n)
        return tell_sent(c, ret);
    /* Once even for nothing: an empty datagram is one. */
    do {
        if ((r = attempt(c, p->payload.data + c->n_sent, p->payload.n - c->n_sent, p->flags.v, NULL,
                         &n)))
            return r;
        if (n == -EAGAIN)
            return call_wait(c, call_send_events(c), "sendall");
        if (n < 0)
            return call_os(c, (int)n, "sendall");
        note_sent(c, n);
    } while (c->n_sent < p->payload.n);
    return tell_sent(c, ret);
}

int on_sendto(struct call *c, const struct sendto_params *p, struct sent_result *ret)
{
    struct wire_sockaddr address;
    ssize_t n;
    int fd, r;

    if ((r = check_way(c)) || (r = call_check_bare(c)) || (r = take_flags(c, p->flags)) ||
        (r = call_address(c, &p->address, c->handle->family, c->handle->type, false, &address)) ||
        (r = call_check_connect(c, &address, &p->address)) || (r = call_pin_path(c, &address, &fd)))
        return r;
    r = attempt(c, p->payload.data, p->payload.n, p->flags.v, &address, &n);
    if (fd >= 0)
        close(fd);
    if (r)
        return r;
    if (n == -EAGAIN)
        return call_wait(c, EPOLLOUT, "sendto");
    if (n < 0)
        return call_os_as_client(c, call_part(c->handle->family), (int)n, "sendto");
    note_sent(c, n);
    return tell_sent(c, ret);
}

/* -- sendfile -- */

/* Looks at what came before anything is read: only a regular file has an end that comes by itself.
 */
static int check_file(struct call *c, const struct sendfile_params *p)
{
    struct statx st;

    if (p->offset.v < 0)
        return error_param(&c->error, "offset", "must not be negative");
    if (p->count.set && p->count.v < 0)
        return error_param(&c->error, "count", "must not be negative");
    /* Without asking a file system's server, who may take his time. */
    if (statx(c->fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &st) < 0)
        return call_os(c, -errno, "the file");
    if (!S_ISREG(st.stx_mode)) {
        c->error.hint = "only regular files can be sent; send what comes from a pipe by sendall";
        return error_os(&c->error, EINVAL, "the file");
    }
    return 0;
}

/* How much of the file is still to be read; a count that is absent means to its end. */
static int64_t left_to_read(const struct call *c, const struct sendfile_params *p)
{
    return p->count.set ? p->count.v - (int64_t)c->n_sent : INT64_MAX;
}

/* Sends what the worker has read. 0: all of it went out. */
static int send_piece(struct call *c)
{
    struct file_job *job = c->work;
    ssize_t n;
    int r;

    while (job->n_used < (size_t)job->n_read) {
        if ((r = attempt(c, job->data + job->n_used, (size_t)job->n_read - job->n_used, 0, NULL,
                         &n)))
            return r;
        if (n == -EAGAIN && (c->timeout_usec != 0 || c->n_sent == 0))
            return call_wait(c, call_send_events(c), "sendfile");
        if (n == -EAGAIN)
            return 1;
        if (n < 0)
            return call_os(c, (int)n, "sendfile");
        job->n_used += (size_t)n;
        note_sent(c, n);
    }
    return 0;
}

int on_sendfile(struct call *c, const struct sendfile_params *p, struct sent_result *ret)
{
    struct file_job *job = c->work;
    int r;

    if (!job && ((r = check_way(c)) || (r = check_file(c, p))))
        return r;
    if (job && !job->job.is_done)
        return call_wait_for_worker(c);
    if (job) {
        if (job->n_read < 0)
            return call_os(c, (int)job->n_read, "the file");
        if ((r = send_piece(c)) == 1)
            return tell_sent(c, ret);
        if (r)
            return r;
    }
    if ((job && job->n_read == 0) || left_to_read(c, p) <= 0)
        return tell_sent(c, ret);
    r = file_job_read(c->core->file_workers, &job, c->fd, p->offset.v + (int64_t)c->n_sent,
                      left_to_read(c, p), c, c->session->who->uid);
    c->work = job;
    c->work_free = file_job_free;
    return r < 0 ? call_os(c, r, "the file") : call_wait_for_worker(c);
}
