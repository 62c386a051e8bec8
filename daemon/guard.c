#include "guard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

/* Nobody else here uses it. The shorter time is for a turn in which it has come before: who makes
 * the daemon wait once may do so a thousand times. */
enum { SIGNAL = SIGVTALRM, PATIENCE_NSEC = 2000000, LEAST_NSEC = PATIENCE_NSEC / 16 };

static timer_t timer;
static bool has_timer;

/* Shared with the handler, which runs in the same thread. */
static volatile bool is_standing, is_armed, is_idle, is_fresh;
static volatile long interval_nsec;

/* It comes again and again: the first may come before the call has begun to wait. */
static void set_timer(long nsec)
{
    const struct itimerspec at = {.it_interval = {0, nsec}, .it_value = {0, nsec}};

    interval_nsec = nsec;
    timer_settime(timer, 0, &at, NULL);
}

/* That it comes is enough; the rest is how often. */
static void on_signal(int number)
{
    int before = errno;

    (void)number;
    if (is_standing && is_idle) {
        is_armed = false;
        set_timer(0);
    } else if (is_standing && is_fresh) {
        is_fresh = false;
        if (interval_nsec != PATIENCE_NSEC)
            set_timer(PATIENCE_NSEC);
    } else if (is_standing && interval_nsec > LEAST_NSEC) {
        set_timer(interval_nsec / 2);
    }
    errno = before;
}

/* For this thread: another that is interrupted helps nobody. */
static bool make_timer(void)
{
    struct sigaction action = {.sa_handler = on_signal}; /* no SA_RESTART */
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGNAL};

#ifndef sigev_notify_thread_id /* sigevent(3type); glibc names only its room */
#define sigev_notify_thread_id _sigev_un._tid
#endif
    event.sigev_notify_thread_id = gettid();
    has_timer = has_timer || (sigaction(SIGNAL, &action, NULL) == 0 &&
                              timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
    return has_timer;
}

/* -- one call -- */

void guard_begin(const struct handle *h)
{
    int flags;

    if (h->custody == CUSTODY_DAEMON)
        return;
    /* Usually this is all that is needed. */
    flags = fcntl(h->fd, F_GETFL);
    if (flags >= 0 && !(flags & O_NONBLOCK))
        fcntl(h->fd, F_SETFL, flags | O_NONBLOCK);
    if (!is_standing && make_timer())
        set_timer(PATIENCE_NSEC);
}

void guard_end(const struct handle *h)
{
    if (!is_standing && h->custody != CUSTODY_DAEMON && has_timer)
        set_timer(0);
}

/* -- every turn -- */

void guard_stand(void)
{
    is_standing = make_timer();
}

void guard_wake(void)
{
    is_fresh = true;
    is_idle = false;
    if (!is_standing || is_armed)
        return;
    is_armed = true;
    set_timer(PATIENCE_NSEC);
}

void guard_rest(void)
{
    is_idle = true;
}
