/* SPDX-License-Identifier: Apache-2.0 */
/* The client's part of the handshake, GB/T 38636 section 6.4.5. */
#include "crypto/crypto.h"
#include "crypto/sign.h"
#include "tlcp/tlcp_int.h"

MSG(msg_version, "tlcp.server-version", "the server answered with another version than TLCP 1.1");
MSG(msg_suite, "tlcp.server-suite", "the server chose a suite that it was not offered");
MSG(msg_session, "tlcp.server-session", "the server resumed a session with another suite");
MSG(msg_alpn, "tlcp.server-alpn", "the server chose a protocol that it was not offered");
MSG(msg_none, "tlcp.server-certificate", "the server showed no certificate");
MSG(msg_proof, "tlcp.server-proof", "the server did not prove that it has its signing key");
MSG(msg_point, "tlcp.server-point", "the server's ephemeral key is no point of the curve");
MSG(msg_unasked, "tlcp.server-request",
    "the server chose a suite for which it has to ask for certificates, and did not");
MSG(msg_identity, "tlcp.client-identity",
    "the server chose a suite that takes two certificates of the client, and there are none");

/* Without an identity there is nothing to offer ECDHE with. */
static const uint16_t *offered(const struct tlcp_conn *c, size_t *n)
{
    enum { ECC_SUITES = 2 };

    *n = c->client.suites ? c->client.n_suites
                          : (c->client.identity ? tlcp_suites_usual_n : ECC_SUITES);
    return c->client.suites ? c->client.suites : tlcp_suites_usual;
}

static struct str shown_ticket(const struct tlcp_conn *c)
{
    return c->client.tickets && c->client.session ? c->client.ticket : STR("");
}

/* An id to know by whether it is resumed: the session's own, or one for its ticket (RFC 5077
 * section 3.4). */
static enum rc name_session(struct tlcp_conn *c, struct str ticket)
{
    if (c->client.session && !ticket.n) {
        c->session.id_n = c->client.session->id_n;
        memcpy(c->session.id, c->client.session->id, c->session.id_n);
        return RC_OK;
    }
    if (!ticket.n)
        return RC_OK;
    c->session.id_n = TLCP_SESSION_ID;
    return crypto_random(c->session.id, TLCP_SESSION_ID);
}

enum rc tlcp_client_begin(struct tlcp_conn *c)
{
    CLEANUP(buf_done) struct buf m = BUF_INIT(TLCP_HELLO_MAX);
    struct tlcp_client_hello_out out = {
        .random = c->hs->client_random,
        .server_name = c->client.server_name,
        .alpn = c->client.alpn,
        .tickets = c->client.tickets,
        .ticket = shown_ticket(c),
    };

    out.suites = offered(c, &out.n_suites);
    TRY(crypto_random(c->hs->client_random, TLCP_RANDOM));
    TRY(name_session(c, out.ticket));
    out.session_id = str_bytes(c->session.id, c->session.id_n);
    tlcp_message_begin(TLCP_CLIENT_HELLO, &m);
    tlcp_client_hello_write(&out, &m);
    TRY(tlcp_message_send(c, &m));
    c->state = TLCP_WAIT_SERVER_HELLO;
    return RC_OK;
}

/* ---- ServerHello */

static enum rc check_suite(struct tlcp_conn *c, uint16_t suite)
{
    size_t n;
    const uint16_t *mine = offered(c, &n);

    for (size_t i = 0; i < n && !c->suite; i++)
        if (mine[i] == suite)
            c->suite = tlcp_suite_find(suite);
    if (!c->suite)
        return tlcp_fail(c, TLCP_ILLEGAL_PARAMETER, RC_CRYPTO, &msg_suite, STR(""));
    if (c->suite->ecdhe && !c->client.identity)
        return tlcp_fail(c, TLCP_HANDSHAKE_FAILURE, RC_CRYPTO, &msg_identity, STR(""));
    return RC_OK;
}

static enum rc check_protocol(struct tlcp_conn *c, const struct tlcp_server_hello *h)
{
    struct str rest = c->client.alpn, name, chosen = {NULL, 0};
    enum rc rc;

    if (!h->extensions.alpn.p)
        return RC_OK;
    rc = tlcp_alpn_read_one(h->extensions.alpn, &chosen);
    if (rc != RC_OK)
        return tlcp_fail_on(c, rc, "chosen protocol");
    while (str_next(&rest, ' ', &name))
        if (str_eq(name, chosen)) {
            memcpy(c->alpn, name.p, name.n);
            c->alpn_n = name.n;
            return RC_OK;
        }
    return tlcp_fail(c, TLCP_ILLEGAL_PARAMETER, RC_CRYPTO, &msg_alpn, STR(""));
}

static enum rc take_session(struct tlcp_conn *c, const struct tlcp_server_hello *h)
{
    const struct tlcp_session *s = c->client.session;
    struct str id = h->session_id;

    c->hs->promised = c->client.tickets && h->extensions.ticket.p;
    if (c->session.id_n && str_eq(id, str_bytes(c->session.id, c->session.id_n))) {
        if (s->suite != h->suite)
            return tlcp_fail(c, TLCP_ILLEGAL_PARAMETER, RC_CRYPTO, &msg_session, STR(""));
        c->session = *s;
        buf_puts(&c->ticket, shown_ticket(c));
        TRY(buf_rc(&c->ticket));
        c->resumed = true;
        c->state = c->hs->promised ? TLCP_WAIT_TICKET : TLCP_WAIT_CHANGE;
        return tlcp_expand(c);
    }
    memcpy(c->session.id, id.p, id.n);
    c->session.id_n = (uint8_t)id.n;
    c->session.suite = h->suite;
    c->state = TLCP_WAIT_SERVER_CERTIFICATE;
    return RC_OK;
}

static enum rc take_hello(struct tlcp_conn *c, struct str body)
{
    struct tlcp_server_hello h;
    enum rc rc = tlcp_server_hello_read(body, &h);

    if (rc != RC_OK)
        return tlcp_fail_on(c, rc, "ServerHello");
    if (h.version != TLCP_VERSION)
        return tlcp_fail(c, TLCP_PROTOCOL_VERSION, RC_CRYPTO, &msg_version, STR(""));
    if (h.compression != 0)
        return tlcp_fail_on(c, RC_INVAL, "ServerHello");
    TRY(check_suite(c, h.suite));
    TRY(check_protocol(c, &h));
    memcpy(c->hs->server_random, h.random.p, TLCP_RANDOM);
    return take_session(c, &h);
}

/* ---- the server's certificates and its key */

static enum rc take_certificates(struct tlcp_conn *c, struct str body)
{
    TRY(tlcp_peer_take(c, body, true));
    if (c->peer.list.n == 0)
        return tlcp_fail(c, TLCP_HANDSHAKE_FAILURE, RC_CRYPTO, &msg_none, STR(""));
    c->state = TLCP_WAIT_SERVER_KEY;
    return RC_OK;
}

static enum rc signed_text(struct tlcp_conn *c, const struct tlcp_server_key *k, struct buf *out)
{
    size_t i = 0;

    if (c->suite->ecdhe)
        return tlcp_signed_params(c->hs, k->params, out);
    TRY(tlcp_conn_encryption(c, &i));
    return tlcp_signed_certificate(c->hs, c->peer.list.certs[i], out);
}

static enum rc take_key(struct tlcp_conn *c, struct str body)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(TLCP_CERTIFICATES_MAX + 2 * TLCP_RANDOM + 3);
    struct tlcp_server_key k;
    enum rc rc = tlcp_server_key_read(body, c->suite->ecdhe, &k);

    if (rc != RC_OK)
        return tlcp_fail_on(c, rc, "ServerKeyExchange");
    TRY(signed_text(c, &k, &text));
    rc = crypto_verify(c->hs->peer_sign, CRYPTO_SIG_SM2_SM3, CRYPTO_SIG_DER, buf_str(&text),
                       k.signature);
    if (rc == RC_DENIED)
        return tlcp_fail(c, TLCP_DECRYPT_ERROR, RC_CRYPTO, &msg_proof, STR(""));
    if (rc == RC_OK && c->suite->ecdhe)
        rc = tlcp_once_take(c->hs, str_skip(k.params, TLCP_PARAMS - TLCP_POINT));
    if (rc == RC_INVAL)
        return tlcp_fail(c, TLCP_ILLEGAL_PARAMETER, RC_CRYPTO, &msg_point, STR(""));
    c->state = TLCP_WAIT_REQUEST;
    return rc;
}

static enum rc take_request(struct tlcp_conn *c, struct str body)
{
    enum rc rc = tlcp_request_read(body);

    if (rc != RC_OK)
        return tlcp_fail_on(c, rc, "CertificateRequest");
    c->hs->requested = true;
    c->asked = true;
    c->state = TLCP_WAIT_DONE;
    return RC_OK;
}

/* ---- what the client answers */

static enum rc send_certificates(struct tlcp_conn *c)
{
    CLEANUP(buf_done) struct buf m = BUF_INIT(TLCP_MESSAGE_HEADER + TLCP_CERTIFICATES_MAX);

    tlcp_message_begin(TLCP_CERTIFICATE, &m);
    if (c->hs->identity)
        tlcp_identity_write(c->hs->identity, c->client.single && !c->suite->ecdhe, &m);
    else
        tlcp_certificates_write(NULL, 0, &m);
    return tlcp_message_send(c, &m);
}

static enum rc write_point(struct tlcp_conn *c, unsigned char premaster[static TLCP_PREMASTER],
                           struct buf *m)
{
    unsigned char point[TLCP_POINT];
    enum rc rc;

    TRY(tlcp_once_make(c->hs, point));
    if (c->client.ecdhe_vector)
        buf_u16(m, TLCP_PARAMS);
    tlcp_params_write(str_bytes(point, sizeof(point)), m);
    rc = tlcp_agree(c, premaster);
    if (rc == RC_CRYPTO)
        return tlcp_fail(c, TLCP_ILLEGAL_PARAMETER, RC_CRYPTO, &msg_point, STR(""));
    return rc;
}

static enum rc send_key(struct tlcp_conn *c)
{
    CLEANUP(buf_done) struct buf m = BUF_INIT(TLCP_MESSAGE_HEADER + TLCP_CLIENT_KEY_MAX);
    unsigned char premaster[TLCP_PREMASTER];
    enum rc rc;

    tlcp_message_begin(TLCP_CLIENT_KEY_EXCHANGE, &m);
    rc = c->suite->ecdhe ? write_point(c, premaster, &m) : tlcp_premaster_make(c, premaster, &m);
    if (rc == RC_OK)
        rc = tlcp_master(c, str_bytes(premaster, sizeof(premaster)));
    explicit_bzero(premaster, sizeof(premaster));
    TRY(rc);
    TRY(tlcp_expand(c));
    return tlcp_message_send(c, &m);
}

static enum rc send_verify(struct tlcp_conn *c)
{
    CLEANUP(buf_done) struct buf m = BUF_INIT(TLCP_MESSAGE_HEADER + TLCP_SIGNATURE_MAX);
    CLEANUP(buf_done) struct buf signature = BUF_INIT(CRYPTO_SIG_MAX);
    unsigned char digest[TLCP_HASH];
    struct str text = str_bytes(digest, sizeof(digest));

    TRY(tlcp_transcript(c->hs, digest));
    if (c->client.raw_verify)
        text = buf_str(&c->hs->raw);
    TRY(crypto_sign(tlcp_identity_sign_key(c->hs->identity), CRYPTO_SIG_SM2_SM3, CRYPTO_SIG_DER,
                    text, &signature));
    tlcp_message_begin(TLCP_CERTIFICATE_VERIFY, &m);
    tlcp_signature_write(buf_str(&signature), &m);
    return tlcp_message_send(c, &m);
}

static enum rc take_done(struct tlcp_conn *c, struct str body)
{
    enum rc rc = tlcp_done_read(body);

    if (rc != RC_OK)
        return tlcp_fail_on(c, rc, "ServerHelloDone");
    if (c->suite->ecdhe && !c->hs->requested)
        return tlcp_fail(c, TLCP_UNEXPECTED_MESSAGE, RC_CRYPTO, &msg_unasked, STR(""));
    if (c->hs->requested)
        TRY(send_certificates(c));
    TRY(send_key(c));
    if (c->hs->requested && c->hs->identity)
        TRY(send_verify(c));
    TRY(tlcp_finished_send(c));
    c->state = c->hs->promised ? TLCP_WAIT_TICKET : TLCP_WAIT_CHANGE;
    return RC_OK;
}

/* One that is too long to keep is none. */
static enum rc take_ticket(struct tlcp_conn *c, struct str body)
{
    struct str ticket;
    enum rc rc = tlcp_new_ticket_read(body, &ticket);

    if (rc != RC_OK)
        return tlcp_fail_on(c, rc, "NewSessionTicket");
    buf_reset(&c->ticket);
    if (ticket.n <= TLCP_TICKET_MAX)
        buf_puts(&c->ticket, ticket);
    c->state = TLCP_WAIT_CHANGE;
    return buf_rc(&c->ticket);
}

static enum rc take_finished(struct tlcp_conn *c, struct str body)
{
    TRY(tlcp_finished_check(c, body));
    if (c->resumed)
        TRY(tlcp_finished_send(c));
    tlcp_finish(c);
    return RC_OK;
}

const struct tlcp_row tlcp_client_rows[] = {
    {TLCP_WAIT_SERVER_HELLO, TLCP_SERVER_HELLO, TLCP_HELLO_MAX, take_hello, false},
    {TLCP_WAIT_SERVER_CERTIFICATE, TLCP_CERTIFICATE, TLCP_CERTIFICATES_MAX, take_certificates,
     false},
    {TLCP_WAIT_SERVER_KEY, TLCP_SERVER_KEY_EXCHANGE, TLCP_SERVER_KEY_MAX, take_key, false},
    {TLCP_WAIT_REQUEST, TLCP_CERTIFICATE_REQUEST, TLCP_REQUEST_MAX, take_request, false},
    {TLCP_WAIT_REQUEST, TLCP_SERVER_HELLO_DONE, 0, take_done, false},
    {TLCP_WAIT_DONE, TLCP_SERVER_HELLO_DONE, 0, take_done, false},
    {TLCP_WAIT_TICKET, TLCP_NEW_SESSION_TICKET, TLCP_NEW_TICKET_MAX, take_ticket, false},
    {TLCP_WAIT_CHANGE, TLCP_CHANGE_CIPHER_SPEC, 1, tlcp_take_change, false},
    {TLCP_WAIT_FINISHED, TLCP_FINISHED, TLCP_VERIFY, take_finished, true},
};
const size_t tlcp_client_rows_n = sizeof(tlcp_client_rows) / sizeof(tlcp_client_rows[0]);
