/* example.c — an echo server and its client, both with sockets that live in berthd.
 *
 *     cc example.c -o example $(pkg-config --cflags --libs berth) && ./example
 *
 * Finds the daemon as every program does: $BERTH_SOCKET, else the usual paths. */
#include <berth.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Says what the session's last call failed with, and ends. */
static void fail(const berth *b, const char *what)
{
    const struct berth_error *e = berth_last_error(b);

    fprintf(stderr, "%s: %s %s: %s\n", what, e->kind, e->name, e->message);
    if (e->hint)
        fprintf(stderr, "hint: %s\n", e->hint);
    exit(EXIT_FAILURE);
}

/* Sends back what came on the connection, one line. */
static void echo_line(berth *b, berth_handle connection)
{
    char line[256];
    ssize_t n = berth_recv_until(b, connection, line, sizeof line, "\n", NULL);

    if (n < 0)
        fail(b, "server: recv");
    if (berth_sendall(b, connection, line, (size_t)n, 0) < 0)
        fail(b, "server: send");
}

int main(void)
{
    static const char hello[] = "Hello from a socket that is not mine.\n";
    berth_handle listener, connection, client;
    struct sockaddr_in address;
    socklen_t len = sizeof address;
    struct berth_row *row;
    struct berth_audit audit;
    char answer[256];
    ssize_t n;
    berth *b = berth_new(NULL);

    if (!b || berth_setdefaulttimeout(b, 5.0) < 0)
        fail(b, "berth");
    if (berth_set_label(b, "echo example") < 0)
        fail(b, "label");

    /* Port 0: the kernel chooses; getsockname tells. */
    if ((listener = berth_create_server_host(b, "127.0.0.1", 0, NULL)) < 0)
        fail(b, "create_server");
    if (berth_getsockname(b, listener, (struct sockaddr *)&address, &len) < 0)
        fail(b, "getsockname");

    if ((client = berth_socket(b, AF_INET, SOCK_STREAM, 0)) < 0)
        fail(b, "socket");
    if (berth_connect(b, client, (struct sockaddr *)&address, len) < 0)
        fail(b, "connect");
    if ((connection = berth_accept(b, listener, NULL, NULL)) < 0)
        fail(b, "accept");

    if (berth_sendall(b, client, hello, strlen(hello), 0) < 0)
        fail(b, "client: send");
    echo_line(b, connection);
    if ((n = berth_recv_exactly(b, client, answer, strlen(hello), NULL)) < 0)
        fail(b, "client: recv");
    printf("echo: %.*s", (int)n, answer);

    /* The ledger knows who opened what, and on which line. */
    if (!(row = berth_ledger_get(b, client)))
        fail(b, "ledger.get");
    printf("client: handle %lld, %s, opened by pid %ld at %s, %lld bytes sent, %lld received\n",
           (long long)row->handle, row->state, (long)row->owner_pid, row->site,
           (long long)row->sent_bytes, (long long)row->received_bytes);
    berth_free_rows(row);

    if (berth_close(b, client) < 0 || berth_close(b, connection) < 0 ||
        berth_close(b, listener) < 0)
        fail(b, "close");
    if (berth_ledger_audit(b, &audit) < 0)
        fail(b, "ledger.audit");
    printf("ledger: opened %lld, live %lld, closed %lld, reclaimed %lld, balance %lld\n",
           (long long)audit.opened, (long long)audit.live, (long long)audit.closed,
           (long long)audit.reclaimed, (long long)audit.balance);
    berth_free(b);
    return n == (ssize_t)strlen(hello) && audit.balance == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
