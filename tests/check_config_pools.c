/* check_config_pools.c — sections [pool NAME] and [tls NAME]: what they mean; what is said of wrong ones stands
 * in golden/config, one file of settings beside one with its message. With BERTH_GOLDEN=1 the messages are
 * written anew. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/config.h"
#include "fault.h"
#include "house.h"
#include "settings.h"

/* Reads into *config, which must succeed. */
static void read_into(struct config *config)
{
    char message[512] = "";

    ck_assert_msg(config_read(settings_path, config, message, sizeof message) == 0, "%s", message);
}

static struct config read_text(const char *text)
{
    struct config config = config_default();

    settings_write("", text);
    read_into(&config);
    return config;
}

/* A file of this folder's parent, as text; to be freed. */
static char *read_source(const char *name)
{
    char full[512], *text = calloc(1, 1 << 16);
    FILE *f;

    snprintf(full, sizeof full, "%.*s%s", (int)(strrchr(__FILE__, '/') - __FILE__ + 1), __FILE__, name);
    f = fopen(full, "r");
    ck_assert_msg(f != NULL, "%s", full);
    ck_assert_uint_lt(fread(text, 1, (1 << 16) - 1, f), (1 << 16) - 1);
    fclose(f);
    return text;
}

/* -- golden files -- */

static int is_conf(const struct dirent *entry)
{
    return strlen(entry->d_name) > 5 && strcmp(entry->d_name + strlen(entry->d_name) - 5, ".conf") == 0;
}

/* Takes the folder out of a message: golden files are the same everywhere. */
static void forget(char *message, const char *folder)
{
    size_t n = strlen(folder) + 1;

    for (char *at; (at = strstr(message, folder));)
        memmove(at, at + n, strlen(at + n) + 1);
}

static void compare(const char *folder, const char *name)
{
    struct config config = config_default();
    char conf[700], expected[720], message[1024] = "", wanted[1024] = "";
    FILE *f;

    snprintf(conf, sizeof conf, "%s/%s", folder, name);
    snprintf(expected, sizeof expected, "%.*s.expected", (int)strlen(conf) - 5, conf);
    ck_assert_msg(config_read(conf, &config, message, sizeof message) < 0, "%s is taken", name);
    ck_assert_msg(!config.pools && !config.identities, "%s leaves something behind", name);
    ck_assert_msg(strncmp(message, folder, strlen(folder)) == 0, "%s: %s", name, message);
    forget(message, folder);
    f = fopen(expected, getenv("BERTH_GOLDEN") ? "w" : "r");
    ck_assert_msg(f != NULL, "%s: %s", expected, strerror(errno));
    if (getenv("BERTH_GOLDEN")) {
        fprintf(f, "%s\n", message);
    } else {
        ck_assert_ptr_nonnull(fgets(wanted, sizeof wanted, f));
        wanted[strcspn(wanted, "\n")] = '\0';
        ck_assert_str_eq(message, wanted);
    }
    fclose(f);
}

START_TEST(what_is_said_of_wrong_settings)
{
    struct dirent **names;
    char folder[400];
    int n;

    snprintf(folder, sizeof folder, "%.*sgolden/config", (int)(strrchr(__FILE__, '/') - __FILE__ + 1),
             __FILE__);
    n = scandir(folder, &names, is_conf, alphasort);
    ck_assert_int_gt(n, 50);
    for (int i = 0; i < n; i++) {
        compare(folder, names[i]->d_name);
        free(names[i]);
    }
    free(names);
}
END_TEST

/* -- what settings mean -- */

START_TEST(without_a_pool_there_is_one)
{
    struct config config = read_text("[daemon]\nmax-sessions = 3\n");

    ck_assert_ptr_nonnull(config.pools);
    ck_assert_str_eq(config.pools->first->name, "default");
    ck_assert_ptr_null(config.pools->first->next);
    ck_assert(!config.pools->first->settings.users.set);
    config_free(&config);
    ck_assert_ptr_null(config.pools);
}
END_TEST

/* The example of berthd.conf(5) and of the commented file: every key. */
static const char example[] =
    "[pool web]\n"
    "users = root, 41001              # who may use it\n"
    "groups = root\n"
    "admins = 41003\n"
    "families = AF_INET, AF_INET6, AF_UNIX\n"
    "types = SOCK_STREAM\n"
    "bind = 0.0.0.0:80, [::]:443, 127.0.0.1:8000-8999, unix:/run/web/*, unix:@web-*\n"
    "connect = 10.0.0.0/8:5432, [::1]:*, *.example.com:443\n"
    "planes = message, stream          # and handoff\n"
    "broadcast = no\n"
    "max-sockets = 1024\n"
    "max-sockets-per-session = 64\n"
    "max-sockets-per-uid = 512\n"
    "max-buffer = 64M\n"
    "max-lease = 1d                    # or permanent\n"
    "idle-suspect = 10min              # 0: never\n"
    "keepalive = yes\n"
    "adopt = web-http, web-https\n"
    "\n"
    "[tls shop]\n"
    "cert = /etc/berth/shop.pem\n"
    "key = /etc/berth/shop.key\n"
    "ca = /etc/berth/ca.pem\n"
    "pools = web\n";

START_TEST(every_key_is_taken)
{
    struct config config = read_text(example);
    const struct pool *p = config.pools->first;
    const struct pool_settings *s = &p->settings;
    const struct tls_identity *id = config.identities;
    struct verdict v;

    ck_assert_str_eq(p->name, "web");
    ck_assert_str_eq(s->path, settings_path);
    ck_assert_int_eq(s->line, 1);
    ck_assert_uint_eq(s->users.n, 2);
    ck_assert_uint_eq(s->users.items[1], 41001);
    ck_assert_uint_eq(s->groups.n, 1);
    ck_assert_uint_eq(s->admins.items[0], 41003);
    ck_assert_int_eq(s->limits.n_max_sockets, 1024);
    ck_assert_int_eq(s->limits.n_max_sockets_per_session, 64);
    ck_assert_int_eq(s->limits.n_max_sockets_per_uid, 512);
    ck_assert_int_eq(s->limits.n_max_buffer_bytes, 64 << 20);
    ck_assert_int_eq(s->limits.max_lease_usec, 86400000000LL);
    ck_assert_int_eq(s->limits.idle_suspect_usec, 600000000LL);
    ck_assert(s->keepalive);
    ck_assert_uint_eq(s->adopt.n, 2);
    ck_assert_str_eq(s->adopt.items[1], "web-https");
    ck_assert(policy_check_socket(s->policy, AF_UNIX, SOCK_STREAM, &v));
    ck_assert(!policy_check_socket(s->policy, AF_INET, SOCK_DGRAM, &v));
    ck_assert(!policy_check_plane(s->policy, PLANE_HANDOFF, &v));
    ck_assert(!policy_check_option(s->policy, SOL_SOCKET, SO_BROADCAST, "1", 1, &v));

    ck_assert_str_eq(id->name, "shop");
    ck_assert_str_eq(id->cert, "/etc/berth/shop.pem");
    ck_assert_str_eq(id->key, "/etc/berth/shop.key");
    ck_assert_str_eq(id->ca, "/etc/berth/ca.pem");
    ck_assert_str_eq(id->pools.items[0], "web");
    ck_assert_ptr_null(id->next);
    config_free(&config);
}
END_TEST

START_TEST(the_other_values)
{
    struct config config = read_text("[pool  web ]\nmax-lease = permanent\nidle-suspect = 0\nkeepalive = no\n"
                                     "broadcast = yes\nusers =\n[tls a]\n[pool b]\n");
    const struct pool_settings *s = &config.pools->first->settings;
    struct verdict v;

    ck_assert_int_eq(s->limits.max_lease_usec, LEASE_PERMANENT);
    ck_assert_int_eq(s->limits.idle_suspect_usec, 0);
    ck_assert(!s->keepalive);
    ck_assert(policy_check_option(s->policy, SOL_SOCKET, SO_BROADCAST, "1", 1, &v));
    ck_assert(s->users.set);
    ck_assert_uint_eq(s->users.n, 0);
    ck_assert_str_eq(config.pools->first->name, "web");
    ck_assert_str_eq(config.pools->first->next->name, "b");
    ck_assert_int_eq(config.pools->first->next->settings.line, 8);
    config_free(&config);
}
END_TEST

/* -- rules and their lines -- */

static bool may_bind(const struct config *config, const char *ip, uint16_t port, struct verdict *v)
{
    struct wire_sockaddr address = {.len = sizeof(struct sockaddr_in)};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&address.addr;

    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    ck_assert_int_eq(inet_pton(AF_INET, ip, &v4->sin_addr), 1);
    return policy_check_bind(config->pools->first->settings.policy, &address, v);
}

START_TEST(a_rule_knows_its_line)
{
    struct config config = read_text("[pool web]\nusers = root\nbind = 10.0.0.1:80,\n\n"
                                     "\t10.0.0.2:80, 10.0.0.3:80, # more\n  # and\n   10.0.0.4:80\n");
    struct verdict v;
    char rule[256];

    for (int i = 1; i <= 4; i++) {
        char ip[32];
        static const int lines[] = {0, 3, 5, 5, 7};

        snprintf(ip, sizeof ip, "10.0.0.%d", i);
        ck_assert(may_bind(&config, ip, 80, &v));
        snprintf(rule, sizeof rule, "bind %s:80 (%s:%d)", ip, settings_path, lines[i]);
        ck_assert_str_eq(v.rule, rule);
    }
    ck_assert(!may_bind(&config, "10.0.0.5", 80, &v));
    snprintf(rule, sizeof rule, "bind = 10.0.0.1:80, 10.0.0.2:80, 10.0.0.3:80, 10.0.0.4:80 (%s:3)", settings_path);
    ck_assert_str_eq(v.rule, rule);
    config_free(&config);
}
END_TEST

/* libinih's buffer ends somewhere in each of these lines. */
START_TEST(a_long_line_is_taken_whole)
{
    char *text = calloc(1, 1 << 16), ip[32];
    struct config config;
    struct verdict v;

    for (int n_blanks = 0; n_blanks < 40; n_blanks += 3) {
        sprintf(text, "[pool web]\nbind =%*s", n_blanks, "");
        for (int i = 0; i < 2000; i++)
            sprintf(text + strlen(text), "%s10.0.%d.%d:%d", i ? i % 3 ? "," : ",  " : "", i / 200, i % 200,
                    i + 1);
        strcat(text, "\nusers = root\n");
        config = read_text(text);
        for (int i = 0; i < 2000; i++) {
            snprintf(ip, sizeof ip, "10.0.%d.%d", i / 200, i % 200);
            ck_assert_msg(may_bind(&config, ip, (uint16_t)(i + 1), &v), "%s:%d", ip, i + 1);
        }
        ck_assert(!may_bind(&config, "10.0.0.0", 2, &v));
        ck_assert_uint_eq(config.pools->first->settings.users.n, 1);
        config_free(&config);
    }
    free(text);
}
END_TEST

/* A value of one item that is longer than libinih's line, at every place of its end. */
START_TEST(a_long_value_is_taken_whole)
{
    char text[2000], value[1200];
    struct config config;

    for (size_t n = 180; n < 1000; n += 7) {
        memset(value, 'x', n);
        for (size_t i = n % 4 + 1; i < n; i += 4)
            value[i] = ' ';
        value[n / 3 - 1] = value[n - 2] = 'x'; /* no comments */
        value[0] = '/';
        value[n / 2] = '=';
        value[n / 3] = ';';
        value[n - 1] = '#';
        value[n] = '\0';
        snprintf(text, sizeof text, "[tls a]\ncert = %s\nkey = /k\n", value);
        config = read_text(text);
        ck_assert_str_eq(config.identities->cert, value);
        ck_assert_str_eq(config.identities->key, "/k");
        config_free(&config);
    }
}
END_TEST

START_TEST(comments_ends_and_marks)
{
    struct config config = read_text("\xef\xbb\xbf[pool web] # ours\r\n; nothing\r\n#nothing\r\nusers = root ; he\r\n"
                                     "adopt = a#b, c;d\r\n\r\n   \r\nmax-sockets=7");
    const struct pool_settings *s = &config.pools->first->settings;

    ck_assert_uint_eq(s->users.n, 1);
    ck_assert_str_eq(s->adopt.items[0], "a#b");
    ck_assert_str_eq(s->adopt.items[1], "c;d");
    ck_assert_int_eq(s->limits.n_max_sockets, 7);
    config_free(&config);
}
END_TEST

/* An item that begins with a bracket goes on with the key above; sections and keys may be set in. */
START_TEST(lines_that_begin_with_blanks)
{
    struct config config = read_text("  [pool web]\n    bind = 127.0.0.1:80,\n      [::1]:80\n    connect =\n"
                                     "      unix:/a=b,\n      [::1]:81\n    keepalive = no\n"
                                     "  [pool b]\n\tusers\t= root\n");
    const struct pool *web = config.pools->first;

    ck_assert_str_eq(web->name, "web");
    ck_assert(!web->settings.keepalive);
    ck_assert_str_eq(web->next->name, "b");
    ck_assert_uint_eq(web->next->settings.users.n, 1);
    config_free(&config);
}
END_TEST

/* -- several files, and again -- */

START_TEST(pools_of_several_files)
{
    struct config config;
    char message[512] = "", wanted[512];

    settings_write(".d/20.conf", "[pool c]\nusers = root\n[tls x]\npools = a, b, c\n");
    settings_write(".d/10.conf", "[pool b]\nusers = root\n");
    config = read_text("[pool a]\nusers = root\n");
    ck_assert_str_eq(config.pools->first->name, "a");
    ck_assert_str_eq(config.pools->first->next->name, "b");
    ck_assert_str_eq(config.pools->first->next->next->name, "c");

    settings_write(".d/20.conf", "[pool c]\nusers = root\n\n[pool a]\nusers = root\n");
    ck_assert_int_lt(config_read(settings_path, &config, message, sizeof message), 0);
    snprintf(wanted, sizeof wanted, "%s.d/20.conf:4: [pool a] is already at %s:1", settings_path, settings_path);
    ck_assert_str_eq(message, wanted);
    config_free(&config);
}
END_TEST

/* A directory of settings that cannot be listed must not be taken for an empty one: rules may stand in it. */
START_TEST(a_directory_that_is_none)
{
    struct config config = config_default();
    char message[512] = "";

    settings_remove(".d");
    settings_write(".d", "no directory");
    settings_write("", "");
    ck_assert_int_lt(config_read(settings_path, &config, message, sizeof message), 0);
    ck_assert_ptr_nonnull(strstr(message, ".d: "));
}
END_TEST

START_TEST(a_file_that_is_a_directory)
{
    struct config config = config_default();
    char message[512] = "";

    ck_assert_int_lt(config_read(settings_folder, &config, message, sizeof message), 0);
    ck_assert_ptr_nonnull(strstr(message, settings_folder));
}
END_TEST

START_TEST(read_again)
{
    struct config config = read_text("[pool a]\nmax-sockets = 5\n[tls x]\n");
    struct pool *a = config.pools->first;
    struct pools *pools = config.pools;
    struct pool_charge charge = {0};
    struct pool_shortage shortage;
    char message[512] = "";

    ck_assert_int_eq(pool_charge(&charge, a, 1, 0, &shortage), 0);

    /* a fault changes nothing */
    settings_write("", "[daemon]\nmax-sessions = 7\n[pool a]\nmax-sockets = 9\n[pool b]\nmax-sockets = x\n");
    ck_assert_int_lt(config_read(settings_path, &config, message, sizeof message), 0);
    ck_assert_ptr_eq(config.pools, pools);
    ck_assert_int_eq(a->settings.limits.n_max_sockets, 5);
    ck_assert_ptr_null(a->next);
    ck_assert_str_eq(config.identities->name, "x");
    ck_assert_int_eq(config.n_max_sessions, config_default().n_max_sessions);

    /* what is right is taken, and what is in use stays */
    settings_write("", "[daemon]\nmax-sessions = 7\n[pool b]\n[pool a]\nmax-sockets = 1\n");
    read_into(&config);
    ck_assert_ptr_eq(config.pools, pools);
    ck_assert_str_eq(pools->first->name, "b");
    ck_assert_ptr_eq(pools_find(pools, "a"), a);
    ck_assert_int_eq(a->settings.limits.n_max_sockets, 1);
    ck_assert_int_eq(a->n_sockets, 1);
    ck_assert_ptr_null(config.identities);
    ck_assert_int_eq(config.n_max_sessions, 7);

    /* without any pool: the default, and the old ones retire */
    settings_write("", "");
    read_into(&config);
    ck_assert_str_eq(pools->first->name, "default");
    ck_assert(a->is_retired);
    pool_uncharge(&charge);
    config_free(&config);
}
END_TEST

/* Whichever allocation fails: an error, nothing changed, nothing left behind. Without the linker's help (fault.h)
 * none does. */
START_TEST(out_of_memory)
{
    struct config config, old;
    char message[512];
    long n = 0;
    int r;

    settings_write(".d/10.conf", "[pool b]\nbind = 127.0.0.1:80,\n  [fe80::1%lo]:80\n");
    config = read_text("[pool old]\n[tls x]\n");
    settings_write("", example);
    do {
        old = config;
        *message = '\0';
        fault_set(++n);
        fault_turn(true);
        r = config_read(settings_path, &config, message, sizeof message);
        fault_turn(false);
        ck_assert_int_eq(r, fault_has_happened() ? -ENOMEM : 0);
        if (r) {
            ck_assert_mem_eq(&old, &config, sizeof old);
            ck_assert_msg(strstr(message, "emory") != NULL, "%s", message);
        }
    } while (r);
    ck_assert(!fault_is_possible() || n > 100);
    ck_assert_str_eq(config.pools->first->name, "web");
    config_free(&config);
}
END_TEST

/* -- the file that is installed -- */

/* With its comments that begin without a blank taken for settings it must be right, and must name every key. */
START_TEST(the_example_is_right)
{
    char *text = read_source("../systemd/berthd.conf"), *made = calloc(1, 1 << 16), *to = made;
    struct config config;
    char *line, *rest = text;

    while ((line = strsep(&rest, "\n"))) {
        if (line[0] == '#' && line[1] && line[1] != ' ')
            line++;
        if (strncmp(line, "users = ", 8) == 0 || strncmp(line, "groups = ", 9) == 0 ||
            strncmp(line, "admins = ", 9) == 0)
            strcpy(strchr(line, '=') + 2, "root"); /* its users are of another machine */
        to += sprintf(to, "%s\n", line);
    }
    config = read_text(made);
    ck_assert_str_eq(config.pools->first->name, "web");
    ck_assert_str_eq(config.identities->name, "shop");
    for (const char *key = example; *key; key = strchr(key, '\n') + 1) {
        char word[64];

        snprintf(word, sizeof word, "\n%.*s =", (int)strcspn(key, " ="), key);
        if (strchr("[\n", *key) == NULL)
            ck_assert_msg(strstr(made, word) != NULL, "%s is not in berthd.conf", word);
    }
    config_free(&config);
    free(made);
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config_pools");
    TCase *tc = tcase_create("config_pools");

    tcase_add_checked_fixture(tc, settings_make, settings_done);
    tcase_set_timeout(tc, 30);
    suite_add_tcase(suite, tc);
    tcase_add_test(tc, what_is_said_of_wrong_settings);
    tcase_add_test(tc, without_a_pool_there_is_one);
    tcase_add_test(tc, every_key_is_taken);
    tcase_add_test(tc, the_other_values);
    tcase_add_test(tc, a_rule_knows_its_line);
    tcase_add_test(tc, a_long_line_is_taken_whole);
    tcase_add_test(tc, a_long_value_is_taken_whole);
    tcase_add_test(tc, comments_ends_and_marks);
    tcase_add_test(tc, lines_that_begin_with_blanks);
    tcase_add_test(tc, pools_of_several_files);
    tcase_add_test(tc, a_directory_that_is_none);
    tcase_add_test(tc, a_file_that_is_a_directory);
    tcase_add_test(tc, read_again);
    tcase_add_test(tc, out_of_memory);
    tcase_add_test(tc, the_example_is_right);
    return house_run(suite);
}
