#include "settings.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char settings_folder[64], settings_path[128];

void settings_make(void)
{
    char more[160];

    strcpy(settings_folder, "/tmp/berth_check_XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(settings_folder));
    snprintf(settings_path, sizeof settings_path, "%s/berthd.conf", settings_folder);
    snprintf(more, sizeof more, "%s.d", settings_path);
    ck_assert_int_eq(mkdir(more, 0700), 0);
}

void settings_write(const char *name, const char *text)
{
    char full[256];
    FILE *f;

    snprintf(full, sizeof full, "%s%s", settings_path, name);
    f = fopen(full, "w");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
}

void settings_remove(const char *name)
{
    char full[256];

    snprintf(full, sizeof full, "%s%s", settings_path, name);
    remove(full);
}

void settings_done(void)
{
    settings_remove(".d/10.conf");
    settings_remove(".d/20.conf");
    settings_remove(".d/30.other");
    settings_remove(".d");
    settings_remove("");
    rmdir(settings_folder);
}
