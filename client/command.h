/* command.h — the words of the command `berth`: a tree of rows from which execution, help and
 * completion are all derived. A row is one file; every method of the table is a command too, all by
 * one row's code. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "client/berth.h"

/* One run of the program. */
struct cli {
    const char *socket; /* --socket; NULL: found by the library */
    const char *file;   /* --file; NULL: none */
    bool json;          /* --json, or the output is no terminal: results as JSON */
    bool stop;          /* --stop */
    bool in_shell;
    berth *session; /* opened when first needed; NULL: not yet */

    /* What the user was told of it: */
    bool is_away;
    long long n_reconnects;
};

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* What may follow a command's name, for completion. */
/* … those of the last two are options of its own, which it reads itself. */
enum follows {
    FOLLOWS_WORDS,
    FOLLOWS_FILTER,
    FOLLOWS_NAME,
    FOLLOWS_OPTIONS,
    FOLLOWS_OPTIONS_AND_FILE
};

/* The events that there are. */
#define COMMAND_EVENTS                                                                             \
    "opened", "closed", "reclaimed", "expired", "suspect", "cleared", "handed_off", "adopted",     \
        "died", "pool"
#define COMMAND_EVENT_WORDS                                                                        \
    "opened closed reclaimed expired suspect cleared handed_off adopted died pool"

struct command {
    const char *name;
    const char *usage;                                /* what follows the name */
    const char *doc;                                  /* one sentence */
    int (*run)(struct cli *cli, int n, char **words); /* words[0] is the name; an exit status */
    enum follows follows;                             /* beside `words` */
    const char *words; /* that may follow; "KEY=" for a key. NULL: none */
    const char *more;  /* of its help. NULL: nothing */
};

/* The rows; *ret_n how many. */
const struct command *commands_all(size_t *ret_n);
const struct command *command_find(const char *name);

/* Runs words[0] with the words behind it: a command, or a method of the table. Returns an exit
 * status. */
int command_run(struct cli *cli, int n, char **words);

/* The session, opened now if need be; NULL after telling the user why not. */
berth *command_session(struct cli *cli);

/* Tells the user on standard error when the daemon has gone, and when it is back, once each. To be
 * called now and then. */
void command_note_restart(struct cli *cli);

/* Tells the user what the session's last call failed with. Returns EXIT_FAILED. */
int command_failed(const struct cli *cli);

/* Tells the user of an error in the same form. `what` and `why` (NULL: none) are the message,
 * `hint` may be NULL. Returns EXIT_FAILED. */
int command_say_error(const char *kind, const char *name, const char *what, const char *why,
                      const char *hint);

/* Writes a stranger's text to standard error, made harmless. */
void command_put(const char *text);

/* Whether it reads options of its own. */
bool command_has_options(const struct command *command);

/* Tells the user that the command was given wrongly, as printf. Returns EXIT_USAGE. */
int command_misused(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same for a name that is neither a command nor a method. */
int command_unknown(const char *name);

/* -- the rows' functions, each in its file ----------------------------------------------------- */

int command_method(struct cli *cli, int n, char **words); /* any method of the table */
int command_ls(struct cli *cli, int n, char **words);
int command_leaks(struct cli *cli, int n, char **words);
int command_watch(struct cli *cli, int n, char **words);
int command_top(struct cli *cli, int n, char **words);
int command_nc(struct cli *cli, int n, char **words);
int command_send_file(struct cli *cli, int n, char **words);
int command_shell(struct cli *cli, int n, char **words);
int command_help(struct cli *cli, int n, char **words);
int command_methods(struct cli *cli, int n, char **words);
int command_completion(struct cli *cli, int n, char **words);

extern const char command_nc_help[], command_send_file_help[];
