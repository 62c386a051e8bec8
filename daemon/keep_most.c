/* How many descriptors the service manager keeps. */
#include "keep.h"

#include <stdlib.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-login.h>

enum { ASK_USEC = 1000000 };

/* The bus of the manager that runs us, and the name of our unit (malloc'ed). */
static int find_manager(sd_bus **ret_bus, char **ret_unit)
{
    if (sd_pid_get_user_unit(0, ret_unit) >= 0)
        return sd_bus_open_user(ret_bus);
    if (sd_pid_get_unit(0, ret_unit) >= 0)
        return sd_bus_open_system(ret_bus);
    *ret_unit = NULL;
    return -1;
}

/* org.freedesktop.systemd1(5): the property of a service. -1: nobody says. */
static int64_t ask_manager(void)
{
    sd_bus *bus = NULL;
    char *unit = NULL, *path = NULL;
    uint32_t n = 0;
    int r = find_manager(&bus, &unit);

    if (r >= 0)
        r = sd_bus_set_method_call_timeout(bus, ASK_USEC);
    if (r >= 0)
        r = sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit, &path);
    if (r >= 0)
        r = sd_bus_get_property_trivial(bus, "org.freedesktop.systemd1", path,
                                        "org.freedesktop.systemd1.Service",
                                        "FileDescriptorStoreMax", NULL, 'u', &n);
    sd_bus_close_unref(bus);
    free(unit);
    free(path);
    return r < 0 ? -1 : (int64_t)n;
}

/* A number of an environment variable; -1 where there is none. */
static int64_t read_variable(const char *name)
{
    const char *text = getenv(name);
    char *end;
    long long n = text ? strtoll(text, &end, 10) : -1;

    return text && *text && !*end && n >= 0 && n <= INT32_MAX ? n : -1;
}

int64_t keep_find_most(const struct notify *notify)
{
    int64_t n;

    if (notify->fd < 0)
        return 0;
    if ((n = read_variable("FDSTORE")) < 0 && (n = ask_manager()) < 0)
        n = read_variable("BERTH_FDSTORE_MAX");
    return n < 0 ? 0 : n;
}
