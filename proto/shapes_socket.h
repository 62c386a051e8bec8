/* shapes_socket.h — parameters and results of the methods that use sockets. */
#pragma once
#include "shapes_common.h"

#define bind_params_ROWS(FIELD, LIST, OBJECT)                                                      \
    FIELD(handle, handle, REQUIRED, "the socket")                                                  \
    FIELD(address, address, REQUIRED, "local address; port 0: any")
SHAPE(bind_params)
#define address_result_ROWS(FIELD, LIST, OBJECT)                                                   \
    FIELD(sockaddr, address, REQUIRED, "the address")
SHAPE(address_result)

#define listen_params_ROWS(FIELD, LIST, OBJECT)                                                    \
    FIELD(handle, handle, REQUIRED, "the socket")                                                  \
    FIELD(int, backlog, OPTIONAL, "connections that may queue; 128 if absent")
SHAPE(listen_params)
#define listen_result_ROWS(FIELD, LIST, OBJECT)                                                    \
    FIELD(int, backlog, REQUIRED, "what the kernel made of it")
SHAPE(listen_result)

#define accept_params_ROWS(FIELD, LIST, OBJECT)                                                    \
    FIELD(handle, handle, REQUIRED, "the listener")                                                \
    FIELD(timeout, timeout, OPTIONAL, "how long to wait")                                          \
    CREATION_ROWS(FIELD)
SHAPE(accept_params)
#define accept_result_ROWS(FIELD, LIST, OBJECT)                                                    \
    FIELD(int, handle, REQUIRED, "the connection")                                                 \
    FIELD(sockaddr, peer, REQUIRED, "who connected")                                               \
    FIELD(sockaddr, address, REQUIRED, "local address")
SHAPE(accept_result)

#define connect_params_ROWS(FIELD, LIST, OBJECT)                                                   \
    FIELD(handle, handle, REQUIRED, "the socket")                                                  \
    FIELD(address, address, REQUIRED, "where to")                                                  \
    FIELD(timeout, timeout, OPTIONAL, "how long to wait")
SHAPE(connect_params)
#define connect_result_ROWS(FIELD, LIST, OBJECT)                                                   \
    FIELD(sockaddr, address, REQUIRED, "local address")                                            \
    FIELD(sockaddr, peer, REQUIRED, "remote address")
SHAPE(connect_result)

#define send_params_ROWS(FIELD, LIST, OBJECT)                                                      \
    FIELD(handle, handle, REQUIRED, "the socket")                                                  \
    FIELD(payload, payload, REQUIRED, "what to send")                                              \
    FIELD(msg_flags, flags, OPTIONAL, "send flags")                                                \
    FIELD(timeout, timeout, OPTIONAL, "how long to wait")
SHAPE(send_params)
#define sent_result_ROWS(FIELD, LIST, OBJECT)                                                      \
    FIELD(int, sent, REQUIRED, "bytes the kernel took")
SHAPE(sent_result)

#define sendto_params_ROWS(FIELD, LIST, OBJECT)                                                    \
    FIELD(handle, handle, REQUIRED, "the socket")                                                  \
    FIELD(address, address, REQUIRED, "where to")                                                  \
    FIELD(payload, payload, REQUIRED, "what to send")                                              \
    FIELD(msg_flags, flags, OPTIONAL, "send flags")                                                \
    FIELD(timeout, timeout, OPTIONAL, "how long to wait")
SHAPE(sendto_params)

#define recv_params_ROWS(FIELD, LIST, OBJECT)                                                      \
    FIELD(handle, handle, REQUIRED, "the socket")                                                  \
    FIELD(int, size, OPTIONAL, "at most this many bytes")                                          \
    FIELD(int, exactly, OPTIONAL, "wait for exactly this many bytes")                              \
    FIELD(text, until, OPTIONAL, "wait for this delimiter; it is included")                        \
    FIELD(int, prefix, OPTIONAL, "a big-endian length of 1, 2, 4 or 8 bytes comes first")          \
    FIELD(msg_flags, flags, OPTIONAL, "receive flags")                                             \
    FIELD(timeout, timeout, OPTIONAL, "how long to wait")                                          \
    FIELD(form_name, as, OPTIONAL, "the form of the reply's payload")
SHAPE(recv_params)
#define recv_result_ROWS(FIELD, LIST, OBJECT)                                                      \
    FIELD(payload, payload, REQUIRED, "what came")                                                 \
    FIELD(bool, eof, REQUIRED, "the peer has sent all it will send")
SHAPE(recv_result)

#define recvfrom_params_ROWS(FIELD, LIST, OBJECT)                                                  \
    FIELD(handle, handle, REQUIRED, "the socket")                                                  \
    FIELD(int, size, OPTIONAL, "at most this many bytes")                                          \
    FIELD(msg_flags, flags, OPTIONAL, "receive flags")                                             \
    FIELD(timeout, timeout, OPTIONAL, "how long to wait")                                          \
    FIELD(form_name, as, OPTIONAL, "the form of the reply's payload")
SHAPE(recvfrom_params)
#define recvfrom_result_ROWS(FIELD, LIST, OBJECT)                                                  \
    FIELD(payload, payload, REQUIRED, "what came")                                                 \
    FIELD(sockaddr, address, OPTIONAL, "who sent it")                                              \
    FIELD(bool, truncated, REQUIRED, "the datagram was longer than size")                          \
    FIELD(int, length, REQUIRED, "its true length in bytes")
SHAPE(recvfrom_result)

#define sendfile_params_ROWS(FIELD, LIST, OBJECT)                                                  \
    FIELD(handle, handle, REQUIRED, "the socket; the file's descriptor comes with the request")    \
    FIELD(int, offset, OPTIONAL, "where to begin in the file; 0 if absent")                        \
    FIELD(int, count, OPTIONAL, "how many bytes; to the end if absent")                            \
    FIELD(timeout, timeout, OPTIONAL, "how long to wait")
SHAPE(sendfile_params)

#define shutdown_params_ROWS(FIELD, LIST, OBJECT)                                                  \
    FIELD(handle, handle, REQUIRED, "the socket")                                                  \
    FIELD(how, how, REQUIRED, "SHUT_RD, SHUT_WR or SHUT_RDWR")
SHAPE(shutdown_params)

#define setsockopt_params_ROWS(FIELD, LIST, OBJECT)                                                \
    FIELD(handle, handle, REQUIRED, "the socket")                                                  \
    FIELD(text, option, OPTIONAL, "the option's BSD name")                                         \
    FIELD(level, level, OPTIONAL, "with number: an option that has no name here")                  \
    FIELD(int, number, OPTIONAL, "the option's number at that level")                              \
    FIELD(json, value, OPTIONAL, "the value, in the option's own type")                            \
    FIELD(base64, base64, OPTIONAL, "the value as raw bytes, with level and number")
SHAPE(setsockopt_params)
#define getsockopt_params_ROWS(FIELD, LIST, OBJECT)                                                \
    FIELD(handle, handle, REQUIRED, "the socket")                                                  \
    FIELD(text, option, OPTIONAL, "the option's BSD name")                                         \
    FIELD(level, level, OPTIONAL, "with number: an option that has no name here")                  \
    FIELD(int, number, OPTIONAL, "the option's number at that level")                              \
    FIELD(int, size, OPTIONAL, "bytes to ask for, with level and number; 4 if absent")
SHAPE(getsockopt_params)
#define option_result_ROWS(FIELD, LIST, OBJECT)                                                    \
    FIELD(json, value, OPTIONAL, "the value as the kernel has it")                                 \
    FIELD(base64, base64, OPTIONAL, "the raw bytes, when asked by level and number")
SHAPE(option_result)

#define settimeout_params_ROWS(FIELD, LIST, OBJECT)                                                \
    FIELD(handle, handle, REQUIRED, "the socket")                                                  \
    FIELD(timeout, timeout, REQUIRED, "its default from now on")
SHAPE(settimeout_params)
#define setdefaulttimeout_params_ROWS(FIELD, LIST, OBJECT)                                         \
    FIELD(timeout, timeout, REQUIRED, "the session's default from now on")
SHAPE(setdefaulttimeout_params)
#define timeout_result_ROWS(FIELD, LIST, OBJECT)                                                   \
    FIELD(timeout, timeout, REQUIRED, "the timeout in force")
SHAPE(timeout_result)

#define group_params_ROWS(FIELD, LIST, OBJECT)                                                     \
    FIELD(handle, handle, REQUIRED, "the socket")                                                  \
    FIELD(text, group, REQUIRED, "the multicast address")                                          \
    FIELD(service, interface, OPTIONAL, "its name or index; the kernel chooses if absent")         \
    FIELD(text, source, OPTIONAL, "only datagrams from this address")
SHAPE(group_params)

#define lease_params_ROWS(FIELD, LIST, OBJECT)                                                     \
    FIELD(handle, handle, REQUIRED, "the socket")                                                  \
    FIELD(lease, lease, REQUIRED, "what happens when its session ends, from now on")
SHAPE(lease_params)
#define attach_params_ROWS(FIELD, LIST, OBJECT)                                                    \
    FIELD(handle, handle, REQUIRED, "a socket whose session has ended")                            \
    FIELD(lease, lease, OPTIONAL, "a new lease; as it was if absent")
SHAPE(attach_params)

#define poll_entry_ROWS(FIELD, LIST, OBJECT)                                                       \
    FIELD(handle, handle, REQUIRED, "the socket")                                                  \
    FIELD(texts, events, OPTIONAL, "\"in\", \"out\" or both; \"in\" if absent")
SHAPE(poll_entry)
#define poll_params_ROWS(FIELD, LIST, OBJECT)                                                      \
    LIST(poll_entry, handles, REQUIRED, "what to watch")                                           \
    FIELD(timeout, timeout, OPTIONAL, "how long to wait")
SHAPE(poll_params)
#define poll_ready_ROWS(FIELD, LIST, OBJECT)                                                       \
    FIELD(int, handle, REQUIRED, "the handle")                                                     \
    FIELD(texts, events, REQUIRED, "in, out, hup, err")
SHAPE(poll_ready)
#define poll_result_ROWS(FIELD, LIST, OBJECT)                                                      \
    LIST(poll_ready, ready, REQUIRED, "those that are ready; empty when the time ran out")
SHAPE(poll_result)
