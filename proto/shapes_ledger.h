/* shapes_ledger.h — rows of the ledger, and what is asked of it. */
#pragma once
#include "field.h"

#define owner_ROWS(FIELD, LIST, OBJECT)                                                            \
    FIELD(int, uid, REQUIRED, "user id")                                                           \
    FIELD(int, gid, REQUIRED, "group id")                                                          \
    FIELD(int, pid, REQUIRED, "process id")                                                        \
    FIELD(number, started, OPTIONAL, "when that process was started, Unix seconds")                \
    FIELD(text, exe, OPTIONAL, "path of the program")                                              \
    FIELD(int, session, REQUIRED, "the session's number")                                          \
    FIELD(text, label, OPTIONAL, "what the session called itself in hello")
SHAPE(owner)

#define suspicion_ROWS(FIELD, LIST, OBJECT)                                                        \
    FIELD(text, kind, REQUIRED, "close_wait, idle, unread or orphan")                              \
    FIELD(number, since, REQUIRED, "Unix seconds")
SHAPE(suspicion)

#define ending_ROWS(FIELD, LIST, OBJECT)                                                           \
    FIELD(text, how, REQUIRED, "closed, reclaimed, expired, handed_off or lost")                   \
    FIELD(number, at, REQUIRED, "Unix seconds")                                                    \
    FIELD(text, reason, OPTIONAL, "why")
SHAPE(ending)

#define transition_ROWS(FIELD, LIST, OBJECT)                                                       \
    FIELD(text, state, REQUIRED, "the state it went to")                                           \
    FIELD(number, at, REQUIRED, "Unix seconds")
SHAPE(transition)

#define ledger_row_ROWS(FIELD, LIST, OBJECT)                                                       \
    FIELD(int, handle, REQUIRED, "the handle")                                                     \
    FIELD(text, name, OPTIONAL, "its name")                                                        \
    FIELD(text, pool, REQUIRED, "its pool")                                                        \
    FIELD(text, state, REQUIRED,                                                                   \
          "created, bound, listening, connecting, connected, half_closed or closed")               \
    FIELD(text, custody, REQUIRED, "who holds the kernel socket: daemon, shared or handed_off")    \
    FIELD(bool, advisory, OPTIONAL,                                                                \
          "true: others have it too, and what they do with it no policy can hinder")               \
    FIELD(bool, alive, OPTIONAL,                                                                   \
          "of one handed off: whether the kernel still has it; absent where it does not tell")     \
    FIELD(number, died, OPTIONAL, "of one handed off: when its end was noticed, Unix seconds")     \
    FIELD(family, family, REQUIRED, "address family")                                              \
    FIELD(socktype, type, REQUIRED, "socket type")                                                 \
    FIELD(sockaddr, address, OPTIONAL, "local address")                                            \
    FIELD(sockaddr, peer, OPTIONAL, "remote address")                                              \
    FIELD(int, cookie, REQUIRED, "the kernel's SO_COOKIE")                                         \
    FIELD(int, inode, REQUIRED, "inode of the kernel socket")                                      \
    OBJECT(owner, owner, REQUIRED, "who opened it")                                                \
    FIELD(text, label, OPTIONAL, "what it is for")                                                 \
    FIELD(text, site, OPTIONAL, "file:line that opened it")                                        \
    FIELD(lease, lease, REQUIRED, "what happens when its session ends")                            \
    FIELD(bool, survives, REQUIRED, "whether it survives a restart of the daemon")                 \
    FIELD(text, survives_reason, OPTIONAL, "why not")                                              \
    FIELD(number, opened, REQUIRED, "Unix seconds")                                                \
    FIELD(number, age, REQUIRED, "seconds it has lived")                                           \
    FIELD(number, last_used, REQUIRED, "Unix seconds")                                             \
    FIELD(int, sent_bytes, REQUIRED, "bytes that went out")                                        \
    FIELD(int, received_bytes, REQUIRED, "bytes that came in")                                     \
    LIST(suspicion, suspect, REQUIRED, "why it looks forgotten")                                   \
    OBJECT(ending, end, OPTIONAL, "how it ended")                                                  \
    LIST(transition, transitions, OPTIONAL, "its states in order, of ledger.get and close")
SHAPE(ledger_row)

#define ledger_filter_ROWS(FIELD, LIST, OBJECT)                                                    \
    FIELD(text, state, OPTIONAL, "only this state; \"closed\" looks into the history")             \
    FIELD(text, pool, OPTIONAL, "only this pool")                                                  \
    FIELD(text, label, OPTIONAL, "only this label")                                                \
    FIELD(text, exe, OPTIONAL, "only this program")                                                \
    FIELD(int, uid, OPTIONAL, "only this user")                                                    \
    FIELD(text, suspect, OPTIONAL, "only this suspicion; \"any\" for all suspects")                \
    FIELD(text, custody, OPTIONAL, "only this custody; \"handed_off\" looks into the history")
SHAPE(ledger_filter)
#define ledger_list_params_ROWS(FIELD, LIST, OBJECT)                                               \
    OBJECT(ledger_filter, filter, OPTIONAL, "which rows; the living if absent")                    \
    FIELD(int, limit, OPTIONAL, "at most this many rows")                                          \
    FIELD(int, after, OPTIONAL, "the `next` of the page before, with the same filter")
SHAPE(ledger_list_params)
#define ledger_list_result_ROWS(FIELD, LIST, OBJECT)                                               \
    LIST(ledger_row, rows, REQUIRED, "the living by handle, the closed as they ended")             \
    FIELD(int, next, OPTIONAL, "there may be more: give it as `after`; it is no handle")
SHAPE(ledger_list_result)

#define leak_group_ROWS(FIELD, LIST, OBJECT)                                                       \
    FIELD(text, site, OPTIONAL, "file:line that opened them")                                      \
    FIELD(text, label, OPTIONAL, "what they are for")                                              \
    FIELD(text, exe, OPTIONAL, "the program")                                                      \
    FIELD(int, uid, REQUIRED, "its user")                                                          \
    FIELD(int, reclaimed, REQUIRED, "left open when their session ended")                          \
    FIELD(int, suspects, REQUIRED, "alive and suspect")                                            \
    FIELD(int, bytes, REQUIRED, "through them, both ways")                                         \
    FIELD(number, oldest, REQUIRED, "when the first of them was opened, Unix seconds")             \
    FIELD(ints, handles, REQUIRED, "some of them")
SHAPE(leak_group)
#define leaks_params_ROWS(FIELD, LIST, OBJECT)                                                     \
    FIELD(number, since, OPTIONAL, "only what was opened since then, Unix seconds")
SHAPE(leaks_params)
#define leaks_result_ROWS(FIELD, LIST, OBJECT)                                                     \
    LIST(leak_group, groups, REQUIRED, "by site, label, program and user, the worst first")
SHAPE(leaks_result)
#define reap_params_ROWS(FIELD, LIST, OBJECT)                                                      \
    OBJECT(ledger_filter, filter, REQUIRED, "which sockets; it must not be empty")                 \
    FIELD(bool, dry_run, OPTIONAL, "true: only tell which")                                        \
    FIELD(int, after, OPTIONAL, "go on behind this one: the `next` of the reply before")
SHAPE(reap_params)
#define reap_result_ROWS(FIELD, LIST, OBJECT)                                                      \
    LIST(ledger_row, rows, REQUIRED, "what was closed, or would be")                               \
    FIELD(int, next, OPTIONAL, "there are more: give it as `after`")
SHAPE(reap_result)

#define audit_result_ROWS(FIELD, LIST, OBJECT)                                                     \
    FIELD(int, opened, REQUIRED, "sockets ever opened")                                            \
    FIELD(int, live, REQUIRED, "sockets alive now")                                                \
    FIELD(int, closed, REQUIRED, "closed by their owners")                                         \
    FIELD(int, reclaimed, REQUIRED, "closed because their session ended")                          \
    FIELD(int, expired, REQUIRED, "closed because their lease ran out")                            \
    FIELD(int, handed_off, REQUIRED, "given away")                                                 \
    FIELD(int, lost, REQUIRED, "could not be kept")                                                \
    FIELD(int, balance, REQUIRED, "opened minus all the others: 0")
SHAPE(audit_result)
