/* shapes_names.h — parameters and results of names and addresses. */
#pragma once
#include "field.h"

#define getaddrinfo_params_ROWS(FIELD, LIST, OBJECT)                                               \
    FIELD(text, host, REQUIRED, "name or address")                                                 \
    FIELD(service, service, OPTIONAL, "service name or port")                                      \
    FIELD(family, family, OPTIONAL, "only this family")                                            \
    FIELD(socktype, type, OPTIONAL, "only this type")                                              \
    FIELD(protocol, protocol, OPTIONAL, "only this protocol")                                      \
    FIELD(ai_flags, flags, OPTIONAL, "AI_ flags")                                                  \
    FIELD(timeout, timeout, OPTIONAL, "how long to wait")
SHAPE(getaddrinfo_params)
#define found_address_ROWS(FIELD, LIST, OBJECT)                                                    \
    FIELD(family, family, REQUIRED, "address family")                                              \
    FIELD(socktype, type, REQUIRED, "socket type")                                                 \
    FIELD(protocol, protocol, REQUIRED, "protocol")                                                \
    FIELD(sockaddr, address, REQUIRED, "the address")                                              \
    FIELD(text, canonname, OPTIONAL, "with AI_CANONNAME, of the first")
SHAPE(found_address)
#define getaddrinfo_result_ROWS(FIELD, LIST, OBJECT)                                               \
    LIST(found_address, addresses, REQUIRED, "what the resolver answered, in its order")
SHAPE(getaddrinfo_result)

#define getnameinfo_params_ROWS(FIELD, LIST, OBJECT)                                               \
    FIELD(address, address, REQUIRED, "a numeric address and port")                                \
    FIELD(ni_flags, flags, OPTIONAL, "NI_ flags")                                                  \
    FIELD(timeout, timeout, OPTIONAL, "how long to wait")
SHAPE(getnameinfo_params)
#define getnameinfo_result_ROWS(FIELD, LIST, OBJECT)                                               \
    FIELD(text, host, REQUIRED, "its name, or the address again")                                  \
    FIELD(text, service, REQUIRED, "the service's name, or the port again")
SHAPE(getnameinfo_result)

#define gethostbyname_params_ROWS(FIELD, LIST, OBJECT)                                             \
    FIELD(text, host, REQUIRED, "name or address")                                                 \
    FIELD(timeout, timeout, OPTIONAL, "how long to wait")
SHAPE(gethostbyname_params)
#define gethostbyname_result_ROWS(FIELD, LIST, OBJECT)                                             \
    FIELD(text, host, REQUIRED, "the canonical name")                                              \
    FIELD(sockaddrs, addresses, REQUIRED, "its IPv4 addresses")
SHAPE(gethostbyname_result)

#define host_result_ROWS(FIELD, LIST, OBJECT)                                                      \
    FIELD(text, host, REQUIRED, "this machine's name")
SHAPE(host_result)

#define inet_pton_params_ROWS(FIELD, LIST, OBJECT)                                                 \
    FIELD(family, family, REQUIRED, "AF_INET or AF_INET6")                                         \
    FIELD(text, text, REQUIRED, "the address as people write it")
SHAPE(inet_pton_params)
#define inet_ntop_params_ROWS(FIELD, LIST, OBJECT)                                                 \
    FIELD(family, family, REQUIRED, "AF_INET or AF_INET6")                                         \
    FIELD(base64, base64, REQUIRED, "4 or 16 bytes in network order")
SHAPE(inet_ntop_params)
#define inet_aton_params_ROWS(FIELD, LIST, OBJECT)                                                 \
    FIELD(text, text, REQUIRED, "an IPv4 address, short forms too")
SHAPE(inet_aton_params)
#define inet_ntoa_params_ROWS(FIELD, LIST, OBJECT)                                                 \
    FIELD(base64, base64, REQUIRED, "4 bytes in network order")
SHAPE(inet_ntoa_params)
#define packed_result_ROWS(FIELD, LIST, OBJECT)                                                    \
    FIELD(base64, base64, REQUIRED, "the address in network order")
SHAPE(packed_result)
#define text_result_ROWS(FIELD, LIST, OBJECT)                                                      \
    FIELD(text, text, REQUIRED, "the address as people write it")
SHAPE(text_result)

#define interface_ROWS(FIELD, LIST, OBJECT)                                                        \
    FIELD(int, index, REQUIRED, "interface index")                                                 \
    FIELD(text, name, REQUIRED, "interface name")                                                  \
    FIELD(sockaddrs, addresses, REQUIRED, "its addresses")
SHAPE(interface)
#define if_nameindex_result_ROWS(FIELD, LIST, OBJECT)                                              \
    LIST(interface, interfaces, REQUIRED, "the interfaces of the daemon's network namespace")
SHAPE(if_nameindex_result)
