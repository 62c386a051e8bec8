/* Reading rules. The kernel's address for a rule is made the same way as that of a target: what is
 * mapped into IPv6 is IPv4. */
#include "policy_rule.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPECTED "expected ADDRESS:PORT, [ADDRESS]:PORT, unix:PATH or unix:@NAME"

enum { MAX_NAME_BYTES = 253, MAX_UNIX_BYTES = sizeof(((struct sockaddr_un *)0)->sun_path) - 1 };

/* One rule being read. */
struct parser {
    struct policy_rule *rule;
    char *message;
    size_t n_message;
};

static int __attribute__((format(printf, 2, 3)))
wrong(const struct parser *p, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(p->message, p->n_message, format, args);
    va_end(args);
    return -EINVAL;
}

/* -- ports -- */

/* Digits alone, 0 to 65535. */
static bool read_port(const char *text, size_t n, uint16_t *ret)
{
    unsigned v = 0;

    if (n == 0 || n > 5)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!isdigit((unsigned char)text[i]))
            return false;
        v = v * 10 + (unsigned)(text[i] - '0');
    }
    *ret = (uint16_t)v;
    return v <= UINT16_MAX;
}

static int parse_ports(const struct parser *p)
{
    struct policy_rule *rule = p->rule;
    const char *text = rule->port, *dash = strchr(text, '-');
    size_t n = dash ? (size_t)(dash - text) : strlen(text);

    rule->low = 0;
    rule->high = UINT16_MAX;
    if (strcmp(text, "*") == 0)
        return 0;
    if (!read_port(text, n, &rule->low) ||
        !read_port(dash ? dash + 1 : text, dash ? strlen(dash + 1) : n, &rule->high))
        return wrong(p, "%.40s is no port: a number to 65535, a range as 8000-8999, or *", text);
    if (rule->low > rule->high)
        return wrong(p, "the range %.40s ends before it begins", text);
    if (rule->low > 0)
        return 0;
    if (!rule->is_bind)
        return wrong(p, "nothing can be reached at port 0");
    return rule->high ? wrong(p, "port 0 asks for any free port and stands alone, not in a range")
                      : 0;
}

/* -- addresses -- */

static int full_prefix(const struct policy_rule *rule)
{
    return rule->kind == RULE_IP4 ? 32 : 128;
}

/* "/8", or NULL for none. */
static int parse_prefix(const struct parser *p, const char *text)
{
    struct policy_rule *rule = p->rule;
    int most = full_prefix(rule);
    uint16_t v;

    rule->n_prefix = most;
    if (!text)
        return 0;
    if (!read_port(text, strlen(text), &v) || v > most)
        return wrong(p, "/%.20s is no prefix: IPv%d has /0 to /%d", text, most == 32 ? 4 : 6, most);
    rule->n_prefix = v;
    return 0;
}

static void unmap(struct policy_rule *rule)
{
    struct in6_addr ip;

    memcpy(&ip, rule->ip, sizeof ip);
    if (rule->kind != RULE_IP6 || rule->n_prefix < 96 || !IN6_IS_ADDR_V4MAPPED(&ip))
        return;
    rule->kind = RULE_IP4;
    rule->n_prefix -= 96;
    memcpy(rule->ip, &ip.s6_addr[12], 4);
}

/* Where the kernel looks at a scope at all (__ipv6_addr_needs_scope_id): so no rule has one
 * elsewhere, and that of another address is never looked at. */
static int take_scope(const struct parser *p, const char *scope)
{
    struct policy_rule *rule = p->rule;
    bool is_local = rule->kind == RULE_IP6 && rule->n_prefix >= 10 && rule->ip[0] == 0xfe &&
                    (rule->ip[1] & 0xc0) == 0x80;
    bool is_group = rule->kind == RULE_IP6 && rule->n_prefix >= 16 && rule->ip[0] == 0xff &&
                    ((rule->ip[1] & 15) == 1 || (rule->ip[1] & 15) == 2);

    if (!is_local && !is_group)
        return wrong(p, "%%%.40s: a scope goes with link-local addresses only", scope);
    if (!*scope)
        return wrong(p, "an interface's name or number is expected behind %%");
    rule->scope = strdup(scope);
    return rule->scope ? 0 : -ENOMEM;
}

/* Whatever is checked later: the wildcard is an address to bind, but none to go to. */
static int check_any(const struct parser *p)
{
    static const unsigned char any[16];
    struct policy_rule *rule = p->rule;
    bool is_v4 = rule->kind == RULE_IP4;

    if (rule->is_bind || rule->n_prefix != full_prefix(rule) ||
        memcmp(rule->ip, any, (size_t)rule->n_prefix / 8) != 0)
        return 0;
    return wrong(p, "%s is nowhere to connect to: write %s for all addresses, %s for this machine",
                 is_v4 ? "0.0.0.0" : "[::]", is_v4 ? "0.0.0.0/0" : "[::/0]",
                 is_v4 ? "127.0.0.1" : "[::1]");
}

/* host: "10.0.0.0/8" or, without its brackets, "fe80::/10%eth0"; cut up. */
static int parse_ip(const struct parser *p, char *host, char *prefix)
{
    struct policy_rule *rule = p->rule;
    char *scope = strchr(host, '%'), *slash;
    int r;

    if (scope)
        *scope++ = '\0';
    if ((slash = strchr(host, '/')) || (scope && (slash = strchr(scope, '/')))) {
        *slash++ = '\0';
        if (prefix)
            return wrong(p, "the prefix is given twice");
        prefix = slash;
    }
    if (inet_pton(rule->kind == RULE_IP4 ? AF_INET : AF_INET6, host, rule->ip) != 1)
        return wrong(p, "%.60s is no %s address", host, rule->kind == RULE_IP4 ? "IPv4" : "IPv6");
    if ((r = parse_prefix(p, prefix)))
        return r;
    unmap(rule);
    if (scope && (r = take_scope(p, scope)))
        return r;
    return check_any(p);
}

/* -- names -- */

/* Dots and digits, or a last label that a resolver reads as a number: an address in a form that
 * rules are never compared with. */
static bool looks_numeric(const char *name)
{
    const char *dot = strrchr(name, '.'), *last = dot ? dot + 1 : name;

    return last[strspn(last, "0123456789")] == '\0' ||
           (last[0] == '0' && (last[1] | 32) == 'x' &&
            last[2 + strspn(last + 2, "0123456789abcdefABCDEF")] == '\0');
}

static int parse_name(const struct parser *p, const char *host)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    struct policy_rule *rule = p->rule;
    const char *name = host;
    size_t n;

    rule->kind = RULE_NAME;
    rule->is_below = strncmp(name, "*.", 2) == 0;
    name += rule->is_below ? 2 : 0;
    n = strlen(name);
    if (strcmp(host, "*") == 0)
        return wrong(p, "* alone is no host: write 0.0.0.0/0 and [::/0] for all addresses");
    if (n == 0 || n > MAX_NAME_BYTES || name[strspn(name, letters)] || *name == '.' ||
        strstr(name, ".."))
        return wrong(p, "%.60s is neither an address nor a host name", host);
    if (!(rule->pattern = strdup(name)))
        return -ENOMEM;
    if (rule->pattern[n - 1] == '.')
        rule->pattern[n - 1] = '\0';
    if (looks_numeric(rule->pattern))
        return wrong(p, "%.60s is no address as it is usually written, four numbers from 0 to 255",
                     host);
    if (rule->is_bind)
        return wrong(p, "%.60s: a socket is bound to addresses, not names", host);
    return 0;
}

/* -- Unix sockets -- */

static int parse_unix(const struct parser *p, const char *text)
{
    struct policy_rule *rule = p->rule;

    rule->kind = *text == '@' ? RULE_ABSTRACT : RULE_PATH;
    text += rule->kind == RULE_ABSTRACT;
    if (!*text || strlen(text) > MAX_UNIX_BYTES)
        return wrong(p, "a Unix socket's path or name has 1 to %d bytes", MAX_UNIX_BYTES);
    if (rule->kind == RULE_PATH && *text != '/' && strcmp(text, "*") != 0)
        return wrong(p, "the path of a Unix socket is absolute: unix:/run/web/*");
    if (rule->kind == RULE_PATH &&
        (strstr(text, "//") || strstr(text, "/../") || strstr(text, "/./")))
        return wrong(p, "a path with //, /./ or /../ is never matched");
    rule->host = rule->parts;
    rule->pattern = strdup(text);
    return rule->pattern ? 0 : -ENOMEM;
}

/* -- the whole -- */

/* Cuts "[HOST]/PREFIX:PORT" or "HOST:PORT" in `work` at its colon. *ret_host is without brackets;
 * *ret_prefix is what is between ']' and ':', left alone when nothing is. */
static int cut(const struct parser *p, char *work, char **ret_host, char **ret_prefix,
               char **ret_port)
{
    char *close = *work == '[' ? strchr(work, ']') : NULL, *colon = strrchr(work, ':');

    if (*work == '[' && !close)
        return wrong(p, "the ] is missing");
    if (!colon || (close && colon < close))
        return wrong(p, "the port is missing: %.60s:* stands for all", work);
    if (!close && strchr(work, ':') != colon)
        return wrong(p, "an IPv6 address stands in brackets, as [::1]:80");
    *colon = '\0';
    *ret_port = colon + 1;
    *ret_host = work;
    if (!close)
        return 0;
    *close = '\0';
    *ret_host = work + 1;
    if (close[1] == '/')
        *ret_prefix = close + 2;
    else if (close[1])
        return wrong(p, EXPECTED);
    return 0;
}

static int parse_inet(const struct parser *p, char *work)
{
    struct policy_rule *rule = p->rule;
    bool is_bracketed = *work == '[';
    char *host = work, *prefix = NULL, *port = work;
    unsigned char ip[4];
    size_t n;
    int r;

    if ((r = cut(p, work, &host, &prefix, &port)))
        return r;
    /* The parts, for hints: the text's own, cut at its last colon. */
    rule->parts[port - work - 1] = '\0';
    rule->host = rule->parts;
    rule->port = rule->parts + (port - work);
    n = strcspn(host, "/%");
    rule->kind = is_bracketed ? RULE_IP6 : RULE_IP4;
    if (is_bracketed || strchr(host, '/') || inet_pton(AF_INET, host, ip) == 1)
        r = parse_ip(p, host, prefix);
    else
        r = n && host[n] ? wrong(p, EXPECTED) : parse_name(p, host);
    return r ? r : parse_ports(p);
}

int policy_rule_parse(bool is_bind, const char *item, const char *path, int line,
                      struct policy_rule *ret, char *ret_message, size_t n_message)
{
    const struct parser p = {ret, ret_message, n_message};
    int n = asprintf(&ret->label, "%s %s (%s:%d)", is_bind ? "bind" : "connect", item, path, line);
    char *work;
    int r;

    if (n < 0)
        ret->label = NULL;
    ret->is_bind = is_bind;
    ret->parts = strdup(item);
    work = strdup(item);
    if (n < 0 || !ret->parts || !work) {
        free(work);
        return -ENOMEM;
    }
    ret->n_shown = strlen(is_bind ? "bind " : "connect ") + strlen(item);
    r = strncmp(item, "unix:", 5) == 0 ? parse_unix(&p, item + 5) : parse_inet(&p, work);
    free(work);
    return r;
}

void policy_rule_done(struct policy_rule *rule)
{
    free(rule->scope);
    free(rule->pattern);
    free(rule->parts);
    free(rule->label);
}
