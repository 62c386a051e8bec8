/* methods.h — THE TABLE: what berth can be asked, written once. Validation, the parameter that an error
 * names, rpc.discover, METHODS.md, the words of the `berth` command and its completion, and the generic
 * tests are all derived from it. A new method is two structs here, one line of METHODS, one handler. */
#pragma once
#include "field.h"

/* -- parts that several methods share -- */

#define CREATION_ROWS(FIELD)                                                                       \
    FIELD(text, name, OPTIONAL, "a name for it: `web` is durable, `@c` lives with the session")    \
    FIELD(lease, lease, OPTIONAL, "what happens when the session ends; \"session\" closes it")     \
    FIELD(text, pool, OPTIONAL, "the pool that pays for it")                                       \
    FIELD(text, label, OPTIONAL, "free text: what it is for")                                      \
    FIELD(text, site, OPTIONAL, "file:line that opened it")

#define identity_ROWS(FIELD, LIST, OBJECT)                                                         \
    FIELD(int, pid, REQUIRED, "process id at connect time")                                        \
    FIELD(int, uid, REQUIRED, "user id at connect time")                                           \
    FIELD(int, gid, REQUIRED, "group id at connect time")                                          \
    FIELD(text, exe, OPTIONAL, "path of the program, where /proc tells")
SHAPE_DECLARE(identity)

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
    FIELD(int, lookups, REQUIRED, "name look-ups of a session at once")                            \
    FIELD(int, attempts, REQUIRED, "addresses that create_connection tries")                       \
    FIELD(int, name_bytes, REQUIRED, "a handle's name")                                            \
    FIELD(int, label_bytes, REQUIRED, "label, site and client")                                    \
    FIELD(int, fds, REQUIRED, "descriptors with one message")                                      \
    FIELD(int, sessions, REQUIRED, "sessions at once")                                             \
    FIELD(int, sessions_per_uid, REQUIRED, "sessions of one user at once")                         \
    FIELD(int, handles, REQUIRED, "sockets that the daemon's descriptors allow")
SHAPE_DECLARE(limits)

/* -- ledger rows -- */

#define owner_ROWS(FIELD, LIST, OBJECT)                                                            \
    FIELD(int, uid, REQUIRED, "user id")                                                           \
    FIELD(int, gid, REQUIRED, "group id")                                                          \
    FIELD(int, pid, REQUIRED, "process id")                                                        \
    FIELD(text, exe, OPTIONAL, "path of the program")                                              \
    FIELD(int, session, REQUIRED, "the session's number")                                          \
    FIELD(text, label, OPTIONAL, "what the session called itself in hello")
SHAPE_DECLARE(owner)

#define suspicion_ROWS(FIELD, LIST, OBJECT)                                                        \
    FIELD(text, kind, REQUIRED, "close_wait, idle, unread or orphan")                              \
    FIELD(number, since, REQUIRED, "Unix seconds")
SHAPE_DECLARE(suspicion)

#define ending_ROWS(FIELD, LIST, OBJECT)                                                           \
    FIELD(text, how, REQUIRED, "closed, reclaimed, expired, handed_off or lost")                   \
    FIELD(number, at, REQUIRED, "Unix seconds")                                                    \
    FIELD(text, reason, OPTIONAL, "why")
SHAPE_DECLARE(ending)

#define transition_ROWS(FIELD, LIST, OBJECT)                                                       \
    FIELD(text, state, REQUIRED, "the state it went to")                                           \
    FIELD(number, at, REQUIRED, "Unix seconds")
SHAPE_DECLARE(transition)

#define ledger_row_ROWS(FIELD, LIST, OBJECT)                                                       \
    FIELD(int, handle, REQUIRED, "the handle")                                                     \
    FIELD(text, name, OPTIONAL, "its name")                                                        \
    FIELD(text, pool, REQUIRED, "its pool")                                                        \
    FIELD(text, state, REQUIRED,                                                                   \
          "created, bound, listening, connecting, connected, half_closed or closed")               \
    FIELD(text, custody, REQUIRED, "who holds the kernel socket: daemon, shared or handed_off")    \
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
    FIELD(number, opened, REQUIRED, "Unix seconds")                                                \
    FIELD(number, age, REQUIRED, "seconds it has lived")                                           \
    FIELD(number, last_used, REQUIRED, "Unix seconds")                                             \
    FIELD(int, sent_bytes, REQUIRED, "bytes that went out")                                        \
    FIELD(int, received_bytes, REQUIRED, "bytes that came in")                                     \
    LIST(suspicion, suspect, REQUIRED, "why it looks forgotten")                                   \
    OBJECT(ending, end, OPTIONAL, "how it ended")                                                  \
    LIST(transition, transitions, OPTIONAL, "its states in order, of ledger.get and close")
SHAPE_DECLARE(ledger_row)

/* -- session -- */

#define no_params_ROWS(FIELD, LIST, OBJECT)
SHAPE_DECLARE(no_params)
#define no_result_ROWS(FIELD, LIST, OBJECT)
SHAPE_DECLARE(no_result)

#define hello_params_ROWS(FIELD, LIST, OBJECT)                                                     \
    FIELD(text, client, OPTIONAL, "name and version of the program")                               \
    FIELD(text, label, OPTIONAL, "what this session is for; shown as owner.label")                 \
    FIELD(bool, unordered, OPTIONAL, "true: replies may overtake each other")
SHAPE_DECLARE(hello_params)
#define hello_result_ROWS(FIELD, LIST, OBJECT)                                                     \
    FIELD(text, server, REQUIRED, "name and version of the daemon")                                \
    FIELD(int, protocol, REQUIRED, "version of the wire contract")                                 \
    FIELD(int, session, REQUIRED, "the session's number")                                          \
    OBJECT(identity, peer, REQUIRED, "who you are to the daemon")                                  \
    FIELD(text, role, REQUIRED, "admin or user")                                                   \
    OBJECT(limits, limits, REQUIRED, "every ceiling")                                              \
    FIELD(texts, features, REQUIRED, "what this daemon can do")
SHAPE_DECLARE(hello_result)

#define ping_params_ROWS(FIELD, LIST, OBJECT)                                                      \
    FIELD(json, echo, OPTIONAL, "comes back as it is")
SHAPE_DECLARE(ping_params)
#define ping_result_ROWS(FIELD, LIST, OBJECT)                                                      \
    FIELD(json, echo, OPTIONAL, "what was sent")                                                   \
    FIELD(number, uptime, REQUIRED, "seconds since the daemon started")
SHAPE_DECLARE(ping_result)

#define cancel_params_ROWS(FIELD, LIST, OBJECT)                                                    \
    FIELD(json, id, REQUIRED, "the id of a request of this session that waits")
SHAPE_DECLARE(cancel_params)
#define cancel_result_ROWS(FIELD, LIST, OBJECT)                                                    \
    FIELD(bool, cancelled, REQUIRED, "false: no such request waits")
SHAPE_DECLARE(cancel_result)

#define discover_result_ROWS(FIELD, LIST, OBJECT)                                                  \
    FIELD(json, document, REQUIRED, "the OpenRPC document; it is the result itself")
SHAPE_DECLARE(discover_result)

/* -- making sockets -- */

#define socket_params_ROWS(FIELD, LIST, OBJECT)                                                    \
    FIELD(family, family, OPTIONAL, "AF_INET if absent")                                           \
    FIELD(socktype, type, OPTIONAL, "SOCK_STREAM if absent")                                       \
    FIELD(protocol, protocol, OPTIONAL, "0 if absent: the type's usual one")                       \
    CREATION_ROWS(FIELD)                                                                           \
    FIELD(options, options, OPTIONAL, "socket options to set at once, by name")
SHAPE_DECLARE(socket_params)
#define socket_result_ROWS(FIELD, LIST, OBJECT)                                                    \
    FIELD(int, handle, REQUIRED, "the new handle")                                                 \
    FIELD(int, cookie, REQUIRED, "the kernel's SO_COOKIE")
SHAPE_DECLARE(socket_result)

#define socketpair_params_ROWS(FIELD, LIST, OBJECT)                                                \
    FIELD(socktype, type, OPTIONAL, "SOCK_STREAM if absent")                                       \
    CREATION_ROWS(FIELD)
SHAPE_DECLARE(socketpair_params)
#define socketpair_result_ROWS(FIELD, LIST, OBJECT)                                                \
    FIELD(ints, handles, REQUIRED, "both ends; the first has the name, the second NAME.1")
SHAPE_DECLARE(socketpair_result)

#define create_connection_params_ROWS(FIELD, LIST, OBJECT)                                         \
    FIELD(text, host, REQUIRED, "name or address; all its addresses are tried (RFC 8305)")         \
    FIELD(int, port, REQUIRED, "port number")                                                      \
    FIELD(timeout, timeout, OPTIONAL, "for the whole call")                                        \
    FIELD(address, source, OPTIONAL, "local address to connect from")                              \
    FIELD(family, family, OPTIONAL, "only addresses of this family")                               \
    CREATION_ROWS(FIELD)                                                                           \
    FIELD(options, options, OPTIONAL, "socket options to set before connecting")
SHAPE_DECLARE(create_connection_params)
#define attempt_error_ROWS(FIELD, LIST, OBJECT)                                                    \
    FIELD(text, kind, REQUIRED, "as in an error's data")                                           \
    FIELD(text, name, REQUIRED, "as in an error's data")                                           \
    FIELD(text, message, REQUIRED, "for people")
SHAPE_DECLARE(attempt_error)
#define attempt_ROWS(FIELD, LIST, OBJECT)                                                          \
    FIELD(sockaddr, address, REQUIRED, "where to")                                                 \
    OBJECT(attempt_error, error, OPTIONAL, "why it failed; absent on the one that won")
SHAPE_DECLARE(attempt)
#define create_connection_result_ROWS(FIELD, LIST, OBJECT)                                         \
    FIELD(int, handle, REQUIRED, "the new handle")                                                 \
    FIELD(sockaddr, peer, REQUIRED, "the address that answered")                                   \
    FIELD(sockaddr, address, REQUIRED, "local address")                                            \
    LIST(attempt, attempts, REQUIRED, "what was tried, in order")
SHAPE_DECLARE(create_connection_result)

#define create_server_params_ROWS(FIELD, LIST, OBJECT)                                             \
    FIELD(address, address, REQUIRED, "where to listen")                                           \
    FIELD(family, family, OPTIONAL, "if absent, what the address says; AF_INET for \"\"")          \
    FIELD(int, backlog, OPTIONAL, "connections that may queue; 128 if absent")                     \
    FIELD(bool, reuse_port, OPTIONAL, "set SO_REUSEPORT")                                          \
    FIELD(bool, dualstack, OPTIONAL, "take IPv4 on an IPv6 socket too")                            \
    CREATION_ROWS(FIELD)                                                                           \
    FIELD(options, options, OPTIONAL, "socket options to set before bind")
SHAPE_DECLARE(create_server_params)
#define create_server_result_ROWS(FIELD, LIST, OBJECT)                                             \
    FIELD(int, handle, REQUIRED, "the listener")                                                   \
    FIELD(sockaddr, address, REQUIRED, "as bound")                                                 \
    FIELD(bool, adopted, REQUIRED, "true: a living listener of this name was given back")
SHAPE_DECLARE(create_server_result)

/* -- using sockets -- */

#define handle_params_ROWS(FIELD, LIST, OBJECT)                                                    \
    FIELD(handle, handle, REQUIRED, "the socket")
SHAPE_DECLARE(handle_params)

#define bind_params_ROWS(FIELD, LIST, OBJECT)                                                      \
    FIELD(handle, handle, REQUIRED, "the socket")                                                  \
    FIELD(address, address, REQUIRED, "local address; port 0: any")
SHAPE_DECLARE(bind_params)
#define address_result_ROWS(FIELD, LIST, OBJECT)                                                   \
    FIELD(sockaddr, address, REQUIRED, "the address")
SHAPE_DECLARE(address_result)

#define listen_params_ROWS(FIELD, LIST, OBJECT)                                                    \
    FIELD(handle, handle, REQUIRED, "the socket")                                                  \
    FIELD(int, backlog, OPTIONAL, "connections that may queue; 128 if absent")
SHAPE_DECLARE(listen_params)
#define listen_result_ROWS(FIELD, LIST, OBJECT)                                                    \
    FIELD(int, backlog, REQUIRED, "what the kernel made of it")
SHAPE_DECLARE(listen_result)

#define accept_params_ROWS(FIELD, LIST, OBJECT)                                                    \
    FIELD(handle, handle, REQUIRED, "the listener")                                                \
    FIELD(timeout, timeout, OPTIONAL, "how long to wait")                                          \
    CREATION_ROWS(FIELD)
SHAPE_DECLARE(accept_params)
#define accept_result_ROWS(FIELD, LIST, OBJECT)                                                    \
    FIELD(int, handle, REQUIRED, "the connection")                                                 \
    FIELD(sockaddr, peer, REQUIRED, "who connected")                                               \
    FIELD(sockaddr, address, REQUIRED, "local address")
SHAPE_DECLARE(accept_result)

#define connect_params_ROWS(FIELD, LIST, OBJECT)                                                   \
    FIELD(handle, handle, REQUIRED, "the socket")                                                  \
    FIELD(address, address, REQUIRED, "where to")                                                  \
    FIELD(timeout, timeout, OPTIONAL, "how long to wait")
SHAPE_DECLARE(connect_params)
#define connect_result_ROWS(FIELD, LIST, OBJECT)                                                   \
    FIELD(sockaddr, address, REQUIRED, "local address")                                            \
    FIELD(sockaddr, peer, REQUIRED, "remote address")
SHAPE_DECLARE(connect_result)

#define send_params_ROWS(FIELD, LIST, OBJECT)                                                      \
    FIELD(handle, handle, REQUIRED, "the socket")                                                  \
    FIELD(payload, payload, REQUIRED, "what to send")                                              \
    FIELD(msg_flags, flags, OPTIONAL, "send flags")                                                \
    FIELD(timeout, timeout, OPTIONAL, "how long to wait")
SHAPE_DECLARE(send_params)
#define sent_result_ROWS(FIELD, LIST, OBJECT)                                                      \
    FIELD(int, sent, REQUIRED, "bytes the kernel took")
SHAPE_DECLARE(sent_result)

#define sendto_params_ROWS(FIELD, LIST, OBJECT)                                                    \
    FIELD(handle, handle, REQUIRED, "the socket")                                                  \
    FIELD(address, address, REQUIRED, "where to")                                                  \
    FIELD(payload, payload, REQUIRED, "what to send")                                              \
    FIELD(msg_flags, flags, OPTIONAL, "send flags")                                                \
    FIELD(timeout, timeout, OPTIONAL, "how long to wait")
SHAPE_DECLARE(sendto_params)

#define recv_params_ROWS(FIELD, LIST, OBJECT)                                                      \
    FIELD(handle, handle, REQUIRED, "the socket")                                                  \
    FIELD(int, size, OPTIONAL, "at most this many bytes")                                          \
    FIELD(int, exactly, OPTIONAL, "wait for exactly this many bytes")                              \
    FIELD(text, until, OPTIONAL, "wait for this delimiter; it is included")                        \
    FIELD(int, prefix, OPTIONAL, "a big-endian length of 1, 2, 4 or 8 bytes comes first")          \
    FIELD(msg_flags, flags, OPTIONAL, "receive flags")                                             \
    FIELD(timeout, timeout, OPTIONAL, "how long to wait")                                          \
    FIELD(form_name, as, OPTIONAL, "the form of the reply's payload")
SHAPE_DECLARE(recv_params)
#define recv_result_ROWS(FIELD, LIST, OBJECT)                                                      \
    FIELD(payload, payload, REQUIRED, "what came")                                                 \
    FIELD(bool, eof, REQUIRED, "the peer has sent all it will send")
SHAPE_DECLARE(recv_result)

#define recvfrom_params_ROWS(FIELD, LIST, OBJECT)                                                  \
    FIELD(handle, handle, REQUIRED, "the socket")                                                  \
    FIELD(int, size, OPTIONAL, "at most this many bytes")                                          \
    FIELD(msg_flags, flags, OPTIONAL, "receive flags")                                             \
    FIELD(timeout, timeout, OPTIONAL, "how long to wait")                                          \
    FIELD(form_name, as, OPTIONAL, "the form of the reply's payload")
SHAPE_DECLARE(recvfrom_params)
#define recvfrom_result_ROWS(FIELD, LIST, OBJECT)                                                  \
    FIELD(payload, payload, REQUIRED, "what came")                                                 \
    FIELD(sockaddr, address, OPTIONAL, "who sent it")                                              \
    FIELD(bool, truncated, REQUIRED, "the datagram was longer than size")                          \
    FIELD(int, length, REQUIRED, "its true length in bytes")
SHAPE_DECLARE(recvfrom_result)

#define sendfile_params_ROWS(FIELD, LIST, OBJECT)                                                  \
    FIELD(handle, handle, REQUIRED, "the socket; the file's descriptor comes with the request")    \
    FIELD(int, offset, OPTIONAL, "where to begin in the file; 0 if absent")                        \
    FIELD(int, count, OPTIONAL, "how many bytes; to the end if absent")                            \
    FIELD(timeout, timeout, OPTIONAL, "how long to wait")
SHAPE_DECLARE(sendfile_params)

#define shutdown_params_ROWS(FIELD, LIST, OBJECT)                                                  \
    FIELD(handle, handle, REQUIRED, "the socket")                                                  \
    FIELD(how, how, REQUIRED, "SHUT_RD, SHUT_WR or SHUT_RDWR")
SHAPE_DECLARE(shutdown_params)

#define setsockopt_params_ROWS(FIELD, LIST, OBJECT)                                                \
    FIELD(handle, handle, REQUIRED, "the socket")                                                  \
    FIELD(text, option, OPTIONAL, "the option's BSD name")                                         \
    FIELD(level, level, OPTIONAL, "with number: an option that has no name here")                  \
    FIELD(int, number, OPTIONAL, "the option's number at that level")                              \
    FIELD(json, value, OPTIONAL, "the value, in the option's own type")                            \
    FIELD(base64, base64, OPTIONAL, "the value as raw bytes, with level and number")
SHAPE_DECLARE(setsockopt_params)
#define getsockopt_params_ROWS(FIELD, LIST, OBJECT)                                                \
    FIELD(handle, handle, REQUIRED, "the socket")                                                  \
    FIELD(text, option, OPTIONAL, "the option's BSD name")                                         \
    FIELD(level, level, OPTIONAL, "with number: an option that has no name here")                  \
    FIELD(int, number, OPTIONAL, "the option's number at that level")                              \
    FIELD(int, size, OPTIONAL, "bytes to ask for, with level and number; 4 if absent")
SHAPE_DECLARE(getsockopt_params)
#define option_result_ROWS(FIELD, LIST, OBJECT)                                                    \
    FIELD(json, value, OPTIONAL, "the value as the kernel has it")                                 \
    FIELD(base64, base64, OPTIONAL, "the raw bytes, when asked by level and number")
SHAPE_DECLARE(option_result)

#define settimeout_params_ROWS(FIELD, LIST, OBJECT)                                                \
    FIELD(handle, handle, REQUIRED, "the socket")                                                  \
    FIELD(timeout, timeout, REQUIRED, "its default from now on")
SHAPE_DECLARE(settimeout_params)
#define setdefaulttimeout_params_ROWS(FIELD, LIST, OBJECT)                                         \
    FIELD(timeout, timeout, REQUIRED, "the session's default from now on")
SHAPE_DECLARE(setdefaulttimeout_params)
#define timeout_result_ROWS(FIELD, LIST, OBJECT)                                                   \
    FIELD(timeout, timeout, REQUIRED, "the timeout in force")
SHAPE_DECLARE(timeout_result)

#define group_params_ROWS(FIELD, LIST, OBJECT)                                                     \
    FIELD(handle, handle, REQUIRED, "the socket")                                                  \
    FIELD(text, group, REQUIRED, "the multicast address")                                          \
    FIELD(service, interface, OPTIONAL, "its name or index; the kernel chooses if absent")         \
    FIELD(text, source, OPTIONAL, "only datagrams from this address")
SHAPE_DECLARE(group_params)

#define poll_entry_ROWS(FIELD, LIST, OBJECT)                                                       \
    FIELD(handle, handle, REQUIRED, "the socket")                                                  \
    FIELD(texts, events, OPTIONAL, "\"in\", \"out\" or both; \"in\" if absent")
SHAPE_DECLARE(poll_entry)
#define poll_params_ROWS(FIELD, LIST, OBJECT)                                                      \
    LIST(poll_entry, handles, REQUIRED, "what to watch")                                           \
    FIELD(timeout, timeout, OPTIONAL, "how long to wait")
SHAPE_DECLARE(poll_params)
#define poll_ready_ROWS(FIELD, LIST, OBJECT)                                                       \
    FIELD(int, handle, REQUIRED, "the handle")                                                     \
    FIELD(texts, events, REQUIRED, "in, out, hup, err")
SHAPE_DECLARE(poll_ready)
#define poll_result_ROWS(FIELD, LIST, OBJECT)                                                      \
    LIST(poll_ready, ready, REQUIRED, "those that are ready; empty when the time ran out")
SHAPE_DECLARE(poll_result)

/* -- names and addresses -- */

#define getaddrinfo_params_ROWS(FIELD, LIST, OBJECT)                                               \
    FIELD(text, host, REQUIRED, "name or address")                                                 \
    FIELD(service, service, OPTIONAL, "service name or port")                                      \
    FIELD(family, family, OPTIONAL, "only this family")                                            \
    FIELD(socktype, type, OPTIONAL, "only this type")                                              \
    FIELD(protocol, protocol, OPTIONAL, "only this protocol")                                      \
    FIELD(ai_flags, flags, OPTIONAL, "AI_ flags")                                                  \
    FIELD(timeout, timeout, OPTIONAL, "how long to wait")
SHAPE_DECLARE(getaddrinfo_params)
#define found_address_ROWS(FIELD, LIST, OBJECT)                                                    \
    FIELD(family, family, REQUIRED, "address family")                                              \
    FIELD(socktype, type, REQUIRED, "socket type")                                                 \
    FIELD(protocol, protocol, REQUIRED, "protocol")                                                \
    FIELD(sockaddr, address, REQUIRED, "the address")                                              \
    FIELD(text, canonname, OPTIONAL, "with AI_CANONNAME, of the first")
SHAPE_DECLARE(found_address)
#define getaddrinfo_result_ROWS(FIELD, LIST, OBJECT)                                               \
    LIST(found_address, addresses, REQUIRED, "what the resolver answered, in its order")
SHAPE_DECLARE(getaddrinfo_result)

#define getnameinfo_params_ROWS(FIELD, LIST, OBJECT)                                               \
    FIELD(address, address, REQUIRED, "a numeric address and port")                                \
    FIELD(ni_flags, flags, OPTIONAL, "NI_ flags")                                                  \
    FIELD(timeout, timeout, OPTIONAL, "how long to wait")
SHAPE_DECLARE(getnameinfo_params)
#define getnameinfo_result_ROWS(FIELD, LIST, OBJECT)                                               \
    FIELD(text, host, REQUIRED, "its name, or the address again")                                  \
    FIELD(text, service, REQUIRED, "the service's name, or the port again")
SHAPE_DECLARE(getnameinfo_result)

#define gethostbyname_params_ROWS(FIELD, LIST, OBJECT)                                             \
    FIELD(text, host, REQUIRED, "name or address")                                                 \
    FIELD(timeout, timeout, OPTIONAL, "how long to wait")
SHAPE_DECLARE(gethostbyname_params)
#define gethostbyname_result_ROWS(FIELD, LIST, OBJECT)                                             \
    FIELD(text, host, REQUIRED, "the canonical name")                                              \
    FIELD(sockaddrs, addresses, REQUIRED, "its IPv4 addresses")
SHAPE_DECLARE(gethostbyname_result)

#define host_result_ROWS(FIELD, LIST, OBJECT)                                                      \
    FIELD(text, host, REQUIRED, "this machine's name")
SHAPE_DECLARE(host_result)

#define inet_pton_params_ROWS(FIELD, LIST, OBJECT)                                                 \
    FIELD(family, family, REQUIRED, "AF_INET or AF_INET6")                                         \
    FIELD(text, text, REQUIRED, "the address as people write it")
SHAPE_DECLARE(inet_pton_params)
#define inet_ntop_params_ROWS(FIELD, LIST, OBJECT)                                                 \
    FIELD(family, family, REQUIRED, "AF_INET or AF_INET6")                                         \
    FIELD(base64, base64, REQUIRED, "4 or 16 bytes in network order")
SHAPE_DECLARE(inet_ntop_params)
#define inet_aton_params_ROWS(FIELD, LIST, OBJECT)                                                 \
    FIELD(text, text, REQUIRED, "an IPv4 address, short forms too")
SHAPE_DECLARE(inet_aton_params)
#define inet_ntoa_params_ROWS(FIELD, LIST, OBJECT)                                                 \
    FIELD(base64, base64, REQUIRED, "4 bytes in network order")
SHAPE_DECLARE(inet_ntoa_params)
#define packed_result_ROWS(FIELD, LIST, OBJECT)                                                    \
    FIELD(base64, base64, REQUIRED, "the address in network order")
SHAPE_DECLARE(packed_result)
#define text_result_ROWS(FIELD, LIST, OBJECT)                                                      \
    FIELD(text, text, REQUIRED, "the address as people write it")
SHAPE_DECLARE(text_result)

#define interface_ROWS(FIELD, LIST, OBJECT)                                                        \
    FIELD(int, index, REQUIRED, "interface index")                                                 \
    FIELD(text, name, REQUIRED, "interface name")                                                  \
    FIELD(sockaddrs, addresses, REQUIRED, "its addresses")
SHAPE_DECLARE(interface)
#define if_nameindex_result_ROWS(FIELD, LIST, OBJECT)                                              \
    LIST(interface, interfaces, REQUIRED, "the interfaces of the daemon's network namespace")
SHAPE_DECLARE(if_nameindex_result)

/* -- ledger -- */

#define ledger_filter_ROWS(FIELD, LIST, OBJECT)                                                    \
    FIELD(text, state, OPTIONAL, "only this state; \"closed\" looks into the history")             \
    FIELD(text, pool, OPTIONAL, "only this pool")                                                  \
    FIELD(text, label, OPTIONAL, "only this label")                                                \
    FIELD(text, exe, OPTIONAL, "only this program")                                                \
    FIELD(int, uid, OPTIONAL, "only this user")                                                    \
    FIELD(text, suspect, OPTIONAL, "only this suspicion; \"any\" for all suspects")
SHAPE_DECLARE(ledger_filter)
#define ledger_list_params_ROWS(FIELD, LIST, OBJECT)                                               \
    OBJECT(ledger_filter, filter, OPTIONAL, "which rows; the living if absent")                    \
    FIELD(int, limit, OPTIONAL, "at most this many rows")                                          \
    FIELD(int, after, OPTIONAL, "only handles above this one: the `next` of the page before")
SHAPE_DECLARE(ledger_list_params)
#define ledger_list_result_ROWS(FIELD, LIST, OBJECT)                                               \
    LIST(ledger_row, rows, REQUIRED, "by handle, ascending")                                       \
    FIELD(int, next, OPTIONAL, "there are more: give it as `after`")
SHAPE_DECLARE(ledger_list_result)

#define audit_result_ROWS(FIELD, LIST, OBJECT)                                                     \
    FIELD(int, opened, REQUIRED, "sockets ever opened")                                            \
    FIELD(int, live, REQUIRED, "sockets alive now")                                                \
    FIELD(int, closed, REQUIRED, "closed by their owners")                                         \
    FIELD(int, reclaimed, REQUIRED, "closed because their session ended")                          \
    FIELD(int, expired, REQUIRED, "closed because their lease ran out")                            \
    FIELD(int, handed_off, REQUIRED, "given away")                                                 \
    FIELD(int, lost, REQUIRED, "could not be kept")                                                \
    FIELD(int, balance, REQUIRED, "opened minus all the others: 0")
SHAPE_DECLARE(audit_result)

/* -- the list -- */

/* The queues of a handle that a method stands in: requests of one lane are served in their order. A
 * method that may wait for the network stands where it would block others; one without a lane runs at once. */
enum lane_mask { NO_LANE = 0, LANE_READ = 1, LANE_WRITE = 2, LANE_STATE = 4, LANE_ALL = 7 };

/* How descriptors travel, and other ways in which a method differs. */
enum method_flags {
    PLAIN = 0,
    FD_IN = 1,        /* one descriptor comes with the request */
    FD_OUT = 2,       /* one descriptor goes with the reply */
    WHOLE_RESULT = 4, /* the result is its one JSON member itself */
    CLOSED_TOO = 8,   /* takes handles that are closed */
};

/*  id, name on the wire, parameters, result, lanes, flags, what it does */
#define METHODS(M)                                                                                 \
    M(hello, "hello", hello_params, hello_result, NO_LANE, PLAIN,                                  \
      "Introduces the client and tells it about the daemon. Optional.")                            \
    M(ping, "ping", ping_params, ping_result, NO_LANE, PLAIN,                                      \
      "Answers at once.")                                                                          \
    M(cancel, "cancel", cancel_params, cancel_result, NO_LANE, PLAIN,                              \
      "Ends a request of this session that waits; that one answers `cancelled`.")                  \
    M(discover, "rpc.discover", no_params, discover_result, NO_LANE, WHOLE_RESULT,                 \
      "Gives this table as an OpenRPC document.")                                                  \
    M(socket, "socket", socket_params, socket_result, NO_LANE, PLAIN,                              \
      "Creates a socket: socket(2).")                                                              \
    M(socketpair, "socketpair", socketpair_params, socketpair_result, NO_LANE, PLAIN,              \
      "Creates two connected AF_UNIX sockets: socketpair(2).")                                     \
    M(bind, "bind", bind_params, address_result, LANE_STATE, PLAIN,                                \
      "Gives the socket a local address: bind(2).")                                                \
    M(listen, "listen", listen_params, listen_result, LANE_STATE, PLAIN,                           \
      "Makes the socket take connections: listen(2).")                                             \
    M(accept, "accept", accept_params, accept_result, LANE_READ, PLAIN,                            \
      "Takes a connection from a listener: accept(2).")                                            \
    M(connect, "connect", connect_params, connect_result, LANE_ALL, PLAIN,                         \
      "Connects the socket: connect(2).")                                                          \
    M(create_connection, "create_connection", create_connection_params, create_connection_result,  \
      NO_LANE, PLAIN,                                                                              \
      "Connects to a host by whichever of its addresses answers first (RFC 8305).")                \
    M(create_server, "create_server", create_server_params, create_server_result, NO_LANE, PLAIN,  \
      "Creates, binds and listens in one call, with SO_REUSEADDR set.")                            \
    M(send, "send", send_params, sent_result, LANE_WRITE, PLAIN,                                   \
      "Sends what fits: send(2). The result tells how much went out.")                             \
    M(sendall, "sendall", send_params, sent_result, LANE_WRITE, PLAIN,                             \
      "Sends everything, waiting for room. An error tells in `sent` how much went out.")           \
    M(sendto, "sendto", sendto_params, sent_result, LANE_WRITE, PLAIN,                             \
      "Sends a datagram to an address: sendto(2).")                                                \
    M(recv, "recv", recv_params, recv_result, LANE_READ, PLAIN,                                    \
      "Receives what is there, or one frame; what is read ahead stays with the handle: recv(2).")  \
    M(recvfrom, "recvfrom", recvfrom_params, recvfrom_result, LANE_READ, PLAIN,                    \
      "Receives a datagram and who sent it: recvfrom(2).")                                         \
    M(sendfile, "sendfile", sendfile_params, sent_result, LANE_WRITE, FD_IN,                       \
      "Sends a regular file whose descriptor comes with the request: sendfile(2).")                \
    M(shutdown, "shutdown", shutdown_params, no_result, LANE_STATE, PLAIN,                         \
      "Ends one or both directions: shutdown(2).")                                                 \
    M(close, "close", handle_params, ledger_row, NO_LANE, PLAIN,                                   \
      "Closes the socket at once; requests that wait on it answer `cancelled`.")                   \
    M(setsockopt, "setsockopt", setsockopt_params, option_result, LANE_STATE, PLAIN,               \
      "Sets a socket option: setsockopt(2).")                                                      \
    M(getsockopt, "getsockopt", getsockopt_params, option_result, LANE_STATE, PLAIN,               \
      "Tells a socket option: getsockopt(2).")                                                     \
    M(settimeout, "settimeout", settimeout_params, timeout_result, NO_LANE, PLAIN,                 \
      "Sets how long the handle's requests wait: null for ever, 0 not at all.")                    \
    M(gettimeout, "gettimeout", handle_params, timeout_result, NO_LANE, PLAIN,                     \
      "Tells how long the handle's requests wait.")                                                \
    M(setdefaulttimeout, "setdefaulttimeout", setdefaulttimeout_params, timeout_result, NO_LANE,   \
      PLAIN,                                                                                       \
      "Sets the timeout of this session's handles that have none of their own.")                   \
    M(getsockname, "getsockname", handle_params, address_result, LANE_STATE, PLAIN,                \
      "Tells the local address: getsockname(2).")                                                  \
    M(getpeername, "getpeername", handle_params, address_result, LANE_STATE, PLAIN,                \
      "Tells the remote address: getpeername(2).")                                                 \
    M(join_group, "join_group", group_params, no_result, LANE_STATE, PLAIN,                        \
      "Joins a multicast group, also source-specific: ip(7), ipv6(7).")                            \
    M(leave_group, "leave_group", group_params, no_result, LANE_STATE, PLAIN,                      \
      "Leaves a multicast group.")                                                                 \
    M(poll, "poll", poll_params, poll_result, NO_LANE, PLAIN,                                      \
      "Waits until one of several sockets is ready: poll(2).")                                     \
    M(getaddrinfo, "getaddrinfo", getaddrinfo_params, getaddrinfo_result, NO_LANE, PLAIN,          \
      "Resolves a name: getaddrinfo(3).")                                                          \
    M(getnameinfo, "getnameinfo", getnameinfo_params, getnameinfo_result, NO_LANE, PLAIN,          \
      "Finds the name of an address: getnameinfo(3).")                                             \
    M(gethostbyname, "gethostbyname", gethostbyname_params, gethostbyname_result, NO_LANE, PLAIN,  \
      "Resolves a name to IPv4 addresses.")                                                        \
    M(gethostname, "gethostname", no_params, host_result, NO_LANE, PLAIN,                          \
      "Tells this machine's name: gethostname(2).")                                                \
    M(inet_pton, "inet_pton", inet_pton_params, packed_result, NO_LANE, PLAIN,                     \
      "Packs an address: inet_pton(3).")                                                           \
    M(inet_ntop, "inet_ntop", inet_ntop_params, text_result, NO_LANE, PLAIN,                       \
      "Unpacks an address: inet_ntop(3).")                                                         \
    M(inet_aton, "inet_aton", inet_aton_params, packed_result, NO_LANE, PLAIN,                     \
      "Packs an IPv4 address, short forms too: inet_aton(3).")                                     \
    M(inet_ntoa, "inet_ntoa", inet_ntoa_params, text_result, NO_LANE, PLAIN,                       \
      "Unpacks an IPv4 address: inet_ntoa(3).")                                                    \
    M(if_nameindex, "if_nameindex", no_params, if_nameindex_result, NO_LANE, PLAIN,                \
      "Lists the network interfaces with their addresses.")                                        \
    M(ledger_list, "ledger.list", ledger_list_params, ledger_list_result, NO_LANE, PLAIN,          \
      "Lists sockets: who opened them, where, and how they are.")                                  \
    M(ledger_get, "ledger.get", handle_params, ledger_row, NO_LANE, CLOSED_TOO,                    \
      "Tells all about one socket, living or closed, with its transitions.")                       \
    M(ledger_audit, "ledger.audit", no_params, audit_result, NO_LANE, PLAIN,                       \
      "Counts every socket ever opened; `balance` is 0.")

enum method_id {
#define M(id, ...) METHOD_##id,
    METHODS(M)
#undef M
        N_METHODS
};

struct method {
    enum method_id id;
    const char *name;
    const struct shape *params, *result;
    const struct field *handle, *timeout; /* the rows of params so called; NULL: none */
    enum lane_mask lanes;
    enum method_flags flags;
    const char *doc;
};

/* The row of a method; id < N_METHODS. */
const struct method *method_at(enum method_id id);

/* The method called `name` (n bytes), or NULL. */
const struct method *method_find(const char *name, size_t n);
