/* SPDX-License-Identifier: Apache-2.0 */
/* Messages between records and those who take them. */
#include "tlcp/tlcp_int.h"

#include <openssl/evp.h>

#include "crypto/ossl.h"

MSG(msg_parse, "tlcp.message", "the peer's {0} is damaged");
MSG(msg_long, "tlcp.message-long", "the peer's {0} is longer than is taken");
MSG(msg_failed, "tlcp.failed", "the handshake failed at {0} for want of memory or in OpenSSL");
MSG(msg_order, "tlcp.order", "the peer sent a message that is not due");
MSG(msg_between, "tlcp.between", "the peer changed its keys in the middle of a message");

enum { MESSAGES_MAX = TLCP_CERTIFICATES_MAX + 2 * TLCP_PLAIN_MAX, RAW_MAX = 256 * 1024 };

enum rc tlcp_fail(struct tlcp_conn *c, enum tlcp_alert alert, enum rc rc, const struct msg *m,
                  struct str arg)
{
    if (c->failed != RC_OK)
        return c->failed;
    c->failed = rc;
    IGNORE_RC(err_set(c->err, rc, m, (struct err_at){__FILE__, __LINE__}, &arg, 1));
    /* A stranger who knows no more than its id cannot have it forgotten. */
    if (c->state == TLCP_OPEN && c->server && c->server->sessions)
        tlcp_sessions_remove(c->server->sessions, str_bytes(c->session.id, c->session.id_n));
    /* Without memory for it the peer learns from the end of the connection. */
    IGNORE_RC(tlcp_alert_send(c, TLCP_FATAL, alert));
    return rc;
}

enum rc tlcp_fail_on(struct tlcp_conn *c, enum rc rc, const char *what)
{
    if (rc == RC_OK || c->failed != RC_OK)
        return rc;
    if (rc == RC_PARSE)
        return tlcp_fail(c, TLCP_DECODE_ERROR, RC_CRYPTO, &msg_parse, str_of(what));
    if (rc == RC_INVAL)
        return tlcp_fail(c, TLCP_ILLEGAL_PARAMETER, RC_CRYPTO, &msg_parse, str_of(what));
    if (rc == RC_TOOBIG)
        return tlcp_fail(c, TLCP_DECODE_ERROR, RC_CRYPTO, &msg_long, str_of(what));
    return tlcp_fail(c, TLCP_INTERNAL_ERROR, rc, &msg_failed, str_of(what));
}

enum rc tlcp_handshake_new(struct tlcp_handshake **out)
{
    struct tlcp_handshake *hs = MEM_NEW(struct tlcp_handshake);
    EVP_MD *sm3;
    bool ok;

    if (!hs)
        return RC_NOMEM;
    buf_init(&hs->message, MESSAGES_MAX);
    buf_init(&hs->raw, RAW_MAX);
    hs->transcript = EVP_MD_CTX_new();
    sm3 = EVP_MD_fetch(crypto_ossl_ctx(), "SM3", NULL);
    ok = hs->transcript && sm3 && EVP_DigestInit_ex2(hs->transcript, sm3, NULL) == 1;
    EVP_MD_free(sm3);
    if (!ok) {
        tlcp_handshake_free(hs);
        crypto_ossl_clear();
        return RC_NOMEM;
    }
    *out = hs;
    return RC_OK;
}

void tlcp_handshake_free(struct tlcp_handshake *hs)
{
    if (!hs)
        return;
    EVP_MD_CTX_free(hs->transcript);
    buf_done(&hs->message);
    buf_done(&hs->raw);
    tlcp_identity_unref(hs->identity);
    crypto_key_unref(hs->own_once);
    crypto_key_unref(hs->peer_sign);
    crypto_key_unref(hs->peer_encrypt);
    crypto_key_unref(hs->peer_once);
    explicit_bzero(hs, sizeof(*hs));
    mem_free(hs);
}

static enum rc note(struct tlcp_handshake *hs, struct str message)
{
    if (EVP_DigestUpdate(hs->transcript, message.p, message.n) != 1) {
        crypto_ossl_clear();
        return RC_CRYPTO;
    }
    hs->raw_before = hs->raw.n;
    if (hs->keeps_raw)
        buf_puts(&hs->raw, message);
    return buf_rc(&hs->raw);
}

void tlcp_raw_drop(struct tlcp_handshake *hs)
{
    hs->keeps_raw = false;
    buf_done(&hs->raw);
    buf_init(&hs->raw, RAW_MAX);
}

/* ---- out */

void tlcp_message_begin(enum tlcp_message type, struct buf *out)
{
    buf_u8(out, (uint8_t)type);
    tlcp_put24(out, 0);
}

enum rc tlcp_record_send(struct tlcp_conn *c, enum tlcp_record type, struct str body)
{
    return tlcp_guard_seal(&c->out, type, body, &c->pending);
}

enum rc tlcp_message_send(struct tlcp_conn *c, struct buf *message)
{
    struct str rest = buf_str(message);
    size_t n = message->n - TLCP_MESSAGE_HEADER;

    TRY(buf_rc(message));
    message->p[1] = (char)(n >> 16);
    message->p[2] = (char)(n >> 8);
    message->p[3] = (char)n;
    TRY(note(c->hs, rest));
    for (; rest.n; rest = str_skip(rest, TLCP_PLAIN_MAX))
        TRY(tlcp_record_send(c, TLCP_HANDSHAKE, str_head(rest, TLCP_PLAIN_MAX)));
    return RC_OK;
}

/* ---- in */

static const struct tlcp_row *find(const struct tlcp_conn *c, unsigned type)
{
    const struct tlcp_row *rows = c->server ? tlcp_server_rows : tlcp_client_rows;
    size_t n = c->server ? tlcp_server_rows_n : tlcp_client_rows_n;

    for (size_t i = 0; i < n; i++)
        if (rows[i].state == c->state && rows[i].type == type)
            return &rows[i];
    return NULL;
}

static enum rc not_due(struct tlcp_conn *c)
{
    return tlcp_fail(c, TLCP_UNEXPECTED_MESSAGE, RC_CRYPTO, &msg_order, STR(""));
}

static enum rc take(struct tlcp_conn *c, const struct tlcp_row *row, struct str message)
{
    enum rc rc = RC_OK;

    if (row->verifies)
        rc = tlcp_transcript(c->hs, c->hs->before);
    if (rc == RC_OK)
        rc = note(c->hs, message);
    if (rc == RC_OK)
        rc = row->take(c, str_skip(message, TLCP_MESSAGE_HEADER));
    return tlcp_fail_on(c, rc, "a message");
}

enum rc tlcp_handshake_take(struct tlcp_conn *c, struct str bytes)
{
    struct buf *all;
    size_t at = 0;
    bool last;

    if (!c->hs)
        return not_due(c);
    all = &c->hs->message;
    buf_puts(all, bytes);
    if (buf_rc(all) != RC_OK)
        return tlcp_fail_on(c, buf_rc(all), "handshake");
    while (all->n - at >= TLCP_MESSAGE_HEADER) {
        struct rd r = rd_of(str_skip(buf_str(all), at));
        const struct tlcp_row *row = find(c, rd_u8(&r));
        size_t high = rd_u8(&r), n = high << 16 | rd_u16(&r);

        if (!row)
            return not_due(c);
        if (n > row->max)
            return tlcp_fail_on(c, RC_TOOBIG, "message");
        if (r.left < n)
            break;
        n += TLCP_MESSAGE_HEADER;
        last = at + n == all->n;
        TRY(take(c, row, str_head(str_skip(buf_str(all), at), n)));
        at += n;
        if (!c->hs)
            return last ? RC_OK : not_due(c);
    }
    buf_consume(all, at);
    return RC_OK;
}

enum rc tlcp_handshake_change(struct tlcp_conn *c, struct str body)
{
    const struct tlcp_row *row = find(c, TLCP_CHANGE_CIPHER_SPEC);

    if (!row)
        return not_due(c);
    if (c->hs->message.n)
        return tlcp_fail(c, TLCP_UNEXPECTED_MESSAGE, RC_CRYPTO, &msg_between, STR(""));
    return row->take(c, body);
}
