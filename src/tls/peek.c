/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/peek.h"

#include <assert.h>
#include <ctype.h>

enum {
    HANDSHAKE = 22,
    CLIENT_HELLO = 1,
    HEADER = 5,           /* of a record: type, version, length */
    RECORD_MAX = 1 << 14, /* before encryption */
    HELLO_TYPE = HEADER,
    HELLO_VERSION = HEADER + 4, /* behind type and length */
};

static_assert(HELLO_VERSION + 2 == TLS_PEEK_BYTES);

static unsigned u16_at(struct str s, size_t at)
{
    return (unsigned)(unsigned char)s.p[at] << 8 | (unsigned char)s.p[at + 1];
}

/* A record of TLS: which has version 3.x there, but so have some of TLCP. */
static enum tls_peeked peek_hello(struct str s)
{
    unsigned length;

    if (s.n <= HELLO_TYPE)
        return TLS_PEEK_MORE;
    length = u16_at(s, 3);
    if (length == 0 || length > RECORD_MAX || s.p[HELLO_TYPE] != CLIENT_HELLO)
        return TLS_PEEK_OTHER;
    /* In pieces too small for a version nobody but a test of TLS sends it. */
    if (HEADER + length < TLS_PEEK_BYTES)
        return TLS_PEEK_TLS;
    if (s.n < TLS_PEEK_BYTES)
        return TLS_PEEK_MORE;
    return u16_at(s, HELLO_VERSION) == 0x0101 ? TLS_PEEK_TLCP : TLS_PEEK_TLS;
}

static enum tls_peeked peek_record(struct str s)
{
    if (s.n < 2)
        return TLS_PEEK_MORE;
    if (s.p[1] == 3)
        return peek_hello(s);
    if (s.p[1] != 1)
        return TLS_PEEK_OTHER;
    if (s.n < 3)
        return TLS_PEEK_MORE;
    return s.p[2] == 1 ? TLS_PEEK_TLCP : TLS_PEEK_OTHER;
}

static enum tls_peeked peek_method(struct str s)
{
    size_t i = 0;

    while (i < s.n && (isalpha((unsigned char)s.p[i]) || (i && s.p[i] == '-')))
        i++;
    if (i == TLS_PEEK_BYTES || (i && i < s.n && s.p[i] == ' '))
        return TLS_PEEK_HTTP;
    return i == s.n ? TLS_PEEK_MORE : TLS_PEEK_OTHER;
}

enum tls_peeked tls_peek(struct str first)
{
    struct str s = str_head(first, TLS_PEEK_BYTES);

    return s.n && s.p[0] == HANDSHAKE ? peek_record(s) : peek_method(s);
}
