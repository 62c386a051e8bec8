/* berth.h — the client library of berthd, the daemon that owns sockets for other processes.
 *
 *     #include <berth.h>                            cc prog.c $(pkg-config --cflags --libs berth)
 *
 *     berth *b = berth_new(NULL);
 *     berth_handle h = b ? berth_create_connection(b, "localhost", 80, 5.0, NULL) : -1;
 *     if (h < 0 || berth_sendall(b, h, "HEAD / HTTP/1.0\r\n\r\n", 19, 0) < 0)
 *         fprintf(stderr, "%s\n", berth_last_error(b)->message);
 *     berth_free(b);
 *
 * A session (`berth`) is one talk with the daemon. Sockets are named by handles: numbers that are
 * unique for ever, never reused, and too large to be mistaken for a descriptor. When the session
 * ends, the daemon closes the handles that were opened in it.
 *
 * Calls.  The functions are named as the BSD ones, take a session and a handle where those take a
 * descriptor, and return what those return: -1 (or NULL) on failure, with errno set and
 * berth_last_error() telling the rest. They wait for the daemon's answer. How long the daemon waits
 * for the network is the handle's timeout (berth_settimeout), else the session's
 * (berth_setdefaulttimeout), else for ever, as in Python's socket module. A signal does not end a
 * call.
 *
 * From an event loop.  berth_send_request() and berth_next_reply() never wait; see "Asynchronous
 * use".
 *
 * Restarts.  When the daemon is restarted, a session of berth_new() goes on: it connects to that
 * path again, with growing pauses, for 12 seconds (berth_set_reconnect), and says there which
 * session it is. The daemon holds that for a while, with its handles as far as they can be kept;
 * those that were lost answer as closed. The default timeout, the label and subscriptions stay in
 * force. Of the calls that were in flight
 *
 *     that had not been sent, or that the daemon answered     are sent again
 *     with cancelled STOPPING and nothing done
 *     that may be asked twice (METHODS.md: repeatable), an    are sent again, with what is left of
 *     accept() whose lease is the session's, a                their time
 *     create_server() with a name
 *     all others                                              fail: cancelled RESTARTED, errno
 *                                                             ECANCELED; they may or may not have
 *                                                             had an effect
 *
 * When no daemon comes in time the session is over (ECONNRESET), as at once with
 * berth_new_from_fd().
 *
 * Threads.  A session may be used by one thread at a time. Different sessions are independent.
 *
 * Fork.  A session belongs to the process that opened it. In a child it answers every call with
 * ESTALE; berth_free() there gives the memory back and does not disturb the parent. Open a session
 * of your own.
 *
 * The library never writes to a log or a terminal, never exits, installs no signal handler and
 * raises no SIGPIPE, starts no thread. Every descriptor it opens is close-on-exec. The header is
 * C99 and C++11. */
#ifndef BERTH_H
#define BERTH_H

#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif
#ifdef __GNUC__
#pragma GCC visibility push(default)
#endif

/* A strict C99 compiler is not told of these by the headers above. */
struct addrinfo;
struct hostent;
struct if_nameindex;

/* A session. */
typedef struct berth berth;

/* A socket that lives in the daemon: from 16777217 up, below 2^53. Never 0. */
typedef int64_t berth_handle;

/* -- sessions ---------------------------------------------------------------------------------- */

/* Opens a session. `path` is the daemon's socket; NULL finds it: $BERTH_SOCKET, else
 * /run/berth/berth.sock if it exists or the caller is root, else $XDG_RUNTIME_DIR/berth.sock.
 * Set-user-id programs ignore the environment. Waits up to 5 seconds while the daemon is too busy
 * to take the connection. Returns the session, to be given to berth_free(), or NULL;
 * berth_last_error(NULL) tells why. */
berth *berth_new(const char *path);

/* Opens a session over a connected AF_UNIX stream socket. `fd` is taken, also on failure; it
 * becomes non-blocking and close-on-exec. Returns as berth_new(). */
berth *berth_new_from_fd(int fd);

/* How long a session looks for a daemon that went away while it was in use: see "Restarts". 12
 * seconds unless said; 0: not at all, the session then is over. Returns 0 or -1 (EOPNOTSUPP: it was
 * made of a descriptor, so that there is no way back). */
int berth_set_reconnect(berth *b, double seconds);

/* How often the session was taken up again on a new connection. *ret_is_away (NULL is allowed) says
 * whether it is without one now. */
int64_t berth_reconnects(const berth *b, int *ret_is_away);

/* Ends a session. Requests without an answer are given up. NULL is allowed; errno is kept. */
void berth_free(berth *b);

/* Why the last call failed. The texts are never NULL unless said, and valid until the next call on
 * the session. `kind` and `name` are for programs, `message` and `hint` for people.
 *
 *     kind        name, for example           errno
 *     os          ECONNREFUSED                that errno: a system call of the daemon failed
 *     gai         EAI_NONAME                  ENOENT; EAGAIN for EAI_AGAIN
 *     timeout     TIMEOUT                     ETIMEDOUT
 *     policy      the rule                    EACCES
 *     pool        the limit                   ENOBUFS
 *     handle      unknown, closed, not yours  EBADF
 *     lease                                   ENOTSUP
 *     limit                                   EMSGSIZE
 *     cancelled                               ECANCELED
 *     unavailable the missing feature         ENOSYS
 *     fd, tls                                 EPROTO
 *     protocol    the bad parameter           EINVAL; ENOSYS for an unknown method
 *     local       an errno's name             that errno: it failed here, not in the daemon */
struct berth_error {
    int code;         /* JSON-RPC code; 0: kind "local", or nothing failed */
    int sys_errno;    /* the daemon's errno (os), or errno here (local); 0: none */
    const char *kind; /* "" when the last call succeeded */
    const char *name;
    const char *message;
    const char *hint;    /* what to try instead; NULL: none */
    const char *op;      /* the method; NULL: none */
    int64_t sent;        /* bytes that went out before a send failed; -1: not told */
    berth_handle handle; /* 0: none */
    const char *data;    /* all the daemon told, as JSON; NULL: nothing */
};

/* The error of the session's last call; with NULL, of this thread's last berth_new(). Not NULL. */
const struct berth_error *berth_last_error(const berth *b);

/* Says who is talking, and learns about the daemon. Optional. `client` (name and version of the
 * program) and `label` (what the session is for; the ledger shows it as the owner's label) may be
 * NULL. BERTH_UNORDERED lets replies overtake each other: up to 64 requests then run at once, and
 * only those on one direction of one handle keep their order. If `ret_json` is not NULL it gets the
 * daemon's answer as JSON text, to be given to free(). Returns 0 or -1. */
enum { BERTH_UNORDERED = 1 };
int berth_hello(berth *b, const char *client, const char *label, unsigned flags, char **ret_json);

/* Asks for a sign of life. `ret_uptime` (seconds the daemon has run) may be NULL. 0 or -1. */
int berth_ping(berth *b, double *ret_uptime);

/* A label for every handle that the session creates from now on and that has none of its own; NULL
 * takes it back. The text is copied. Returns 0 or -1. */
int berth_set_label(berth *b, const char *label);

/* -- making sockets ---------------------------------------------------------------------------- */

/* What the creating functions may be told beyond their arguments. Zero it first; all is optional.
 * The texts are borrowed for the call. */
struct berth_options {
    const char *name;  /* "web" is durable and unique; "@c" lives and dies with the session */
    const char *label; /* free text: what it is for */
    const char *pool;  /* the pool that pays for it */
    double lease;      /* 0: closed with the session; seconds it survives it; or BERTH_PERMANENT */

    /* Socket options as a JSON object: "{\"TCP_NODELAY\":true}". Not for accept and socketpair. */
    const char *options;

    /* For berth_create_connection() and berth_create_server…(): */
    int family;                    /* only addresses of this family; 0: any */
    const struct sockaddr *source; /* local address to connect from */
    socklen_t source_len;
    int backlog;    /* connections that may queue; 0: 128 */
    unsigned flags; /* BERTH_REUSE_PORT, BERTH_DUALSTACK: servers */
    void *reserved[4];
};
#define BERTH_PERMANENT         (-1.0)
#define BERTH_REUSE_PORT        1u /* sets SO_REUSEPORT */
#define BERTH_DUALSTACK         2u /* an IPv6 listener takes IPv4 too */

/* The file and line that open a socket, as the ledger shows them. The creating functions are macros
 * that fill it in; programs with better knowledge (an interpreter) call the functions …_at()
 * themselves. `site` may be NULL. */
#define BERTH_SITE              __FILE__ ":" BERTH_SITE_LINE(__LINE__)
#define BERTH_SITE_LINE(line)   BERTH_SITE_TEXT(line)
#define BERTH_SITE_TEXT(number) #number

/* socket(2). SOCK_CLOEXEC is ignored; for SOCK_NONBLOCK see berth_settimeout(). `options` may be
 * NULL. Returns the handle or -1. */
#define berth_socket(b, family, type, protocol)                                                    \
    berth_socket_at(BERTH_SITE, (b), (family), (type), (protocol), NULL)
#define berth_socket_with(b, family, type, protocol, options)                                      \
    berth_socket_at(BERTH_SITE, (b), (family), (type), (protocol), (options))
berth_handle berth_socket_at(const char *site, berth *b, int family, int type, int protocol,
                             const struct berth_options *options);

/* socketpair(2); the family is AF_UNIX and the protocol 0. With a name, the second end is NAME.1.
 * Returns 0 or -1. */
#define berth_socketpair(b, type, ret_handles)                                                     \
    berth_socketpair_at(BERTH_SITE, (b), (type), NULL, (ret_handles))
#define berth_socketpair_with(b, type, options, ret_handles)                                       \
    berth_socketpair_at(BERTH_SITE, (b), (type), (options), (ret_handles))
int berth_socketpair_at(const char *site, berth *b, int type, const struct berth_options *options,
                        berth_handle ret_handles[2]);

/* accept(2). `peer` and `peer_len` as there; both may be NULL. Returns the connection's handle or
 * -1. */
#define berth_accept(b, listener, peer, peer_len)                                                  \
    berth_accept_at(BERTH_SITE, (b), (listener), (peer), (peer_len), NULL)
#define berth_accept_with(b, listener, peer, peer_len, options)                                    \
    berth_accept_at(BERTH_SITE, (b), (listener), (peer), (peer_len), (options))
berth_handle berth_accept_at(const char *site, berth *b, berth_handle listener,
                             struct sockaddr *peer, socklen_t *peer_len,
                             const struct berth_options *options);

/* Connects to a host by whichever of its addresses answers first (RFC 8305). `timeout` is for the
 * whole call, in seconds; 0 does not wait. Returns the handle or -1. */
#define BERTH_FOREVER         (-1.0)
#define BERTH_DEFAULT_TIMEOUT (-2.0) /* the session's */
#define berth_create_connection(b, host, port, timeout, options)                                   \
    berth_create_connection_at(BERTH_SITE, (b), (host), (port), (timeout), (options))
berth_handle berth_create_connection_at(const char *site, berth *b, const char *host, uint16_t port,
                                        double timeout, const struct berth_options *options);

/* Creates, binds and listens in one call, with SO_REUSEADDR set. With the name of a listener that
 * lives on the same address already, that one is given back. Port 0 takes a free one. Returns the
 * handle or -1. */
#define berth_create_server(b, address, address_len, options)                                      \
    berth_create_server_at(BERTH_SITE, (b), (address), (address_len), (options))
berth_handle berth_create_server_at(const char *site, berth *b, const struct sockaddr *address,
                                    socklen_t address_len, const struct berth_options *options);

/* The same for a host name or address as text; "" is the wildcard. */
#define berth_create_server_host(b, host, port, options)                                           \
    berth_create_server_host_at(BERTH_SITE, (b), (host), (port), (options))
berth_handle berth_create_server_host_at(const char *site, berth *b, const char *host,
                                         uint16_t port, const struct berth_options *options);

/* The handle called `name`, or -1. */
berth_handle berth_find(berth *b, const char *name);

/* Says what happens to the socket when its session ends: `lease` as in struct berth_options.
 * Returns 0 or -1. */
int berth_lease(berth *b, berth_handle h, double lease);

/* Takes over a socket whose session has ended and whose lease still runs: it is this session's from
 * now on. `lease` is a new one, or BERTH_SAME_LEASE. Returns 0 or -1. */
#define BERTH_SAME_LEASE (-2.0)
int berth_attach(berth *b, berth_handle h, double lease);

/* Closes the socket at once; requests that wait on it end as cancelled. Returns 0 or -1. */
int berth_close(berth *b, berth_handle h);

/* -- the socket itself ------------------------------------------------------------------------- */

/* Gives the kernel's socket itself as a descriptor, for any code that wants one; from then on no
 * policy of the daemon holds. With flags 0 the handle ends, as handed_off, once the descriptor has
 * arrived, and the socket blocks as a new one would. With BERTH_SHARED both use one socket, which
 * does not block, and the handle goes on until berth_release(). What was read ahead for the handle
 * has to be received first. Returns the descriptor, close-on-exec and the caller's to close, or -1;
 * then the daemon still has the socket, also when it is this process that has no room for one more
 * descriptor (EMFILE). */
#define BERTH_SHARED 1u
int berth_handoff(berth *b, berth_handle h, unsigned flags);

/* Ends the handle of a socket that was handed off with BERTH_SHARED; whoever has its descriptor
 * keeps it. Returns 0 or -1. */
int berth_release(berth *b, berth_handle h);

/* Gives a socket to the daemon; `fd` stays the caller's, and does not block any more. One that was
 * handed off gets its old handle back. `options` may be NULL; of them name, label, pool and lease
 * count. Returns the handle or -1. */
#define berth_adopt(b, fd, options) berth_adopt_at(BERTH_SITE, (b), (fd), (options))
berth_handle berth_adopt_at(const char *site, berth *b, int fd,
                            const struct berth_options *options);

/* The bytes of a connected handle as a descriptor: a SOCK_STREAM socket, or for a datagram socket a
 * SOCK_SEQPACKET one, with one packet for each datagram. The daemon carries them to and from the
 * network, so that policy, counters and TLS stay in force. Both sides see each other end as over
 * one connection: shutdown(SHUT_WR) ends that direction alone, a reset is ECONNRESET
 * (berth_stream() once more tells why, when it was TLS that failed), and to close it with
 * everything read is a good end. Until it is over the handle itself does not send or receive. What
 * was written before the handle is closed or the session ends still goes out, as with a socket that
 * is closed. Returns the descriptor, which blocks, is close-on-exec and the caller's to close, or
 * -1. */
int berth_stream(berth *b, berth_handle h);

/* What berth_wrap() may be told. Zero it first; all is optional. Borrowed for the call. */
struct berth_wrap_options {
    int server_side;         /* 1: this side shows its certificate, and the other begins */
    const char *server_name; /* what the peer's certificate must be for: a host or an IP */
    const char *identity;    /* a [tls NAME] of the daemon's settings: certificate, key, CA */
    const char *ca_pem;      /* trust these certificates, PEM, and no others */
    const char *const *alpn; /* protocols, the best first; ends with NULL */
    int verify;              /* 0: what is usual, a client does; BERTH_VERIFY, BERTH_NO_VERIFY */
    double timeout;          /* seconds for the handshake; BERTH_FOREVER; 0: the handle's */
    void *reserved[4];
};
enum { BERTH_VERIFY_DEFAULT = 0, BERTH_VERIFY = 1, BERTH_NO_VERIFY = 2 };

/* A certificate that the peer has shown. */
struct berth_certificate {
    const char *subject, *issuer;  /* "CN=example.com,O=Example" */
    const char *serial, *sha256;   /* hexadecimal; the digest is the whole certificate's */
    int64_t not_before, not_after; /* Unix seconds */
    const char *const *names;      /* "DNS:…", "IP:…"; ends with NULL */
    int verified;                  /* 1: it was checked against a CA */
};

/* What was agreed on. The texts are valid until the next call on the session. */
struct berth_tls {
    const char *version, *cipher;         /* "TLSv1.3", OpenSSL's name */
    const char *alpn;                     /* NULL: none */
    int resumed;                          /* 1: an earlier TLS session went on */
    const struct berth_certificate *peer; /* NULL: it has shown none */
};

/* Begins TLS on a connected stream socket; what is sent, received and streamed from then on is
 * plaintext, and the keys stay with the daemon. `options` and `ret_tls` may be NULL: a client that
 * verifies against the system's CAs; server_name is needed then. Returns 0 or -1: kind "tls" says
 * what is wrong with which certificate, and the connection is of no use any more; after a timeout
 * the same call goes on. It is not repeated after a restart of the daemon. */
int berth_wrap(berth *b, berth_handle h, const struct berth_wrap_options *options,
               struct berth_tls *ret_tls);

/* -- addresses and connections ----------------------------------------------------------------- */

/* bind(2), listen(2), connect(2), shutdown(2), getsockname(2), getpeername(2): 0 or -1. A pathname
 * socket is made and found by the daemon: relative paths are relative to *its* directory. Paths and
 * abstract names must be UTF-8 and hold no NUL byte. The kernel clamps a backlog; the method
 * "listen" tells to what. */
int berth_bind(berth *b, berth_handle h, const struct sockaddr *address, socklen_t address_len);
int berth_listen(berth *b, berth_handle h, int backlog);
int berth_connect(berth *b, berth_handle h, const struct sockaddr *address, socklen_t address_len);
int berth_shutdown(berth *b, berth_handle h, int how);
int berth_getsockname(berth *b, berth_handle h, struct sockaddr *address, socklen_t *address_len);
int berth_getpeername(berth *b, berth_handle h, struct sockaddr *address, socklen_t *address_len);

/* As bind and connect, with the host as text: a name is resolved by the daemon. */
int berth_bind_host(berth *b, berth_handle h, const char *host, uint16_t port);
int berth_connect_host(berth *b, berth_handle h, const char *host, uint16_t port);

/* -- sending and receiving --------------------------------------------------------------------- */

/* send(2), sendto(2): bytes taken, or -1. Of more than 640 KiB berth_send() takes the first part; a
 * datagram so large is EMSGSIZE. `flags` are MSG_ flags; MSG_NOSIGNAL is always in force. */
ssize_t berth_send(berth *b, berth_handle h, const void *data, size_t size, int flags);
ssize_t berth_sendto(berth *b, berth_handle h, const void *data, size_t size, int flags,
                     const struct sockaddr *address, socklen_t address_len);

/* Sends everything, waiting for room: 0 or -1; then berth_last_error()->sent tells how much went
 * out. More than 640 KiB goes in pieces of that size, and the handle's timeout is for each of
 * them. */
int berth_sendall(berth *b, berth_handle h, const void *data, size_t size, int flags);

/* recv(2): bytes received, 0 at the end of a stream, or -1. At most 1 MiB at a time. */
ssize_t berth_recv(berth *b, berth_handle h, void *data, size_t size, int flags);

/* recvfrom(2). `address` and `address_len` may be NULL. With MSG_TRUNC the true length of a
 * datagram is returned even when it is more than `size`. */
ssize_t berth_recvfrom(berth *b, berth_handle h, void *data, size_t size, int flags,
                       struct sockaddr *address, socklen_t *address_len);

/* Framed reads: each waits for a whole frame; what comes behind it stays with the handle for the
 * next read. `size` (at most 1 MiB) is the ceiling: a longer frame is an error. Bytes received, or
 * -1. When the peer closes half-way the bytes so far are returned; *ret_eof (NULL is allowed) says
 * whether that happened.
 *   exactly  `size` bytes
 *   until    up to and with `delimiter`, a text
 *   prefix   as many as a big-endian number of `n_prefix` = 1, 2, 4 or 8 bytes before them says */
ssize_t berth_recv_exactly(berth *b, berth_handle h, void *data, size_t size, int *ret_eof);
ssize_t berth_recv_until(berth *b, berth_handle h, void *data, size_t size, const char *delimiter,
                         int *ret_eof);
ssize_t berth_recv_prefix(berth *b, berth_handle h, void *data, size_t size, int n_prefix,
                          int *ret_eof);

/* Sends `count` bytes (0: to the end) of a regular file from `offset` on: the daemon reads the file
 * through the descriptor itself. `fd` stays the caller's. Returns bytes sent or -1. */
ssize_t berth_sendfile(berth *b, berth_handle h, int fd, off_t offset, size_t count);

/* poll(2) on handles: POLLIN and POLLOUT in `events`; POLLHUP and POLLERR come unasked.
 * `timeout_ms` as there, -1 for ever. Returns how many have `revents`, 0 when the time ran out, or
 * -1. At most 256. */
struct berth_pollfd {
    berth_handle handle;
    short events, revents;
};
int berth_poll(berth *b, struct berth_pollfd *handles, size_t n, int timeout_ms);

/* -- options and timeouts ---------------------------------------------------------------------- */

/* setsockopt(2), getsockopt(2): 0 or -1. What holds a descriptor or a pointer cannot be set so. */
int berth_setsockopt(berth *b, berth_handle h, int level, int number, const void *value,
                     socklen_t size);
int berth_getsockopt(berth *b, berth_handle h, int level, int number, void *value, socklen_t *size);

/* The same by the option's name, its value as JSON: ("SO_LINGER", "{\"onoff\":true,\"linger\":5}").
 * berth_getsockopt_json() returns text to be given to free(), or NULL. */
int berth_setsockopt_json(berth *b, berth_handle h, const char *option, const char *value);
char *berth_getsockopt_json(berth *b, berth_handle h, const char *option);

/* How long the handle's (the session's) requests wait, in seconds: BERTH_FOREVER, or 0: they fail
 * with EAGAIN where they would wait. 0 or -1. */
int berth_settimeout(berth *b, berth_handle h, double timeout);
int berth_gettimeout(berth *b, berth_handle h, double *ret_timeout);
int berth_setdefaulttimeout(berth *b, double timeout);

/* Joins or leaves a multicast group given as text. `interface` is a name or an index as text;
 * `source` makes it source-specific; both may be NULL. 0 or -1. */
int berth_join_group(berth *b, berth_handle h, const char *group, const char *interface,
                     const char *source);
int berth_leave_group(berth *b, berth_handle h, const char *group, const char *interface,
                      const char *source);

/* -- names and addresses, as the daemon sees them ---------------------------------------------- */

/* getaddrinfo(3), getnameinfo(3): 0 or an EAI_ code; EAI_SYSTEM for all that is not the resolver's.
 * The list is given to berth_freeaddrinfo(), not to freeaddrinfo(). */
int berth_getaddrinfo(berth *b, const char *host, const char *service, const struct addrinfo *hints,
                      struct addrinfo **ret_list);
void berth_freeaddrinfo(struct addrinfo *list);
int berth_getnameinfo(berth *b, const struct sockaddr *address, socklen_t address_len, char *host,
                      socklen_t host_size, char *service, socklen_t service_size, int flags);

/* gethostbyname(3), IPv4 only. The result belongs to the session and lasts until the next
 * berth_gethostbyname() on it. NULL on failure; h_errno is not used. */
struct hostent *berth_gethostbyname(berth *b, const char *host);

/* gethostname(2) of the daemon: 0 or -1; ENAMETOOLONG when it does not fit. */
int berth_gethostname(berth *b, char *name, size_t size);

/* if_nameindex(3) of the daemon's network namespace; NULL on failure. Given to
 * berth_if_freenameindex(). */
struct if_nameindex *berth_if_nameindex(berth *b);
void berth_if_freenameindex(struct if_nameindex *list);

/* inet_pton(3): 1, or -1. inet_ntop(3): `text` or NULL. inet_aton(3): 1, or 0 on failure.
 * inet_ntoa(3): text that lasts until the next berth_inet_ntoa() on the session, or NULL. Asking
 * the daemon for these shows the protocol; the C library's own are faster. */
int berth_inet_pton(berth *b, int family, const char *text, void *ret_packed);
const char *berth_inet_ntop(berth *b, int family, const void *packed, char *text, socklen_t size);
int berth_inet_aton(berth *b, const char *text, struct in_addr *ret_address);
char *berth_inet_ntoa(berth *b, struct in_addr address);

/* -- the ledger -------------------------------------------------------------------------------- */

/* One socket's row: who opened it, where, and how it is. Made by the library alone, so that it may
 * grow at its end. Texts are "" when there is nothing to tell. Times are Unix seconds. */
struct berth_row {
    struct berth_row *next;
    berth_handle handle;
    const char *name, *pool, *label, *site;
    const char *state;   /* created bound listening connecting connected half_closed closed */
    const char *custody; /* daemon shared handed_off */
    int family, type;
    struct sockaddr_storage address, peer; /* AF_UNSPEC: none */
    socklen_t address_len, peer_len;
    uint64_t cookie, inode;
    pid_t owner_pid;
    uid_t owner_uid;
    gid_t owner_gid;
    const char *owner_exe, *owner_label;
    int64_t owner_session;
    double opened, age, last_used;
    int64_t sent_bytes, received_bytes;
    const char *suspects; /* kinds, separated by blanks */
    const char *end_how;  /* closed reclaimed expired handed_off lost; "": it lives */
    const char *end_reason;
    double end_at;
    int alive; /* of one handed off: 1 the kernel has it, 0 it is over; -1: not known, or not so */
    double died; /* when that was noticed; 0: it was not */
};

/* The rows that a filter takes, page after page until all are there. `filter` is a JSON object with
 * any of state, pool, label, exe, uid, suspect, custody; NULL takes the living. Returns 0, or -1;
 * then *ret_rows is NULL. No row is NULL too. */
int berth_ledger_list(berth *b, const char *filter, struct berth_row **ret_rows);

/* The row of one handle, living or closed; NULL on failure. */
struct berth_row *berth_ledger_get(berth *b, berth_handle h);
void berth_free_rows(struct berth_row *rows);

/* Every socket ever opened, counted: opened = live + closed + reclaimed + expired + handed_off +
 * lost. `balance` is the difference and is 0. Returns 0 or -1. */
struct berth_audit {
    int64_t opened, live, closed, reclaimed, expired, handed_off, lost, balance;
};
int berth_ledger_audit(berth *b, struct berth_audit *ret_audit);

/* What was left open and what looks forgotten, opened since then (Unix seconds; 0: ever), grouped
 * by who opened it and where, the worst first: {"groups":[...]} as JSON text, to be given to
 * free(), or NULL. */
char *berth_ledger_leaks(berth *b, double since);

/* Closes the living sockets that pass a filter: a JSON object as for berth_ledger_list(), not
 * empty. With `dry_run` it only tells which they are. One call closes a bounded number; call again
 * until there is no row. Returns and gives rows as berth_ledger_list(); `ret_rows` may be NULL. */
int berth_ledger_reap(berth *b, const char *filter, int dry_run, struct berth_row **ret_rows);

/* What the daemon has done since it started: now (uptime in seconds, sessions, handles), and in
 * all. Returns 0 or -1. */
struct berth_stats {
    double uptime;
    int64_t sessions, handles;
    int64_t sessions_total, requests_total, errors_total;
    int64_t opened_total, closed_total, reclaimed_total, expired_total, handed_off_total,
        lost_total;
    int64_t suspected_total, cleared_total;
    int64_t sent_bytes_total, received_bytes_total, events_total;
};
int berth_stats(berth *b, struct berth_stats *ret_stats);

/* -- any method -------------------------------------------------------------------------------- */

/* Calls any method of the daemon, also one that this library does not know. `params` is a JSON
 * object or array as text; NULL: none. Returns the result as JSON text, to be given to free(), or
 * NULL. */
char *berth_call(berth *b, const char *method, const char *params);

/* The same with descriptors: `fd` (-1: none) goes with the request and stays the caller's; *ret_fd
 * gets the one that came with the reply, the caller's to close, or -1. Without `ret_fd` it is
 * closed. */
char *berth_call_fd(berth *b, const char *method, const char *params, int fd, int *ret_fd);

/* The OpenRPC document of all methods as JSON text, to be given to free(), or NULL. */
char *berth_discover(berth *b);

/* -- asynchronous use -------------------------------------------------------------------------- */

/* Watch berth_fd() for berth_events() in any loop; when it is ready call berth_process(), then
 * berth_next_reply() until it returns 0. None of these waits. Ask for berth_events() anew before
 * each wait.
 *
 *     int64_t id = berth_send_request(b, "recv", "{\"handle\":16777217}", -1);
 *     …
 *     if (berth_process(b) < 0) …;
 *     while (berth_next_reply(b, &reply) > 0)
 *         …
 *
 * Synchronous calls may be mixed in. Replies to other requests that arrive meanwhile are kept: call
 * berth_next_reply() after them too. Without BERTH_UNORDERED the daemon serves one request at a
 * time, and a synchronous call waits for those before it. */

/* The session's descriptor, for poll(2) and its kin only; it stays the library's, and the same for
 * the whole life of the session, also through a restart of the daemon; then it wakes you when it is
 * time to try again. -1 in the child of a fork, or when none can be made. */
int berth_fd(const berth *b);

/* POLLIN, and POLLOUT while something waits to be sent (where berth_fd() does not see to that
 * itself). */
short berth_events(const berth *b);

/* Sends and receives what can be done at once. Returns 0, or -1 when the session is over; replies
 * that arrived before can still be taken. */
int berth_process(berth *b);

/* Queues a request; arguments as in berth_call_fd(). Returns its id (> 0), or -1; EAGAIN when 1024
 * requests or 8 MiB of them wait for an answer, or 4 MiB to be sent: take replies first. */
int64_t berth_send_request(berth *b, const char *method, const char *params, int fd);

/* Subscriptions: berth_call(b, "subscribe", "{\"events\":[\"reclaimed\",\"suspect\"]}"), then each
 * event is a notification: `method` is "event", `json` its parameters. Those that arrive during a
 * synchronous call are kept, up to 1024; a gap in their `seq` tells that more came. Nothing else
 * makes the daemon notify. After a restart of the daemon `subscription` is the same; `seq` may
 * count anew. */

/* A reply, or a notification. The texts last until the next call on the session. */
struct berth_reply {
    int64_t id;         /* of berth_send_request(); 0: a notification, or an error without id */
    const char *method; /* of a notification; NULL: a reply */
    const char *json;   /* the result, or a notification's params; NULL: it failed */
    const struct berth_error *error; /* why; NULL: it succeeded */
    int fd; /* the descriptor that came with it, the caller's to close; or -1 */
};

/* The oldest reply that has arrived. Returns 1, 0 when there is none now, or -1 when the session is
 * over. */
int berth_next_reply(berth *b, struct berth_reply *ret_reply);

/* Ends a request that waits; that one answers as cancelled. Useful in unordered sessions. Returns
 * 1, 0 when no such request waits any more, or -1. */
int berth_cancel(berth *b, int64_t id);

#ifdef __GNUC__
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
#endif
