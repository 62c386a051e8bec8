/* calls_tls.c — TLS on a handle, and the stream that carries its bytes. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "client/convert.h"
#include "client/exchange.h"
#include "client/failure.h"

/* -- stream -- */

/* A descriptor that finds no room on its way here would end the connection: nobody would have the
 * client's end of the stream. */
static int check_room(berth *b)
{
    int fd = fcntl(b->frame.fd, F_DUPFD_CLOEXEC, 0);

    if (fd < 0)
        return failure_local(b, errno, "close descriptors and call again",
                             "stream: this process has no room for a descriptor");
    close(fd);
    return 0;
}

int berth_stream(berth *b, berth_handle h)
{
    struct handle_params p = {.handle = {.set = true, .id = h}};
    int fd = -1;

    if (session_begin(b) < 0 || check_room(b) < 0 ||
        exchange_call(b, METHOD_stream, &(struct exchange){.params = &p, .ret_fd = &fd}) < 0)
        return -1;
    if (fd < 0)
        return failure_local(b, EMFILE, "the connection is over; make another",
                             "stream: the descriptor found no room in this process");
    return fd;
}

/* -- wrap -- */

static int add_alpn(berth *b, const char *const *names, struct wire_texts *ret)
{
    size_t n = 0;

    while (names && names[n])
        n++;
    if (n == 0)
        return 0;
    if (!(ret->items = arena_alloc(&b->arena, n * sizeof *ret->items)))
        return failure_local(b, ENOMEM, NULL, "out of memory");
    memcpy(ret->items, names, n * sizeof *names);
    ret->n = n;
    ret->set = true;
    return 0;
}

static int set_verify(berth *b, int verify, struct wire_bool *ret)
{
    if (verify != BERTH_VERIFY_DEFAULT && verify != BERTH_VERIFY && verify != BERTH_NO_VERIFY)
        return failure_local(b, EINVAL, "use BERTH_VERIFY, BERTH_NO_VERIFY or 0",
                             "wrap: verify cannot be %d", verify);
    *ret = (struct wire_bool){verify != BERTH_VERIFY_DEFAULT, verify == BERTH_VERIFY};
    return 0;
}

static struct wire_text text_of(const char *text)
{
    return (struct wire_text)CONVERT_TEXT(text);
}

/* The list ends with a NULL, as C programs like it; NULL when memory is out. */
static const char *const *give_names(berth *b, const struct wire_texts *from)
{
    const char **names = arena_alloc(&b->arena, (from->n + 1) * sizeof *names);

    if (names && from->n)
        memcpy(names, from->items, from->n * sizeof *names);
    return names;
}

static int give_peer(berth *b, const struct tls_certificate *from, struct berth_certificate *to)
{
    *to = (struct berth_certificate){
        .subject = convert_text(&from->subject),
        .issuer = convert_text(&from->issuer),
        .serial = convert_text(&from->serial),
        .sha256 = convert_text(&from->sha256),
        .not_before = from->not_before.v,
        .not_after = from->not_after.v,
        .names = give_names(b, &from->names),
        .verified = from->verified.v,
    };
    return to->names ? 0 : failure_local(b, ENOMEM, NULL, "out of memory");
}

static int give_agreement(berth *b, const struct tls_agreement *from, struct berth_tls *to)
{
    struct berth_certificate *peer = NULL;

    if (from->peer) {
        if (!(peer = arena_alloc(&b->arena, sizeof *peer)))
            return failure_local(b, ENOMEM, NULL, "out of memory");
        if (give_peer(b, from->peer, peer) < 0)
            return -1;
    }
    *to = (struct berth_tls){
        .version = convert_text(&from->version),
        .cipher = convert_text(&from->cipher),
        .alpn = from->alpn.s,
        .resumed = from->resumed.v,
        .peer = peer,
    };
    return 0;
}

int berth_wrap(berth *b, berth_handle h, const struct berth_wrap_options *options,
               struct berth_tls *ret_tls)
{
    static const struct berth_wrap_options none;
    const struct berth_wrap_options *given = options ? options : &none;
    struct wrap_params p = {
        .handle = {.set = true, .id = h},
        .server_side = {given->server_side != 0, given->server_side != 0},
        .server_name = text_of(given->server_name),
        .identity = text_of(given->identity),
        .ca_pem = text_of(given->ca_pem),
    };
    struct wrap_result r = {0};

    if (session_begin(b) < 0 || add_alpn(b, given->alpn, &p.alpn) < 0 ||
        set_verify(b, given->verify, &p.verify) < 0)
        return -1;
    /* Zeroed options ask for nothing. */
    if (given->timeout != 0 && convert_timeout(b, given->timeout, &p.timeout) < 0)
        return -1;
    if (exchange_call(b, METHOD_wrap, &(struct exchange){.params = &p, .result = &r}) < 0)
        return -1;
    return ret_tls ? give_agreement(b, r.tls, ret_tls) : 0;
}
