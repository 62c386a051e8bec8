/* field.h — one row describes one member of a struct: its name on the wire, its type, whether it must be
 * there, a sentence. A struct and its rows are made from one list by the macros below, so neither can
 * differ from the other; the type of a row is taken from the member by _Generic. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "wire.h"

enum field_type {
    FIELD_BOOL,
    FIELD_INT,
    FIELD_NUMBER,
    FIELD_TEXT,
    FIELD_SERVICE,
    FIELD_JSON,
    FIELD_PAYLOAD, /* two keys: "text" and "base64" */
    FIELD_BASE64,
    FIELD_HANDLE,
    FIELD_TIMEOUT,
    FIELD_LEASE,
    FIELD_ADDRESS,
    FIELD_SOCKADDR,
    FIELD_FAMILY,
    FIELD_SOCKTYPE,
    FIELD_PROTOCOL,
    FIELD_LEVEL,
    FIELD_HOW,
    FIELD_MSG_FLAGS,
    FIELD_AI_FLAGS,
    FIELD_NI_FLAGS,
    FIELD_FORM,
    FIELD_OPTIONS,
    FIELD_TEXTS,
    FIELD_INTS,
    FIELD_SOCKADDRS,
    FIELD_LIST,   /* of structs with rows of their own */
    FIELD_OBJECT, /* a pointer to such a struct; NULL: absent */
    N_FIELD_TYPES
};

enum field_need { OPTIONAL, REQUIRED };

struct shape;
typedef const struct shape *shape_fn(void);

struct field {
    const char *name;
    enum field_type type;
    enum field_need need;
    size_t offset;
    shape_fn *of; /* LIST and OBJECT: the inner struct */
    const char *doc;
};

/* A struct that travels. */
struct shape {
    const char *name;
    size_t n_bytes;
    const struct field *fields;
    size_t n_fields;
};

/* The row called `name` (n bytes, not terminated), or NULL. "text" and "base64" find the payload. */
const struct field *field_find(const struct shape *shape, const char *name, size_t n);

/* What a row's type is called in documents: "integer", "address", … */
const char *field_type_name(enum field_type type);

#define FIELD_TYPE_OF(member)                                                                      \
    _Generic((member),                                                                             \
        struct wire_bool: FIELD_BOOL,                                                              \
        struct wire_int: FIELD_INT,                                                                \
        struct wire_number: FIELD_NUMBER,                                                          \
        struct wire_text: FIELD_TEXT,                                                              \
        struct wire_service: FIELD_SERVICE,                                                        \
        struct wire_json: FIELD_JSON,                                                              \
        struct wire_payload: FIELD_PAYLOAD,                                                        \
        struct wire_base64: FIELD_BASE64,                                                          \
        struct wire_handle: FIELD_HANDLE,                                                          \
        struct wire_timeout: FIELD_TIMEOUT,                                                        \
        struct wire_lease: FIELD_LEASE,                                                            \
        struct wire_address: FIELD_ADDRESS,                                                        \
        struct wire_sockaddr: FIELD_SOCKADDR,                                                      \
        struct wire_family: FIELD_FAMILY,                                                          \
        struct wire_socktype: FIELD_SOCKTYPE,                                                      \
        struct wire_protocol: FIELD_PROTOCOL,                                                      \
        struct wire_level: FIELD_LEVEL,                                                            \
        struct wire_how: FIELD_HOW,                                                                \
        struct wire_msg_flags: FIELD_MSG_FLAGS,                                                    \
        struct wire_ai_flags: FIELD_AI_FLAGS,                                                      \
        struct wire_ni_flags: FIELD_NI_FLAGS,                                                      \
        struct wire_form_name: FIELD_FORM,                                                         \
        struct wire_options: FIELD_OPTIONS,                                                        \
        struct wire_texts: FIELD_TEXTS,                                                            \
        struct wire_ints: FIELD_INTS,                                                              \
        struct wire_sockaddrs: FIELD_SOCKADDRS)

/* A struct is written as a list of rows:
 *
 *     #define bind_params_ROWS(FIELD, LIST, OBJECT)
 *         FIELD(handle, handle, REQUIRED, "the socket")
 *
 * FIELD(type, name, need, doc) is a wire_<type>; LIST(struct, name, need, doc) a list of that struct;
 * OBJECT(struct, name, need, doc) a pointer to one. SHAPE(struct) makes the C struct and
 * declares shape_<struct>(), and, in the one file that says so, the rows behind it. */
#define SHAPE_FIELD_MEMBER(type, name, need, doc) struct wire_##type name;
#define SHAPE_LIST_MEMBER(inner, name, need, doc)                                                  \
    struct {                                                                                       \
        bool set;                                                                                  \
        struct inner *items;                                                                       \
        size_t n;                                                                                  \
    } name;
#define SHAPE_OBJECT_MEMBER(inner, name, need, doc) struct inner *name;

#define SHAPE_DECLARE(S)                                                                           \
    struct S {                                                                                     \
        S##_ROWS(SHAPE_FIELD_MEMBER, SHAPE_LIST_MEMBER, SHAPE_OBJECT_MEMBER)                       \
    };                                                                                             \
    shape_fn shape_##S;

#define SHAPE_FIELD_ROW(type, member, must, text)                                                  \
    {#member, FIELD_TYPE_OF(((here *)0)->member), must, offsetof(here, member), NULL, text},
#define SHAPE_LIST_ROW(inner, member, must, text)                                                  \
    {#member, FIELD_LIST, must, offsetof(here, member), shape_##inner, text},
#define SHAPE_OBJECT_ROW(inner, member, must, text)                                                \
    {#member, FIELD_OBJECT, must, offsetof(here, member), shape_##inner, text},

/* The last row is an empty one: a struct without members has rows all the same. */
#define SHAPE_DEFINE(S)                                                                            \
    const struct shape *shape_##S(void)                                                            \
    {                                                                                              \
        typedef struct S here;                                                                     \
        static const struct field rows[] = {                                                       \
            S##_ROWS(SHAPE_FIELD_ROW, SHAPE_LIST_ROW, SHAPE_OBJECT_ROW){0}};                       \
        static const struct shape made = {#S, sizeof(here), rows,                                  \
                                          sizeof rows / sizeof *rows - 1};                         \
                                                                                                   \
        return &made;                                                                              \
    }

#ifdef SHAPES_ARE_DEFINED_HERE
#define SHAPE(S) SHAPE_DECLARE(S) SHAPE_DEFINE(S)
#else
#define SHAPE(S) SHAPE_DECLARE(S)
#endif
