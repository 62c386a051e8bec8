/* limits.h — every ceiling of the wire, its unit in its name. `hello.limits` reports those a client
 * can meet, so a client never has to guess; a queue, line, list or number without a row here is a
 * bug. */
#pragma once

enum {
    LIMIT_LINE_BYTES = 1 << 20,        /* one line, its newline not counted; settable by max-line */
    LIMIT_DEPTH = 32,                  /* nesting of arrays and objects */
    LIMIT_VALUES = 1 << 17,            /* JSON values in one line */
    LIMIT_ID_BYTES = 256,              /* the text of a request id */
    LIMIT_BATCH_ENTRIES = 64,          /* requests in one batch */
    LIMIT_BATCH_REPLY_BYTES = 2 << 20, /* replies at which the rest of a batch is not run */
    LIMIT_IN_FLIGHT = 64,              /* requests of one unordered session that may wait at once */
    LIMIT_OUTPUT_BYTES = 1 << 20,      /* unread replies at which a session is no longer served */
    LIMIT_RECV_BYTES = 1 << 20,        /* payload of one recv; also what is read ahead per handle */
    LIMIT_RECV_DEFAULT_BYTES = 64 << 10, /* recv without a size */
    LIMIT_DATAGRAM_BYTES = 64 << 10,     /* largest datagram that IP carries, rounded up */
    LIMIT_POLL_HANDLES = 256,            /* handles of one poll */
    LIMIT_LIST_ROWS = 1000,              /* rows of one ledger.list */
    LIMIT_LIST_SEEN = 20000,      /* handles looked at for one page, whether they pass or not */
    LIMIT_LOOKUPS = 8,            /* name look-ups of one session at once */
    LIMIT_ATTEMPTS = 64,          /* addresses that create_connection tries */
    LIMIT_EVENT_BYTES = 128 << 10,       /* unread events of a session; what follows waits in the ring */
    LIMIT_SUBSCRIPTIONS = 16,            /* of one session */
    LIMIT_OPTIONS = 64,           /* options given at creation */
    LIMIT_OPTION_BYTES = 4096,    /* the value of one socket option */
    LIMIT_NAME_BYTES = 128,       /* a handle's name */
    LIMIT_LABEL_BYTES = 256,      /* label, site, client */
    LIMIT_FDS_PER_MESSAGE = 1,    /* descriptors that travel with one message */
    LIMIT_FDS_QUEUED = 64,        /* received descriptors whose message is not complete yet */
    LIMIT_FDS_UNREAD = 16,        /* descriptors given to one session that it may not have read yet */
    LIMIT_CA_PEM_BYTES = 128 << 10, /* the ca_pem of one wrap: reading it takes the loop's time */
    LIMIT_ALPN_NAMES = 16,        /* protocols of one wrap, each of 1 to 255 bytes */
    LIMIT_SESSIONS = 1024,        /* settable by max-sessions */
    LIMIT_SESSIONS_PER_UID = 128, /* settable by max-sessions-per-uid */
};

/* The integers that every JSON reader keeps exact (RFC 8259, section 6). */
#define LIMIT_INTEGER ((1LL << 53) - 1)

/* Handles start above any fd number the kernel can give, so that one taken for the other fails. */
#define HANDLE_FIRST  ((1LL << 24) + 1)
