/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 9051 section 6.2.1: greeting, STARTTLS. */
#include "starttls/starttls_int.h"

enum { GREETING, AGREEMENT };

/* The second word of an answer, a keyword. */
static bool is(struct str line, struct str tag, struct str keyword)
{
    struct str word, rest;

    if (!str_cut(line, ' ', &word, &rest) || !str_eq(word, tag))
        return false;
    str_cut(rest, ' ', &word, &rest);
    return str_ieq(word, keyword);
}

static enum rc greeted(struct starttls *s, struct str line, struct buf *out, struct err *err)
{
    /* PREAUTH: who is signed in already may not begin TLS any more. */
    if (is(line, STR("*"), STR("BYE")) || is(line, STR("*"), STR("PREAUTH")))
        return starttls_refused(s, str_skip(line, 2), err);
    if (!is(line, STR("*"), STR("OK")))
        return starttls_nonsense(s, line, err);
    buf_putz(out, "a STARTTLS\r\n");
    s->step = AGREEMENT;
    return RC_AGAIN;
}

static enum rc take(struct starttls *s, struct str in, size_t *out_used, struct buf *out,
                    struct err *err)
{
    struct str line;

    if (!starttls_line(in, out_used, &line))
        return RC_AGAIN;
    if (s->step == GREETING)
        return greeted(s, line, out, err);
    if (is(line, STR("a"), STR("OK")))
        return RC_OK;
    if (is(line, STR("a"), STR("BAD")))
        return starttls_lacking(s, err);
    if (is(line, STR("a"), STR("NO")) || is(line, STR("*"), STR("BYE")))
        return starttls_refused(s, str_skip(line, 2), err);
    return str_starts(line, STR("* ")) ? RC_AGAIN : starttls_nonsense(s, line, err);
}

const struct starttls_protocol starttls_imap = {.name = "imap", .take = take};
