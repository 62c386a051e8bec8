#include "filter.h"

#include <string.h>

static bool matches(const char *wanted, const char *is)
{
    return !wanted || (is && strcmp(wanted, is) == 0);
}

/* Whether the handle is under this suspicion, or under any. */
static bool is_suspect(const struct handle *h, const char *kind)
{
    for (int k = 0; k < N_SUSPICIONS; k++)
        if (h->suspected[k] && (strcmp(kind, "any") == 0 ||
                                strcmp(kind, store_suspicion_name((enum suspicion_kind)k)) == 0))
            return true;
    return false;
}

bool filter_passes(const struct ledger_filter *f, const struct handle *h)
{
    if (!f)
        return true;
    return matches(f->state.s, store_state_name(h->state)) &&
           matches(f->pool.s, h->pool ? h->pool->name : "default") &&
           (matches(f->label.s, h->label) || matches(f->label.s, h->opener->label)) &&
           matches(f->exe.s, h->opener->exe) && (!f->uid.set || f->uid.v == h->opener->uid) &&
           matches(f->custody.s, store_custody_name(h->custody)) &&
           (!f->suspect.s || is_suspect(h, f->suspect.s));
}

static bool is_state(const char *name)
{
    for (int i = 0; i < N_STATES; i++)
        if (strcmp(name, store_state_name((enum handle_state)i)) == 0)
            return true;
    return false;
}

static bool is_suspicion(const char *name)
{
    bool known = strcmp(name, "any") == 0;

    for (int kind = 0; kind < N_SUSPICIONS; kind++)
        known |= strcmp(name, store_suspicion_name((enum suspicion_kind)kind)) == 0;
    return known;
}

static bool is_custody(const char *name)
{
    bool known = false;

    for (int custody = 0; custody < N_CUSTODIES; custody++)
        known |= strcmp(name, store_custody_name((enum custody)custody)) == 0;
    return known;
}

bool filter_wants_closed(const struct ledger_filter *f)
{
    return f && ((f->state.s && strcmp(f->state.s, "closed") == 0) ||
                 (!f->state.s && f->custody.s &&
                  strcmp(f->custody.s, store_custody_name(CUSTODY_HANDED_OFF)) == 0));
}

int filter_check(const struct ledger_filter *f, struct error *e)
{
    if (f && f->state.s && !is_state(f->state.s))
        return error_param(e, "filter.state", "there is no state %.40s", f->state.s);
    if (f && f->suspect.s && !is_suspicion(f->suspect.s))
        return error_param(e, "filter.suspect", "there is no suspicion %.40s", f->suspect.s);
    if (f && f->custody.s && !is_custody(f->custody.s))
        return error_param(e, "filter.custody", "there is no custody %.40s", f->custody.s);
    return 0;
}
