/* SPDX-License-Identifier: Apache-2.0 */
/* ChangeCipherSpec, GB/T 38636 section 6.4: the one byte 1. */
#include "tlcp/tlcp_int.h"

MSG(msg_change, "tlcp.change", "the peer's ChangeCipherSpec is not the one byte 1");

static const struct str one = STR("\x01");

enum rc tlcp_change_read(struct str body)
{
    return str_eq(body, one) ? RC_OK : RC_INVAL;
}

enum rc tlcp_take_change(struct tlcp_conn *c, struct str body)
{
    enum rc rc;

    if (tlcp_change_read(body) != RC_OK)
        return tlcp_fail(c, TLCP_ILLEGAL_PARAMETER, RC_CRYPTO, &msg_change, STR(""));
    rc = tlcp_use_keys(c, false);
    if (rc != RC_OK)
        return tlcp_fail_on(c, rc, "ChangeCipherSpec");
    c->state = TLCP_WAIT_FINISHED;
    return RC_OK;
}

enum rc tlcp_change_send(struct tlcp_conn *c)
{
    TRY(tlcp_record_send(c, TLCP_CHANGE, one));
    return tlcp_use_keys(c, true);
}
