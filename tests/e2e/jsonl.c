/* jsonl.c — runs session files against the real berthd, each against a fresh one:
 *
 *   jsonl [--socat | --wrong] BERTHD FILE.jsonl ...
 *
 * After each file the ledger must balance with nothing alive, the daemon must have as many
 * descriptors as before, and it must end by SIGTERM with status 0. --socat pipes the requests
 * through a real socat, for those files where that can be done. --wrong is for files that must not
 * pass: it shows that this program can fail. Exit status: 0 when all was as it should be, 1 when
 * not, 2 for wrong usage, 77 when no file could be run here. */
#include <stdio.h>
#include <string.h>

#include "real.h"
#include "script.h"

enum mode { DIRECT, SOCAT, WRONG };
enum { EXIT_SKIPPED = 77 };

static int run_script(struct script *s, const struct real *real, enum mode mode)
{
    int r;

    if (mode == SOCAT)
        return script_run_piped(s, real);
    r = script_run(s, real, mode == WRONG);
    return mode == WRONG && r >= 0 ? !r : r;
}

/* Returns whether the file passed. */
static bool run_file(struct script *s, const char *berthd, enum mode mode)
{
    struct real real;
    int r = real_start(&real, berthd);

    if (r == 0)
        r = run_script(s, &real, mode);
    /* One fault is enough: what a broken session left behind says nothing new. */
    if (r == 0)
        r = real_check_clean(&real);
    if (real_stop(&real, r != 0) < 0)
        r = -1;
    return r == 0;
}

static int run_files(char **paths, int n_paths, const char *berthd, enum mode mode)
{
    int n_run = 0, n_failed = 0;

    for (int i = 0; i < n_paths; i++) {
        struct script *s = script_load(paths[i]);
        bool ok = false;

        if (s && ((mode == SOCAT && !script_can_be_piped(s)) || !script_can_be_run(s))) {
            script_free(s);
            continue;
        }
        if (s)
            ok = run_file(s, berthd, mode);
        script_free(s);
        printf("%s %s\n", ok ? "ok    " : "failed", paths[i]);
        n_run++;
        n_failed += !ok;
    }
    printf("%d of %d passed\n", n_run - n_failed, n_run);
    return n_run == 0 ? EXIT_SKIPPED : n_failed > 0;
}

int main(int argc, char **argv)
{
    enum mode mode = DIRECT;
    int first = 1;

    if (argc > 1 && !strcmp(argv[1], "--socat"))
        mode = SOCAT;
    else if (argc > 1 && !strcmp(argv[1], "--wrong"))
        mode = WRONG;
    first += mode != DIRECT;
    if (argc < first + 2) {
        fprintf(stderr, "Usage: %s [--socat | --wrong] BERTHD FILE.jsonl ...\n", argv[0]);
        return 2;
    }
    return run_files(argv + first + 1, argc - first - 1, argv[first], mode);
}
