/* SPDX-License-Identifier: Apache-2.0 */
/* The server's part of the handshake, GB/T 38636 section 6.4.5. */
#include "crypto/crypto.h"
#include "crypto/sign.h"
#include "ev/clock.h"
#include "tlcp/tlcp_int.h"

MSG(msg_version, "tlcp.version", "the client offers another version than TLCP 1.1");
MSG(msg_compression, "tlcp.compression", "the client insists on compression");
MSG(msg_site, "tlcp.site", "the client asked for a name that there is not");
MSG(msg_bare, "tlcp.site-bare", "the client asked for a name that has no certificates for TLCP");
MSG(msg_suite, "tlcp.suite", "the client offers no suite that is spoken here");
MSG(msg_alpn, "tlcp.alpn", "the client offers no application protocol that is spoken here");
MSG(msg_none, "tlcp.client-certificate", "the client showed no certificate");
MSG(msg_point, "tlcp.point", "the client's ephemeral key is no point of the curve");
MSG(msg_proof, "tlcp.client-proof", "the client did not prove that it has its signing key");

/* ---- ClientHello */

static bool offers(struct str suites, uint16_t suite)
{
    struct rd r = rd_of(suites);

    while (r.left)
        if (rd_u16(&r) == suite)
            return true;
    return false;
}

static enum rc choose_site(struct tlcp_conn *c, const struct tlcp_client_hello *h)
{
    struct tlcp_hello hello = {h->extensions.server_name.p != NULL, h->extensions.server_name};
    struct err why = ERR_INIT;
    struct tlcp_shown shown = {};
    enum rc rc = c->server->choose(c->arg, &hello, &shown, &why);

    if (rc == RC_OK) {
        c->hs->identity = tlcp_identity_ref(shown.identity);
        memcpy(c->hs->bound, shown.bound, sizeof(c->hs->bound));
        c->hs->ask = shown.ask;
        c->hs->authorities = shown.authorities;
        c->hs->n_authorities = shown.n_authorities;
        return RC_OK;
    }
    if (rc == RC_NOTFOUND)
        rc = tlcp_fail(c, TLCP_UNRECOGNIZED_NAME, RC_CRYPTO, &msg_site, STR(""));
    else if (rc == RC_UNSUPPORTED)
        rc = tlcp_fail(c, TLCP_HANDSHAKE_FAILURE, RC_CRYPTO, &msg_bare, STR(""));
    else
        rc = tlcp_fail_on(c, rc, "server_name");
    if (why.msg && c->err)
        *c->err = why;
    return rc;
}

static enum rc choose_protocol(struct tlcp_conn *c, const struct tlcp_client_hello *h)
{
    struct str name;
    enum rc rc;

    if (!h->extensions.alpn.p || !c->server->alpn.n)
        return RC_OK;
    rc = tlcp_alpn_choose(h->extensions.alpn, c->server->alpn, &name);
    if (rc == RC_NOTFOUND)
        return tlcp_fail(c, TLCP_NO_APPLICATION_PROTOCOL, RC_CRYPTO, &msg_alpn, STR(""));
    if (rc != RC_OK)
        return tlcp_fail_on(c, rc, "list of protocols");
    memcpy(c->alpn, name.p, name.n);
    c->alpn_n = name.n;
    return RC_OK;
}

static enum rc choose_suite(struct tlcp_conn *c, const struct tlcp_client_hello *h)
{
    const uint16_t *mine = c->server->suites ? c->server->suites : tlcp_suites_usual;
    size_t n = c->server->suites ? c->server->n_suites : tlcp_suites_usual_n;

    for (size_t i = 0; i < n && !c->suite; i++)
        if (offers(h->suites, mine[i]))
            c->suite = tlcp_suite_find(mine[i]);
    return c->suite ? RC_OK : tlcp_fail(c, TLCP_HANDSHAKE_FAILURE, RC_CRYPTO, &msg_suite, STR(""));
}

/* Who shows a ticket made up the id beside it, by whose coming back the ticket is known to be taken
 * (RFC 5077 section 3.4). */
static bool find_session(struct tlcp_conn *c, const struct tlcp_client_hello *h,
                         struct tlcp_session *out)
{
    const struct tlcp_server_conf *conf = c->server;
    struct tlcp_handshake *hs = c->hs;

    if (conf->tickets && h->extensions.ticket.n)
        return tlcp_ticket_take(conf->tickets, h->extensions.ticket, hs->bound, out, &hs->until,
                                &hs->promised) == RC_OK;
    return conf->sessions && h->session_id.n &&
           tlcp_sessions_find(conf->sessions, h->session_id, hs->bound, out) == RC_OK;
}

/* A session that is not there, or belongs elsewhere, is a full handshake. */
static bool resume(struct tlcp_conn *c, const struct tlcp_client_hello *h)
{
    struct tlcp_session *s = &c->session;

    if (c->hs->ask != TLCP_ASK_NOBODY || !find_session(c, h, s))
        return false;
    if (!offers(h->suites, s->suite)) {
        explicit_bzero(s, sizeof(*s));
        return false;
    }
    c->suite = tlcp_suite_find(s->suite);
    c->resumed = true;
    return true;
}

static enum rc send_hello(struct tlcp_conn *c, const struct tlcp_client_hello *h)
{
    CLEANUP(buf_done) struct buf m = BUF_INIT(TLCP_HELLO_MAX);
    struct tlcp_server_hello_out out = {
        .random = c->hs->server_random,
        .session_id = c->resumed ? h->session_id : str_bytes(c->session.id, c->session.id_n),
        .alpn = str_bytes(c->alpn, c->alpn_n),
        .suite = c->suite->code,
        .named = h->extensions.server_name.p != NULL,
        .tickets = c->hs->promised,
    };

    tlcp_message_begin(TLCP_SERVER_HELLO, &m);
    tlcp_server_hello_write(&out, &m);
    return tlcp_message_send(c, &m);
}

static enum rc send_certificates(struct tlcp_conn *c)
{
    CLEANUP(buf_done) struct buf m = BUF_INIT(TLCP_MESSAGE_HEADER + TLCP_CERTIFICATES_MAX);

    tlcp_message_begin(TLCP_CERTIFICATE, &m);
    tlcp_identity_write(c->hs->identity, false, &m);
    return tlcp_message_send(c, &m);
}

static enum rc send_key(struct tlcp_conn *c)
{
    CLEANUP(buf_done) struct buf m = BUF_INIT(TLCP_MESSAGE_HEADER + TLCP_SERVER_KEY_MAX);
    CLEANUP(buf_done) struct buf params = BUF_INIT(TLCP_PARAMS);
    CLEANUP(buf_done) struct buf text = BUF_INIT(TLCP_CERTIFICATES_MAX);
    CLEANUP(buf_done) struct buf signature = BUF_INIT(CRYPTO_SIG_MAX);
    const struct tlcp_identity *id = c->hs->identity;
    unsigned char point[TLCP_POINT];

    tlcp_message_begin(TLCP_SERVER_KEY_EXCHANGE, &m);
    if (c->suite->ecdhe) {
        TRY(tlcp_once_make(c->hs, point));
        tlcp_params_write(str_bytes(point, sizeof(point)), &params);
        TRY(buf_rc(&params));
        TRY(tlcp_signed_params(c->hs, buf_str(&params), &text));
        buf_puts(&m, buf_str(&params));
    } else {
        TRY(tlcp_signed_certificate(c->hs, tlcp_identity_encrypt_cert(id), &text));
    }
    TRY(crypto_sign(tlcp_identity_sign_key(id), CRYPTO_SIG_SM2_SM3, CRYPTO_SIG_DER, buf_str(&text),
                    &signature));
    tlcp_signature_write(buf_str(&signature), &m);
    return tlcp_message_send(c, &m);
}

static enum rc send_request(struct tlcp_conn *c)
{
    CLEANUP(buf_done) struct buf m = BUF_INIT(TLCP_MESSAGE_HEADER + TLCP_REQUEST_MAX);

    tlcp_message_begin(TLCP_CERTIFICATE_REQUEST, &m);
    tlcp_request_write(c->hs->authorities, c->hs->n_authorities, &m);
    c->hs->requested = true;
    return tlcp_message_send(c, &m);
}

static enum rc send_done(struct tlcp_conn *c)
{
    CLEANUP(buf_done) struct buf m = BUF_INIT(TLCP_MESSAGE_HEADER);

    tlcp_message_begin(TLCP_SERVER_HELLO_DONE, &m);
    return tlcp_message_send(c, &m);
}

/* A new one for an old session ends when that would have ended. */
static enum rc send_ticket(struct tlcp_conn *c)
{
    CLEANUP(buf_done) struct buf m = BUF_INIT(TLCP_MESSAGE_HEADER + TLCP_NEW_TICKET_MAX);
    CLEANUP(buf_done) struct buf ticket = BUF_INIT(TLCP_TICKET_MAX);
    const struct tlcp_tickets *t = c->server->tickets;
    int64_t left = c->hs->until - clock_now(t->clock);

    TRY(tlcp_ticket_make(t, &c->session, c->hs->bound, c->hs->until, &ticket));
    tlcp_message_begin(TLCP_NEW_SESSION_TICKET, &m);
    tlcp_new_ticket_write(left > 0 ? (uint32_t)(left / WHEN_SECOND) : 0, buf_str(&ticket), &m);
    return tlcp_message_send(c, &m);
}

static enum rc answer_resumed(struct tlcp_conn *c, const struct tlcp_client_hello *h)
{
    tlcp_raw_drop(c->hs);
    TRY(send_hello(c, h));
    if (c->hs->promised)
        TRY(send_ticket(c));
    TRY(tlcp_expand(c));
    TRY(tlcp_finished_send(c));
    c->state = TLCP_WAIT_CHANGE;
    return RC_OK;
}

static enum rc answer(struct tlcp_conn *c, const struct tlcp_client_hello *h)
{
    /* Who has to prove to be somebody has to do so each time. ECDHE takes certificates of clients
     * whoever they are: that alone is nothing that a resumed session would leave out. */
    bool proves = c->hs->ask != TLCP_ASK_NOBODY, asks = proves || c->suite->ecdhe;

    if (!asks)
        tlcp_raw_drop(c->hs);
    c->hs->promised = c->server->tickets && h->extensions.ticket.p && !proves;
    c->session.suite = c->suite->code;
    if (c->hs->promised) {
        c->hs->until = clock_now(c->server->tickets->clock) + TLCP_SESSION_SECONDS * WHEN_SECOND;
    } else if (c->server->sessions && !proves) {
        TRY(crypto_random(c->session.id, sizeof(c->session.id)));
        c->session.id_n = sizeof(c->session.id);
    }
    TRY(send_hello(c, h));
    TRY(send_certificates(c));
    TRY(send_key(c));
    if (asks)
        TRY(send_request(c));
    TRY(send_done(c));
    c->state = asks ? TLCP_WAIT_CLIENT_CERTIFICATE : TLCP_WAIT_CLIENT_KEY;
    return RC_OK;
}

static enum rc take_hello(struct tlcp_conn *c, struct str body)
{
    struct tlcp_client_hello h;
    enum rc rc = tlcp_client_hello_read(body, &h);

    if (rc != RC_OK)
        return tlcp_fail_on(c, rc, "ClientHello");
    if (h.version != TLCP_VERSION)
        return tlcp_fail(c, TLCP_PROTOCOL_VERSION, RC_CRYPTO, &msg_version, STR(""));
    if (!memchr(h.compressions.p, 0, h.compressions.n))
        return tlcp_fail(c, TLCP_ILLEGAL_PARAMETER, RC_CRYPTO, &msg_compression, STR(""));
    TRY(choose_site(c, &h));
    TRY(choose_protocol(c, &h));
    memcpy(c->hs->client_random, h.random.p, TLCP_RANDOM);
    TRY(crypto_random(c->hs->server_random, TLCP_RANDOM));
    if (resume(c, &h))
        return answer_resumed(c, &h);
    TRY(choose_suite(c, &h));
    return answer(c, &h);
}

/* ---- what the client answers */

static enum rc take_certificates(struct tlcp_conn *c, struct str body)
{
    TRY(tlcp_peer_take(c, body, c->suite->ecdhe));
    if (c->peer.list.n == 0 && (c->suite->ecdhe || c->hs->ask == TLCP_DEMAND))
        return tlcp_fail(c, TLCP_HANDSHAKE_FAILURE, RC_CRYPTO, &msg_none, STR(""));
    c->state = TLCP_WAIT_CLIENT_KEY;
    return RC_OK;
}

static enum rc take_point(struct tlcp_conn *c, struct str body,
                          unsigned char premaster[static TLCP_PREMASTER])
{
    struct str point;
    enum rc rc = tlcp_client_key_read_point(body, &point);

    if (rc == RC_OK)
        rc = tlcp_once_take(c->hs, point);
    if (rc == RC_INVAL)
        return tlcp_fail(c, TLCP_ILLEGAL_PARAMETER, RC_CRYPTO, &msg_point, STR(""));
    if (rc != RC_OK)
        return tlcp_fail_on(c, rc, "ClientKeyExchange");
    rc = tlcp_agree(c, premaster);
    if (rc == RC_CRYPTO) /* the points cancel each other out */
        return tlcp_fail(c, TLCP_ILLEGAL_PARAMETER, RC_CRYPTO, &msg_point, STR(""));
    return rc;
}

static enum rc take_cipher(struct tlcp_conn *c, struct str body,
                           unsigned char premaster[static TLCP_PREMASTER])
{
    struct str cipher;
    enum rc rc = tlcp_client_key_read_cipher(body, &cipher);

    if (rc != RC_OK)
        return tlcp_fail_on(c, rc, "ClientKeyExchange");
    return tlcp_premaster_take(tlcp_identity_encrypt_key(c->hs->identity), cipher, premaster);
}

static enum rc take_key(struct tlcp_conn *c, struct str body)
{
    unsigned char premaster[TLCP_PREMASTER];
    enum rc rc = c->suite->ecdhe ? take_point(c, body, premaster) : take_cipher(c, body, premaster);

    if (rc == RC_OK)
        rc = tlcp_master(c, str_bytes(premaster, sizeof(premaster)));
    explicit_bzero(premaster, sizeof(premaster));
    if (rc == RC_OK)
        rc = tlcp_expand(c);
    c->state = c->peer.list.n ? TLCP_WAIT_VERIFY : TLCP_WAIT_CHANGE;
    return rc;
}

/* Of the digest, as the standard says, or of the messages themselves. */
static enum rc take_verify(struct tlcp_conn *c, struct str body)
{
    const struct tlcp_handshake *hs = c->hs;
    struct str signature;
    enum rc rc = tlcp_signature_read(body, &signature);

    if (rc != RC_OK)
        return tlcp_fail_on(c, rc, "CertificateVerify");
    rc = crypto_verify(hs->peer_sign, CRYPTO_SIG_SM2_SM3, CRYPTO_SIG_DER,
                       str_bytes(hs->before, TLCP_HASH), signature);
    if (rc == RC_DENIED && c->server->raw_verify)
        rc = crypto_verify(hs->peer_sign, CRYPTO_SIG_SM2_SM3, CRYPTO_SIG_DER,
                           str_head(buf_str(&hs->raw), hs->raw_before), signature);
    if (rc == RC_DENIED)
        return tlcp_fail(c, TLCP_DECRYPT_ERROR, RC_CRYPTO, &msg_proof, STR(""));
    c->state = TLCP_WAIT_CHANGE;
    return rc;
}

static enum rc take_finished(struct tlcp_conn *c, struct str body)
{
    TRY(tlcp_finished_check(c, body));
    if (!c->resumed) {
        if (c->hs->promised)
            TRY(send_ticket(c));
        TRY(tlcp_finished_send(c));
        /* One that cannot be kept is one that cannot be resumed. */
        if (c->session.id_n)
            IGNORE_RC(tlcp_sessions_add(c->server->sessions, &c->session, c->hs->bound));
    }
    tlcp_finish(c);
    return RC_OK;
}

const struct tlcp_row tlcp_server_rows[] = {
    {TLCP_WAIT_CLIENT_HELLO, TLCP_CLIENT_HELLO, TLCP_HELLO_MAX, take_hello, false},
    {TLCP_WAIT_CLIENT_CERTIFICATE, TLCP_CERTIFICATE, TLCP_CERTIFICATES_MAX, take_certificates,
     false},
    {TLCP_WAIT_CLIENT_KEY, TLCP_CLIENT_KEY_EXCHANGE, TLCP_CLIENT_KEY_MAX, take_key, false},
    {TLCP_WAIT_VERIFY, TLCP_CERTIFICATE_VERIFY, TLCP_SIGNATURE_MAX, take_verify, true},
    {TLCP_WAIT_CHANGE, TLCP_CHANGE_CIPHER_SPEC, 1, tlcp_take_change, false},
    {TLCP_WAIT_FINISHED, TLCP_FINISHED, TLCP_VERIFY, take_finished, true},
};
const size_t tlcp_server_rows_n = sizeof(tlcp_server_rows) / sizeof(tlcp_server_rows[0]);
