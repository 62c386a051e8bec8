/* command_completion.c — the completion for bash, written out of the method table: no word of it is
 * kept elsewhere. */
#include <stdio.h>
#include <string.h>

#include "client/command.h"
#include "proto/constants.h"
#include "proto/methods.h"
#include "proto/option.h"

static void print_names(void)
{
    size_t n;
    const struct command *commands = commands_all(&n);

    printf("_berth_names='");
    for (size_t i = 0; i < n; i++)
        printf("%s ", commands[i].name);
    for (int i = 0; i < N_METHODS; i++)
        printf("%s%s", method_at((enum method_id)i)->name, i + 1 < N_METHODS ? " " : "'\n");
}

static void print_keys_of(const struct shape *shape, const char *prefix)
{
    for (size_t i = 0; i < shape->n_fields; i++) {
        const struct field *field = &shape->fields[i];
        char inner[96];

        if (field->type == FIELD_OBJECT) {
            snprintf(inner, sizeof inner, "%s%s.", prefix, field->name);
            print_keys_of(field->of(), inner);
        } else if (field->type == FIELD_PAYLOAD) {
            printf(" %stext= %sbase64=", prefix, prefix);
        } else {
            printf(" %s%s%s", prefix, field->name, field->type == FIELD_OPTIONS ? "." : "=");
        }
    }
}

/* What may follow a command. */
static void print_follower(const struct command *command)
{
    if (command->follows == FOLLOWS_NAME)
        printf("    %s) echo \"$_berth_names\";;\n", command->name);
    if (command_has_options(command) || command->follows == FOLLOWS_NAME ||
        (command->follows == FOLLOWS_WORDS && !command->words))
        return;
    printf("    %s) echo '%s", command->name, command->words ? command->words : "");
    if (command->follows == FOLLOWS_FILTER)
        print_keys_of(shape_ledger_filter(), "");
    puts("';;");
}

/* What begins with a dash: before the command's name and, where it has none of its own, behind it.
 * And who takes a file. */
static void print_options_of_commands(void)
{
    size_t n;
    const struct command *commands = commands_all(&n);

    puts("_berth_options() {\n    case $1 in");
    for (size_t i = 0; i < n; i++)
        if (command_has_options(&commands[i]))
            printf("    %s) echo '%s';;\n", commands[i].name, commands[i].words);
    printf("    *) echo '--socket --json --file --stop --help --version';;\n    esac\n}\n"
           "_berth_takers='");
    for (size_t i = 0; i < n; i++)
        if (commands[i].follows == FOLLOWS_OPTIONS_AND_FILE)
            printf("%s ", commands[i].name);
    puts("'");
}

/* The keys of each method, and of the commands. */
static void print_keys(void)
{
    size_t n;
    const struct command *commands = commands_all(&n);

    puts("_berth_keys() {\n    case $1 in");
    for (int i = 0; i < N_METHODS; i++) {
        const struct method *method = method_at((enum method_id)i);

        printf("    %s) echo '", method->name);
        print_keys_of(method->params, "");
        printf("%s';;\n", !(method->flags & FD_IN)     ? ""
                          : method->id == METHOD_adopt ? " fd="
                                                       : " file=");
    }
    for (size_t i = 0; i < n; i++)
        print_follower(&commands[i]);
    puts("    esac\n}");
}

static void print_space(enum constant_space space)
{
    size_t n;
    const struct constant *rows = constants_of(space, &n);

    for (size_t i = 0; i < n; i++)
        printf(" %s", rows[i].name);
}

static void print_options(void)
{
    size_t n;
    const struct option *rows = options_all(&n);

    for (size_t i = 0; i < n; i++)
        printf(" %s", rows[i].name);
}

/* The values of rows whose type has names, by method and key: `type` and `flags` mean different
 * things. */
static void print_values_of(const struct method *method, const struct field *field)
{
    static const struct {
        enum field_type type;
        enum constant_space space;
    } spaces[] = {
        {FIELD_FAMILY, CONSTANT_FAMILY},     {FIELD_SOCKTYPE, CONSTANT_SOCKTYPE},
        {FIELD_PROTOCOL, CONSTANT_PROTOCOL}, {FIELD_LEVEL, CONSTANT_LEVEL},
        {FIELD_HOW, CONSTANT_HOW},           {FIELD_MSG_FLAGS, CONSTANT_MSG},
        {FIELD_AI_FLAGS, CONSTANT_AI},       {FIELD_NI_FLAGS, CONSTANT_NI},
        {FIELD_FORM, CONSTANT_FORM},
    };

    for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++) {
        if (spaces[i].type != field->type)
            continue;
        printf("    %s.%s) echo '", method->name, field->name);
        print_space(spaces[i].space);
        puts("';;");
    }
    if (field->type == FIELD_BOOL)
        printf("    %s.%s) echo 'true false';;\n", method->name, field->name);
}

static void print_values(void)
{
    puts("_berth_values() {\n    case $1.$2 in");
    for (int i = 0; i < N_METHODS; i++) {
        const struct method *method = method_at((enum method_id)i);

        for (size_t j = 0; j < method->params->n_fields; j++)
            print_values_of(method, &method->params->fields[j]);
    }
    printf("    *.option|*.options) echo '");
    print_options();
    puts("';;\n"
         "    *.timeout) echo 'null 0 1 5';;\n"
         "    *.lease) echo 'session permanent';;\n"
         "    esac\n}");
}

/* What stays the same whatever the table says. bash splits words at `=` and `:`, so they are put
 * together again here; what is before the last of them must not be repeated in the answers. */
static const char script[] =
    "_berth() {\n"
    "    local IFS=$' \\t\\n' line=${COMP_LINE:0:COMP_POINT} cur method= word skip=\n"
    "    cur=${line##*[[:space:]]}\n"
    "    for word in ${line%\"$cur\"}; do\n"
    "        if [[ $skip ]]; then skip=; continue; fi\n"
    "        case $word in\n"
    "        -s|--socket|-f|--file|--ca) skip=$word;;\n"
    "        -*|*/berth|berth) ;;\n"
    "        *) [[ $method ]] || method=$word;;\n"
    "        esac\n"
    "    done\n"
    "    COMPREPLY=()\n"
    "    if [[ $skip ]]; then\n"
    "        COMPREPLY=($(compgen -f -- \"$cur\"))\n"
    "    elif [[ $cur == -* ]]; then\n"
    "        COMPREPLY=($(compgen -W \"$(_berth_options \"$method\")\" -- \"$cur\"))\n"
    "    elif [[ ! $method ]]; then\n"
    "        COMPREPLY=($(compgen -W \"$_berth_names\" -- \"$cur\"))\n"
    "    elif [[ $cur == file=* ]]; then\n"
    "        COMPREPLY=($(compgen -f -- \"${cur#*=}\"))\n"
    "    elif [[ $cur == *=* ]]; then\n"
    "        COMPREPLY=($(compgen -W \"$(_berth_values \"$method\" \"${cur%%=*}\")\" -- "
    "\"${cur#*=}\"))\n"
    "    elif [[ $cur == options.* ]]; then\n"
    "        COMPREPLY=($(compgen -P options. -S = -W \"$(_berth_values \"$method\" options)\" -- "
    "\"${cur#*.}\"))\n"
    "        compopt -o nospace 2>/dev/null\n"
    "    else\n"
    "        COMPREPLY=($(compgen -W \"$(_berth_keys \"$method\")\" -- \"$cur\"))\n"
    "        [[ \" $_berth_takers \" == *\" $method \"* ]] && COMPREPLY=($(compgen -f -- "
    "\"$cur\"))\n"
    "        [[ ${COMPREPLY[0]} == *[=.] ]] && compopt -o nospace 2>/dev/null\n"
    "    fi\n"
    "}\n"
    "complete -F _berth berth\n";

int command_completion(struct cli *cli, int n, char **words)
{
    (void)cli;
    if (n != 2 || strcmp(words[1], "bash") != 0)
        return command_misused("completion: say for which shell: berth completion bash");
    puts("# bash completion for berth: source <(berth completion bash)");
    print_names();
    print_keys();
    print_values();
    print_options_of_commands();
    fputs(script, stdout);
    return EXIT_OK;
}
