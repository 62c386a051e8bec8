/* methods.h — THE TABLE: what berth can be asked, written once. Validation, the parameter that an error
 * names, rpc.discover, METHODS.md, the words of the `berth` command and its completion, and the generic
 * tests are all derived from it. A new method is two structs here, one line of METHODS, one handler. */
#pragma once
#include "shapes_common.h"
#include "shapes_create.h"
#include "shapes_events.h"
#include "shapes_ledger.h"
#include "shapes_names.h"
#include "shapes_planes.h"
#include "shapes_tls.h"
#include "shapes_pools.h"
#include "shapes_session.h"
#include "shapes_socket.h"

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
    ADMIN_TOO = 16,   /* takes handles that the session may see, though it may not use them */

    /* Asking again has no further effect and gets the same answer: a client that lost the answer may
     * ask again without a thought. So it is not for what opens, moves bytes or ends something, and
     * not for what fails the second time (bind, close, join_group). Subscriptions end with their
     * connection, so that another is not a second one. */
    REPEATABLE = 32,
};

/*  id, name on the wire, parameters, result, lanes, flags, what it does */
#define METHODS(M)                                                                                 \
    M(hello, "hello", hello_params, hello_result, NO_LANE, REPEATABLE,                             \
      "Introduces the client and tells it about the daemon. Optional.")                            \
    M(ping, "ping", ping_params, ping_result, NO_LANE, REPEATABLE,                                 \
      "Answers at once.")                                                                          \
    M(cancel, "cancel", cancel_params, cancel_result, NO_LANE, REPEATABLE,                         \
      "Ends a request of this session that waits; that one answers `cancelled`.")                  \
    M(discover, "rpc.discover", no_params, discover_result, NO_LANE, WHOLE_RESULT | REPEATABLE,    \
      "Gives this table as an OpenRPC document.")                                                  \
    M(socket, "socket", socket_params, socket_result, NO_LANE, PLAIN,                              \
      "Creates a socket: socket(2).")                                                              \
    M(socketpair, "socketpair", socketpair_params, socketpair_result, NO_LANE, PLAIN,              \
      "Creates two connected AF_UNIX sockets: socketpair(2).")                                     \
    M(bind, "bind", bind_params, address_result, LANE_STATE, PLAIN,                                \
      "Gives the socket a local address: bind(2).")                                                \
    M(listen, "listen", listen_params, listen_result, LANE_STATE, REPEATABLE,                      \
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
      "Sends a regular file whose descriptor comes with the request, as far as its size says: "    \
      "sendfile(2). Files of proc(5) have none.")                                                  \
    M(shutdown, "shutdown", shutdown_params, no_result, LANE_STATE, PLAIN,                         \
      "Ends one or both directions: shutdown(2).")                                                 \
    M(close, "close", handle_params, ledger_row, NO_LANE, PLAIN,                                   \
      "Closes the socket at once; requests that wait on it answer `cancelled`.")                   \
    M(setsockopt, "setsockopt", setsockopt_params, option_result, LANE_STATE, REPEATABLE,          \
      "Sets a socket option: setsockopt(2).")                                                      \
    M(getsockopt, "getsockopt", getsockopt_params, option_result, LANE_STATE, REPEATABLE,          \
      "Tells a socket option: getsockopt(2).")                                                     \
    M(settimeout, "settimeout", settimeout_params, timeout_result, NO_LANE, REPEATABLE,            \
      "Sets how long the handle's requests wait: null for ever, 0 not at all.")                    \
    M(gettimeout, "gettimeout", handle_params, timeout_result, NO_LANE, REPEATABLE,                \
      "Tells how long the handle's requests wait.")                                                \
    M(setdefaulttimeout, "setdefaulttimeout", setdefaulttimeout_params, timeout_result, NO_LANE,   \
      REPEATABLE,                                                                                  \
      "Sets the timeout of this session's handles that have none of their own.")                   \
    M(getsockname, "getsockname", handle_params, address_result, LANE_STATE, REPEATABLE,           \
      "Tells the local address: getsockname(2).")                                                  \
    M(getpeername, "getpeername", handle_params, address_result, LANE_STATE, REPEATABLE,           \
      "Tells the remote address: getpeername(2).")                                                 \
    M(join_group, "join_group", group_params, no_result, LANE_STATE, PLAIN,                        \
      "Joins a multicast group, also source-specific: ip(7), ipv6(7).")                            \
    M(leave_group, "leave_group", group_params, no_result, LANE_STATE, PLAIN,                      \
      "Leaves a multicast group.")                                                                 \
    M(poll, "poll", poll_params, poll_result, NO_LANE, REPEATABLE,                                 \
      "Waits until one of several sockets is ready: poll(2).")                                     \
    M(attach, "attach", attach_params, ledger_row, NO_LANE, ADMIN_TOO | REPEATABLE,                \
      "Takes over a socket whose session has ended and whose lease still runs.")                   \
    M(handoff, "handoff", handle_params, no_result, LANE_WRITE | LANE_STATE,                       \
      FD_OUT | REPEATABLE,                                                                         \
      "Gives the kernel's socket away: its descriptor comes with the reply. The daemon keeps its copy.") \
    M(release, "release", handle_params, ledger_row, NO_LANE, PLAIN,                               \
      "Acknowledges a handoff: the daemon drops its copy, and follows the socket from afar.")      \
    M(adopt, "adopt", adopt_params, adopt_result, NO_LANE, FD_IN,                                  \
      "Takes a socket whose descriptor comes with the request; one that it knows gets its old handle back.") \
    M(stream, "stream", handle_params, no_result, LANE_READ | LANE_WRITE | LANE_STATE, FD_OUT,      \
      "Gives a descriptor for the handle's bytes: the daemon pumps them, and TLS, policy and counters hold.") \
    M(wrap, "wrap", wrap_params, wrap_result, LANE_READ | LANE_WRITE | LANE_STATE, PLAIN,           \
      "Begins TLS on a connected socket; what is sent, received or streamed from then on is plaintext.") \
    M(lease, "lease", lease_params, ledger_row, NO_LANE, REPEATABLE,                               \
      "Says what happens to the socket when its session ends.")                                    \
    M(getaddrinfo, "getaddrinfo", getaddrinfo_params, getaddrinfo_result, NO_LANE, REPEATABLE,     \
      "Resolves a name: getaddrinfo(3).")                                                          \
    M(getnameinfo, "getnameinfo", getnameinfo_params, getnameinfo_result, NO_LANE, REPEATABLE,     \
      "Finds the name of an address: getnameinfo(3).")                                             \
    M(gethostbyname, "gethostbyname", gethostbyname_params, gethostbyname_result, NO_LANE,         \
      REPEATABLE,                                                                                  \
      "Resolves a name to IPv4 addresses.")                                                        \
    M(gethostname, "gethostname", no_params, host_result, NO_LANE, REPEATABLE,                     \
      "Tells this machine's name: gethostname(2).")                                                \
    M(inet_pton, "inet_pton", inet_pton_params, packed_result, NO_LANE, REPEATABLE,                \
      "Packs an address: inet_pton(3).")                                                           \
    M(inet_ntop, "inet_ntop", inet_ntop_params, text_result, NO_LANE, REPEATABLE,                  \
      "Unpacks an address: inet_ntop(3).")                                                         \
    M(inet_aton, "inet_aton", inet_aton_params, packed_result, NO_LANE, REPEATABLE,                \
      "Packs an IPv4 address, short forms too: inet_aton(3).")                                     \
    M(inet_ntoa, "inet_ntoa", inet_ntoa_params, text_result, NO_LANE, REPEATABLE,                  \
      "Unpacks an IPv4 address: inet_ntoa(3).")                                                    \
    M(if_nameindex, "if_nameindex", no_params, if_nameindex_result, NO_LANE, REPEATABLE,           \
      "Lists the network interfaces with their addresses.")                                        \
    M(pool_list, "pool.list", pool_list_params, pool_list_result, NO_LANE, REPEATABLE,             \
      "Lists your pools: what they allow in numbers, what is used of it, and by whom.")            \
    M(why, "why", why_params, why_result, NO_LANE, REPEATABLE,                                     \
      "Tells whether the policy would allow something, and by which rule; does nothing.")          \
    M(ledger_list, "ledger.list", ledger_list_params, ledger_list_result, NO_LANE, REPEATABLE,     \
      "Lists sockets: who opened them, where, and how they are.")                                  \
    M(ledger_get, "ledger.get", handle_params, ledger_row, NO_LANE, CLOSED_TOO | REPEATABLE,       \
      "Tells all about one socket, living or closed, with its transitions.")                       \
    M(ledger_leaks, "ledger.leaks", leaks_params, leaks_result, NO_LANE, REPEATABLE,               \
      "Groups what was left open and what looks forgotten by who opened it and where.")            \
    M(ledger_reap, "ledger.reap", reap_params, reap_result, NO_LANE, PLAIN,                        \
      "Closes the living sockets that pass a filter.")                                             \
    M(subscribe, "subscribe", subscribe_params, subscription_result, NO_LANE, REPEATABLE,          \
      "Asks to be told what happens: `event` notifications follow.")                               \
    M(unsubscribe, "unsubscribe", unsubscribe_params, subscription_result, NO_LANE, PLAIN,         \
      "Ends a subscription.")                                                                      \
    M(stats, "stats", no_params, stats_result, NO_LANE, REPEATABLE,                                \
      "Counts what the daemon has done.")                                                          \
    M(ledger_audit, "ledger.audit", no_params, audit_result, NO_LANE, REPEATABLE,                  \
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
