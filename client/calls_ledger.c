/* calls_ledger.c — the calls about the session, the ledger, and any method at all. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "client/convert.h"
#include "client/exchange.h"
#include "client/failure.h"
#include "proto/codec.h"
#include "proto/limits.h"

/* -- the session ------------------------------------------------------------------------------- */

int berth_hello(berth *b, const char *client, const char *label, unsigned flags, char **ret_json)
{
    struct hello_params p = {.client = CONVERT_TEXT(client), .label = CONVERT_TEXT(label)};
    struct hello_result r = {0};

    if (flags & BERTH_UNORDERED)
        p.unordered = (struct wire_bool){true, true};
    if (session_begin(b) < 0 ||
        exchange_call(b, METHOD_hello,
                      &(struct exchange){.params = &p, .result = &r, .ret_json = ret_json}) < 0)
        return -1;
    if (r.limits && r.limits->line_bytes.v > 0)
        b->n_max_request = (size_t)r.limits->line_bytes.v;
    return 0;
}

int berth_ping(berth *b, double *ret_uptime)
{
    struct ping_params p = {{0}};
    struct ping_result r = {0};

    if (session_begin(b) < 0 ||
        exchange_call(b, METHOD_ping, &(struct exchange){.params = &p, .result = &r}) < 0)
        return -1;
    if (ret_uptime)
        *ret_uptime = r.uptime.v;
    return 0;
}

int berth_cancel(berth *b, int64_t id)
{
    struct cancel_params p = {{0}};
    struct cancel_result r = {0};

    if (session_begin(b) < 0)
        return -1;
    if (!(p.id.s = arena_printf(&b->arena, "%lld", (long long)id)))
        return failure_local(b, ENOMEM, NULL, "out of memory");
    p.id.n = strlen(p.id.s);
    if (exchange_call(b, METHOD_cancel, &(struct exchange){.params = &p, .result = &r}) < 0)
        return -1;
    return r.cancelled.v;
}

/* -- any method -------------------------------------------------------------------------------- */

char *berth_call_fd(berth *b, const char *method, const char *params, int fd, int *ret_fd)
{
    int64_t id;

    if (ret_fd)
        *ret_fd = -1;
    if (session_begin(b) < 0 || (id = exchange_send_text(b, method, params, fd, true)) < 0)
        return NULL;
    return exchange_receive_text(b, id, ret_fd);
}

char *berth_call(berth *b, const char *method, const char *params)
{
    return berth_call_fd(b, method, params, -1, NULL);
}

char *berth_discover(berth *b)
{
    return berth_call(b, method_at(METHOD_discover)->name, NULL);
}

/* -- rows -------------------------------------------------------------------------------------- */

/* The first row of a list and, behind it, the memory of all the others and of their texts. */
struct rows {
    struct berth_row first;
    struct arena arena;
    struct berth_row *last; /* NULL: the first is not filled yet */
};

static const char *keep(struct rows *rows, const struct wire_text *text)
{
    return text->s ? arena_copy(&rows->arena, text->s, text->n) : "";
}

/* The kinds of suspicion as one text. */
static const char *keep_suspects(struct rows *rows, const struct ledger_row *from)
{
    const char *all = "";

    for (size_t i = 0; i < from->suspect.n && all; i++)
        all = arena_printf(&rows->arena, "%s%s%s", all, i ? " " : "",
                           convert_text(&from->suspect.items[i].kind));
    return all;
}

/* Whether each text got its memory. */
static bool is_complete(const struct berth_row *row)
{
    return row->name && row->pool && row->label && row->site && row->state && row->custody &&
           row->owner_exe && row->owner_label && row->suspects && row->end_how && row->end_reason;
}

/* Fills the next row of the list; false when memory is out. */
static bool add_row(struct rows *rows, const struct ledger_row *from)
{
    static const struct owner nobody;
    static const struct ending no_end;
    const struct owner *owner = from->owner ? from->owner : &nobody;
    const struct ending *end = from->end ? from->end : &no_end;
    struct berth_row *row = rows->last ? arena_alloc(&rows->arena, sizeof *row) : &rows->first;

    if (!row)
        return false;
    *row = (struct berth_row){
        .handle = from->handle.v,
        .name = keep(rows, &from->name),
        .pool = keep(rows, &from->pool),
        .label = keep(rows, &from->label),
        .site = keep(rows, &from->site),
        .state = keep(rows, &from->state),
        .custody = keep(rows, &from->custody),
        .family = from->family.v,
        .type = from->type.v,
        .address = from->address.addr,
        .peer = from->peer.addr,
        .address_len = from->address.len,
        .peer_len = from->peer.len,
        .cookie = (uint64_t)from->cookie.v,
        .inode = (uint64_t)from->inode.v,
        .owner_pid = (pid_t)owner->pid.v,
        .owner_uid = (uid_t)owner->uid.v,
        .owner_gid = (gid_t)owner->gid.v,
        .owner_exe = keep(rows, &owner->exe),
        .owner_label = keep(rows, &owner->label),
        .owner_session = owner->session.v,
        .opened = from->opened.v,
        .age = from->age.v,
        .last_used = from->last_used.v,
        .sent_bytes = from->sent_bytes.v,
        .received_bytes = from->received_bytes.v,
        .suspects = keep_suspects(rows, from),
        .end_how = keep(rows, &end->how),
        .end_reason = keep(rows, &end->reason),
        .end_at = end->at.v,
        .alive = from->alive.set ? from->alive.v : -1,
        .died = from->died.v,
    };
    if (rows->last)
        rows->last->next = row;
    rows->last = row;
    return is_complete(row);
}

void berth_free_rows(struct berth_row *rows)
{
    struct rows *all = (struct rows *)rows;

    if (!all)
        return;
    arena_done(&all->arena);
    free(all);
}

enum { MOST_PAGES = 1000000 };

/* Adds one page of rows. Returns 1 when there are more (*after is moved on), 0 when not, -1. */
static int add_page(berth *b, const char *filter, int64_t *after, struct rows *rows)
{
    struct ledger_list_params p = {.limit = CONVERT_INT(LIMIT_LIST_ROWS)};
    struct ledger_list_result r = {0};

    if (*after)
        p.after = (struct wire_int)CONVERT_INT(*after);
    if (session_begin(b) < 0 ||
        exchange_call(b, METHOD_ledger_list,
                      &(struct exchange){
                          .params = &p, .result = &r, .raw_name = "filter", .raw_json = filter}) <
            0)
        return -1;
    for (size_t i = 0; i < r.rows.n; i++)
        if (!add_row(rows, &r.rows.items[i]))
            return failure_local(b, ENOMEM, NULL, "out of memory");
    if (!r.next.set || r.next.v == *after)
        return 0;
    *after = r.next.v;
    return 1;
}

int berth_ledger_list(berth *b, const char *filter, struct berth_row **ret_rows)
{
    struct rows *rows = calloc(1, sizeof *rows);
    int64_t after = 0;
    int n_pages = 0, r;

    *ret_rows = NULL;
    if (!rows) {
        errno = ENOMEM;
        return -1;
    }
    do
        r = add_page(b, filter, &after, rows);
    while (r > 0 && ++n_pages < MOST_PAGES);
    /* A daemon that always has one more page is none; closed rows do not go upwards. */
    if (r > 0)
        r = failure_local(b, EPROTO, NULL, "the daemon's rows have no end");
    if (r == 0 && rows->last)
        *ret_rows = &rows->first;
    else
        berth_free_rows(&rows->first);
    return r;
}

struct berth_row *berth_ledger_get(berth *b, berth_handle h)
{
    struct handle_params p = {.handle = {.set = true, .id = h}};
    struct ledger_row r = {0};
    struct rows *rows;

    if (session_begin(b) < 0 ||
        exchange_call(b, METHOD_ledger_get, &(struct exchange){.params = &p, .result = &r}) < 0)
        return NULL;
    rows = calloc(1, sizeof *rows);
    if (rows && add_row(rows, &r))
        return &rows->first;
    berth_free_rows(rows ? &rows->first : NULL);
    failure_local(b, ENOMEM, NULL, "out of memory");
    return NULL;
}

int berth_ledger_audit(berth *b, struct berth_audit *ret_audit)
{
    struct audit_result r = {0};
    struct no_params p;

    if (session_begin(b) < 0 ||
        exchange_call(b, METHOD_ledger_audit, &(struct exchange){.params = &p, .result = &r}) < 0)
        return -1;
    *ret_audit = (struct berth_audit){
        .opened = r.opened.v,
        .live = r.live.v,
        .closed = r.closed.v,
        .reclaimed = r.reclaimed.v,
        .expired = r.expired.v,
        .handed_off = r.handed_off.v,
        .lost = r.lost.v,
        .balance = r.balance.v,
    };
    return 0;
}

/* -- leaks and counters ------------------------------------------------------------------------ */

char *berth_ledger_leaks(berth *b, double since)
{
    struct leaks_params p = {.since = {since != 0, since}};
    char *json = NULL;

    if (session_begin(b) < 0)
        return NULL;
    if (!isfinite(since)) {
        failure_local(b, EINVAL, "give Unix seconds, or 0", "%g is no time", since);
        return NULL;
    }
    if (exchange_call(b, METHOD_ledger_leaks, &(struct exchange){.params = &p, .ret_json = &json}) <
        0)
        return NULL;
    return json;
}

int berth_ledger_reap(berth *b, const char *filter, int dry_run, struct berth_row **ret_rows)
{
    struct reap_params p = {.dry_run = {dry_run, dry_run}};
    struct reap_result r = {0};
    struct rows *rows = NULL;

    if (ret_rows)
        *ret_rows = NULL;
    if (session_begin(b) < 0 ||
        exchange_call(b, METHOD_ledger_reap,
                      &(struct exchange){.params = &p,
                                         .result = &r,
                                         .raw_name = "filter",
                                         .raw_json = filter ? filter : "{}"}) < 0)
        return -1;
    if (!ret_rows || r.rows.n == 0)
        return 0;
    if (!(rows = calloc(1, sizeof *rows)))
        return failure_local(b, ENOMEM, NULL, "out of memory");
    for (size_t i = 0; i < r.rows.n; i++) {
        if (!add_row(rows, &r.rows.items[i])) {
            berth_free_rows(&rows->first);
            return failure_local(b, ENOMEM, NULL, "out of memory");
        }
    }
    *ret_rows = &rows->first;
    return 0;
}

int berth_stats(berth *b, struct berth_stats *ret_stats)
{
    struct stats_result r = {0};
    struct no_params p;

    if (session_begin(b) < 0 ||
        exchange_call(b, METHOD_stats, &(struct exchange){.params = &p, .result = &r}) < 0)
        return -1;
    *ret_stats = (struct berth_stats){
        .uptime = r.uptime.v,
        .sessions = r.sessions.v,
        .handles = r.handles.v,
        .sessions_total = r.sessions_total.v,
        .requests_total = r.requests_total.v,
        .errors_total = r.errors_total.v,
        .opened_total = r.opened_total.v,
        .closed_total = r.closed_total.v,
        .reclaimed_total = r.reclaimed_total.v,
        .expired_total = r.expired_total.v,
        .handed_off_total = r.handed_off_total.v,
        .lost_total = r.lost_total.v,
        .suspected_total = r.suspected_total.v,
        .cleared_total = r.cleared_total.v,
        .sent_bytes_total = r.sent_bytes_total.v,
        .received_bytes_total = r.received_bytes_total.v,
        .events_total = r.events_total.v,
    };
    return 0;
}
