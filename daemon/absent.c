#include "absent.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct absent *absent_find_or_make(struct absent **all, int64_t number, uid_t uid)
{
    struct absent *a;

    HASH_FIND(hh, *all, &number, sizeof number, a);
    if (a || !(a = calloc(1, sizeof *a)))
        return a;
    a->session.id = number;
    a->session.is_absent = true;
    if (!(a->session.who = principal_new(number, uid, (gid_t)-1, 0, NULL))) {
        free(a);
        return NULL;
    }
    HASH_ADD(hh, *all, session.id, sizeof a->session.id, a);
    if (a->hh.tbl)
        return a;
    principal_unref(a->session.who);
    free(a);
    return NULL;
}

void absent_describe(struct absent *a, gid_t gid, pid_t pid, const char *exe, const char *label)
{
    struct principal *who = a->session.who;

    who->gid = gid;
    who->pid = pid;
    if (exe && !who->exe)
        who->exe = strdup(exe);
    if (label && !who->label)
        who->label = strdup(label);
}

static void print(const unsigned char *token, char *ret_text)
{
    for (size_t i = 0; i < STATE_TOKEN_BYTES; i++)
        sprintf(ret_text + 2 * i, "%02x", token[i]);
}

static bool is_set(const unsigned char *token)
{
    static const unsigned char none[STATE_TOKEN_BYTES];

    return memcmp(token, none, sizeof none) != 0;
}

int absent_make_token(struct session *session, char *ret_text)
{
    if (!is_set(session->token) &&
        getrandom(session->token, sizeof session->token, GRND_NONBLOCK) != sizeof session->token)
        return -EAGAIN;
    print(session->token, ret_text);
    return 0;
}

struct absent *absent_find(struct absent *all, const char *token, uid_t uid)
{
    char text[2 * STATE_TOKEN_BYTES + 1];

    for (struct absent *a = all; a; a = a->hh.next) {
        print(a->session.token, text);
        if (is_set(a->session.token) && a->session.who->uid == uid && strcmp(text, token) == 0)
            return a;
    }
    return NULL;
}

static void forget(struct absent **all, struct absent *a)
{
    HASH_DEL(*all, a);
    store_forget_session(&a->session);
    principal_unref(a->session.who);
    free(a);
}

void absent_resume(struct absent **all, struct absent *a, struct session *session)
{
    store_resume(&a->session, session);
    session->who->session = session->id;
    forget(all, a);
}

void absent_end(struct absent **all, struct store *store, const char *reason)
{
    while (*all) {
        store_end_session(store, &(*all)->session, reason);
        forget(all, *all);
    }
}
