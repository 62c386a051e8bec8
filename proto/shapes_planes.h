/* shapes_planes.h — parameters and results of the ways on which bytes travel beside messages. */
#pragma once
#include "shapes_common.h"

/* As of every new socket; one that has its handle already keeps what is not given. */
#define adopt_params_ROWS(FIELD, LIST, OBJECT)                                                     \
    FIELD(text, name, OPTIONAL, "a name for it, also in place of the one that it has")             \
    FIELD(lease, lease, OPTIONAL,                                                                  \
          "what happens when the session ends; \"session\" closes it. One that another session holds keeps its own") \
    FIELD(bool, survive, OPTIONAL, "true: refuse where it would not outlive the daemon")           \
    FIELD(text, pool, OPTIONAL, "the pool that pays for it; one that is alive stays in its own")   \
    FIELD(text, label, OPTIONAL, "free text: what it is for, also in place of what it was for")    \
    FIELD(text, site, OPTIONAL, "file:line that opened it; one that is known keeps its own")
SHAPE(adopt_params)
#define adopt_result_ROWS(FIELD, LIST, OBJECT)                                                     \
    FIELD(int, handle, REQUIRED, "the handle; its old one, if the socket is known")                \
    FIELD(sockaddr, address, OPTIONAL, "local address")                                            \
    FIELD(sockaddr, peer, OPTIONAL, "remote address")                                              \
    FIELD(bool, known, REQUIRED, "true: it had this handle before")
SHAPE(adopt_result)
