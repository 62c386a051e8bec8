/* shapes_session.h — parameters and results of the session itself. */
#pragma once
#include "field.h"

#define identity_ROWS(FIELD, LIST, OBJECT)                                                         \
    FIELD(int, pid, REQUIRED, "process id at connect time")                                        \
    FIELD(int, uid, REQUIRED, "user id at connect time")                                           \
    FIELD(int, gid, REQUIRED, "group id at connect time")                                          \
    FIELD(text, exe, OPTIONAL, "path of the program, where /proc tells")
SHAPE(identity)

#define limits_ROWS(FIELD, LIST, OBJECT)                                                           \
    FIELD(int, line_bytes, REQUIRED, "one line, without its newline")                              \
    FIELD(int, depth, REQUIRED, "nesting of arrays and objects")                                   \
    FIELD(int, values, REQUIRED, "JSON values in one line")                                        \
    FIELD(int, id_bytes, REQUIRED, "the text of a request id")                                     \
    FIELD(int, batch, REQUIRED, "requests in a batch")                                             \
    FIELD(int, in_flight, REQUIRED, "requests of an unordered session that may wait at once")      \
    FIELD(int, output_bytes, REQUIRED, "unread replies at which a session is no longer served")    \
    FIELD(int, recv_bytes, REQUIRED, "payload of one recv")                                        \
    FIELD(int, poll_handles, REQUIRED, "handles of one poll")                                      \
    FIELD(int, list_rows, REQUIRED, "rows of one ledger.list")                                     \
    FIELD(int, list_seen, REQUIRED, "handles looked at for one page, whether they pass or not")    \
    FIELD(int, lookups, REQUIRED, "name look-ups of a session at once")                            \
    FIELD(int, subscriptions, REQUIRED, "of one session")                                          \
    FIELD(int, options, REQUIRED, "socket options given at creation")                              \
    FIELD(int, batch_reply_bytes, REQUIRED, "replies of a batch, before its last")                 \
    FIELD(int, attempts, REQUIRED, "addresses that create_connection tries")                       \
    FIELD(int, name_bytes, REQUIRED, "a handle's name")                                            \
    FIELD(int, label_bytes, REQUIRED, "label, site and client")                                    \
    FIELD(int, fds, REQUIRED, "descriptors with one message")                                      \
    FIELD(int, fds_unread, REQUIRED, "descriptors given to a session that it has not read yet")    \
    FIELD(int, ca_pem_bytes, REQUIRED, "the ca_pem of one wrap")                                   \
    FIELD(int, alpn_names, REQUIRED, "protocols that one wrap offers")                             \
    FIELD(int, sessions, REQUIRED, "sessions at once")                                             \
    FIELD(int, sessions_per_uid, REQUIRED, "sessions of one user at once")                         \
    FIELD(int, handles, REQUIRED, "sockets that the daemon's descriptors allow")
SHAPE(limits)

#define hello_params_ROWS(FIELD, LIST, OBJECT)                                                     \
    FIELD(text, client, OPTIONAL, "name and version of the program")                               \
    FIELD(text, label, OPTIONAL, "what this session is for; shown as owner.label")                 \
    FIELD(bool, unordered, OPTIONAL, "true: replies may overtake each other")                      \
    FIELD(text, resume, OPTIONAL, "the token of a session whose connection broke: go on with it")
SHAPE(hello_params)
#define hello_result_ROWS(FIELD, LIST, OBJECT)                                                     \
    FIELD(text, server, REQUIRED, "name and version of the daemon")                                \
    FIELD(int, protocol, REQUIRED, "version of the wire contract")                                 \
    FIELD(int, session, REQUIRED, "the session's number")                                          \
    FIELD(text, token, REQUIRED, "a secret: `resume` with it after the connection broke")          \
    FIELD(bool, resumed, REQUIRED,                                                                 \
          "true: the session of `resume`, with its number, handles and @names; false: a new one")  \
    OBJECT(identity, peer, REQUIRED, "who you are to the daemon")                                  \
    FIELD(text, role, REQUIRED, "admin or user")                                                   \
    OBJECT(limits, limits, REQUIRED, "every ceiling")                                              \
    FIELD(texts, features, REQUIRED, "what this daemon can do")
SHAPE(hello_result)

#define ping_params_ROWS(FIELD, LIST, OBJECT)                                                      \
    FIELD(json, echo, OPTIONAL, "comes back as it is")
SHAPE(ping_params)
#define ping_result_ROWS(FIELD, LIST, OBJECT)                                                      \
    FIELD(json, echo, OPTIONAL, "what was sent")                                                   \
    FIELD(number, uptime, REQUIRED, "seconds since the daemon started")
SHAPE(ping_result)

#define cancel_params_ROWS(FIELD, LIST, OBJECT)                                                    \
    FIELD(json, id, REQUIRED, "the id of a request of this session that waits")
SHAPE(cancel_params)
#define cancel_result_ROWS(FIELD, LIST, OBJECT)                                                    \
    FIELD(bool, cancelled, REQUIRED, "false: no such request waits")
SHAPE(cancel_result)

#define discover_result_ROWS(FIELD, LIST, OBJECT)                                                  \
    FIELD(json, document, REQUIRED, "the OpenRPC document; it is the result itself")
SHAPE(discover_result)
