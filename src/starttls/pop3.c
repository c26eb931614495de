/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 2595 section 4: greeting, STLS. */
#include "starttls/starttls_int.h"

enum { GREETING, AGREEMENT };

static enum rc take(struct starttls *s, struct str in, size_t *out_used, struct buf *out,
                    struct err *err)
{
    struct str line, word, rest;

    if (!starttls_line(in, out_used, &line))
        return RC_AGAIN;
    str_cut(line, ' ', &word, &rest);
    if (str_eq(word, STR("-ERR")))
        return s->step == GREETING ? starttls_refused(s, rest, err) : starttls_lacking(s, err);
    if (!str_eq(word, STR("+OK")))
        return starttls_nonsense(s, line, err);
    if (s->step == AGREEMENT)
        return RC_OK;
    buf_putz(out, "STLS\r\n");
    s->step = AGREEMENT;
    return RC_AGAIN;
}

const struct starttls_protocol starttls_pop3 = {.name = "pop3", .take = take};
