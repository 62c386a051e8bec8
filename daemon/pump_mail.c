#include "pump_mail.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utlist.h>

int pump_mail_open(struct pump_mail *m)
{
    m->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (m->fd < 0)
        return -errno;
    pthread_mutex_init(&m->lock, NULL);
    return 0;
}

void pump_mail_done(struct pump_mail *m)
{
    if (m->fd < 0)
        return;
    close(m->fd);
    pthread_mutex_destroy(&m->lock);
}

void pump_mail_put(struct pump_mail *m, struct pump_stream *s, enum pump_order order)
{
    pthread_mutex_lock(&m->lock);
    if (!s->orders)
        DL_APPEND2(m->first, s, mail_prev, mail_next);
    s->orders |= order;
    pthread_mutex_unlock(&m->lock);
    eventfd_write(m->fd, 1);
}

void pump_mail_put_last(struct pump_mail *m)
{
    pthread_mutex_lock(&m->lock);
    m->is_last = true;
    pthread_mutex_unlock(&m->lock);
    eventfd_write(m->fd, 1);
}

void pump_mail_forget(struct pump_mail *m, struct pump_stream *s)
{
    pthread_mutex_lock(&m->lock);
    if (s->orders)
        DL_DELETE2(m->first, s, mail_prev, mail_next);
    s->orders = 0;
    pthread_mutex_unlock(&m->lock);
}

void pump_mail_heed(struct pump_mail *m)
{
    eventfd_t n;

    eventfd_read(m->fd, &n);
}

/* Locked. */
static struct pump_stream *take(struct pump_mail *m, unsigned *ret_orders)
{
    struct pump_stream *s = m->first;

    if (!s)
        return NULL;
    DL_DELETE2(m->first, s, mail_prev, mail_next);
    *ret_orders = s->orders;
    s->orders = 0;
    return s;
}

/* A stream may be freed as soon as it is reported and has no mail, so both are looked at under the
 * lock. */
struct pump_stream *pump_mail_take(struct pump_mail *m, unsigned *ret_orders)
{
    struct pump_stream *s;

    pthread_mutex_lock(&m->lock);
    do
        s = take(m, ret_orders);
    while (s && s->is_over);
    pthread_mutex_unlock(&m->lock);
    return s;
}

bool pump_mail_is_last(struct pump_mail *m)
{
    bool is_last;

    pthread_mutex_lock(&m->lock);
    is_last = m->is_last && !m->first;
    pthread_mutex_unlock(&m->lock);
    return is_last;
}
