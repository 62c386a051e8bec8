#include "table.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *key, *what, *unit;
    bool more_is_better;
} rows[N_ROWS] = {
    [ROW_PING] = {"ping", "ping, one client", "us (p50)", false},
    [ROW_PING_CPU] = {"ping_cpu", "  of which the server's processor time", "us", false},
    [ROW_PING_32] = {"ping_32", "ping, 32 outstanding", "calls/s", true},
    [ROW_PING_128] = {"ping_128", "ping, 128 outstanding", "calls/s", true},
    [ROW_PING_CLIENTS] = {"ping_64_clients", "ping, 64 clients", "calls/s", true},
    [ROW_SOCKETS] = {"sockets", "socket + close, one client", "us/call (p50)", false},
    [ROW_SOCKETS_64] = {"sockets_64", "socket + close, 64 outstanding", "calls/s", true},
    [ROW_SEND_TEXT] = {"send_text", "send 64 KiB of text", "us (p50)", false},
    [ROW_RECV_TEXT] = {"recv_text", "recv 64 KiB of text", "us (p50)", false},
    [ROW_SEND_BASE64] = {"send_base64", "send 64 KiB of base64", "us (p50)", false},
    [ROW_RECV_BASE64] = {"recv_base64", "recv 64 KiB of base64", "us (p50)", false},
    [ROW_RESIDENT] = {"resident", "resident memory of an idle session", "bytes", false},
};

static const char *const peers[N_PEERS] = {"echo", "jansson", "berthd", "berthd_full"};

void table_init(struct table *t, int n_rounds)
{
    *t = (struct table){.n_rounds = n_rounds};
    for (int row = 0; row < N_ROWS; row++)
        for (int peer = 0; peer < N_PEERS; peer++)
            for (int i = 0; i < MAX_ROUNDS; i++)
                t->values[row][peer][i] = NAN;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *values, int n)
{
    if (n == 0)
        return NAN;
    qsort(values, (size_t)n, sizeof *values, compare);
    return (values[(n - 1) / 2] + values[n / 2]) / 2;
}

double table_median(const struct table *t, enum row row, enum peer peer)
{
    double kept[MAX_ROUNDS];
    int n = 0;

    for (int i = 0; i < t->n_rounds; i++)
        if (!isnan(t->values[row][peer][i]))
            kept[n++] = t->values[row][peer][i];
    return median(kept, n);
}

double table_ratio(const struct table *t, enum row row, enum peer peer, enum peer of)
{
    double ratios[MAX_ROUNDS];
    int n = 0;

    for (int i = 0; i < t->n_rounds; i++) {
        double ratio = t->values[row][peer][i] / t->values[row][of][i];

        if (!isnan(ratio) && !isinf(ratio))
            ratios[n++] = ratio;
    }
    return median(ratios, n);
}

double table_best(const struct table *t, enum row row, enum peer peer)
{
    double best = NAN;

    for (int i = 0; i < t->n_rounds; i++) {
        double v = t->values[row][peer][i];

        best = rows[row].more_is_better ? fmax(best, v) : fmin(best, v);
    }
    return best;
}

static void print_value(double v)
{
    if (isnan(v))
        printf(" %11s", "-");
    else
        printf(" %11.*f", v < 1000 ? 2 : 0, v);
}

static void print_ratio(double v)
{
    if (isnan(v))
        printf("  %10s", "-");
    else
        printf("  %10.2f", v);
}

void table_print(const struct table *t)
{
    printf("%-40s %-14s %11s %11s %11s  %10s  %10s\n", "", "", "echo", "jansson", "berthd",
           "of echo", "of jansson");
    for (int row = 0; row < N_ROWS; row++) {
        printf("%-40s %-14s", rows[row].what, rows[row].unit);
        for (int peer = PEER_ECHO; peer <= PEER_BERTHD; peer++)
            print_value(table_median(t, row, peer));
        print_ratio(table_ratio(t, row, PEER_BERTHD, PEER_ECHO));
        print_ratio(table_ratio(t, row, PEER_BERTHD, PEER_JANSSON));
        putchar('\n');
    }
    printf("\nping with %lld handles open: %.2f us, %.2f of the time with none\n", t->n_handles,
           table_median(t, ROW_PING, PEER_FULL), table_ratio(t, ROW_PING, PEER_FULL, PEER_BERTHD));
    printf("Medians of %d interleaved rounds, all on one processor; calls/s are per second of its "
           "time, the\n"
           "client's part included; %d idle sessions.\n",
           t->n_rounds, t->n_sessions);
}

static void set_number(json_t *object, const char *key, double v)
{
    if (!isnan(v))
        json_object_set_new(object, key, json_real(v));
}

static json_t *describe(const struct table *t, enum row row)
{
    json_t *object = json_pack("{s:s}", "unit", rows[row].unit);

    for (int peer = 0; peer < N_PEERS; peer++)
        set_number(object, peers[peer], table_median(t, row, peer));
    set_number(object, "of_echo", table_ratio(t, row, PEER_BERTHD, PEER_ECHO));
    set_number(object, "of_jansson", table_ratio(t, row, PEER_BERTHD, PEER_JANSSON));
    set_number(object, "full_of_berthd", table_ratio(t, row, PEER_FULL, PEER_BERTHD));
    return object;
}

void table_print_json(const struct table *t)
{
    json_t *all = json_object(), *top;

    for (int row = 0; row < N_ROWS; row++)
        json_object_set_new(all, rows[row].key, describe(t, row));
    top = json_pack("{s:i, s:I, s:i, s:o}", "rounds", t->n_rounds, "handles",
                    (json_int_t)t->n_handles, "sessions", t->n_sessions, "rows", all);
    json_dumpf(top, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(top);
}
