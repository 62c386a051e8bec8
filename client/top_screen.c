#include "client/top_screen.h"

#include <curses.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>
#include <wctype.h>

#include "client/cell.h"
#include "client/term.h"
#include "proto/address.h"

enum { HEADER_LINES = 4, MOST_WIDE = 512 };

struct top_screen {
    SCREEN *terminal;
    size_t scroll;  /* the first handle that is shown */
    size_t n_page;  /* handles that fit */
    bool is_typing; /* the filter */
    bool helps;
    char kept[64]; /* the filter before it is typed */
};

struct top_screen *screen_open(void)
{
    struct top_screen *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    if (!(s->terminal = newterm(NULL, stdout, stdin))) {
        free(s);
        return NULL;
    }
    cbreak();
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    set_escdelay(25);
    curs_set(0);
    return s;
}

void screen_close(struct top_screen *s)
{
    if (!s)
        return;
    endwin();
    delscreen(s->terminal);
    free(s);
}

void screen_resize(struct top_screen *s)
{
    struct winsize size;

    (void)s;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row && size.ws_col)
        resizeterm(size.ws_row, size.ws_col);
    clearok(stdscr, TRUE);
}

/* -- text -------------------------------------------------------------------------------------- */

/* Puts text into `width` columns from x on. What no terminal can show is a question mark: a label
 * must not move the cursor. */
static void put(int y, int x, int width, const char *text, bool align_right)
{
    wchar_t wide[MOST_WIDE];
    int n = 0, used = 0, room = width < COLS - x ? width : COLS - x;
    mbstate_t state = {0};
    size_t length = strlen(text);

    while (*text && n < MOST_WIDE) {
        size_t taken = mbrtowc(&wide[n], text, length, &state);
        int columns;

        if (taken == (size_t)-1 || taken == (size_t)-2) {
            state = (mbstate_t){0};
            taken = 1;
            wide[n] = L'?';
        }
        text += taken;
        length -= taken;
        if (!iswprint((wint_t)wide[n]) || term_is_invisible((uint32_t)wide[n]) ||
            (columns = wcwidth(wide[n])) < 0) {
            wide[n] = L'?';
            columns = 1;
        }
        if (used + columns > room)
            break;
        used += columns;
        n++;
    }
    if (n > 0)
        mvaddnwstr(y, x + (align_right && room > used ? room - used : 0), wide, n);
}

/* Puts what is in the buf, and empties it. */
static void put_buf(int y, int x, int width, struct buf *b, bool align_right)
{
    buf_add_char(b, '\0');
    if (!b->failed)
        put(y, x, width, b->data + b->start, align_right);
    buf_truncate(b, 0);
}

struct column {
    const char *heading;
    int width; /* 0: the rest */
    bool align_right;
};

static void put_headings(int y, const struct column *columns, size_t n)
{
    attron(A_REVERSE);
    mvhline(y, 0, ' ', COLS);
    for (size_t i = 0, x = 0; i < n && (int)x < COLS; x += (size_t)columns[i++].width + 1)
        put(y, (int)x, columns[i].width ? columns[i].width : COLS, columns[i].heading,
            columns[i].align_right);
    attroff(A_REVERSE);
}

/* -- the head ---------------------------------------------------------------------------------- */

/* A daemon that was restarted counts anew. */
static double rate(const struct top *t, struct wire_int now, struct wire_int before)
{
    double seconds = t->shown.at - t->before_at;

    return t->before_at > 0 && seconds > 0 && now.v >= before.v
               ? (double)(now.v - before.v) / seconds
               : 0;
}

static void draw_rates(const struct top *t, struct buf *b)
{
    const struct stats_result *now = &t->shown.stats, *before = &t->before;

    buf_printf(b, "requests %.0f/s   opened %.0f/s   sent ",
               rate(t, now->requests_total, before->requests_total),
               rate(t, now->opened_total, before->opened_total));
    cell_add_bytes(b, rate(t, now->sent_bytes_total, before->sent_bytes_total));
    buf_add_text(b, "/s   received ");
    cell_add_bytes(b, rate(t, now->received_bytes_total, before->received_bytes_total));
    buf_printf(b, "/s   reclaimed %lld   expired %lld", (long long)now->reclaimed_total.v,
               (long long)now->expired_total.v);
    put_buf(1, 0, COLS, b, false);
}

static void draw_head(const struct top_screen *s, const struct top *t, bool late, struct buf *b)
{
    const struct stats_result *now = &t->shown.stats;

    attron(A_BOLD);
    buf_add_text(b, "berth top   up ");
    cell_add_age(b, now->uptime.v);
    buf_printf(b, "   sessions %lld   handles %lld   suspects %zu%s", (long long)now->sessions.v,
               (long long)now->handles.v, t->shown.n_suspects,
               late ? "   (the daemon does not answer)" : "");
    put_buf(0, 0, COLS, b, false);
    attroff(A_BOLD);
    draw_rates(t, b);
    if (s->is_typing || *t->filter)
        buf_printf(b, "filter: %s%s   ", t->filter, s->is_typing ? "_" : "");
    buf_printf(b, "sorted by %s   q quit  s sort  / filter  h help", top_sort_names[t->sort]);
    put_buf(2, 0, COLS, b, false);
}

/* -- tables ------------------------------------------------------------------------------------ */

static const struct column owner_columns[] = {
    {"HANDLES", 7, true}, {"SUSPECTS", 8, true}, {"BYTES", 6, true},
    {"UID", 6, true},     {"POOL", 12, false},   {"OWNER", 0, false},
};

static void draw_owner(int y, const struct top_owner *o, struct buf *b)
{
    buf_printf(b, "%7lld %8lld ", (long long)o->count, (long long)o->suspects);
    put_buf(y, 0, COLS, b, false);
    cell_add_bytes(b, (double)o->bytes);
    put_buf(y, 17, 6, b, true);
    buf_printf(b, "%lld", (long long)o->uid);
    put_buf(y, 24, 6, b, true);
    put(y, 31, 12, o->pool, false);
    put(y, 44, COLS, o->exe, false);
}

/* Returns the line behind the table: a third of the screen at most. */
static int draw_owners(const struct top *t, struct buf *b)
{
    int most = (LINES - HEADER_LINES) / 3, n = (int)t->n_owners < most ? (int)t->n_owners : most;

    put_headings(HEADER_LINES - 1, owner_columns, sizeof owner_columns / sizeof *owner_columns);
    for (int i = 0; i < n; i++)
        draw_owner(HEADER_LINES + i, &t->owners[i], b);
    return HEADER_LINES + (n > 0 ? n : 0) + 1;
}

static const struct column handle_columns[] = {
    {"HANDLE", 9, true},    {"NAME", 10, false},  {"STATE", 11, false},
    {"ADDRESS", 21, false}, {"AGE", 6, true},     {"BYTES", 6, true},
    {"SUSPECT", 10, false}, {"OWNER", 14, false}, {"SITE", 0, false},
};

static void add_handle_cell(size_t column, const struct ledger_row *row, struct buf *b)
{
    char address[160];

    switch (column) {
    case 0:
        buf_printf(b, "%lld", (long long)row->handle.v);
        break;
    case 1:
        buf_add_text(b, top_text(row->name.s ? &row->name : &row->label));
        break;
    case 2:
        buf_add_text(b, top_text(&row->state));
        break;
    case 3:
        address_format(row->peer.len ? &row->peer : &row->address, address, sizeof address);
        buf_add_text(b, address);
        break;
    case 4:
        cell_add_age(b, row->age.v);
        break;
    case 5:
        cell_add_bytes(b, (double)top_bytes(row));
        break;
    case 6:
        for (size_t i = 0; i < row->suspect.n; i++)
            buf_printf(b, "%s%s", i ? "," : "", top_text(&row->suspect.items[i].kind));
        break;
    case 7:
        if (row->owner)
            buf_printf(b, "%lld/%s", (long long)row->owner->pid.v,
                       cell_basename(top_text(&row->owner->exe)));
        break;
    default:
        buf_add_text(b, top_text(&row->site));
    }
}

static void draw_handle(int y, const struct ledger_row *row, struct buf *b)
{
    size_t n = sizeof handle_columns / sizeof *handle_columns;
    int x = 0;

    if (row->suspect.n)
        attron(A_BOLD);
    for (size_t i = 0; i < n && x < COLS; i++) {
        int width = handle_columns[i].width;

        add_handle_cell(i, row, b);
        put_buf(y, x, width ? width : COLS, b, handle_columns[i].align_right);
        x += width + 1;
    }
    attroff(A_BOLD);
}

static void draw_handles(struct top_screen *s, const struct top *t, int y, struct buf *b)
{
    size_t last;

    if (y >= LINES)
        return;
    put_headings(y++, handle_columns, sizeof handle_columns / sizeof *handle_columns);
    s->n_page = LINES > y ? (size_t)(LINES - y) : 0;
    last = t->n_list > s->n_page ? t->n_list - s->n_page : 0;
    if (s->scroll > last)
        s->scroll = last;
    for (size_t i = s->scroll; i < t->n_list && y < LINES; i++)
        draw_handle(y++, t->list[i], b);
    if (t->shown.at > 0 && t->n_list == 0 && y < LINES)
        put(y, 0, COLS, *t->filter ? "Nothing passes the filter." : "No sockets.", false);
}

static void draw_help(void)
{
    static const char *const lines[] = {
        "q            quit",
        "s            sort by the next key: suspect, bytes, age, idle, owner, handle",
        "/            show only handles whose name, label, program, site, state, pool",
        "             or address contains a text; Enter keeps it, Esc takes it back",
        "Up Down      scroll by one; PgUp PgDn by a page; Home End to the ends",
        "h            this help",
        "",
        "Rates are per second, between the last two pictures. Suspects stand out.",
        "Any key goes back.",
    };

    for (int i = 0; i < (int)(sizeof lines / sizeof *lines); i++)
        put(HEADER_LINES + i, 2, COLS, lines[i], false);
}

void screen_draw(struct top_screen *s, const struct top *t, bool late)
{
    struct buf b = {0};

    erase();
    draw_head(s, t, late, &b);
    if (s->helps)
        draw_help();
    else
        draw_handles(s, t, draw_owners(t, &b), &b);
    refresh();
    buf_done(&b);
}

/* -- keys -------------------------------------------------------------------------------------- */

static void type_filter(struct top_screen *s, struct top *t, int key)
{
    size_t n = strlen(t->filter);

    if (key == '\r' || key == '\n' || key == KEY_ENTER) {
        s->is_typing = false;
    } else if (key == 27) {
        memcpy(t->filter, s->kept, sizeof s->kept);
        s->is_typing = false;
    } else if (key == KEY_BACKSPACE || key == 127 || key == '\b') {
        /* A letter may be of several bytes: those behind the first go with it. */
        while (n > 0 && ((unsigned char)t->filter[--n] & 0xc0) == 0x80)
            ;
        t->filter[n] = '\0';
    } else if (key >= ' ' && key < 256 && n + 1 < sizeof t->filter) {
        t->filter[n] = (char)key;
        t->filter[n + 1] = '\0';
    }
    s->scroll = 0;
    top_arrange(t);
}

static void scroll_by(struct top_screen *s, const struct top *t, long n)
{
    long to = (long)s->scroll + n;

    /* Drawing keeps the last page full. */
    s->scroll = to < 0 ? 0 : to > (long)t->n_list ? t->n_list : (size_t)to;
}

static void do_key(struct top_screen *s, struct top *t, int key)
{
    switch (key) {
    case 's':
        t->sort = (t->sort + 1) % TOP_SORTS;
        top_arrange(t);
        break;
    case '/':
        memcpy(s->kept, t->filter, sizeof s->kept);
        t->filter[0] = '\0';
        s->is_typing = true;
        top_arrange(t);
        break;
    case 'h':
    case '?':
        s->helps = true;
        break;
    case KEY_UP:
        scroll_by(s, t, -1);
        break;
    case KEY_DOWN:
        scroll_by(s, t, 1);
        break;
    case KEY_PPAGE:
        scroll_by(s, t, -(long)s->n_page);
        break;
    case KEY_NPAGE:
        scroll_by(s, t, (long)s->n_page);
        break;
    case KEY_HOME:
        s->scroll = 0;
        break;
    case KEY_END:
        s->scroll = t->n_list;
        break;
    }
}

bool screen_keys(struct top_screen *s, struct top *t)
{
    enum { MOST_KEYS = 1000 }; /* at a time: somebody leans on the keyboard */
    int key;

    for (int i = 0; i < MOST_KEYS && (key = getch()) != ERR; i++) {
        if (s->is_typing)
            type_filter(s, t, key);
        else if (key == 'q')
            return false;
        else if (s->helps)
            s->helps = false;
        else
            do_key(s, t, key);
    }
    return true;
}
