/* Prints METHODS.md: the method table for people. A program of its own; the build compares what it
 * prints with the file in the tree. */
#include <stdio.h>
#include <string.h>

#include "errors.h"
#include "methods.h"

static void print_name(const struct field *field)
{
    if (field->type == FIELD_PAYLOAD)
        printf("`text` or `base64`");
    else
        printf("`%s`", field->name);
}

static void print_rows(const struct shape *shape, const char *prefix)
{
    for (size_t i = 0; i < shape->n_fields; i++) {
        const struct field *field = &shape->fields[i];
        char inner[128];

        printf("| %s", prefix);
        print_name(field);
        printf("%s | %s | %s |\n", field->need == OPTIONAL ? " ?" : "",
               field_type_name(field->type), field->doc);
        if (!field->of)
            continue;
        snprintf(inner, sizeof inner, "%s%s%s ", prefix, field->name,
                 field->type == FIELD_LIST ? "[]." : ".");
        print_rows(field->of(), inner);
    }
}

static void print_table(const char *title, const struct shape *shape)
{
    if (shape->n_fields == 0)
        return;
    printf("\n| %s | type | |\n| --- | --- | --- |\n", title);
    print_rows(shape, "");
}

static void print_method(const struct method *m)
{
    printf("\n### %s\n\n%s\n", m->name, m->doc);
    if (m->flags & FD_IN)
        puts("\nOne descriptor comes with the request, which says `\"fds\": 1`.");
    if (m->flags & FD_OUT)
        puts("\nOne descriptor comes with the reply, which says `\"fds\": 1`.");
    if (m->flags & REPEATABLE)
        puts("\nRepeatable: asking again has no further effect.");
    print_table("parameter", m->params);
    if (m->result == shape_ledger_row())
        puts("\nThe result is a [row of the ledger](#row).");
    else if (m->flags & WHOLE_RESULT)
        puts("\nThe result is the document itself.");
    else if (m->result == shape_ledger_list_result())
        puts("\nThe result is `rows`, a list of [rows](#row), and `next`, which is there when "
             "there are more:\n"
             "give it as `after`.");
    else
        print_table("result", m->result);
}

static void print_errors(void)
{
    puts("\n## Errors\n\n| code | kind | when |\n| --- | --- | --- |");
    for (int id = ERROR_NONE + 1; id < N_ERRORS; id++) {
        const struct error_info *info = error_info((enum error_id)id);

        printf("| %d | `%s` | %s |\n", info->code, info->kind, info->sentence);
    }
}

int main(void)
{
    puts("# Methods\n\nDerived from the method table (`proto/methods.h`) by `methods_md`; do not "
         "edit. `?` marks what"
         " may be left out.\nHow requests and values are written says "
         "[PROTOCOL.md](PROTOCOL.md).\n");
    for (int id = 0; id < N_METHODS; id++) {
        const char *name = method_at((enum method_id)id)->name;

        printf("[%s](#%s)%s", name, name, id + 1 < N_METHODS ? " · " : "\n");
    }
    for (int id = 0; id < N_METHODS; id++)
        print_method(method_at((enum method_id)id));
    printf("\n<a id=\"row\"></a>\n\n## Row of the ledger\n");
    print_table("member", shape_ledger_row());
    print_errors();
    return 0;
}
