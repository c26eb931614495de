/* SPDX-License-Identifier: Apache-2.0 */
/* PostgreSQL, frontend/backend protocol, "SSL Session Encryption": SSLRequest, and one byte. */
#include "starttls/starttls_int.h"

enum { LENGTH = 8, CODE = 80877103 };

static void start(struct starttls *, struct buf *out)
{
    buf_u32(out, LENGTH);
    buf_u32(out, CODE);
}

static enum rc take(struct starttls *s, struct str in, size_t *out_used, struct buf *,
                    struct err *err)
{
    *out_used = 1;
    if (in.p[0] == 'S')
        return RC_OK;
    if (in.p[0] == 'N')
        return starttls_lacking(s, err);
    /* An error message: too many clients, or a server that is too old to know the question. */
    return in.p[0] == 'E' ? starttls_refused(s, str_skip(in, 1), err)
                          : starttls_nonsense(s, in, err);
}

const struct starttls_protocol starttls_postgres = {
    .name = "postgres", .start = start, .take = take};
