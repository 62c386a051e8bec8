/* table.h — what was measured: a value of each row, peer and round. The rounds are interleaved, so
 * a ratio is taken within its round, where both sides had the same machine; then the median is
 * taken over the rounds. */
#pragma once
#include <stdbool.h>

enum peer { PEER_ECHO, PEER_JANSSON, PEER_BERTHD, PEER_FULL, N_PEERS };

enum row {
    ROW_PING,
    ROW_PING_CPU,
    ROW_PING_32,
    ROW_PING_128,
    ROW_PING_CLIENTS,
    ROW_SOCKETS,
    ROW_SOCKETS_64,
    ROW_SEND_TEXT,
    ROW_RECV_TEXT,
    ROW_SEND_BASE64,
    ROW_RECV_BASE64,
    ROW_RESIDENT,
    N_ROWS
};

enum { MAX_ROUNDS = 101 };

struct table {
    double values[N_ROWS][N_PEERS][MAX_ROUNDS]; /* NAN: not measured */
    int n_rounds, n_sessions;
    long long n_handles; /* open at PEER_FULL */
};

void table_init(struct table *t, int n_rounds);

/* The median of the rounds; of the ratio a peer has to another; the best of the rounds, which is
 * the one that others disturbed least. NAN when nothing was measured. */
double table_median(const struct table *t, enum row row, enum peer peer);
double table_ratio(const struct table *t, enum row row, enum peer peer, enum peer of);
double table_best(const struct table *t, enum row row, enum peer peer);

/* Prints it for people, or as one JSON object. */
void table_print(const struct table *t);
void table_print_json(const struct table *t);
