#include "utf8.h"

#include <stdint.h>
#include <string.h>

/* Plain bytes are skipped eight at a time: payloads are long and mostly plain. */
#define EACH(byte) (0x0101010101010101ULL * (byte))

/* Whether one of the eight bytes is a control, a quote, a backslash or not ASCII. */
static bool is_special8(uint64_t w)
{
    const uint64_t quote = w ^ EACH('"'), backslash = w ^ EACH('\\');
    const uint64_t control = (w - EACH(0x20)) & ~w;

    return (w | control | ((quote - EACH(1)) & ~quote) | ((backslash - EACH(1)) & ~backslash)) &
           EACH(0x80);
}

static bool is_special(unsigned char c)
{
    return c < 0x20 || c == '"' || c == '\\' || c >= 0x80;
}

const unsigned char *utf8_skip_plain(const unsigned char *at, const unsigned char *end)
{
    uint64_t w;

    while (end - at >= 8) {
        memcpy(&w, at, 8);
        if (is_special8(w))
            break;
        at += 8;
    }
    while (at < end && !is_special(*at))
        at++;
    return at;
}

int utf8_length(const unsigned char *at, const unsigned char *end)
{
    unsigned char c = *at, low = 0x80, high = 0xbf;
    int n;

    if (c < 0x80)
        return 1;
    n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    if (c < 0xc2 || c > 0xf4 || end - at < n)
        return 0;
    if (c == 0xe0)
        low = 0xa0;
    else if (c == 0xed)
        high = 0x9f;
    else if (c == 0xf0)
        low = 0x90;
    else if (c == 0xf4)
        high = 0x8f;
    if (at[1] < low || at[1] > high)
        return 0;
    for (int i = 2; i < n; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

bool utf8_is_valid(const char *bytes, size_t n, bool *ret_nul)
{
    const unsigned char *at = (const unsigned char *)bytes, *end = at + n;
    int length;

    *ret_nul = false;
    while ((at = utf8_skip_plain(at, end)) < end) {
        *ret_nul |= *at == 0;
        if (!(length = utf8_length(at, end)))
            return false;
        at += length;
    }
    return true;
}

int utf8_write(int point, unsigned char *bytes)
{
    if (point < 0x80) {
        bytes[0] = (unsigned char)point;
        return 1;
    }
    if (point < 0x800) {
        bytes[0] = (unsigned char)(0xc0 | point >> 6);
        bytes[1] = (unsigned char)(0x80 | (point & 0x3f));
        return 2;
    }
    if (point < 0x10000) {
        bytes[0] = (unsigned char)(0xe0 | point >> 12);
        bytes[1] = (unsigned char)(0x80 | (point >> 6 & 0x3f));
        bytes[2] = (unsigned char)(0x80 | (point & 0x3f));
        return 3;
    }
    bytes[0] = (unsigned char)(0xf0 | point >> 18);
    bytes[1] = (unsigned char)(0x80 | (point >> 12 & 0x3f));
    bytes[2] = (unsigned char)(0x80 | (point >> 6 & 0x3f));
    bytes[3] = (unsigned char)(0x80 | (point & 0x3f));
    return 4;
}
