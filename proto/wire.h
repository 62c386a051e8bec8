/* wire.h — the C types of what travels: one type per kind of value, so that the compiler can tell a
 * row of the method table which kind its member is. Every optional value says by itself whether it
 * is there. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

struct wire_bool {
    bool set, v;
};
struct wire_int {
    bool set;
    int64_t v;
};
struct wire_number {
    bool set;
    double v;
};

/* A number that is there; microseconds as seconds. */
static inline struct wire_int wire_integer(int64_t v)
{
    return (struct wire_int){true, v};
}
static inline struct wire_number wire_seconds(int64_t usec)
{
    return (struct wire_number){true, (double)usec / 1e6};
}

/* UTF-8 without NUL inside, NUL-terminated; s is NULL when absent. Service also takes a number. */
struct wire_text {
    const char *s;
    size_t n;
};
struct wire_service {
    const char *s;
    size_t n;
};

/* A text of somebody else's, which must live as long as the struct is used; NULL: absent. */
static inline struct wire_text wire_borrow(const char *s)
{
    return (struct wire_text){s, s ? strlen(s) : 0};
}

/* Any JSON value, as its own text. */
struct wire_json {
    const char *s;
    size_t n;
};

/* Bytes given as "text" or as "base64"; data is NULL when absent. */
enum wire_form { FORM_AUTO, FORM_TEXT, FORM_BASE64 };
struct wire_payload {
    const char *data;
    size_t n;
    enum wire_form form; /* of a result: what was asked for by "as" */
};
struct wire_base64 {
    const char *data;
    size_t n;
};

/* A handle by number, or by name (then name is not NULL). Results always carry the number. */
struct wire_handle {
    bool set;
    int64_t id;
    const char *name;
};

/* Microseconds; null on the wire is FOREVER. */
#define FOREVER INT64_C(-1)
struct wire_timeout {
    bool set;
    int64_t usec;
};

/* How long a handle outlives its session: microseconds, or one of these. */
#define LEASE_SESSION   INT64_C(0)
#define LEASE_PERMANENT INT64_C(-1)
struct wire_lease {
    bool set;
    int64_t usec;
};

/* An address as the client wrote it: what family it means depends on the socket. */
enum address_kind { ADDRESS_NONE, ADDRESS_INET, ADDRESS_PATH, ADDRESS_ABSTRACT };
struct wire_address {
    enum address_kind kind;
    const char *text; /* host, path, or abstract name */
    size_t n;
    uint16_t port;
    uint32_t flowinfo;
    const char *scope; /* interface name or number; NULL: none */
};

/* An address as the kernel has it; len 0: absent. */
struct wire_sockaddr {
    struct sockaddr_storage addr;
    socklen_t len;
};

/* BSD names on the wire, numbers inside. */
struct wire_family {
    bool set;
    int v;
};
struct wire_socktype {
    bool set;
    int v;
};
struct wire_protocol {
    bool set;
    int v;
};
struct wire_level {
    bool set;
    int v;
};
struct wire_how {
    bool set;
    int v;
};
struct wire_msg_flags {
    bool set;
    int v;
};
struct wire_ai_flags {
    bool set;
    int v;
};
struct wire_ni_flags {
    bool set;
    int v;
};
struct wire_form_name {
    bool set;
    int v;
};

/* One socket option with its value as the kernel takes it. */
struct option_value {
    const char *name; /* NULL when given by level and number */
    int level, number;
    size_t n;
    unsigned char data[272]; /* the largest is struct group_source_req */
};
struct wire_options {
    struct option_value *items;
    size_t n;
};

/* Plain lists. `set` tells an empty list from an absent one. */
struct wire_texts {
    bool set;
    const char **items;
    size_t n;
};
struct wire_ints {
    bool set;
    int64_t *items;
    size_t n;
};
struct wire_sockaddrs {
    bool set;
    struct wire_sockaddr *items;
    size_t n;
};

/* The head of every list of structs; each list's own type has the same layout. */
struct wire_list {
    bool set;
    void *items;
    size_t n;
};
