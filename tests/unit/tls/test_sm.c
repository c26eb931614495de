/* SPDX-License-Identifier: Apache-2.0 */
/* TLS 1.3 with SM algorithms (RFC 8998), against OpenSSL's own client. OpenSSL before 4.0 has none
 * of it: there a site that shall speak it is a site like any other. */
#include "check.h"

#include <stdio.h>

#include "pair.h"

#include "../tlcp/made.h"
#include "../x509/pki.h"
#include "tls/clients.h"

/* Two sites, both with an ECDSA certificate and a pair for TLCP. */
struct sites {
    struct world w;
    struct tls_site site[2];
    struct made made[2];
    SSL_SESSION *left;
};

static const char *const names[2] = {"a.example", "b.example"};

static struct tls_site *choose(void *arg, const struct tls_hello *hello)
{
    struct sites *s = arg;

    for (size_t i = 0; i < 2; i++)
        if (str_eq(hello->server_name, str_of(names[i])))
            return &s->site[i];
    return NULL;
}

static void sites_done(struct sites *s)
{
    hang_up(&s->w);
    SSL_SESSION_free(s->left);
    for (size_t i = 0; i < 2; i++) {
        tls_site_done(&s->site[i]);
        unmake(&s->made[i]);
    }
    world_done(&s->w);
}

static enum rc sites_init(struct sites *s)
{
    struct tls_context_conf conf = {.choose = choose, .arg = s, .clock = &s->w.clock.clock};

    *s = (struct sites){};
    TRY(world_init(&s->w, &conf));
    for (size_t i = 0; i < 2; i++) {
        CLEANUP(tls_identity_unrefp) struct tls_identity *id = NULL;

        TRY(tls_site_init(&s->site[i], str_of(names[i])));
        TRY(make(&s->made[i], i ? "b-sm2" : "a-sm2"));
        TRY(identity_of(i ? key_p384 : key_p256, i ? "b-ecdsa" : "a-ecdsa", &id));
        tls_site_set_identity(&s->site[i], id);
        tls_site_set_tlcp(&s->site[i], s->made[i].identity);
        s->site[i].sm = true;
    }
    return RC_OK;
}

#define BEGIN(s)                                                                                   \
    CLEANUP(sites_done) struct sites s = {.w = {.client_fd = -1}};                                 \
    CHECK_OK(sites_init(&s))

/* With another OpenSSL there is nothing to be seen: the lane of OpenSSL 4 is where these count. */
#define NEEDS_SM()                                                                                 \
    do {                                                                                           \
        if (crypto_without_tls_sm())                                                               \
            return;                                                                                \
    } while (0)

/* What a client offers; NULL: OpenSSL's own defaults, among which no SM suite is. */
struct offer {
    const char *suites, *groups, *sigalgs;
    int version; /* the newest; 0: any */
};

#define BOTH "TLS_AES_128_GCM_SHA256:TLS_SM4_GCM_SM3"
#define SIGS "ecdsa_secp256r1_sha256:sm2sig_sm3:ecdsa_secp384r1_sha384"

static const struct offer all = {BOTH, "X25519:secp256r1:curveSM2:curveSM2MLKEM768", SIGS, 0};
static const struct offer none = {};

static enum rc dial(struct sites *s, size_t site, const struct offer *o)
{
    char sigalgs[128], groups[64], name[16];
    SSL *c;

    TRY(connect_pair(&s->w));
    c = s->w.client;
    /* OpenSSL's macros take constness away. */
    snprintf(sigalgs, sizeof(sigalgs), "%s", o->sigalgs ? o->sigalgs : "");
    snprintf(groups, sizeof(groups), "%s", o->groups ? o->groups : "");
    snprintf(name, sizeof(name), "%s", names[site]);
    SSL_ctrl(c, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name);
    SSL_set_max_proto_version(c, o->version);
    if ((o->suites && SSL_set_ciphersuites(c, o->suites) != 1) ||
        (o->groups && SSL_set1_groups_list(c, groups) != 1) ||
        (o->sigalgs && SSL_set1_sigalgs_list(c, sigalgs) != 1))
        return RC_UNSUPPORTED;
    return RC_OK;
}

static enum rc meet(struct sites *s, size_t site, const struct offer *o)
{
    TRY(dial(s, site, o));
    shake(&s->w);
    return s->w.opened;
}

/* The handshake was all of RFC 8998, with that group and suite. */
static bool is_sm(const struct sites *s, size_t site, const char *group, const char *suite)
{
    struct tls_facts f;
    char name[64];

    tls_conn_facts(s->w.conn, &f);
    shown(&s->w, name);
    return strcmp(name, site ? "b-sm2" : "a-sm2") == 0 && strcmp(f.cipher, suite) == 0 &&
           strcmp(f.version, "TLSv1.3") == 0 && strcmp(f.group, group) == 0 && f.signature &&
           strcmp(f.signature, "sm2sig_sm3") == 0 && f.key && strcmp(f.key, "SM2") == 0;
}

/* And nothing of it was. */
static bool is_classical(const struct sites *s, size_t site)
{
    struct tls_facts f;
    char name[64];

    tls_conn_facts(s->w.conn, &f);
    shown(&s->w, name);
    return strcmp(name, site ? "b-ecdsa" : "a-ecdsa") == 0 && !strstr(f.cipher, "SM") &&
           (!f.group || !strstr(f.group, "SM")) && f.signature && !strstr(f.signature, "sm");
}

static void who_can_all_of_it_gets_it(void)
{
    static const struct {
        struct offer offer;
        const char *group, *suite;
    } cases[] = {
        {{BOTH, "curveSM2", SIGS, 0}, "curveSM2", "TLS_SM4_GCM_SM3"},
        {{BOTH, "curveSM2:X25519", SIGS, 0}, "curveSM2", "TLS_SM4_GCM_SM3"},
        {{"TLS_SM4_GCM_SM3", "curveSM2MLKEM768", "sm2sig_sm3", 0},
         "curveSM2MLKEM768",
         "TLS_SM4_GCM_SM3"},
        {{"TLS_SM4_CCM_SM3:TLS_SM4_GCM_SM3", "*curveSM2MLKEM768:*curveSM2", "sm2sig_sm3", 0},
         "curveSM2MLKEM768",
         "TLS_SM4_GCM_SM3"},
        {{"TLS_SM4_CCM_SM3", "curveSM2", "sm2sig_sm3", 0}, "curveSM2", "TLS_SM4_CCM_SM3"},
        {{BOTH, NULL, SIGS, 0}, "curveSM2MLKEM768", "TLS_SM4_GCM_SM3"},
    };

    NEEDS_SM();
    BEGIN(s);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CHECK_OK(meet(&s, 0, &cases[i].offer));
        CHECK(is_sm(&s, 0, cases[i].group, cases[i].suite));
        CHECK_OK(exchange(&s.w));
    }
}

/* The answer that came with this handshake; empty: none. */
static struct str answer(struct sites *s, const struct offer *o)
{
    const unsigned char *p = NULL;
    enum rc rc = dial(s, 0, o);
    long n;

    if (rc == RC_OK)
        SSL_set_tlsext_status_type(s->w.client, TLSEXT_STATUSTYPE_ocsp);
    shake(&s->w);
    n = SSL_get_tlsext_status_ocsp_resp(s->w.client, &p);
    return s->w.opened == RC_OK && n > 0 ? str_bytes(p, (size_t)n) : STR("");
}

/* OpenSSL 4 shows no answer about a certificate that signed itself, and takes none that it cannot
 * read. */
#define LATER "\x30\x03\x0a\x01\x06"

static enum rc by_another(struct made *m)
{
    enum rc rc;

    made_issuer = "another";
    rc = make(m, "a-sm2");
    made_issuer = NULL;
    return rc;
}

/* Of the certificate that is shown, and no other one's, until it ends or that is replaced. */
static void its_ocsp_answer_comes_with_it(void)
{
    CLEANUP(unmake) struct made one = {}, next = {};
    CLEANUP(tls_identity_unrefp) struct tls_identity *ec = NULL;
    when_t until;
    BEGIN(s);

    CHECK_OK(by_another(&one));
    CHECK_OK(by_another(&next));
    tls_site_set_tlcp(&s.site[0], one.identity);
    until = clock_now(&s.w.clock.clock) + WHEN_DAY;
    CHECK_RC(tls_site_staple_sm2(&(struct tls_site){}, STR(ANSWER_B), until), RC_NOTFOUND);
    CHECK_OK(identity_by_another(key_p256, "a-ecdsa", &ec));
    CHECK_OK(tls_identity_staple(ec, STR(ANSWER_A), until));
    tls_site_set_identity(&s.site[0], ec);
    CHECK_STR(answer(&s, &none), ANSWER_A);
    NEEDS_SM();
    CHECK_STR(answer(&s, &all), "");
    CHECK_OK(tls_site_staple_sm2(&s.site[0], STR(ANSWER_B), until));
    CHECK_STR(answer(&s, &all), ANSWER_B);
    CHECK_STR(answer(&s, &none), ANSWER_A);
    clock_fake_advance(&s.w.clock, WHEN_DAY);
    CHECK_STR(answer(&s, &all), "");
    CHECK_OK(tls_site_staple_sm2(&s.site[0], STR(LATER), until + WHEN_DAY));
    CHECK_STR(answer(&s, &all), LATER);
    tls_site_set_tlcp(&s.site[0], next.identity);
    CHECK_STR(answer(&s, &all), "");
}

/* It has the keys of its shares to make first. */
static void asked_to_try_again(void)
{
    static const struct offer late = {BOTH, "*X25519:curveSM2", SIGS, 0};

    NEEDS_SM();
    BEGIN(s);
    CHECK_OK(meet(&s, 0, &late));
    CHECK(is_sm(&s, 0, "curveSM2", "TLS_SM4_GCM_SM3"));
    CHECK_OK(exchange(&s.w));
}

static void who_lacks_a_part_gets_nothing_of_it(void)
{
    static const struct offer lacking[] = {
        {},
        {"TLS_AES_128_GCM_SHA256", "X25519:curveSM2", SIGS, 0},
        {BOTH, "X25519:secp256r1", SIGS, 0},
        {BOTH, "X25519:curveSM2", "ecdsa_secp256r1_sha256", 0},
        {BOTH, "X25519:curveSM2:secp256r1", SIGS, TLS1_2_VERSION},
    };

    NEEDS_SM();
    BEGIN(s);
    for (size_t i = 0; i < sizeof(lacking) / sizeof(lacking[0]); i++) {
        CHECK_OK(meet(&s, 0, &lacking[i]));
        CHECK(is_classical(&s, 0));
        CHECK_OK(exchange(&s.w));
    }
}

/* Mixed, there is nothing in common. */
static void mixtures_are_refused(void)
{
    static const struct offer mixed[] = {
        {"TLS_SM4_GCM_SM3", "X25519:curveSM2", "ecdsa_secp256r1_sha256", 0},
        {"TLS_SM4_GCM_SM3", "X25519", "sm2sig_sm3", 0},
        {"TLS_AES_128_GCM_SHA256", "curveSM2", "sm2sig_sm3", 0},
        {"TLS_AES_128_GCM_SHA256", "X25519", "sm2sig_sm3", 0},
        {"TLS_AES_128_GCM_SHA256", "curveSM2", "ecdsa_secp256r1_sha256", 0},
    };

    NEEDS_SM();
    BEGIN(s);
    for (size_t i = 0; i < sizeof(mixed) / sizeof(mixed[0]); i++) {
        CHECK_RC(meet(&s, 0, &mixed[i]), RC_CRYPTO);
        CHECK_INT(s.w.alert, SSL_AD_HANDSHAKE_FAILURE);
    }
}

static void only_where_the_site_has_it(void)
{
    static const struct offer sm_only = {"TLS_SM4_GCM_SM3", "curveSM2", "sm2sig_sm3", 0};

    NEEDS_SM();
    BEGIN(s);
    s.site[0].sm = false;
    tls_site_keep(&s.site[1], TLS_KIND_EC);
    for (size_t i = 0; i < 2; i++) {
        CHECK_OK(meet(&s, i, &all));
        CHECK(is_classical(&s, i));
        CHECK_RC(meet(&s, i, &sm_only), RC_CRYPTO);
        CHECK_INT(s.w.alert, SSL_AD_HANDSHAKE_FAILURE);
    }
    s.site[0].sm = true;
    CHECK_OK(meet(&s, 0, &all));
    CHECK(is_sm(&s, 0, "curveSM2MLKEM768", "TLS_SM4_GCM_SM3"));
}

/* ---- sessions */

static enum rc visit(struct sites *s, size_t site, const struct offer *o)
{
    char in[4];

    TRY(dial(s, site, o));
    if (s->left)
        SSL_set_session(s->w.client, s->left);
    shake(&s->w);
    TRY(s->w.opened);
    TRY(exchange(&s->w));
    SSL_read(s->w.client, in, sizeof(in));
    SSL_shutdown(s->w.client);
    SSL_SESSION_free(s->left);
    s->left = SSL_get1_session(s->w.client);
    return RC_OK;
}

static bool resumed(const struct sites *s)
{
    return SSL_session_reused(s->w.client) && tls_conn_resumed(s->w.conn);
}

static void sessions_stay_what_they_are(void)
{
    static const struct offer sm256 = {BOTH, "curveSM2:X25519", SIGS, 0};

    NEEDS_SM();
    BEGIN(s);
    CHECK_OK(visit(&s, 0, &sm256));
    CHECK(!resumed(&s));
    CHECK_OK(visit(&s, 0, &sm256));
    CHECK(resumed(&s));
    CHECK_STR(str_of(SSL_get_cipher_name(s.w.client)), "TLS_SM4_GCM_SM3");
    /* Not at another site. */
    CHECK_OK(visit(&s, 1, &sm256));
    CHECK(!resumed(&s));
    CHECK(is_sm(&s, 1, "curveSM2", "TLS_SM4_GCM_SM3"));
    /* Nor as another handshake of the same one, in either direction. */
    CHECK_OK(visit(&s, 1, &none));
    CHECK(!resumed(&s));
    CHECK(is_classical(&s, 1));
    CHECK_OK(visit(&s, 1, &sm256));
    CHECK(!resumed(&s));
    CHECK(is_sm(&s, 1, "curveSM2", "TLS_SM4_GCM_SM3"));
    /* Nor where the site has it no longer. */
    s.site[1].sm = false;
    CHECK_OK(visit(&s, 1, &sm256));
    CHECK(!resumed(&s));
    CHECK(is_classical(&s, 1));
}

/* ---- what is replaced, and what fails */

static void replaced_in_the_middle(void)
{
    static const struct offer late = {BOTH, "*X25519:curveSM2", SIGS, 0};

    NEEDS_SM();
    BEGIN(s);
    CHECK_OK(dial(&s, 0, &late));
    SSL_do_handshake(s.w.client);
    for (int i = 0; i < 3; i++)
        ev_run_once(s.w.ev, EV_NOWAIT);
    CHECK_RC(s.w.opened, RC_COUNT);
    tls_site_set_tlcp(&s.site[0], s.made[1].identity);
    shake(&s.w);
    CHECK_RC(s.w.opened, RC_OK);
    CHECK(is_sm(&s, 0, "curveSM2", "TLS_SM4_GCM_SM3"));
    CHECK_OK(meet(&s, 0, &late));
    CHECK(is_sm(&s, 1, "curveSM2", "TLS_SM4_GCM_SM3"));
    tls_site_clear(&s.site[0]);
    CHECK_RC(meet(&s, 0, &late), RC_CRYPTO);
}

/* ---- clients that prove who they are */

struct proof {
    struct pki p;
    struct buf pem, der;
    struct tls_clients *clients;
    X509 *cert;
};

static void proof_done(struct proof *f)
{
    tls_clients_unref(f->clients);
    X509_free(f->cert);
    pki_done(&f->p);
    buf_done(&f->pem);
    buf_done(&f->der);
}

/* A certificate for that key of a root of SM2. */
static enum rc prove(struct proof *f, const struct crypto_key *key)
{
    struct tls_clients_conf conf = {};
    struct x509_tbs_in in = {.serial = {.n = 8, .b = {0x44}},
                             .not_before = PKI_FROM,
                             .not_after = PKI_LEAF_TO - WHEN_SECOND,
                             .subject = {.common_name = STR("laptop")},
                             .subject_key_id = true,
                             .key_usage = X509_KU_DIGITAL_SIGNATURE,
                             .eku = X509_EKU_CLIENT_AUTH};
    const unsigned char *at;

    buf_init(&f->pem, X509_CERT_MAX);
    buf_init(&f->der, X509_CERT_MAX);
    TRY(pki_init_root(&f->p, key_load(key_sm2)));
    TRY(x509_cert_parse(&f->p.a, buf_str(&f->p.root_der), &f->p.root, NULL));
    in.issuer = f->p.root.subject;
    in.issuer_key_id = f->p.root.ski;
    in.sig_alg = crypto_sig_default(f->p.root_key);
    in.spki = crypto_key_spki(key);
    TRY(pki_issue(&in, f->p.root_key, &f->der));
    text_pem(&f->pem, STR("CERTIFICATE"), buf_str(&f->p.root_der));
    TRY(buf_rc(&f->pem));
    at = (const unsigned char *)f->der.p;
    f->cert = d2i_X509(NULL, &at, (long)f->der.n);
    conf.roots = buf_str(&f->pem);
    return tls_clients_new(&conf, &f->clients, NULL);
}

static void clients_prove_who_they_are(void)
{
    CLEANUP(proof_done) struct proof f = {};
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CERT_MAX);

    NEEDS_SM();
    BEGIN(s);
    clock_fake_advance(&s.w.clock, PKI_FROM + WHEN_DAY - clock_now(&s.w.clock.clock));
    CHECK_OK(prove(&f, s.made[1].sign));
    CHECK_OK(tls_site_set_clients(&s.site[0], f.clients));
    CHECK_OK(dial(&s, 0, &all));
    CHECK(SSL_use_certificate(s.w.client, f.cert) == 1);
    CHECK(SSL_use_PrivateKey(s.w.client, crypto_ossl_pkey(s.made[1].sign)) == 1);
    shake(&s.w);
    CHECK_RC(s.w.opened, RC_OK);
    CHECK(is_sm(&s, 0, "curveSM2MLKEM768", "TLS_SM4_GCM_SM3"));
    CHECK_OK(tls_conn_caller(s.w.conn, &der));
    CHECK(str_eq(buf_str(&der), buf_str(&f.der)));
    /* Without one. */
    CHECK_RC(meet(&s, 0, &all), RC_CRYPTO);
}

static void an_openssl_without_it(void)
{
    static const struct offer classical = {"TLS_AES_128_GCM_SHA256", "X25519", NULL, 0};

    BEGIN(s);
    CHECK_INT(crypto_without_tls_sm() == NULL, OPENSSL_version_major() >= 4);
    CHECK_OK(meet(&s, 0, &none));
    CHECK(is_classical(&s, 0));
    CHECK_OK(meet(&s, 0, &classical));
    CHECK(is_classical(&s, 0));
    if (!crypto_without_tls_sm())
        return;
    /* What the product does is what the library can: nobody is led to believe in more. */
    CHECK_RC(dial(&s, 0, &all), RC_UNSUPPORTED);
    CHECK_STR(str_of(crypto_without_tls_sm()), crypto_version());
}

CHECK_MAIN(CHECK_TEST(an_openssl_without_it), CHECK_TEST(who_can_all_of_it_gets_it),
           CHECK_TEST(asked_to_try_again), CHECK_TEST(who_lacks_a_part_gets_nothing_of_it),
           CHECK_TEST(mixtures_are_refused), CHECK_TEST(only_where_the_site_has_it),
           CHECK_TEST(sessions_stay_what_they_are), CHECK_TEST(replaced_in_the_middle),
           CHECK_TEST(clients_prove_who_they_are), CHECK_TEST(its_ocsp_answer_comes_with_it))
