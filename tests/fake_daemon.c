#include "tests/fake_daemon.h"

#include <arpa/inet.h>
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/buf.h"
#include "proto/frame.h"
#include "proto/json.h"
#include "proto/message.h"

struct fake_daemon {
    pthread_t thread;
    struct frame frame;
    const struct turn *turns;
    size_t n, n_played;
    const struct life *life; /* NULL: over a pair of sockets, with one life */
    size_t n_lives;
    int listener;
    char path[64];
    char complaint[4096]; /* the first; "": none */
};

static void complain(struct fake_daemon *fake, const char *format, ...)
{
    va_list args;

    if (*fake->complaint)
        return;
    va_start(args, format);
    vsnprintf(fake->complaint, sizeof fake->complaint, format, args);
    va_end(args);
}

/* The next line of the client; 0 at its end. The socket blocks, so that waiting is reading. */
static int next_line(struct fake_daemon *fake, const char **line, size_t *n)
{
    int r;

    while ((r = frame_next(&fake->frame, line, n)) == 0) {
        if (fake->frame.eof)
            return 0;
        /* frame_read does not wait; this does. */
        char byte;
        if (recv(fake->frame.fd, &byte, 1, MSG_PEEK) < 0)
            return 0;
        if (frame_read(&fake->frame) < 0)
            return 0;
    }
    return r > 0;
}

static bool is_as(const char *got, const char *want)
{
    size_t n = strcspn(want, "*");

    return want[n] ? strncmp(got, want, n) == 0 : strcmp(got, want) == 0;
}

static void check_request(struct fake_daemon *fake, const struct turn *turn,
                          const struct json *json, const struct message *m)
{
    struct buf got = {0};
    const struct json_token *method = &json->tokens[m->method], *params = &json->tokens[m->params];
    int fd = m->n_fds ? frame_take_fd(&fake->frame) : -1;

    if ((fd >= 0) != (turn->takes_fd != 0))
        complain(fake, "turn %zu: descriptor %d", fake->n_played, fd);
    if (fd >= 0)
        close(fd);
    buf_add(&got, json->text + method->start, method->end - method->start);
    buf_add_char(&got, ' ');
    buf_add(&got, json->text + params->start, params->end - params->start);
    buf_add_char(&got, '\0');
    if (turn->request && !is_as(got.data + got.start, turn->request))
        complain(fake, "turn %zu:\n got  %.1500s\n want %.1500s", fake->n_played,
                 got.data + got.start, turn->request);
    buf_done(&got);
}

static void send_reply(struct fake_daemon *fake, const struct turn *turn, const struct message *m)
{
    struct buf *out = frame_out(&fake->frame);

    if (turn->sends_fd)
        frame_give_fd(&fake->frame, dup(STDERR_FILENO));
    if (turn->reply[0] == '#')
        buf_add_text(out, turn->reply + 1);
    else
        buf_printf(out, "{\"jsonrpc\":\"2.0\",\"id\":%.*s,\"%s\":%s%s}", (int)m->n_id, m->id,
                   *turn->reply == '!' ? "error" : "result", turn->reply + (*turn->reply == '!'),
                   turn->sends_fd ? ",\"fds\":1" : "");
    buf_add_char(out, '\n');
    while (frame_flush(&fake->frame) == -EAGAIN) {
        /* A client that writes before it reads is read too, or both would wait for ever. */
        if (frame_read(&fake->frame) == 0)
            return;
        sched_yield();
    }
}

/* The library's own requests have ids that no caller reaches. */
static bool is_own(const struct message *m)
{
    return m->n_id > 12;
}

/* Answers what the library asks when it comes back. True when it was such. */
static bool greet(struct fake_daemon *fake, const struct json *json, const struct message *m)
{
    const struct life *life = fake->life;
    struct turn turn = {0};
    char result[100];

    if (!life || !is_own(m))
        return false;
    if (json_equals(json, m->method, "hello", 5)) {
        turn.request = life->hello;
        snprintf(result, sizeof result, "{\"token\":\"t%zu\",\"resumed\":%s}", fake->n_lives,
                 life->is_resumed ? "true" : "false");
    } else if (json_equals(json, m->method, "ping", 4)) {
        snprintf(result, sizeof result, "{\"uptime\":%s}", life->is_same ? "1000000" : "0");
    } else {
        return false;
    }
    turn.reply = result;
    check_request(fake, &turn, json, m);
    send_reply(fake, &turn, m);
    return true;
}

/* Plays the next request. False when there is none, or it cannot be read. */
static bool play_one(struct fake_daemon *fake, struct json *json)
{
    const struct turn *turn = fake->turns;
    struct error e = {0};
    struct message m;
    const char *line;
    size_t n;

    if (!next_line(fake, &line, &n))
        return false;
    if (json_scan(json, line, n, &e) || message_parse(json, 0, &m, &e)) {
        complain(fake, "turn %zu: %s: %.1000s", fake->n_played, e.message, line);
        return false;
    }
    if (greet(fake, json, &m))
        return true;
    check_request(fake, turn, json, &m);
    if (turn->reply)
        send_reply(fake, turn, &m);
    fake->turns++;
    fake->n_played++;
    return true;
}

static void *play(void *arg)
{
    struct fake_daemon *fake = arg;
    const struct turn *end = fake->n ? fake->turns + fake->n : fake->turns;
    struct json json = {0};

    while (fake->turns < end && play_one(fake, &json))
        ;
    json_done(&json);
    frame_done(&fake->frame);
    return NULL;
}

static void say(struct fake_daemon *fake, const char *text)
{
    buf_add_text(frame_out(&fake->frame), text);
    frame_flush(&fake->frame);
}

static void live(struct fake_daemon *fake, struct json *json)
{
    const struct life *life = fake->life;
    const struct turn *end = life->turns + life->n;
    bool goes_on = true;

    fake->turns = life->turns;
    if (life->refuses)
        say(fake, "{\"id\":null,\"error\":{\"code\":-32020,\"message\":\"too many\",\"data\":{"
                  "\"kind\":\"limit\",\"name\":\"SESSIONS\"}}}\n");
    while (goes_on && fake->turns < end)
        goes_on = play_one(fake, json);
    if (life->is_partial)
        say(fake, "{\"jsonrpc\":\"2.0\",\"id\":1,\"resu");
}

static void *play_lives(void *arg)
{
    struct fake_daemon *fake = arg;
    struct json json = {0};

    for (; fake->n_lives; fake->n_lives--, fake->life++) {
        int fd = accept4(fake->listener, NULL, NULL, SOCK_CLOEXEC);

        frame_init(&fake->frame, fd, 16 << 20);
        live(fake, &json);
        if (fake->n_lives == 1) {
            unlink(fake->path);
            close(fake->listener);
        }
        frame_done(&fake->frame);
    }
    json_done(&json);
    return NULL;
}

struct fake_daemon *fake_daemon_start_lives(const struct life *lives, size_t n, const char *path)
{
    struct fake_daemon *fake = calloc(1, sizeof *fake);
    struct sockaddr_un un = {.sun_family = AF_UNIX};

    ck_assert_ptr_nonnull(fake);
    fake->life = lives;
    fake->n_lives = n;
    for (size_t i = 0; i < n; i++)
        fake->n += lives[i].n;
    snprintf(fake->path, sizeof fake->path, "%s", path);
    snprintf(un.sun_path, sizeof un.sun_path, "%s", path);
    fake->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(fake->listener, (void *)&un, sizeof un), 0);
    ck_assert_int_eq(listen(fake->listener, 5), 0);
    ck_assert_int_eq(pthread_create(&fake->thread, NULL, play_lives, fake), 0);
    return fake;
}

struct fake_daemon *fake_daemon_start_fd(const struct turn *turns, size_t n, int *ret_fd)
{
    struct fake_daemon *fake = calloc(1, sizeof *fake);
    int ends[2];

    ck_assert_ptr_nonnull(fake);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    fake->turns = turns;
    fake->n = n;
    frame_init(&fake->frame, ends[1], 16 << 20);
    ck_assert_int_eq(pthread_create(&fake->thread, NULL, play, fake), 0);
    *ret_fd = ends[0];
    return fake;
}

struct fake_daemon *fake_daemon_start(const struct turn *turns, size_t n, berth **ret_session)
{
    struct fake_daemon *fake;
    int fd;

    fake = fake_daemon_start_fd(turns, n, &fd);
    *ret_session = berth_new_from_fd(fd);
    ck_assert_ptr_nonnull(*ret_session);
    return fake;
}

void fake_daemon_stop(struct fake_daemon *fake)
{
    ck_assert_int_eq(pthread_join(fake->thread, NULL), 0);
    ck_assert_msg(!*fake->complaint, "%s", fake->complaint);
    ck_assert_uint_eq(fake->n_played, fake->n);
    free(fake);
}

void fake_daemon_finish(berth *b, struct fake_daemon *fake)
{
    berth_free(b);
    fake_daemon_stop(fake);
}

void fake_daemon_check_call(const struct call_row *row)
{
    int n_fds = fake_daemon_count_fds();
    struct fake_daemon *fake;
    berth *b;

    fake = fake_daemon_start(row->turns, row->turns[1].request ? 2 : 1, &b);
    row->call(b);
    ck_assert_str_eq(berth_last_error(b)->kind, "");
    berth_free(b);
    fake_daemon_stop(fake);
    ck_assert_int_eq(fake_daemon_count_fds(), n_fds);
}

void fake_daemon_check_other(const struct sockaddr_storage *got, socklen_t len)
{
    const struct sockaddr_in *in = (const void *)got;

    ck_assert_uint_eq(len, sizeof *in);
    ck_assert_int_eq(in->sin_family, AF_INET);
    ck_assert_uint_eq(ntohs(in->sin_port), 81);
    ck_assert_uint_eq(ntohl(in->sin_addr.s_addr), 0x7f000002);
}

int fake_daemon_count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int n = 0;

    ck_assert_ptr_nonnull(dir);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}
