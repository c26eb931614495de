/* SPDX-License-Identifier: Apache-2.0 */
/* Certificate, GB/T 38636 section 6.4.5.3. */
#include "tlcp/message_int.h"

enum rc tlcp_certificates_read(struct str body, struct tlcp_certificates *out)
{
    struct rd r = rd_of(body), list = rd_of(tlcp_vector24(&r));

    TRY(rd_done(&r));
    for (out->n = 0; list.left; out->n++) {
        if (out->n == TLCP_CHAIN_MAX)
            return RC_TOOBIG;
        out->certs[out->n] = tlcp_vector24(&list);
        if (out->certs[out->n].n == 0)
            return RC_PARSE;
    }
    return rd_rc(&list);
}

void tlcp_certificates_write(const struct str *certs, size_t n, struct buf *out)
{
    size_t all = 0;

    for (size_t i = 0; i < n; i++)
        all += 3 + certs[i].n;
    tlcp_put24(out, all);
    for (size_t i = 0; i < n; i++) {
        tlcp_put24(out, certs[i].n);
        buf_puts(out, certs[i]);
    }
}
