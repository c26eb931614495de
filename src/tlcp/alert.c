/* SPDX-License-Identifier: Apache-2.0 */
/* Alerts, GB/T 38636 section 6.4: level and description. */
#include "tlcp/tlcp_int.h"

enum rc tlcp_alert_read(struct str body, uint8_t *level, uint8_t *what)
{
    if (body.n != TLCP_ALERT_BYTES)
        return RC_PARSE;
    *level = (uint8_t)body.p[0];
    *what = (uint8_t)body.p[1];
    return RC_OK;
}

enum rc tlcp_alert_send(struct tlcp_conn *c, enum tlcp_level level, enum tlcp_alert what)
{
    const unsigned char body[TLCP_ALERT_BYTES] = {(unsigned char)level, (unsigned char)what};

    return tlcp_record_send(c, TLCP_ALERT, str_bytes(body, sizeof(body)));
}
