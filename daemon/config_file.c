#include "config_file.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/utf8.h"

#define BLANKS " \t\r\n\v\f"

enum { MAX_LINE_BYTES = 1 << 16, MAX_FILE_BYTES = 1 << 22 };

/* libinih has room for a line of some 200 bytes. A longer one is given to it in pieces, each after
 * the first as a line that begins with a blank: so libinih itself marks what belongs to the key
 * above. */
struct reader {
    FILE *file;
    const char *path;
    int line;
    size_t n_read;
    char *room; /* getline's */
    size_t n_room;
    const char *rest; /* of the line in work, not yet given out; NULL: nothing */
    bool is_piece;    /* what libinih has in hand is joined to the piece before without a gap */
    bool goes_on;     /* … or belongs to the key of a line above */
    bool is_awaited;  /* libinih has not yet made a key of it */
    const char *section;
    struct config_entry *first, *last;
    int last_line; /* of the last entry's value */
    bool failed;
    int error;
    char *message;
    size_t n_message;
};

static void __attribute__((format(printf, 3, 4)))
fail(struct reader *r, int error, const char *format, ...)
{
    va_list args;
    int n;

    if (r->failed)
        return;
    r->failed = true;
    r->error = error;
    n = snprintf(r->message, r->n_message, "%s:%d: ", r->path, r->line);
    if (n < 0 || (size_t)n >= r->n_message)
        return;
    va_start(args, format);
    vsnprintf(r->message + n, r->n_message - (size_t)n, format, args);
    va_end(args);
}

static void fail_memory(struct reader *r)
{
    fail(r, -ENOMEM, "out of memory");
}

/* -- entries -- */

void config_file_free(struct config_entry *entries)
{
    struct config_entry *next;

    for (; entries; entries = next) {
        next = entries->next;
        free(entries->section);
        free(entries->key);
        free(entries->value);
        free(entries);
    }
}

static void add_entry(struct reader *r, const char *section, const char *key, const char *value)
{
    struct config_entry *e = calloc(1, sizeof *e);

    if (!e) {
        fail_memory(r);
        return;
    }
    *e = (struct config_entry){.section = strdup(section), .line = r->line};
    *(r->last ? &r->last->next : &r->first) = e;
    r->last = e;
    r->last_line = r->line;
    if (key) {
        e->key = strdup(key);
        e->value = strdup(value);
    }
    if (!e->section || (key && (!e->key || !e->value)))
        fail_memory(r);
}

/* Puts a piece or a further line behind the last entry's value. */
static void append(struct reader *r, const char *text)
{
    size_t n = strlen(r->last->value), n_text = strlen(text),
           n_gap = (size_t)(r->line - r->last_line);
    char *more = realloc(r->last->value, n + n_gap + n_text + 1);

    if (!more) {
        fail_memory(r);
        return;
    }
    memset(more + n, '\n', n_gap);
    memcpy(more + n + n_gap, text, n_text + 1);
    r->last->value = more;
    r->last_line = r->line;
}

/* libinih's handler. */
static int take(void *user, const char *section, const char *name, const char *value)
{
    struct reader *r = user;

    (void)section; /* cut short by libinih when it is long */
    r->is_awaited = false;
    if (r->failed)
        return 0;
    if (r->is_piece || r->goes_on)
        append(r, value);
    else
        add_entry(r, r->section, name, value);
    return 1;
}

/* -- lines -- */

static bool is_blank(char c)
{
    return isspace((unsigned char)c) != 0;
}

static void trim_end(char *text)
{
    for (size_t n = strlen(text); n > 0 && is_blank(text[n - 1]); n--)
        text[n - 1] = '\0';
}

/* Ends the text at a # or ; that begins it or stands behind a blank, and takes blanks off its end.
 */
static void cut_comment(char *text)
{
    for (char *at = text; (at = strpbrk(at, "#;")); at++)
        if (at == text || is_blank(at[-1])) {
            *at = '\0';
            break;
        }
    trim_end(text);
}

/* "[NAME]": becomes an entry. */
static void take_section(struct reader *r, char *text)
{
    size_t n = strlen(text);
    char *name = text + 1 + strspn(text + 1, BLANKS);

    if (text[n - 1] == ']' && strcspn(text + 1, "[]") == n - 2) {
        text[n - 1] = '\0';
        trim_end(text);
        if (name < text + n - 1) {
            add_entry(r, name, NULL, NULL);
            r->section = r->last ? r->last->section : "";
            return;
        }
    }
    fail(r, -EINVAL, "expected [section]");
}

/* Whether a line that begins with a blank is a section or a key all the same, set in by whoever
 * likes it so: no item of a list ends with a bracket that it began with, or has a = behind its
 * first word. */
static bool is_head(const char *text)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    size_t n = strspn(text, letters);

    if (*text == '[')
        return text[strlen(text) - 1] == ']';
    return n > 0 && text[n + strspn(text + n, BLANKS)] == '=';
}

/* The next line that has something in it, without its comment. NULL at the end. */
static char *next_line(struct reader *r)
{
    static const char mark[] = "\xef\xbb\xbf"; /* that some editors put first */
    char *text;
    bool has_nul;
    ssize_t n;

    while (!r->failed && (n = getline(&r->room, &r->n_room, r->file)) >= 0) {
        r->line++;
        r->n_read += (size_t)n;
        text = r->room;
        if (n > MAX_LINE_BYTES || r->n_read > MAX_FILE_BYTES)
            fail(r, -EINVAL, "the %s is too long", n > MAX_LINE_BYTES ? "line" : "file");
        else if (!utf8_is_valid(text, (size_t)n, &has_nul) || has_nul)
            fail(r, -EINVAL, "the line is not text in UTF-8");
        if (r->line == 1 && strncmp(text, mark, sizeof mark - 1) == 0)
            text += sizeof mark - 1;
        cut_comment(text);
        if (*text)
            return r->failed ? NULL : text;
    }
    return NULL;
}

/* How much of the text goes into n bytes: all, or up to a place between two characters that libinih
 * will not take for blanks or the beginning of a comment. 0: there is no such place. */
static size_t piece_bytes(const char *text, size_t n)
{
    if (strlen(text) <= n)
        return strlen(text);
    while (n > 0 && (is_blank(text[n - 1]) || is_blank(text[n]) || strchr("#;", text[n])))
        n--;
    return n;
}

static char *give_piece(struct reader *r, char *line, int n_room)
{
    bool is_first = !r->is_piece && !r->goes_on;
    size_t n = piece_bytes(r->rest, (size_t)n_room - 3);

    if (n == 0) {
        fail(r, -EINVAL, "the line has too many blanks in a row");
        return NULL;
    }
    snprintf(line, (size_t)n_room, "%s%.*s\n", is_first ? "" : " ", (int)n, r->rest);
    r->rest = r->rest[n] ? r->rest + n : NULL;
    r->is_awaited = true;
    return line;
}

/* libinih's reader: one line at most n_room - 1 bytes long. NULL ends it. */
static char *read_line(char *line, int n_room, void *user)
{
    struct reader *r = user;
    char *text;

    if (r->is_awaited)
        fail(r, -EINVAL, "expected [section] or key = value");
    if (r->failed)
        return NULL;
    if (r->rest) {
        r->is_piece = true;
        return give_piece(r, line, n_room);
    }
    r->is_piece = r->goes_on = false;
    if (!(text = next_line(r)))
        return NULL;
    r->goes_on = is_blank(*text) && r->last && r->last->key;
    text += strspn(text, BLANKS);
    r->goes_on = r->goes_on && !is_head(text);
    if (*text == '[' && !r->goes_on) {
        take_section(r, text);
        snprintf(line, (size_t)n_room, "[s]\n"); /* so that libinih forgets the key above */
        return r->failed ? NULL : line;
    }
    r->rest = text;
    return give_piece(r, line, n_room);
}

int config_file_read(const char *path, bool must_exist, struct config_entry **ret,
                     char *ret_message, size_t n_message)
{
    struct reader r = {.path = path, .section = "", .message = ret_message, .n_message = n_message};

    *ret = NULL;
    r.file = fopen(path, "re");
    if (!r.file && errno == ENOENT && !must_exist)
        return 0;
    if (!r.file) {
        r.error = -errno;
        snprintf(ret_message, n_message, "%s: %s", path, strerror(errno));
        return r.error;
    }
    if (ini_parse_stream(read_line, &r, take, &r) == -2)
        fail_memory(&r);
    if (!r.failed && ferror(r.file)) {
        r.failed = true;
        r.error = -EIO;
        snprintf(ret_message, n_message, "%s: cannot be read to its end", path);
    }
    fclose(r.file);
    free(r.room);
    if (!r.failed) {
        *ret = r.first;
        return 0;
    }
    config_file_free(r.first);
    return r.error;
}
