/* shapes_create.h — parameters and results of the methods that make sockets. */
#pragma once
#include "shapes_common.h"

#define socket_params_ROWS(FIELD, LIST, OBJECT)                                                    \
    FIELD(family, family, OPTIONAL, "AF_INET if absent")                                           \
    FIELD(socktype, type, OPTIONAL, "SOCK_STREAM if absent")                                       \
    FIELD(protocol, protocol, OPTIONAL, "0 if absent: the type's usual one")                       \
    CREATION_ROWS(FIELD)                                                                           \
    FIELD(options, options, OPTIONAL, "socket options to set at once, by name")
SHAPE(socket_params)
#define socket_result_ROWS(FIELD, LIST, OBJECT)                                                    \
    FIELD(int, handle, REQUIRED, "the new handle")                                                 \
    FIELD(int, cookie, REQUIRED, "the kernel's SO_COOKIE")
SHAPE(socket_result)

#define socketpair_params_ROWS(FIELD, LIST, OBJECT)                                                \
    FIELD(socktype, type, OPTIONAL, "SOCK_STREAM if absent")                                       \
    CREATION_ROWS(FIELD)
SHAPE(socketpair_params)
#define socketpair_result_ROWS(FIELD, LIST, OBJECT)                                                \
    FIELD(ints, handles, REQUIRED, "both ends; the first has the name, the second NAME.1")
SHAPE(socketpair_result)

#define create_connection_params_ROWS(FIELD, LIST, OBJECT)                                         \
    FIELD(text, host, REQUIRED, "name or address; all its addresses are tried (RFC 8305)")         \
    FIELD(int, port, REQUIRED, "port number")                                                      \
    FIELD(timeout, timeout, OPTIONAL, "for the whole call")                                        \
    FIELD(address, source, OPTIONAL, "local address to connect from")                              \
    FIELD(family, family, OPTIONAL, "only addresses of this family")                               \
    CREATION_ROWS(FIELD)                                                                           \
    FIELD(options, options, OPTIONAL, "socket options to set before connecting")
SHAPE(create_connection_params)
#define attempt_error_ROWS(FIELD, LIST, OBJECT)                                                    \
    FIELD(text, kind, REQUIRED, "as in an error's data")                                           \
    FIELD(text, name, REQUIRED, "as in an error's data")                                           \
    FIELD(text, message, REQUIRED, "for people")
SHAPE(attempt_error)
#define attempt_ROWS(FIELD, LIST, OBJECT)                                                          \
    FIELD(sockaddr, address, REQUIRED, "where to")                                                 \
    OBJECT(attempt_error, error, OPTIONAL, "why it failed; absent on the one that won")
SHAPE(attempt)
#define create_connection_result_ROWS(FIELD, LIST, OBJECT)                                         \
    FIELD(int, handle, REQUIRED, "the new handle")                                                 \
    FIELD(sockaddr, peer, REQUIRED, "the address that answered")                                   \
    FIELD(sockaddr, address, REQUIRED, "local address")                                            \
    LIST(attempt, attempts, REQUIRED, "what was tried, in order")
SHAPE(create_connection_result)

#define create_server_params_ROWS(FIELD, LIST, OBJECT)                                             \
    FIELD(address, address, REQUIRED, "where to listen")                                           \
    FIELD(family, family, OPTIONAL, "if absent, what the address says; AF_INET for \"\"")          \
    FIELD(int, backlog, OPTIONAL, "connections that may queue; 128 if absent")                     \
    FIELD(bool, reuse_port, OPTIONAL, "set SO_REUSEPORT")                                          \
    FIELD(bool, dualstack, OPTIONAL, "take IPv4 on an IPv6 socket too")                            \
    CREATION_ROWS(FIELD)                                                                           \
    FIELD(options, options, OPTIONAL, "socket options to set before bind")
SHAPE(create_server_params)
#define create_server_result_ROWS(FIELD, LIST, OBJECT)                                             \
    FIELD(int, handle, REQUIRED, "the listener")                                                   \
    FIELD(sockaddr, address, REQUIRED, "as bound")                                                 \
    FIELD(bool, adopted, REQUIRED, "true: a living listener of this name was given back")
SHAPE(create_server_result)
