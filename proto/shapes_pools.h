/* shapes_pools.h — parameters and results of pools and their policy. */
#pragma once
#include "field.h"

#define pool_limits_row_ROWS(FIELD, LIST, OBJECT)                                                  \
    FIELD(lease, max_lease, REQUIRED, "the longest lease")                                         \
    FIELD(int, max_sockets, OPTIONAL, "sockets at once; absent: no limit")                         \
    FIELD(int, max_sockets_per_session, OPTIONAL, "of one session")                                \
    FIELD(int, max_sockets_per_uid, OPTIONAL, "of one user")                                       \
    FIELD(int, max_buffer, OPTIONAL, "bytes read ahead for all its sockets")                       \
    FIELD(number, idle_suspect, REQUIRED, "seconds without use that look forgotten; 0: never")
SHAPE(pool_limits_row)
#define pool_use_ROWS(FIELD, LIST, OBJECT)                                                         \
    FIELD(int, sockets, REQUIRED, "sockets alive")                                                 \
    FIELD(int, buffer, REQUIRED, "bytes read ahead")                                               \
    FIELD(int, yours, REQUIRED, "sockets of your user")
SHAPE(pool_use)
#define pool_holder_ROWS(FIELD, LIST, OBJECT)                                                      \
    FIELD(int, uid, REQUIRED, "user id")                                                           \
    FIELD(int, pid, REQUIRED, "process id")                                                        \
    FIELD(int, session, REQUIRED, "the session's number")                                          \
    FIELD(int, sockets, REQUIRED, "sockets alive, that it has opened")                             \
    FIELD(text, exe, OPTIONAL, "path of the program")                                              \
    FIELD(text, label, OPTIONAL, "what the session called itself")
SHAPE(pool_holder)
#define pool_row_ROWS(FIELD, LIST, OBJECT)                                                         \
    FIELD(text, name, REQUIRED, "its name")                                                        \
    OBJECT(pool_limits_row, limits, REQUIRED, "its budget")                                        \
    OBJECT(pool_use, in_use, REQUIRED, "what is used of it")                                       \
    LIST(pool_holder, holders, REQUIRED, "who holds most, of those whom you may see")              \
    FIELD(bool, retired, OPTIONAL,                                                                 \
          "true: no longer in the settings; its sockets live on, nobody gets new ones")
SHAPE(pool_row)
#define pool_list_params_ROWS(FIELD, LIST, OBJECT)                                                 \
    FIELD(text, name, OPTIONAL, "only this pool")
SHAPE(pool_list_params)
#define pool_list_result_ROWS(FIELD, LIST, OBJECT)                                                 \
    LIST(pool_row, pools, REQUIRED,                                                   \
         "those that you may use, in the order of the files; then the retired that still have "    \
         "sockets, if they have any of yours or you are root")
SHAPE(pool_list_result)

#define why_params_ROWS(FIELD, LIST, OBJECT)                                                       \
    FIELD(text, method, REQUIRED,                                                                  \
          "socket, bind, connect, sendto, create_connection, create_server, handoff …")                     \
    FIELD(address, address, OPTIONAL, "where")                                                     \
    FIELD(family, family, OPTIONAL, "of the socket; what the address says if absent")              \
    FIELD(socktype, type, OPTIONAL, "of the socket; SOCK_STREAM if absent")                        \
    FIELD(text, pool, OPTIONAL, "in this pool; your first if absent")
SHAPE(why_params)
#define why_result_ROWS(FIELD, LIST, OBJECT)                                                       \
    FIELD(bool, allowed, REQUIRED, "whether it would be allowed")                                  \
    FIELD(text, pool, REQUIRED, "the pool that was asked")                                         \
    FIELD(text, rule, REQUIRED, "what decides, with its file and line")                            \
    FIELD(bool, advisory, OPTIONAL,                                                                \
          "true: this pool hands sockets off, and what is done with those no policy can hinder")   \
    FIELD(text, nearest, OPTIONAL, "the rule that comes nearest to allowing it")                   \
    FIELD(text, hint, OPTIONAL, "what would be allowed, or has to be written")
SHAPE(why_result)
