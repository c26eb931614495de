/* SPDX-License-Identifier: Apache-2.0 */
/* Sites that ask for certificates, over TLS 1.2 and 1.3, and what sessions keep of it. */
#include "check.h"

#include "base/text.h"
#include "tls/clients.h"

#include "../x509/pki.h"
#include "pair.h"

struct guarded {
    struct world w;
    struct tls_site site;
    struct pki p;
    struct buf roots, leaf;
    struct tls_clients *clients;
    SSL_SESSION *left;
};

static struct tls_site *choose(void *arg, const struct tls_hello *)
{
    return &((struct guarded *)arg)->site;
}

static void guarded_done(struct guarded *g)
{
    hang_up(&g->w);
    SSL_SESSION_free(g->left);
    tls_site_done(&g->site);
    tls_clients_unref(g->clients);
    pki_done(&g->p);
    buf_done(&g->roots);
    buf_done(&g->leaf);
    world_done(&g->w);
}

static enum rc demand(struct guarded *g, bool optional)
{
    struct tls_clients_conf conf = {.roots = buf_str(&g->roots), .optional = optional};

    tls_clients_unref(MOVE(g->clients));
    TRY(tls_clients_new(&conf, &g->clients, NULL));
    return tls_site_set_clients(&g->site, g->clients);
}

static enum rc begin(struct guarded *g)
{
    CLEANUP(tls_identity_unrefp) struct tls_identity *id = NULL;
    struct tls_context_conf conf = {.choose = choose, .arg = g, .clock = &g->w.clock.clock};
    struct x509_tbs_in in;

    buf_init(&g->roots, 8 * X509_CERT_MAX);
    buf_init(&g->leaf, X509_CERT_MAX);
    TRY(world_init(&g->w, &conf));
    clock_fake_advance(&g->w.clock, PKI_FROM + WHEN_DAY - clock_now(&g->w.clock.clock));
    TRY(tls_site_init(&g->site, STR("a.example")));
    TRY(identity_of(key_p256, "a", &id));
    tls_site_set_identity(&g->site, id);
    TRY(pki_init(&g->p));
    in = pki_leaf_in(&g->p);
    TRY(pki_issue(&in, g->p.issuer_key, &g->leaf));
    text_pem(&g->roots, STR("CERTIFICATE"), buf_str(&g->p.root_der));
    TRY(buf_rc(&g->roots));
    return demand(g, false);
}

#define BEGIN(g)                                                                                   \
    CLEANUP(guarded_done) struct guarded g = {.w = {.client_fd = -1}};                             \
    CHECK_OK(begin(&g))

static X509 *read_cert(struct str der)
{
    const unsigned char *at = (const unsigned char *)der.p;

    return d2i_X509(NULL, &at, (long)der.n);
}

static void show(struct guarded *g)
{
    X509 *leaf = read_cert(buf_str(&g->leaf)), *issuer = read_cert(buf_str(&g->p.issuer_der));

    SSL_use_certificate(g->w.client, leaf);
    SSL_use_PrivateKey(g->w.client, crypto_ossl_pkey(g->p.leaf_key));
    SSL_add1_chain_cert(g->w.client, issuer);
    X509_free(leaf);
    X509_free(issuer);
}

/* A visit with a certificate or none, and a session or none; leaves a new session. */
static enum rc visit(struct guarded *g, int version, bool shows, SSL_SESSION *session)
{
    char in[4];

    TRY(connect_pair(&g->w));
    SSL_set_min_proto_version(g->w.client, version);
    SSL_set_max_proto_version(g->w.client, version);
    if (shows)
        show(g);
    if (session)
        SSL_set_session(g->w.client, session);
    shake(&g->w);
    TRY(g->w.opened);
    TRY(exchange(&g->w));
    SSL_read(g->w.client, in, sizeof(in));
    SSL_shutdown(g->w.client);
    SSL_SESSION_free(g->left);
    g->left = SSL_get1_session(g->w.client);
    return RC_OK;
}

static bool is_caller(const struct guarded *g)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CERT_MAX);

    return tls_conn_caller(g->w.conn, &der) == RC_OK && str_eq(buf_str(&der), buf_str(&g->leaf));
}

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

static void certificates_are_demanded(void)
{
    char name[64];
    BEGIN(g);
    for (size_t v = 0; v < 2; v++) {
        CHECK_OK(visit(&g, versions[v], true, NULL));
        CHECK(is_caller(&g));
        CHECK_INT(sk_X509_NAME_num(SSL_get0_peer_CA_list(g.w.client)), 1);
        CHECK_RC(visit(&g, versions[v], false, NULL), RC_CRYPTO);
    }
    clock_fake_advance(&g.w.clock, PKI_LEAF_TO - PKI_FROM);
    CHECK_RC(visit(&g, TLS1_3_VERSION, true, NULL), RC_CRYPTO);
    CHECK(SSL_read(g.w.client, name, sizeof(name)) <= 0);
    CHECK_INT(g.w.alert, SSL_AD_CERTIFICATE_EXPIRED);
    CHECK(strstr(g.w.why, "not valid at this time"));
}

static void sessions_keep_who_it_is(void)
{
    BEGIN(g);
    for (size_t v = 0; v < 2; v++) {
        CHECK_OK(visit(&g, versions[v], true, NULL));
        CHECK_OK(visit(&g, versions[v], false, g.left));
        CHECK(tls_conn_resumed(g.w.conn) && is_caller(&g));
    }
}

static void sessions_end_with_the_certificate(void)
{
    for (size_t v = 0; v < 2; v++) {
        BEGIN(g);

        CHECK_OK(visit(&g, versions[v], true, NULL));
        clock_fake_advance(&g.w.clock, PKI_LEAF_TO - PKI_FROM);
        CHECK_RC(visit(&g, versions[v], true, g.left), RC_CRYPTO);
        CHECK(strstr(g.w.why, "not valid at this time"));
    }
}

/* Who was good by other roots or lists has to show it again. */
static void sessions_end_with_the_roots(void)
{
    BEGIN(g);
    for (size_t v = 0; v < 2; v++) {
        CHECK_OK(visit(&g, versions[v], true, NULL));
        text_pem(&g.roots, STR("CERTIFICATE"), buf_str(&g.p.root_der));
        CHECK_OK(demand(&g, false));
        CHECK_OK(visit(&g, versions[v], true, g.left));
        CHECK(!tls_conn_resumed(g.w.conn) && is_caller(&g));
    }
}

/* Neither does one of those who come without make a certificate unnecessary. */
static void sessions_end_with_what_is_demanded(void)
{
    BEGIN(g);
    for (size_t v = 0; v < 2; v++) {
        CHECK_OK(demand(&g, true));
        CHECK_OK(visit(&g, versions[v], false, NULL));
        CHECK(!is_caller(&g));
        CHECK_OK(visit(&g, versions[v], false, g.left));
        CHECK(tls_conn_resumed(g.w.conn) && !is_caller(&g));
        CHECK_OK(demand(&g, false));
        CHECK_RC(visit(&g, versions[v], false, g.left), RC_CRYPTO);
        CHECK_OK(tls_site_set_clients(&g.site, NULL));
        CHECK_OK(visit(&g, versions[v], true, NULL));
        CHECK(!is_caller(&g) && !tls_conn_clients(g.w.conn));
    }
}

CHECK_MAIN(CHECK_TEST_ONCE(certificates_are_demanded), CHECK_TEST_ONCE(sessions_keep_who_it_is),
           CHECK_TEST_ONCE(sessions_end_with_the_certificate),
           CHECK_TEST_ONCE(sessions_end_with_the_roots),
           CHECK_TEST_ONCE(sessions_end_with_what_is_demanded))
