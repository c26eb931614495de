/* SPDX-License-Identifier: Apache-2.0 */
/* Finished, GB/T 38636 section 6.4.5.10. */
#include "tlcp/tlcp_int.h"

MSG(msg_finished, "tlcp.finished",
    "the peer's Finished does not fit: what was said did not arrive as it was sent");

static enum rc verify_data(const struct tlcp_conn *c, bool of_server, struct str digest,
                           unsigned char out[static TLCP_VERIFY])
{
    return tlcp_prf(str_bytes(c->session.master, TLCP_MASTER),
                    of_server ? "server finished" : "client finished", digest,
                    (struct str){NULL, 0}, out, TLCP_VERIFY);
}

enum rc tlcp_finished_read(struct str body, struct str *out)
{
    if (body.n != TLCP_VERIFY)
        return RC_PARSE;
    *out = body;
    return RC_OK;
}

enum rc tlcp_finished_send(struct tlcp_conn *c)
{
    CLEANUP(buf_done) struct buf m = BUF_INIT(TLCP_MESSAGE_HEADER + TLCP_VERIFY);
    unsigned char digest[TLCP_HASH], data[TLCP_VERIFY];

    TRY(tlcp_change_send(c));
    TRY(tlcp_transcript(c->hs, digest));
    TRY(verify_data(c, c->server, str_bytes(digest, sizeof(digest)), data));
    tlcp_message_begin(TLCP_FINISHED, &m);
    buf_put(&m, data, sizeof(data));
    return tlcp_message_send(c, &m);
}

enum rc tlcp_finished_check(struct tlcp_conn *c, struct str body)
{
    unsigned char want[TLCP_VERIFY];
    struct str data = {NULL, 0};
    enum rc rc = tlcp_finished_read(body, &data);

    if (rc == RC_OK)
        rc = verify_data(c, !c->server, str_bytes(c->hs->before, TLCP_HASH), want);
    if (rc != RC_OK)
        return tlcp_fail_on(c, rc, "Finished");
    if (!str_eq_ct(data, str_bytes(want, sizeof(want))))
        return tlcp_fail(c, TLCP_DECRYPT_ERROR, RC_CRYPTO, &msg_finished, STR(""));
    return RC_OK;
}

void tlcp_finish(struct tlcp_conn *c)
{
    c->state = TLCP_OPEN;
    if (c->server)
        explicit_bzero(c->session.master, TLCP_MASTER);
    tlcp_handshake_free(MOVE(c->hs));
}
