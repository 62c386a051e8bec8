/* command_help.c — help, derived from the method table and the rows of the commands. */
#include <stdio.h>
#include <string.h>

#include "client/command.h"
#include "client/table.h"
#include "client/term.h"
#include "client/words.h"

static void heading(const char *text)
{
    printf("%s%s%s\n", term_style(stdout, TERM_KEY), text, term_style(stdout, TERM_PLAIN));
}

static const char *key_of(const struct field *field)
{
    return field->type == FIELD_PAYLOAD ? "text" : field->name;
}

/* -- one method -------------------------------------------------------------------------------- */

static void print_usage(const struct method *method)
{
    const struct shape *shape = method->params;

    heading("Usage");
    printf("  berth %s", method->name);
    for (size_t i = 0; i < shape->n_fields; i++) {
        const struct field *field = &shape->fields[i];
        bool may = field->need == OPTIONAL;

        printf(" %s%s=%s%s", may ? "[" : "", key_of(field), words_placeholder(field->type),
               may ? "]" : "");
    }
    printf("%s\n", !(method->flags & FD_IN)     ? ""
                   : method->id == METHOD_adopt ? " fd=NUMBER"
                                                : " file=PATH");
}

static int add_field(struct table *table, const char *prefix, const struct field *field)
{
    char key[128];

    snprintf(key, sizeof key, "  %s%s", prefix,
             field->type == FIELD_PAYLOAD ? "text | base64" : field->name);
    if (table_add_line(table) < 0 || table_set(table, "KEY", key) < 0 ||
        table_set(table, "TYPE", field_type_name(field->type)) < 0 ||
        table_set(table, "NEED", field->need == REQUIRED ? "required" : "optional") < 0)
        return -1;
    return table_set(table, "DOC", field->doc);
}

static int add_fields(struct table *table, const char *prefix, const struct shape *shape)
{
    int r = 0;

    for (size_t i = 0; i < shape->n_fields && !r; i++) {
        const struct field *field = &shape->fields[i];
        char inner[96];

        r = add_field(table, prefix, field);
        snprintf(inner, sizeof inner, "%s%s%s.", prefix, field->name,
                 field->type == FIELD_LIST ? "[]" : "");
        if (!r && field->of)
            r = add_fields(table, inner, field->of());
    }
    return r;
}

static void print_shape(const char *title, const struct shape *shape)
{
    struct table *table = table_new(false);

    if (shape->n_fields && table && add_fields(table, "", shape) == 0) {
        heading(title);
        table_print(table);
    }
    table_free(table);
}

static void print_example(const struct method *method)
{
    const struct shape *shape = method->params;

    heading("Example");
    printf("  berth %s", method->name);
    for (size_t i = 0; i < shape->n_fields; i++)
        if (shape->fields[i].need == REQUIRED)
            printf(" %s%c%s", key_of(&shape->fields[i]),
                   shape->fields[i].type == FIELD_OBJECT ? '.' : '=',
                   words_sample(&shape->fields[i]));
    printf("%s\n", !(method->flags & FD_IN)     ? ""
                   : method->id == METHOD_adopt ? " fd=3"
                                                : " file=/etc/hostname");
}

static int help_method(const struct method *method)
{
    printf("%s%s%s: %s\n", term_style(stdout, TERM_KEY), method->name,
           term_style(stdout, TERM_PLAIN), method->doc);
    print_usage(method);
    print_shape("Parameters", method->params);
    print_shape("Result", method->result);
    if (!(method->flags & FD_OUT))
        print_example(method);
    return EXIT_OK;
}

/* -- all --------------------------------------------------------------------------------------- */

static void print_commands(void)
{
    size_t n;
    const struct command *commands = commands_all(&n);

    heading("Commands");
    for (size_t i = 0; i < n; i++)
        printf("  berth %s%s%s\n      %s\n", commands[i].name, *commands[i].usage ? " " : "",
               commands[i].usage, commands[i].doc);
}

static int help_all(void)
{
    puts("berth asks berthd, the daemon that owns sockets for other processes.");
    heading("Usage");
    puts("  berth [--socket PATH] [--json] METHOD [KEY=VALUE …]");
    heading("Values");
    puts("  address=127.0.0.1:80   address=[fe80::1%eth0]:80   address=localhost:80\n"
         "  address=unix:/run/x    address=unix:@abstract\n"
         "  handle=16777217        handle=web        handle=@c   (a name)\n"
         "  timeout=2.5            timeout=null      (for ever)\n"
         "  flags=MSG_PEEK,MSG_DONTWAIT              options.TCP_NODELAY=true\n"
         "  KEY:=JSON              JSON as it stands");
    heading("Options");
    puts("  -s, --socket PATH  the daemon's socket; else $BERTH_SOCKET, else "
         "/run/berth/berth.sock,\n"
         "                     else $XDG_RUNTIME_DIR/berth.sock\n"
         "  -j, --json         print JSON, one line a result, also on a terminal\n"
         "  -f, --file PATH    the file whose descriptor goes along (sendfile)\n"
         "  -e, --stop         shell: stop at the first command that fails\n"
         "  -h, --help         this text\n"
         "  -V, --version      the version");
    print_commands();
    heading("Methods");
    puts("  berth methods          lists them; berth help METHOD explains one");
    heading("Exit status");
    puts("  0 done, 1 the daemon refused or cannot be reached, 2 wrong usage");
    return EXIT_OK;
}

static int help_command(const struct command *command)
{
    printf("%s%s%s: %s\n", term_style(stdout, TERM_KEY), command->name,
           term_style(stdout, TERM_PLAIN), command->doc);
    heading("Usage");
    printf("  berth %s %s\n", command->name, command->usage);
    if (command->more)
        printf("\n%s", command->more);
    return EXIT_OK;
}

int command_help(struct cli *cli, int n, char **words)
{
    const struct command *command = n > 1 ? command_find(words[1]) : NULL;
    const struct method *method = n > 1 ? method_find(words[1], strlen(words[1])) : NULL;

    (void)cli;
    if (n > 2)
        return command_misused("help: one name at a time");
    if (n == 1)
        return help_all();
    if (command)
        return help_command(command);
    if (method)
        return help_method(method);
    return command_unknown(words[1]);
}

int command_methods(struct cli *cli, int n, char **words)
{
    struct table *table = table_new(false);

    if (n > 1) {
        table_free(table);
        return command_misused("methods: there is no parameter %s", words[1]);
    }
    (void)cli;
    for (int i = 0; table && i < N_METHODS; i++) {
        const struct method *method = method_at((enum method_id)i);

        if (table_add_line(table) < 0 || table_set(table, "METHOD", method->name) < 0 ||
            table_set(table, "DOC", method->doc) < 0)
            break;
    }
    if (table)
        table_print(table);
    table_free(table);
    return EXIT_OK;
}
