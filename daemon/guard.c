#include "guard.h"

#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

/* Nobody else here uses it. */
enum { SIGNAL = SIGVTALRM, PATIENCE_NSEC = 2000000 };

static timer_t timer;
static bool has_timer;

static void on_signal(int number)
{
    (void)number; /* that it comes is enough */
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

/* It comes again and again: the first may come before the call has begun to wait. */
static void set_timer(long nsec)
{
    const struct itimerspec at = {.it_interval = {0, nsec}, .it_value = {0, nsec}};

    timer_settime(timer, 0, &at, NULL);
}

void guard_begin(const struct handle *h)
{
    int flags;

    if (h->custody == CUSTODY_DAEMON)
        return;
    /* Usually this is all that is needed. */
    flags = fcntl(h->fd, F_GETFL);
    if (flags >= 0 && !(flags & O_NONBLOCK))
        fcntl(h->fd, F_SETFL, flags | O_NONBLOCK);
    if (make_timer())
        set_timer(PATIENCE_NSEC);
}

void guard_end(const struct handle *h)
{
    if (h->custody != CUSTODY_DAEMON && has_timer)
        set_timer(0);
}
