/* SPDX-License-Identifier: Apache-2.0 */
/* TLCP on a descriptor. */
#include "tlcp/conn.h"

#include "ev/ev.h"
#include "tls/tls_int.h"

MSG(msg_gone, "tls.tlcp-gone", "the other side ended the connection during the TLCP handshake");

enum rc tls_tlcp_flush(struct tlcp_conn *c, const struct tls_socket *s)
{
    struct str rest;

    while ((rest = tlcp_conn_pending(c)).n) {
        size_t n = 0;

        TRY(tls_socket_write(s, rest, &n));
        tlcp_conn_sent(c, n);
    }
    return RC_OK;
}

bool tls_tlcp_due(const struct tlcp_conn *c, bool reads)
{
    return tlcp_conn_pending(c).n || (reads && tlcp_conn_readable(c));
}

/* Brings it what has come. */
static enum rc fill(struct tlcp_conn *c, struct tls_socket *s)
{
    size_t room = 0, n = 0;
    unsigned char *p = tlcp_conn_room(c, &room);

    if (!p)
        return RC_NOMEM;
    TRY(tls_socket_read(s, p, room, &n));
    tlcp_conn_came(c, n);
    return RC_OK;
}

enum rc tls_tlcp_shake(struct tlcp_conn *c, struct tls_socket *s, uint8_t *needs, struct err *err)
{
    enum rc rc, sent;

    for (;;) {
        rc = tlcp_conn_shake(c, err);
        sent = tls_tlcp_flush(c, s);
        if (rc != RC_AGAIN) /* what is left to be sent goes with what is written, or is lost */
            return rc;
        *needs = EV_WRITE;
        if (sent == RC_AGAIN)
            return RC_AGAIN;
        *needs = EV_READ;
        rc = sent == RC_OK ? fill(c, s) : sent;
        if (rc == RC_CLOSED || rc == RC_NET)
            return ERR(err, RC_NET, msg_gone);
        TRY(rc);
    }
}

enum rc tls_tlcp_read(struct tlcp_conn *c, struct tls_socket *s, void *p, size_t n, size_t *out_n)
{
    enum rc rc;

    /* An end without close_notify is one all the same, as in TLS here: what is above has framing of
     * its own. */
    while ((rc = tlcp_conn_read(c, p, n, out_n)) == RC_AGAIN)
        TRY(fill(c, s));
    if (rc != RC_OK && rc != RC_CLOSED)
        IGNORE_RC(tls_tlcp_flush(c, s)); /* the alert; the connection is lost either way */
    return rc;
}

enum rc tls_tlcp_write(struct tlcp_conn *c, const struct tls_socket *s, struct str bytes,
                       size_t *out_n)
{
    enum rc rc = tls_tlcp_flush(c, s);

    if (rc == RC_OK)
        rc = tlcp_conn_write(c, bytes, out_n);
    TRY(rc);
    rc = tls_tlcp_flush(c, s);
    return rc == RC_AGAIN ? RC_OK : rc;
}
