/* shapes_common.h — what several methods take or tell. */
#pragma once
#include "field.h"

/* A method without parameters, or without anything to tell. */
#define no_params_ROWS(FIELD, LIST, OBJECT)
SHAPE(no_params)
#define no_result_ROWS(FIELD, LIST, OBJECT)
SHAPE(no_result)

#define handle_params_ROWS(FIELD, LIST, OBJECT)                                                    \
    FIELD(handle, handle, REQUIRED, "the socket")
SHAPE(handle_params)

/* What can be said of every new socket. */
#define CREATION_ROWS(FIELD)                                                                       \
    FIELD(text, name, OPTIONAL, "a name for it: `web` is durable, `@c` lives with the session")    \
    FIELD(lease, lease, OPTIONAL, "what happens when the session ends; \"session\" closes it")     \
    FIELD(bool, survive, OPTIONAL, "true: refuse where it would not outlive the daemon")           \
    FIELD(text, pool, OPTIONAL, "the pool that pays for it")                                       \
    FIELD(text, label, OPTIONAL, "free text: what it is for")                                      \
    FIELD(text, site, OPTIONAL, "file:line that opened it")
