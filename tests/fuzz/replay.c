/* replay.c — stands in for libFuzzer where it is not linked: runs every file of the corpus through
 * the fuzzer's entry, so that what was found once stays found, and then what becomes of each by a
 * number of small changes, always the same ones. An empty corpus is a failure. */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/dice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { MAX_INPUT_BYTES = 4 << 20 };

/* What is being run, where it can be seen when the run is dead. */
static struct current {
    size_t n, n_file, n_changes;
    uint8_t bytes[MAX_INPUT_BYTES], file[MAX_INPUT_BYTES];
} * current;

/* In memory of its own size, so that a read past its end is seen. */
static void run_one(void)
{
    uint8_t *exact = malloc(current->n ? current->n : 1);

    if (!exact)
        abort();
    memcpy(exact, current->bytes, current->n);
    LLVMFuzzerTestOneInput(exact, current->n);
    free(exact);
}

/* Puts n bytes in place of n_old at `at`. */
static void put(size_t at, size_t n_old, const void *bytes, size_t n)
{
    if (current->n - n_old + n > MAX_INPUT_BYTES)
        return;
    memmove(current->bytes + at + n, current->bytes + at + n_old, current->n - at - n_old);
    memcpy(current->bytes + at, bytes, n);
    current->n += n - n_old;
}

static void change(struct dice *dice)
{
    static const char pieces[][24] = {
        "{",     "}",       "[",       "]",    ",",      ":",        "\"",
        "\\",    "null",    "true",    "0",    "-1",     "1e400",    "\n",
        "\r\n",  "\\u0000", "\\ud83d", "\xff", "\"a\":", "\xc3\xa9", "9007199254740992",
        "65536", "0.5",     "\"\""};
    size_t at = dice_below(dice, current->n + 1), left = current->n - at,
           n = left ? dice_below(dice, left + 1) : 0;
    const char *piece = pieces[dice_below(dice, sizeof pieces / sizeof *pieces)];
    uint8_t byte = (uint8_t)dice_bits(dice), copy[64];

    n = n < sizeof copy ? n : sizeof copy;
    switch (dice_below(dice, 6)) {
    case 0:
        put(at, left > 0, &byte, 1);
        break;
    case 1:
        byte = (uint8_t)(left ? current->bytes[at] ^ 1 << dice_below(dice, 8) : 0);
        put(at, left > 0, &byte, 1);
        break;
    case 2:
        put(at, n, "", 0);
        break;
    case 3:
        put(at, 0, piece, strlen(piece));
        break;
    case 4:
        put(at, left < strlen(piece) ? left : strlen(piece), piece, strlen(piece));
        break;
    default:
        memcpy(copy, current->bytes + at, n);
        put(dice_below(dice, current->n + 1), 0, copy, n);
    }
}

/* In a process of its own. */
static void run_all(size_t n_rounds)
{
    struct dice dice = {1};

    run_one();
    for (current->n_changes = 1; current->n_changes <= n_rounds; current->n_changes++) {
        memcpy(current->bytes, current->file, current->n_file);
        current->n = current->n_file;
        for (size_t times = 1 + dice_below(&dice, 4); times > 0; times--)
            change(&dice);
        run_one();
    }
}

/* What killed the run is kept. */
static void report(const char *name)
{
    int fd = open("crash.input", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    if (fd < 0 || write(fd, current->bytes, current->n) != (ssize_t)current->n)
        perror("crash.input");
    if (fd >= 0)
        close(fd);
    fprintf(stderr, "%s: it failed after %zu changes; the input is in crash.input\n", name,
            current->n_changes);
}

static int run_file(int directory, const char *name)
{
    int fd = openat(directory, name, O_RDONLY | O_CLOEXEC), status = -1;
    ssize_t n = fd < 0 ? -1 : read(fd, current->file, MAX_INPUT_BYTES);
    pid_t child;

    if (fd >= 0)
        close(fd);
    if (n < 0) {
        perror(name);
        return -1;
    }
    current->n = current->n_file = (size_t)n;
    current->n_changes = 0;
    memcpy(current->bytes, current->file, current->n_file);
    child = fork();
    if (child == 0) {
        run_all(dice_rounds(1000, 8000));
        exit(0);
    }
    if (child > 0 && waitpid(child, &status, 0) == child && status == 0)
        return 0;
    report(name);
    return -1;
}

int main(int argc, char **argv)
{
    static DIR *directory; /* static: where the leak checker of a child looks */
    int n_run = 0, r = 0;

    directory = argc == 2 ? opendir(argv[1]) : NULL;
    current =
        mmap(NULL, sizeof *current, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (!directory || current == MAP_FAILED) {
        fprintf(stderr, "Usage: %s CORPUS_DIRECTORY\n", argv[0]);
        return 2;
    }
    for (struct dirent *entry = readdir(directory); entry && r == 0; entry = readdir(directory))
        if (entry->d_name[0] != '.') {
            r = run_file(dirfd(directory), entry->d_name);
            n_run++;
        }
    closedir(directory);
    munmap(current, sizeof *current);
    printf("%d files\n", n_run);
    return r == 0 && n_run > 0 ? 0 : 1;
}
