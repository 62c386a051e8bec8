#include "methods.h"

#include <stdlib.h>
#include <string.h>

SHAPE_DEFINE(identity)
SHAPE_DEFINE(limits)
SHAPE_DEFINE(owner)
SHAPE_DEFINE(suspicion)
SHAPE_DEFINE(ending)
SHAPE_DEFINE(transition)
SHAPE_DEFINE(ledger_row)
SHAPE_DEFINE(no_params)
SHAPE_DEFINE(no_result)
SHAPE_DEFINE(hello_params)
SHAPE_DEFINE(hello_result)
SHAPE_DEFINE(ping_params)
SHAPE_DEFINE(ping_result)
SHAPE_DEFINE(cancel_params)
SHAPE_DEFINE(cancel_result)
SHAPE_DEFINE(discover_result)
SHAPE_DEFINE(socket_params)
SHAPE_DEFINE(socket_result)
SHAPE_DEFINE(socketpair_params)
SHAPE_DEFINE(socketpair_result)
SHAPE_DEFINE(create_connection_params)
SHAPE_DEFINE(attempt_error)
SHAPE_DEFINE(attempt)
SHAPE_DEFINE(create_connection_result)
SHAPE_DEFINE(create_server_params)
SHAPE_DEFINE(create_server_result)
SHAPE_DEFINE(handle_params)
SHAPE_DEFINE(bind_params)
SHAPE_DEFINE(address_result)
SHAPE_DEFINE(listen_params)
SHAPE_DEFINE(listen_result)
SHAPE_DEFINE(accept_params)
SHAPE_DEFINE(accept_result)
SHAPE_DEFINE(connect_params)
SHAPE_DEFINE(connect_result)
SHAPE_DEFINE(send_params)
SHAPE_DEFINE(sent_result)
SHAPE_DEFINE(sendto_params)
SHAPE_DEFINE(recv_params)
SHAPE_DEFINE(recv_result)
SHAPE_DEFINE(recvfrom_params)
SHAPE_DEFINE(recvfrom_result)
SHAPE_DEFINE(sendfile_params)
SHAPE_DEFINE(shutdown_params)
SHAPE_DEFINE(setsockopt_params)
SHAPE_DEFINE(getsockopt_params)
SHAPE_DEFINE(option_result)
SHAPE_DEFINE(settimeout_params)
SHAPE_DEFINE(setdefaulttimeout_params)
SHAPE_DEFINE(timeout_result)
SHAPE_DEFINE(group_params)
SHAPE_DEFINE(poll_entry)
SHAPE_DEFINE(poll_params)
SHAPE_DEFINE(poll_ready)
SHAPE_DEFINE(poll_result)
SHAPE_DEFINE(getaddrinfo_params)
SHAPE_DEFINE(found_address)
SHAPE_DEFINE(getaddrinfo_result)
SHAPE_DEFINE(getnameinfo_params)
SHAPE_DEFINE(getnameinfo_result)
SHAPE_DEFINE(gethostbyname_params)
SHAPE_DEFINE(gethostbyname_result)
SHAPE_DEFINE(host_result)
SHAPE_DEFINE(inet_pton_params)
SHAPE_DEFINE(inet_ntop_params)
SHAPE_DEFINE(inet_aton_params)
SHAPE_DEFINE(inet_ntoa_params)
SHAPE_DEFINE(packed_result)
SHAPE_DEFINE(text_result)
SHAPE_DEFINE(interface)
SHAPE_DEFINE(if_nameindex_result)
SHAPE_DEFINE(ledger_filter)
SHAPE_DEFINE(ledger_list_params)
SHAPE_DEFINE(ledger_list_result)
SHAPE_DEFINE(audit_result)

static struct method methods[N_METHODS];
static const struct method *by_name[N_METHODS];

static int compare(const void *a, const void *b)
{
    return strcmp((*(const struct method *const *)a)->name, (*(const struct method *const *)b)->name);
}

/* Before main: what follows from the list is worked out once, then only read. */
__attribute__((constructor)) static void methods_init(void)
{
#define M(id_, name_, params_, result_, lanes_, flags_, doc_)                                      \
    methods[METHOD_##id_] = (struct method){                                                       \
        .id = METHOD_##id_,                                                                        \
        .name = name_,                                                                             \
        .params = shape_##params_(),                                                               \
        .result = shape_##result_(),                                                               \
        .handle = field_find(shape_##params_(), "handle", 6),                                      \
        .timeout = field_find(shape_##params_(), "timeout", 7),                                    \
        .lanes = lanes_,                                                                           \
        .flags = flags_,                                                                           \
        .doc = doc_,                                                                               \
    };
    METHODS(M)
#undef M
    for (int i = 0; i < N_METHODS; i++)
        by_name[i] = &methods[i];
    qsort(by_name, N_METHODS, sizeof *by_name, compare);
}

const struct method *method_at(enum method_id id)
{
    return &methods[id];
}

const struct method *method_find(const char *name, size_t n)
{
    size_t low = 0, high = N_METHODS;

    while (low < high) {
        size_t middle = (low + high) / 2;
        const struct method *m = by_name[middle];
        int order = strncmp(name, m->name, n);

        if (order == 0 && m->name[n] == '\0')
            return m;
        if (order > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}
