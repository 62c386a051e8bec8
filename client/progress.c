#include "client/progress.h"

#include <time.h>
#include <unistd.h>

enum {
    SHOW_US = 200000,  /* between two pictures */
    RATE_US = 1000000, /* the rate is measured anew */
    HASTE_US = 300000, /* what is done by then is not worth a line */
};

static int64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void progress_begin(struct progress *p, FILE *to, bool is_quiet, int64_t n_total)
{
    int64_t now = now_us();

    *p = (struct progress){.to = !is_quiet && isatty(fileno(to)) ? to : NULL,
                           .n_total = n_total,
                           .begun_us = now,
                           .rate_us = now};
}

void progress_write_bytes(char *text, size_t room, double bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    size_t i = 0;

    for (; bytes >= 1024 && i + 1 < sizeof units / sizeof *units; i++)
        bytes /= 1024;
    snprintf(text, room, i ? "%.1f %s" : "%.0f %s", bytes, units[i]);
}

void progress_write_time(char *text, size_t room, double seconds)
{
    int64_t s = seconds < 0 ? 0 : seconds < 3.6e8 ? (int64_t)(seconds + 0.5) : 360000000;

    if (s >= 3600)
        snprintf(text, room, "%d:%02d:%02d", (int)(s / 3600), (int)(s / 60 % 60), (int)(s % 60));
    else
        snprintf(text, room, "%d:%02d", (int)(s / 60), (int)(s % 60));
}

/* The latest seconds count more than those before. */
static void measure(struct progress *p, int64_t now, int64_t n_done)
{
    int64_t us = now - p->rate_us;
    double rate;

    if (us <= 0 || (p->rate > 0 && us < RATE_US))
        return;
    rate = (double)(n_done - p->n_rate) * 1e6 / (double)us;
    p->rate = p->rate > 0 ? p->rate * 0.5 + rate * 0.5 : rate;
    p->rate_us = now;
    p->n_rate = n_done;
}

static void draw(struct progress *p, int64_t n_done, const char *rest)
{
    char done[32], total[32], rate[32];

    progress_write_bytes(done, sizeof done, (double)n_done);
    progress_write_bytes(total, sizeof total, (double)p->n_total);
    progress_write_bytes(rate, sizeof rate, p->rate);
    fprintf(p->to, "\r\033[K%s", done);
    if (p->n_total > 0)
        fprintf(p->to, " of %s, %d%%", total, (int)(100.0 * (double)n_done / (double)p->n_total));
    fprintf(p->to, ", %s/s, %s", rate, rest);
    fflush(p->to);
}

void progress_show(struct progress *p, int64_t n_done)
{
    int64_t now = now_us();
    char left[32], text[64];

    if (!p->to || now - p->begun_us < HASTE_US || now - p->shown_us < SHOW_US)
        return;
    measure(p, now, n_done);
    p->shown_us = now;
    if (p->n_total < 0 || p->rate <= 0) {
        draw(p, n_done, "time left unknown");
        return;
    }
    progress_write_time(left, sizeof left, (double)(p->n_total - n_done) / p->rate);
    snprintf(text, sizeof text, "%s left", left);
    draw(p, n_done, text);
}

void progress_end(struct progress *p, int64_t n_done)
{
    double seconds = (double)(now_us() - p->begun_us) / 1e6;
    char took[32], text[64];

    if (!p->to)
        return;
    p->rate = seconds > 0 ? (double)n_done / seconds : 0;
    progress_write_time(took, sizeof took, seconds);
    snprintf(text, sizeof text, "in %s", took);
    draw(p, n_done, text);
    fputc('\n', p->to);
    fflush(p->to);
}
