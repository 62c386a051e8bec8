/* replay.c — stands in for libFuzzer where it is not linked: runs every file of the corpus through
 * the fuzzer's entry, so that what was found once stays found. An empty corpus is a failure. */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { MAX_INPUT_BYTES = 4 << 20 };

static int replay(int directory, const char *name, uint8_t *room)
{
    int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, room, MAX_INPUT_BYTES);
    uint8_t *exact = n < 0 ? NULL : malloc(n ? (size_t)n : 1);

    if (fd >= 0)
        close(fd);
    if (!exact) {
        perror(name);
        return -1;
    }
    /* In memory of its own size, so that a read past its end is seen. */
    for (ssize_t i = 0; i < n; i++)
        exact[i] = room[i];
    LLVMFuzzerTestOneInput(exact, (size_t)n);
    free(exact);
    return 0;
}

int main(int argc, char **argv)
{
    DIR *directory = argc == 2 ? opendir(argv[1]) : NULL;
    uint8_t *room = malloc(MAX_INPUT_BYTES);
    int n_run = 0, r = 0;

    if (!directory || !room) {
        fprintf(stderr, "Usage: %s CORPUS_DIRECTORY\n", argv[0]);
        return 2;
    }
    for (struct dirent *entry = readdir(directory); entry && r == 0; entry = readdir(directory))
        if (entry->d_name[0] != '.') {
            r = replay(dirfd(directory), entry->d_name, room);
            n_run++;
        }
    closedir(directory);
    free(room);
    printf("%d inputs\n", n_run);
    return r == 0 && n_run > 0 ? 0 : 1;
}
