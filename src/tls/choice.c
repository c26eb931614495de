/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/tls_int.h"

#include <assert.h>

#include <openssl/ssl.h>

#include "base/map.h"
#include "crypto/ossl.h"
#include "ev/clock.h"
#include "tlcp/conn.h"
#include "tls/clients.h"
#include "tls/hello.h"
#include "x509/cert.h"

MSG(msg_name, "tls.server-name",
    "the client's server_name extension is damaged or holds no name of a host");
MSG(msg_changed, "tls.server-name-changed",
    "the client asked for another server name when it was asked to try again");
MSG(msg_no_site, "tls.no-site", "the client asked for \"{0}\", which is no site here");
MSG(msg_bare, "tls.no-tlcp", "the site \"{0}\" has no certificates for TLCP");
MSG(msg_der, "tls.client-certificate", "the client's certificates cannot be read");
MSG(msg_clock, "tls.client-clock", "there is no clock to judge certificates of clients by");
MSG(msg_unnamed, "tls.no-name", "the client named no site");

static int refuse(struct tls_choice *c, int *alert, int what, const struct msg *m, struct str arg)
{
    IGNORE_RC(err_set(c->why, RC_CRYPTO, m, (struct err_at){__FILE__, __LINE__}, &arg, 1));
    *alert = what;
    return SSL_CLIENT_HELLO_ERROR;
}

/* Before sessions are looked at: one of another site is then as good as unknown. */
static bool take(struct tls_choice *c, SSL *ssl, struct tls_site *site)
{
    const struct tls_context_conf *conf = tls_context_conf(c->context);
    bool sm = tls_context_sm(c->context) && tls_sm_wanted(site, ssl);

    if (sm ? !tls_sm_take(site, ssl)
           : SSL_set_session_id_context(ssl, site->session, sizeof(site->session)) != 1)
        return false;
    if (site->clients && !tls_clients_ask(site->clients, ssl))
        return false;
    c->clients = site->clients ? tls_clients_ref(site->clients) : NULL;
    c->sm2 = sm ? tls_identity_ref(site->sm2) : NULL;
    if (conf->choose && conf->site_ref)
        conf->site_ref(site);
    c->site = site;
    return true;
}

/* RFC 8737 section 3: the client offers acme-tls/1, and no other protocol. */
static bool proves(SSL *ssl)
{
    static const unsigned char list[] = "\0\013\012acme-tls/1";
    const unsigned char *p;
    size_t n;

    return SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &p,
                                     &n) == 1 &&
           n == sizeof(list) - 1 && memcmp(p, list, n) == 0;
}

/* Its client is asked for nothing, and gets no session that would be one of the site. */
static bool take_challenge(struct tls_choice *c, SSL *ssl, struct tls_site *site)
{
    const struct tls_context_conf *conf = tls_context_conf(c->context);
    static const unsigned char none[] = "acme-tls/1";

    if (SSL_set_session_id_context(ssl, none, sizeof(none)) != 1 ||
        SSL_set_num_tickets(ssl, 0) != 1)
        return false;
    SSL_set_options(ssl, SSL_OP_NO_TICKET);
    if (conf->choose && conf->site_ref)
        conf->site_ref(site);
    c->site = site;
    c->challenge = tls_identity_ref(site->challenge);
    return true;
}

/* Who finds another name with the same hash gets what the first one gets. */
static uint64_t hash(struct str name)
{
    static const unsigned char key[16];

    return map_siphash(key, name);
}

static int choose(struct tls_choice *c, SSL *ssl, int *alert, struct str name)
{
    const struct tls_context_conf *conf = tls_context_conf(c->context);
    struct tls_hello hello = {name, proves(ssl)};
    struct tls_site *site = conf->choose(conf->arg, &hello);

    if (!site)
        return refuse(c, alert, SSL_AD_UNRECOGNIZED_NAME, name.n ? &msg_no_site : &msg_unnamed,
                      name);
    c->asked = hash(name);
    if (hello.proof && site->challenge ? take_challenge(c, ssl, site) : take(c, ssl, site)) {
        c->passes = site->passes;
        return c->passes ? SSL_CLIENT_HELLO_RETRY : SSL_CLIENT_HELLO_SUCCESS;
    }
    *alert = SSL_AD_INTERNAL_ERROR;
    return SSL_CLIENT_HELLO_ERROR;
}

int tls_choice_on_hello(SSL *ssl, int *alert, void *)
{
    struct tls_choice *c = SSL_get_app_data(ssl);
    char name[NAME_MAX_BYTES + 1] = "";
    const unsigned char *p;
    enum rc rc;
    size_t n;

    if (!tls_context_ask(c->context, ssl)) {
        *alert = SSL_AD_INTERNAL_ERROR;
        return SSL_CLIENT_HELLO_ERROR;
    }
    if (!tls_context_conf(c->context)->choose) {
        if (c->site || take(c, ssl, tls_context_own_site(c->context)))
            return SSL_CLIENT_HELLO_SUCCESS;
        *alert = SSL_AD_INTERNAL_ERROR;
        return SSL_CLIENT_HELLO_ERROR;
    }
    c->particular =
        SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_signature_algorithms_cert, &p, &n) == 1;
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &p, &n) == 1) {
        rc = tls_hello_server_name(str_bytes(p, n), name);
        if (rc != RC_OK)
            return refuse(c, alert, rc == RC_PARSE ? SSL_AD_DECODE_ERROR : SSL_AD_ILLEGAL_PARAMETER,
                          &msg_name, STR(""));
    }
    if (!c->site)
        return choose(c, ssl, alert, str_of(name));
    /* RFC 8446 section 4.1.2: a second ClientHello is the first one again. */
    if (c->asked != hash(str_of(name)))
        return refuse(c, alert, SSL_AD_ILLEGAL_PARAMETER, &msg_changed, STR(""));
    return SSL_CLIENT_HELLO_SUCCESS;
}

enum rc tls_choice_tlcp(void *arg, const struct tlcp_hello *hello, struct tlcp_shown *out,
                        struct err *err)
{
    struct tls_choice *c = arg;
    const struct tls_context_conf *conf = tls_context_conf(c->context);
    char text[NAME_MAX_BYTES + 1] = "";
    struct tls_site *site = tls_context_own_site(c->context);
    struct str name;
    enum rc rc;

    if (conf->choose && hello->named) {
        rc = tls_hello_server_name(hello->server_name, text);
        if (rc != RC_OK)
            return ERR(err, rc, msg_name);
    }
    name = str_of(text);
    if (conf->choose)
        site = conf->choose(conf->arg, &(struct tls_hello){name});
    if (!site)
        return name.n ? ERR(err, RC_NOTFOUND, msg_no_site, name)
                      : ERR(err, RC_NOTFOUND, msg_unnamed);
    if (!site->tlcp)
        return ERR(err, RC_UNSUPPORTED, msg_bare, name);
    if (conf->choose && conf->site_ref)
        conf->site_ref(site);
    c->site = site;
    out->identity = site->tlcp;
    if (site->clients) {
        c->clients = tls_clients_ref(site->clients);
        out->ask = tls_clients_optional(site->clients) ? TLCP_ASK : TLCP_DEMAND;
        out->authorities = tls_clients_names(site->clients, &out->n_authorities);
    }
    memcpy(out->bound, site->session, sizeof(out->bound));
    return RC_OK;
}

/* ---- whom the client proves to be */

static enum rc judge(const struct tls_choice *c, const struct str *certs, size_t n, struct err *err)
{
    struct clock *clock = tls_context_conf(c->context)->clock;

    if (!clock)
        return ERR(err, RC_DENIED, msg_clock);
    return tls_clients_judge(c->clients, certs, n, clock_now(clock), err);
}

/* ECDHE takes certificates whether or not anybody wants to know whose they are. */
enum rc tls_choice_tlcp_client(void *arg, const struct str *certs, size_t n,
                               enum x509_trouble *trouble, struct err *err)
{
    const struct tls_choice *c = arg;
    enum rc rc = c->clients ? judge(c, certs, n, err) : RC_OK;

    if (rc != RC_OK)
        *trouble = tls_clients_trouble(err);
    return rc;
}

static enum rc judge_stack(const struct tls_choice *c, const STACK_OF(X509) * stack,
                           struct err *err)
{
    unsigned char *ders[X509_CHAIN_MAX] = {};
    struct str certs[X509_CHAIN_MAX];
    size_t n = stack ? (size_t)sk_X509_num(stack) : 0;
    enum rc rc = n == 0 || n > X509_CHAIN_MAX ? ERR(err, RC_DENIED, msg_der) : RC_OK;

    for (size_t i = 0; rc == RC_OK && i < n; i++) {
        int len = i2d_X509(sk_X509_value(stack, (int)i), &ders[i]);

        if (len <= 0)
            rc = ERR(err, RC_DENIED, msg_der);
        else
            certs[i] = str_bytes(ders[i], (size_t)len);
    }
    if (rc == RC_OK)
        rc = judge(c, certs, n, err);
    for (size_t i = 0; i < X509_CHAIN_MAX; i++)
        OPENSSL_free(ders[i]);
    return rc;
}

/* Without `clients` nothing is concluded from what is shown: whose it is, and whether that means
 * anything here, is for whoever asks. */
int tls_choice_on_client(X509_STORE_CTX *shown, void *)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(shown, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls_choice *c = SSL_get_app_data(ssl);
    struct err why = ERR_INIT;

    if (!c->clients || judge_stack(c, X509_STORE_CTX_get0_untrusted(shown), &why) == RC_OK)
        return 1;
    X509_STORE_CTX_set_error(shown, tls_clients_alert(&why));
    if (c->why && why.msg) {
        *c->why = why;
        c->why->rc = RC_CRYPTO;
    }
    return 0;
}

static bool still_holds(const struct tls_choice *c, const X509 *cert)
{
    struct clock *clock = tls_context_conf(c->context)->clock;
    unsigned char *der = NULL;
    bool holds = false;
    int n;

    if (!cert)
        return tls_clients_optional(c->clients);
    n = i2d_X509(cert, &der);
    if (n > 0 && clock)
        holds = tls_clients_still(c->clients, str_bytes(der, (size_t)n), clock_now(clock));
    OPENSSL_free(der);
    return holds;
}

SSL_TICKET_RETURN tls_choice_on_session(SSL *ssl, SSL_SESSION *session, const unsigned char *,
                                        size_t, SSL_TICKET_STATUS status, void *)
{
    const struct tls_choice *c = SSL_get_app_data(ssl);

    if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    if (c->clients && !still_holds(c, SSL_SESSION_get0_peer(session)))
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

/* Signatures of TLS 1.3 (RFC 8446 section 4.2.3) and whose they can be: the place among a site's
 * identities, and the length of the key; 0: any. */
enum { RSA_AT = 0, EC_AT = 1, OTHERS_AT = 2 };
static_assert(TLS_KIND_RSA == 1 << RSA_AT && TLS_KIND_EC == 1 << EC_AT);

static const struct scheme {
    uint16_t code, at, bits;
} schemes[] = {
    {0x0403, EC_AT, 256}, {0x0503, EC_AT, 384}, {0x0603, EC_AT, 521},
    {0x0804, RSA_AT, 0},  {0x0805, RSA_AT, 0},  {0x0806, RSA_AT, 0},
};

static const struct scheme *find_scheme(unsigned code)
{
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
        if (schemes[i].code == code)
            return &schemes[i];
    return NULL;
}

static struct tls_identity *identity_for(const struct tls_site *site, const struct scheme *s)
{
    struct tls_identity *id = site->identities[s->at];

    return id && (!s->bits || tls_identity_bits(id) == s->bits) ? id : NULL;
}

/* In TLS 1.3 the first signature decides that both sides know and that there is an identity for;
 * the others are not needed then, and to give one to OpenSSL costs as much as an accept. False:
 * OpenSSL has to choose among all, as it does where there is more than RSA and EC. */
static bool install_first(const struct tls_choice *c, SSL *ssl)
{
    bool decides = SSL_version(ssl) >= TLS1_3_VERSION && !c->particular;
    unsigned char low = 0, high = 0;
    int n;

    for (size_t i = OTHERS_AT; i < TLS_IDENTITIES_MAX; i++)
        decides = decides && !c->site->identities[i];
    n = decides ? SSL_get_shared_sigalgs(ssl, 0, NULL, NULL, NULL, &low, &high) : 0;

    for (int i = 0; i < n; i++) {
        const struct scheme *s;
        struct tls_identity *id;

        (void)SSL_get_shared_sigalgs(ssl, i, NULL, NULL, NULL, &low, &high);
        s = find_scheme((unsigned)high << 8 | low);
        id = s ? identity_for(c->site, s) : NULL;
        if (id)
            return tls_identity_install(id, ssl);
    }
    return false;
}

/* OpenSSL counts references to each part, so what the site has may change right after. Also called
 * for a second ClientHello, which gets what the first one got. */
int tls_choice_on_certificate(SSL *ssl, void *)
{
    struct tls_choice *c = SSL_get_app_data(ssl);

    if (c->installed)
        return 1;
    if (c->challenge || c->sm2) {
        c->installed = tls_identity_install(c->challenge ? c->challenge : c->sm2, ssl);
        return c->installed;
    }
    c->installed = install_first(c, ssl);
    if (c->installed)
        return 1;
    crypto_ossl_clear();
    for (size_t i = 0; i < TLS_IDENTITIES_MAX; i++) {
        struct tls_identity *id = c->site->identities[i];

        if (!id)
            continue;
        if (tls_identity_install(id, ssl))
            c->installed = true;
        else
            crypto_ossl_clear(); /* too weak for OpenSSL, say: another one may serve */
    }
    return c->installed;
}

/* RFC 6066 section 3: a name that was used is acknowledged. */
int tls_choice_on_name(SSL *ssl, int *, void *)
{
    const struct tls_choice *c = SSL_get_app_data(ssl);

    return tls_context_conf(c->context)->choose ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

/* Called once it is known which of the identities is shown. One that the site has replaced since
 * this handshake began shows no answer: it is the second ClientHello of one that had to try again.
 */
int tls_choice_on_status(SSL *ssl, void *)
{
    const struct tls_choice *c = SSL_get_app_data(ssl);
    struct clock *clock = tls_context_conf(c->context)->clock;
    const X509 *leaf = SSL_get_certificate(ssl);

    if (c->sm2)
        return clock && tls_identity_show_staple(c->sm2, ssl, clock_now(clock))
                   ? SSL_TLSEXT_ERR_OK
                   : SSL_TLSEXT_ERR_NOACK;
    for (size_t i = 0; clock && leaf && i < TLS_IDENTITIES_MAX; i++) {
        const struct tls_identity *id = c->site->identities[i];

        if (id && tls_identity_is(id, leaf) && tls_identity_show_staple(id, ssl, clock_now(clock)))
            return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_NOACK;
}

void tls_choice_done(struct tls_choice *c)
{
    const struct tls_context_conf *conf = tls_context_conf(c->context);
    struct tls_site *site = MOVE(c->site);

    tls_clients_unref(MOVE(c->clients));
    tls_identity_unref(MOVE(c->challenge));
    tls_identity_unref(MOVE(c->sm2));
    if (site && conf->choose && conf->site_unref)
        conf->site_unref(site);
}
