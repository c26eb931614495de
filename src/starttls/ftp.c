/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 4217: greeting, AUTH TLS. */
#include "starttls/starttls_int.h"

enum { GREETING, AGREEMENT };
enum { SOON = 120, READY = 220, AGREED = 234 };
/* What servers without TLS make of AUTH: a command that they do not know or have (RFC 959 section
 * 5.4), a mechanism that they do not know (RFC 2228 section 5.1), and vsftpd's, to sign in first.
 */
enum { UNKNOWN = 500, NOT_HAD = 502, NO_MECHANISM = 504, SIGN_IN = 530 };

static unsigned wanted(const struct starttls *s)
{
    return s->step == GREETING ? READY : AGREED;
}

static bool is_lacking(const struct starttls *s, unsigned code)
{
    return s->step == AGREEMENT &&
           (code == UNKNOWN || code == NOT_HAD || code == NO_MECHANISM || code == SIGN_IN);
}

static enum rc replied(struct starttls *s, const struct starttls_reply *r, struct buf *out,
                       struct err *err)
{
    s->offered = !r->last;
    if (s->step == GREETING && r->code == SOON)
        return RC_AGAIN;
    if (is_lacking(s, r->code))
        return starttls_lacking(s, err);
    if (r->code != wanted(s))
        return starttls_refused(s, r->text, err);
    if (!r->last)
        return RC_AGAIN;
    if (s->step == AGREEMENT)
        return RC_OK;
    buf_putz(out, "AUTH TLS\r\n");
    s->step = AGREEMENT;
    return RC_AGAIN;
}

/* `offered` here: a reply of several lines goes on, and those in its middle may be anything (RFC
 * 959 section 4.2). */
static enum rc take(struct starttls *s, struct str in, size_t *out_used, struct buf *out,
                    struct err *err)
{
    struct starttls_reply r;
    struct str line;

    if (!starttls_line(in, out_used, &line))
        return RC_AGAIN;
    if (starttls_reply_read(line, &r) != RC_OK)
        return s->offered ? RC_AGAIN : starttls_nonsense(s, line, err);
    if (s->offered && !(r.last && r.code == wanted(s)))
        return RC_AGAIN;
    return replied(s, &r, out, err);
}

const struct starttls_protocol starttls_ftp = {.name = "ftp", .take = take};
