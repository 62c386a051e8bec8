/* shapes_planes.h — parameters and results of the ways on which bytes travel beside messages. */
#pragma once
#include "shapes_common.h"

#define adopt_params_ROWS(FIELD, LIST, OBJECT)                                                     \
    CREATION_ROWS(FIELD)
SHAPE(adopt_params)
#define adopt_result_ROWS(FIELD, LIST, OBJECT)                                                     \
    FIELD(int, handle, REQUIRED, "the handle; its old one, if the socket is known")                \
    FIELD(sockaddr, address, OPTIONAL, "local address")                                            \
    FIELD(sockaddr, peer, OPTIONAL, "remote address")                                              \
    FIELD(bool, known, REQUIRED, "true: it had this handle before")
SHAPE(adopt_result)
