/* SPDX-License-Identifier: Apache-2.0 */
#include "starttls/starttls.h"

#include "starttls/starttls_int.h"

MSG(msg_refused, "starttls.refused", "the {0} server does not begin TLS: {1}");
MSG(msg_lacking, "starttls.lacking",
    "the {0} server does not offer TLS on this port; it has to be enabled there, or another port "
    "be named");
MSG(msg_nonsense, "starttls.nonsense",
    "what the server says is not {0}: {1}; check protocol and port");
MSG(msg_unasked, "starttls.unasked",
    "the {0} server said more than it was asked, in the clear, before TLS: it is broken, or "
    "somebody in between put that there");
MSG(msg_long, "starttls.too-long",
    "the {0} server says more before TLS than any server has to, and no end of it comes");

static const struct starttls_protocol *const protocols[] = {
    &starttls_smtp,  &starttls_imap, &starttls_pop3, &starttls_ldap,        &starttls_postgres,
    &starttls_mysql, &starttls_ftp,  &starttls_xmpp, &starttls_xmpp_server,
};
enum { PROTOCOLS = sizeof(protocols) / sizeof(protocols[0]), SHOWN = 160 };

const struct starttls_protocol *starttls_find(struct str name)
{
    for (size_t i = 0; i < PROTOCOLS; i++)
        if (str_eq(name, str_of(protocols[i]->name)))
            return protocols[i];
    return NULL;
}

const char *starttls_name(const struct starttls_protocol *p)
{
    return p->name;
}

struct str starttls_names(void)
{
    return STR("smtp, imap, pop3, ldap, postgres, mysql, ftp, xmpp, xmpp-server");
}

/* ---- what the protocols share */

bool starttls_line(struct str in, size_t *out_used, struct str *out_line)
{
    size_t end = str_find(in, '\n');

    if (end == in.n)
        return false;
    *out_used = end + 1;
    *out_line = str_head(in, end && in.p[end - 1] == '\r' ? end - 1 : end);
    return true;
}

enum rc starttls_reply_read(struct str line, struct starttls_reply *out)
{
    uint64_t code;

    if (line.n < 3 || str_u64(str_head(line, 3), 999, &code) != RC_OK || code < 100)
        return RC_PARSE;
    if (line.n > 3 && line.p[3] != ' ' && line.p[3] != '-')
        return RC_PARSE;
    *out = (struct starttls_reply){
        .code = (unsigned)code, .last = line.n == 3 || line.p[3] == ' ', .text = str_skip(line, 4)};
    return RC_OK;
}

/* Terminals and logs show it. */
static struct str printable(struct str said, char text[static SHOWN])
{
    size_t n = said.n < SHOWN ? said.n : SHOWN;

    for (size_t i = 0; i < n; i++)
        text[i] = said.p[i];
    for (size_t i = 0; i < n; i++)
        if (text[i] < ' ' || text[i] > '~')
            text[i] = '?';
    return str_trim(str_bytes(text, n));
}

static struct str name_of(const struct starttls *s)
{
    return str_of(s->protocol->name);
}

enum rc starttls_refused(const struct starttls *s, struct str said, struct err *err)
{
    char text[SHOWN];

    return ERR(err, RC_DENIED, msg_refused, name_of(s), printable(said, text));
}

enum rc starttls_lacking(const struct starttls *s, struct err *err)
{
    return ERR(err, RC_UNSUPPORTED, msg_lacking, name_of(s));
}

enum rc starttls_nonsense(const struct starttls *s, struct str said, struct err *err)
{
    char text[SHOWN];

    return ERR(err, RC_PARSE, msg_nonsense, name_of(s), printable(said, text));
}

/* ---- the dialogue */

/* The name goes to the server inside of quotation marks. */
static bool is_harmless(struct str name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

        if (!letter && !(c >= '0' && c <= '9') && c != '.' && c != '-' && c != ':' && c != '_')
            return false;
    }
    return true;
}

enum rc starttls_init(struct starttls *s, const struct starttls_protocol *p, struct str name,
                      struct buf *out)
{
    *s = (struct starttls){.protocol = p};
    buf_init(&s->in, STARTTLS_UNIT_MAX);
    if (!is_harmless(name))
        return RC_INVAL;
    TRY(str_copyz(name, s->name, sizeof(s->name)));
    if (p->start)
        p->start(s, out);
    return buf_rc(out);
}

void starttls_done(struct starttls *s)
{
    buf_done(&s->in);
}

/* One unit after the other. Whatever is there behind one that makes the client speak, or TLS begin,
 * was not asked for. */
static enum rc take_all(struct starttls *s, struct buf *out, struct err *err)
{
    while (s->in.n) {
        size_t used = 0, before = out->n;
        enum rc rc = s->protocol->take(s, buf_str(&s->in), &used, out, err);

        if (rc != RC_OK && rc != RC_AGAIN)
            return rc;
        TRY(buf_rc(out));
        if (used == 0)
            return RC_AGAIN;
        buf_consume(&s->in, used);
        if (s->in.n && (rc == RC_OK || out->n > before))
            return ERR(err, RC_CONFLICT, msg_unasked, name_of(s));
        s->done = rc == RC_OK;
        if (s->done)
            return RC_OK;
    }
    return RC_AGAIN;
}

static enum rc too_long(const struct starttls *s, struct err *err)
{
    return ERR(err, RC_TOOBIG, msg_long, name_of(s));
}

enum rc starttls_feed(struct starttls *s, struct str bytes, struct buf *out, struct err *err)
{
    if (s->done)
        return ERR(err, RC_CONFLICT, msg_unasked, name_of(s));
    s->total += bytes.n;
    if (s->total > STARTTLS_TOTAL_MAX)
        return too_long(s, err);
    while (bytes.n) {
        struct str piece = str_head(bytes, STARTTLS_UNIT_MAX - s->in.n);
        enum rc rc;

        if (piece.n == 0)
            return too_long(s, err);
        buf_puts(&s->in, piece);
        TRY(buf_rc(&s->in));
        bytes = str_skip(bytes, piece.n);
        rc = take_all(s, out, err);
        if (rc == RC_OK && bytes.n)
            return ERR(err, RC_CONFLICT, msg_unasked, name_of(s));
        if (rc != RC_AGAIN)
            return rc;
    }
    return s->in.n == STARTTLS_UNIT_MAX ? too_long(s, err) : RC_AGAIN;
}
