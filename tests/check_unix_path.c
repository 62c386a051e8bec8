/* check_unix_path.c — where the path of a Unix socket leads. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/unix_path.h"
#include "house.h"

static char folder[] = "/tmp/check_unix_path.XXXXXX";
static int n_fds;

static struct wire_sockaddr address_of(const char *path)
{
    struct wire_sockaddr ret = {.addr.ss_family = AF_UNIX};
    size_t n = strlen(path);

    ck_assert_uint_le(n, sizeof((struct sockaddr_un *)NULL)->sun_path);
    memcpy(((struct sockaddr_un *)&ret.addr)->sun_path, path, n);
    ret.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    return ret;
}

static const char *path_of(const struct wire_sockaddr *a)
{
    return ((const struct sockaddr_un *)&a->addr)->sun_path;
}

/* In a folder of its own: a socket `s`, a folder `sub`, and links to both and to nothing. */
static void make(void)
{
    struct wire_sockaddr s = address_of("s");
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    n_fds = house_count_fds();
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chdir(folder), 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&s.addr, s.len), 0);
    ck_assert_int_eq(listen(fd, 5), 0);
    ck_assert_int_eq(mkdir("sub", 0700), 0);
    ck_assert_int_eq(symlink("s", "to_s"), 0);
    ck_assert_int_eq(symlink("sub/../to_s", "to_link"), 0);
    ck_assert_int_eq(symlink("sub", "to_sub"), 0);
    ck_assert_int_eq(symlink("none", "to_none"), 0);
}

static void clear(void)
{
    static const char *const names[] = {"s", "sub", "to_s", "to_link", "to_sub", "to_none", "new"};

    ck_assert_int_eq(house_count_fds(), n_fds);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        (void)!remove(names[i]);
    ck_assert_int_eq(rmdir(folder), 0);
}

static const struct {
    bool is_bind;
    const char *asked, *real; /* in the folder; real NULL: errno */
    int error;
} paths[] = {
    {false, "s", "s", 0},
    {false, "to_s", "s", 0},
    {false, "to_link", "s", 0},
    {false, "to_sub/../to_s", "s", 0},
    {false, "sub", "sub", 0},
    {false, "to_none", NULL, -ENOENT},
    {false, "s/s", NULL, -ENOTDIR},
    {true, "new", "new", 0},
    {true, "to_sub/new", "sub/new", 0},
    {true, "to_s", "to_s", 0}, /* bind(2) follows no link there */
    {true, "none/new", NULL, -ENOENT},
    {true, "s/new", NULL, -ENOTDIR},
};

START_TEST(links_are_followed)
{
    char asked[128], real[128];
    struct wire_sockaddr address, found;
    int fd;

    snprintf(asked, sizeof asked, "%s/%s", folder, paths[_i].asked);
    snprintf(real, sizeof real, "%s/%s", folder, paths[_i].real ? paths[_i].real : "");
    address = address_of(asked);
    ck_assert(unix_path_is(&address));
    fd = unix_path_open(&address, paths[_i].is_bind, &found);
    if (!paths[_i].real) {
        ck_assert_int_eq(fd, paths[_i].error);
        return;
    }
    ck_assert_int_ge(fd, 0);
    ck_assert_str_eq(path_of(&found), real);
    close(fd);
}
END_TEST

START_TEST(the_descriptor_leads_to_the_file)
{
    char asked[128];
    struct wire_sockaddr address, found, via;
    int fd, own = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(asked, sizeof asked, "%s/to_s", folder);
    address = address_of(asked);
    fd = unix_path_open(&address, false, &found);
    ck_assert_int_ge(fd, 0);
    /* Whatever becomes of the path. */
    ck_assert_int_eq(unlink("to_s"), 0);
    ck_assert_int_eq(rename("s", "new"), 0);
    unix_path_of_fd(fd, &via);
    ck_assert_int_eq(connect(own, (struct sockaddr *)&via.addr, via.len), 0);
    close(own);
    close(fd);
}
END_TEST

START_TEST(the_root_and_long_paths)
{
    struct wire_sockaddr found, address = address_of("/new");
    char name[101], deep[512];
    int fd = unix_path_open(&address, true, &found);

    ck_assert_str_eq(path_of(&found), "/new");
    close(fd);
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    snprintf(deep, sizeof deep, "sub/%s", name);
    ck_assert_int_eq(mkdir(deep, 0700), 0);
    ck_assert_int_eq(symlink(deep, "new"), 0);
    snprintf(deep, sizeof deep, "%s/new/s", folder);
    address = address_of(deep);
    ck_assert_int_eq(unix_path_open(&address, true, &found), -ENAMETOOLONG);
    snprintf(deep, sizeof deep, "sub/%s", name);
    ck_assert_int_eq(rmdir(deep), 0);
}
END_TEST

START_TEST(what_is_no_path)
{
    struct wire_sockaddr unnamed = address_of(""), abstract = address_of("xy"),
                         inet = address_of("/x");

    ((struct sockaddr_un *)&abstract.addr)->sun_path[0] = '\0';
    inet.addr.ss_family = AF_INET;
    ck_assert(!unix_path_is(&unnamed));
    ck_assert(!unix_path_is(&abstract));
    ck_assert(!unix_path_is(&inet));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("unix_path");
    TCase *tc = tcase_create("paths");

    tcase_add_checked_fixture(tc, make, clear);
    tcase_add_loop_test(tc, links_are_followed, 0, (int)(sizeof paths / sizeof *paths));
    tcase_add_test(tc, the_descriptor_leads_to_the_file);
    tcase_add_test(tc, the_root_and_long_paths);
    tcase_add_test(tc, what_is_no_path);
    suite_add_tcase(suite, tc);
    return house_run(suite);
}
