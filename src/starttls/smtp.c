/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 3207: greeting, EHLO, STARTTLS. */
#include "starttls/starttls_int.h"

enum { GREETING, CAPABILITIES, AGREEMENT };
enum { READY = 220, GOOD = 250 };

static enum rc greeted(struct starttls *s, const struct starttls_reply *r, struct buf *out,
                       struct err *err)
{
    if (r->code != READY)
        return starttls_refused(s, r->text, err);
    if (!r->last)
        return RC_AGAIN;
    /* No mail follows, and no name would mean anything. */
    buf_putz(out, "EHLO localhost\r\n");
    s->step = CAPABILITIES;
    return RC_AGAIN;
}

static enum rc told(struct starttls *s, const struct starttls_reply *r, struct buf *out,
                    struct err *err)
{
    struct str word, rest;

    if (r->code != GOOD)
        return starttls_refused(s, r->text, err);
    str_cut(r->text, ' ', &word, &rest);
    s->offered = s->offered || str_ieq(word, STR("STARTTLS"));
    if (!r->last)
        return RC_AGAIN;
    if (!s->offered)
        return starttls_lacking(s, err);
    buf_putz(out, "STARTTLS\r\n");
    s->step = AGREEMENT;
    return RC_AGAIN;
}

static enum rc take(struct starttls *s, struct str in, size_t *out_used, struct buf *out,
                    struct err *err)
{
    struct starttls_reply r;
    struct str line;

    if (!starttls_line(in, out_used, &line))
        return RC_AGAIN;
    if (starttls_reply_read(line, &r) != RC_OK)
        return starttls_nonsense(s, line, err);
    if (s->step == GREETING)
        return greeted(s, &r, out, err);
    if (s->step == CAPABILITIES)
        return told(s, &r, out, err);
    if (r.code != READY)
        return starttls_refused(s, r.text, err);
    return r.last ? RC_OK : RC_AGAIN;
}

const struct starttls_protocol starttls_smtp = {.name = "smtp", .take = take};
