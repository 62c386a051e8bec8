#include "client/top.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proto/address.h"
#include "proto/codec.h"

double top_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

const char *top_text(const struct wire_text *text)
{
    return text->s ? text->s : "";
}

int64_t top_bytes(const struct ledger_row *row)
{
    return row->sent_bytes.v + row->received_bytes.v;
}

static const char *exe_of(const struct ledger_row *row)
{
    return row->owner ? top_text(&row->owner->exe) : "";
}

static int64_t uid_of(const struct ledger_row *row)
{
    return row->owner ? row->owner->uid.v : -1;
}

/* -- sorting ----------------------------------------------------------------------------------- */

typedef const struct ledger_row *const *row_at;

static int ascending(double x, double y)
{
    return (x > y) - (x < y);
}

static int by_handle(const void *a, const void *b)
{
    return ascending((double)(*(row_at)a)->handle.v, (double)(*(row_at)b)->handle.v);
}

static int by_bytes(const void *a, const void *b)
{
    int r = ascending((double)top_bytes(*(row_at)b), (double)top_bytes(*(row_at)a));

    return r ? r : by_handle(a, b);
}

static int by_age(const void *a, const void *b)
{
    int r = ascending((*(row_at)a)->opened.v, (*(row_at)b)->opened.v);

    return r ? r : by_handle(a, b);
}

static int by_idle(const void *a, const void *b)
{
    int r = ascending((*(row_at)a)->last_used.v, (*(row_at)b)->last_used.v);

    return r ? r : by_handle(a, b);
}

static int by_suspect(const void *a, const void *b)
{
    int r = ascending((double)(*(row_at)b)->suspect.n, (double)(*(row_at)a)->suspect.n);

    return r ? r : by_bytes(a, b);
}

static int compare_owners(const struct ledger_row *x, const struct ledger_row *y)
{
    int r = strcmp(top_text(&x->pool), top_text(&y->pool));

    if (!r)
        r = strcmp(exe_of(x), exe_of(y));
    return r ? r : ascending((double)uid_of(x), (double)uid_of(y));
}

static int by_owner(const void *a, const void *b)
{
    int r = compare_owners(*(row_at)a, *(row_at)b);

    return r ? r : by_handle(a, b);
}

const char *const top_sort_names[TOP_SORTS] = {"suspect", "bytes", "age",
                                               "idle",    "owner", "handle"};
static int (*const sorts[TOP_SORTS])(const void *, const void *) = {
    by_suspect, by_bytes, by_age, by_idle, by_owner, by_handle};

/* -- arranging --------------------------------------------------------------------------------- */

static bool passes(const struct top *t, const struct ledger_row *row)
{
    const char *texts[] = {
        top_text(&row->name), top_text(&row->label), top_text(&row->site),
        top_text(&row->pool), top_text(&row->state), exe_of(row),
    };
    char address[160];

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcasestr(texts[i], t->filter))
            return true;
    address_format(&row->address, address, sizeof address);
    if (strcasestr(address, t->filter))
        return true;
    address_format(&row->peer, address, sizeof address);
    return strcasestr(address, t->filter);
}

int top_arrange(struct top *t)
{
    free(t->list);
    t->n_list = 0;
    t->list = calloc(t->shown.n_rows + 1, sizeof(*t->list));
    if (!t->list)
        return -1;
    for (size_t i = 0; i < t->shown.n_rows; i++)
        if (passes(t, t->shown.rows[i]))
            t->list[t->n_list++] = t->shown.rows[i];
    qsort(t->list, t->n_list, sizeof(*t->list), sorts[t->sort]);
    return 0;
}

static int larger_owner(const void *a, const void *b)
{
    const struct top_owner *x = a, *y = b;
    int r = ascending((double)y->count, (double)x->count);

    if (!r)
        r = ascending((double)y->bytes, (double)x->bytes);
    return r ? r : strcmp(x->exe, y->exe);
}

/* The rows lie by owner: each run of them is one. */
static int count_owners(struct top *t)
{
    const struct top_picture *p = &t->shown;

    free(t->owners);
    t->n_owners = 0;
    if (!(t->owners = calloc(p->n_rows + 1, sizeof *t->owners)))
        return -1;
    for (size_t i = 0; i < p->n_rows; i++) {
        const struct ledger_row *row = p->rows[i];
        struct top_owner *owner;

        if (i == 0 || compare_owners(p->rows[i - 1], row))
            t->owners[t->n_owners++] = (struct top_owner){
                .pool = top_text(&row->pool), .exe = exe_of(row), .uid = uid_of(row)};
        owner = &t->owners[t->n_owners - 1];
        owner->count++;
        owner->bytes += top_bytes(row);
        owner->suspects += row->suspect.n > 0;
    }
    qsort(t->owners, t->n_owners, sizeof *t->owners, larger_owner);
    return 0;
}

/* -- asking ------------------------------------------------------------------------------------ */

static int send_request(struct top *t, enum method_id method, const char *params)
{
    t->request = berth_send_request(t->b, method_at(method)->name, params, -1);
    if (t->request < 0) {
        t->request = 0;
        return -1;
    }
    return berth_process(t->b);
}

int top_ask(struct top *t)
{
    if (t->request)
        return 0;
    arena_reset(&t->coming.arena);
    t->coming.n_rows = t->coming.n_suspects = 0;
    t->coming.at = 0;
    return send_request(t, METHOD_stats, NULL);
}

static int keep_rows(struct top_picture *p, const struct ledger_list_result *page)
{
    size_t n_needed = p->n_rows + page->rows.n;
    struct ledger_row **more;

    if (n_needed > p->n_room) {
        if (!(more = reallocarray(p->rows, n_needed * 2, sizeof(*more))))
            return -1;
        p->rows = more;
        p->n_room = n_needed * 2;
    }
    for (size_t i = 0; i < page->rows.n; i++) {
        p->rows[p->n_rows++] = &page->rows.items[i];
        p->n_suspects += page->rows.items[i].suspect.n > 0;
    }
    return 0;
}

/* The picture is complete: it is the one to show from now on. */
static int finish(struct top *t)
{
    struct top_picture last = t->shown;

    t->before = last.stats;
    t->before_at = last.at;
    t->shown = t->coming;
    t->coming = last;
    if (t->shown.n_rows)
        qsort(t->shown.rows, t->shown.n_rows, sizeof(*t->shown.rows), by_owner);
    return count_owners(t) < 0 || top_arrange(t) < 0 ? -1 : 1;
}

static int take_page(struct top *t)
{
    struct ledger_list_result page = {0};
    struct top_picture *p = &t->coming;
    struct error e = {0};
    char params[64];
    int64_t last = p->n_rows ? p->rows[p->n_rows - 1]->handle.v : 0;

    if (codec_decode(method_at(METHOD_ledger_list)->result, CODEC_LOOSE, &t->json, 1, &p->arena,
                     &page, &e) ||
        keep_rows(p, &page) < 0)
        return -1;
    /* Pages go upwards, or there would be no end. */
    if (!page.next.set || page.next.v <= last)
        return finish(t);
    snprintf(params, sizeof params, "{\"after\":%lld}", (long long)page.next.v);
    return send_request(t, METHOD_ledger_list, params);
}

static int take_stats(struct top *t)
{
    struct top_picture *p = &t->coming;
    struct error e = {0};

    p->stats = (struct stats_result){0};
    if (codec_decode(method_at(METHOD_stats)->result, CODEC_LOOSE, &t->json, 1, &p->arena,
                     &p->stats, &e))
        return -1;
    p->at = top_now();
    return send_request(t, METHOD_ledger_list, NULL);
}

/* Scans an answer. It becomes token 1, for the codec takes token 0 for none. Returns 0 or -1. */
static int scan(struct top *t, const char *json)
{
    struct error e = {0};

    buf_truncate(&t->text, 0);
    buf_printf(&t->text, "[%s]", json);
    return t->text.failed ||
                   json_scan(&t->json, t->text.data + t->text.start, buf_len(&t->text), &e)
               ? -1
               : 0;
}

int top_take(struct top *t)
{
    struct berth_reply reply;
    int r, is_new = 0;

    while ((r = berth_next_reply(t->b, &reply)) > 0) {
        if (reply.id != t->request || !t->request)
            continue;
        t->request = 0;
        if (!reply.json || scan(t, reply.json) < 0)
            return -1;
        if ((r = t->coming.at == 0 ? take_stats(t) : take_page(t)) < 0)
            return -1;
        is_new |= r;
    }
    return r < 0 ? -1 : is_new;
}

static void picture_done(struct top_picture *p)
{
    arena_done(&p->arena);
    free(p->rows);
}

void top_done(struct top *t)
{
    picture_done(&t->shown);
    picture_done(&t->coming);
    json_done(&t->json);
    buf_done(&t->text);
    free(t->list);
    free(t->owners);
}
