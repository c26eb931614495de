/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdio.h>
#include <unistd.h>

#include "pair.h"

/* Two sites, as a gateway has them. */
struct place {
    struct tls_site site;
    const char *name;
    int refs;
};

struct sites {
    struct world w;
    struct place places[2];
    bool nameless; /* a client without a name gets the first one */
    int chosen;    /* how often it was asked */
    SSL_SESSION *left;
};

static struct tls_site *choose(void *arg, const struct tls_hello *hello)
{
    struct sites *s = arg;

    s->chosen++;
    if (hello->server_name.n == 0)
        return s->nameless ? &s->places[0].site : NULL;
    for (size_t i = 0; i < 2; i++)
        if (s->places[i].name && str_eq(hello->server_name, str_of(s->places[i].name)))
            return &s->places[i].site;
    return NULL;
}

static void site_ref(struct tls_site *site)
{
    ((struct place *)site)->refs++;
}

static void site_unref(struct tls_site *site)
{
    ((struct place *)site)->refs--;
}

static void sites_done(struct sites *s)
{
    hang_up(&s->w);
    SSL_SESSION_free(s->left);
    for (size_t i = 0; i < 2; i++)
        tls_site_done(&s->places[i].site);
    world_done(&s->w);
}

static enum rc add(struct sites *s, size_t i, const char *key, const char *shown_as)
{
    CLEANUP(tls_identity_unrefp) struct tls_identity *id = NULL;

    TRY(identity_of(key, shown_as, &id));
    tls_site_set_identity(&s->places[i].site, id);
    return RC_OK;
}

static enum rc sites_init(struct sites *s)
{
    struct tls_context_conf conf = {.choose = choose,
                                    .site_ref = site_ref,
                                    .site_unref = site_unref,
                                    .arg = s,
                                    .clock = &s->w.clock.clock};

    *s = (struct sites){.places = {{.name = "a.example"}, {.name = "b.example"}}};
    TRY(world_init(&s->w, &conf));
    TRY(tls_site_init(&s->places[0].site, STR("a.example")));
    TRY(tls_site_init(&s->places[1].site, STR("b.example")));
    TRY(add(s, 0, key_p256, "a-ecdsa"));
    TRY(add(s, 0, key_rsa, "a-rsa"));
    return add(s, 1, key_p384, "b-ecdsa");
}

#define BEGIN(s)                                                                                   \
    CLEANUP(sites_done) struct sites s = {.w = {.client_fd = -1}};                                 \
    CHECK_OK(sites_init(&s))

/* OpenSSL's macro takes constness away. */
static void ask_for(SSL *client, const char *name)
{
    char text[64];

    snprintf(text, sizeof(text), "%s", name ? name : "");
    SSL_ctrl(client, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name ? text : NULL);
}

/* A client that knows one version, or all (0), and asks for `name`. */
static enum rc dial(struct sites *s, const char *name, int version)
{
    TRY(connect_pair(&s->w));
    SSL_set_min_proto_version(s->w.client, version);
    SSL_set_max_proto_version(s->w.client, version);
    ask_for(s->w.client, name);
    return RC_OK;
}

/* OpenSSL's macro takes constness away. */
static char rsa_only[] = "rsa_pss_rsae_sha256";
static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

static void chosen_by_name(void)
{
    static const struct {
        const char *name, *shown;
        size_t place;
    } cases[] = {{"a.example", "a-ecdsa", 0}, {"B.eXample", "b-ecdsa", 1}};
    char name[64];

    BEGIN(s);
    for (size_t v = 0; v < 2; v++) {
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            CHECK_OK(dial(&s, cases[i].name, versions[v]));
            shake(&s.w);
            CHECK_RC(s.w.opened, RC_OK);
            shown(&s.w, name);
            CHECK_STR(str_of(name), cases[i].shown);
            CHECK(tls_conn_site(s.w.conn) == &s.places[cases[i].place].site);
            CHECK_INT(s.places[cases[i].place].refs, 1);
            CHECK(!tls_conn_resumed(s.w.conn));
            CHECK_OK(exchange(&s.w));
        }
    }
    CHECK_INT(s.chosen, 4);
    hang_up(&s.w);
    CHECK_INT(s.places[0].refs, 0);
    CHECK_INT(s.places[1].refs, 0);
}

/* ---- OCSP answers */

/* What the client was shown; empty: nothing. */
static struct str stapled(const struct world *w)
{
    unsigned char *p = NULL;
    long n = SSL_get_tlsext_status_ocsp_resp(w->client, &p);

    return n > 0 ? str_bytes(p, (size_t)n) : (struct str){"", 0};
}

static enum rc dial_for_staple(struct sites *s, int version)
{
    TRY(dial(s, "a.example", version));
    SSL_set_tlsext_status_type(s->w.client, TLSEXT_STATUSTYPE_ocsp);
    shake(&s->w);
    return s->w.opened;
}

/* Each identity has its own; a client that does not ask, or resumes, gets none. */
static void staples(void)
{
    CLEANUP(tls_identity_unrefp) struct tls_identity *ec = NULL, *rsa = NULL;
    when_t end = 1'000'000 * WHEN_SECOND + WHEN_DAY;

    BEGIN(s);
    CHECK_OK(identity_by_another(key_p256, "a-ecdsa", &ec));
    CHECK_OK(identity_by_another(key_rsa, "a-rsa", &rsa));
    CHECK_OK(tls_identity_staple(ec, STR(ANSWER_A), end));
    CHECK_OK(tls_identity_staple(rsa, STR(ANSWER_B), end));
    tls_site_set_identity(&s.places[0].site, ec);
    tls_site_set_identity(&s.places[0].site, rsa);
    for (size_t v = 0; v < 2; v++) {
        CHECK_OK(dial_for_staple(&s, versions[v]));
        CHECK_STR(stapled(&s.w), ANSWER_A);
        CHECK_OK(dial(&s, "a.example", versions[v]));
        SSL_set_tlsext_status_type(s.w.client, TLSEXT_STATUSTYPE_ocsp);
        SSL_set1_sigalgs_list(s.w.client, rsa_only);
        SSL_set_cipher_list(s.w.client, "ECDHE-RSA-AES128-GCM-SHA256");
        shake(&s.w);
        CHECK_RC(s.w.opened, RC_OK);
        CHECK_STR(stapled(&s.w), ANSWER_B);
        CHECK_OK(dial(&s, "a.example", versions[v]));
        shake(&s.w);
        CHECK_RC(s.w.opened, RC_OK);
        CHECK_STR(stapled(&s.w), "");
    }
}

static void no_staple_beyond_its_end(void)
{
    CLEANUP(tls_identity_unrefp) struct tls_identity *ec = NULL;

    BEGIN(s);
    CHECK_OK(identity_by_another(key_p256, "a-ecdsa", &ec));
    CHECK_OK(tls_identity_staple(ec, STR(ANSWER_A), 1'000'000 * WHEN_SECOND + WHEN_HOUR));
    tls_site_set_identity(&s.places[0].site, ec);
    clock_fake_advance(&s.w.clock, WHEN_HOUR - 1);
    CHECK_OK(dial_for_staple(&s, TLS1_3_VERSION));
    CHECK_STR(stapled(&s.w), ANSWER_A);
    clock_fake_advance(&s.w.clock, 1);
    for (size_t v = 0; v < 2; v++) {
        CHECK_OK(dial_for_staple(&s, versions[v]));
        CHECK_STR(stapled(&s.w), "");
    }
}

static void a_staple_has_a_limit(void)
{
    static char big[TLS_STAPLE_MAX + 1];
    CLEANUP(tls_identity_unrefp) struct tls_identity *ec = NULL;

    BEGIN(s);
    CHECK_OK(identity_of(key_p256, "a-ecdsa", &ec));
    CHECK_RC(tls_identity_staple(ec, str_bytes(big, sizeof(big)), WHEN_MAX), RC_TOOBIG);
    CHECK_OK(tls_identity_staple(ec, str_bytes(big, TLS_STAPLE_MAX), WHEN_MAX));
}

static void unknown_names(void)
{
    BEGIN(s);
    for (size_t v = 0; v < 2; v++) {
        CHECK_OK(dial(&s, "c.example", versions[v]));
        shake(&s.w);
        CHECK_RC(s.w.opened, RC_CRYPTO);
        CHECK_INT(s.w.alert, SSL_AD_UNRECOGNIZED_NAME);
        CHECK_STR(str_of(s.w.why), "the client asked for \"c.example\", which is no site here");
        CHECK(!tls_conn_site(s.w.conn));
    }
}

static void without_a_name(void)
{
    BEGIN(s);
    CHECK_OK(dial(&s, NULL, TLS1_3_VERSION));
    shake(&s.w);
    CHECK_RC(s.w.opened, RC_CRYPTO);
    CHECK_INT(s.w.alert, SSL_AD_UNRECOGNIZED_NAME);
    CHECK_STR(str_of(s.w.why), "the client named no site");
    CHECK_OK(dial(&s, NULL, TLS1_2_VERSION));
    shake(&s.w);
    CHECK_RC(s.w.opened, RC_CRYPTO);
    CHECK_INT(s.w.alert, SSL_AD_UNRECOGNIZED_NAME);
    s.nameless = true;
    CHECK_OK(dial(&s, NULL, 0));
    shake(&s.w);
    CHECK_RC(s.w.opened, RC_OK);
}

static void odd_names(void)
{
    static const char *const odd[] = {"a.example.", "10.0.0.1",    "::1",
                                      "*.example",  "a_b.example", "a b",
                                      ".",          "a..example",  "-a.example"};

    BEGIN(s);
    for (size_t v = 0; v < 2; v++) {
        for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
            CHECK_OK(dial(&s, odd[i], versions[v]));
            shake(&s.w);
            CHECK_RC(s.w.opened, RC_CRYPTO);
            CHECK_INT(s.w.alert, SSL_AD_ILLEGAL_PARAMETER);
            CHECK(strstr(s.w.why, "server_name"));
        }
    }
    CHECK_INT(s.chosen, 0);
}

/* What OpenSSL's client would not send: its ClientHello with `from` in it replaced. The alert that
 * comes back, -1 for none. */
static int patched(struct sites *s, struct str from, struct str to)
{
    BIO *out = BIO_new(BIO_s_mem());
    unsigned char alert[7] = {};
    char *bytes, *at;
    ssize_t sent;
    long n;

    SSL_set_bio(s->w.client, BIO_new(BIO_s_mem()), out);
    SSL_do_handshake(s->w.client);
    crypto_ossl_clear();
    n = BIO_get_mem_data(out, &bytes);
    at = memmem(bytes, (size_t)n, from.p, from.n);
    if (!at)
        return -1;
    memcpy(at, to.p, to.n);
    sent = write(s->w.client_fd, bytes, (size_t)n);
    for (int i = 0; i < 5; i++)
        ev_run_once(s->w.ev, EV_NOWAIT);
    return sent == n && read(s->w.client_fd, alert, sizeof(alert)) == 7 && alert[0] == 21 ? alert[6]
                                                                                          : -1;
}

static void odd_extensions(void)
{
    BEGIN(s);
    for (size_t v = 0; v < 2; v++) {
        CHECK_OK(dial(&s, "a.example", versions[v]));
        CHECK_INT(patched(&s, STR("a.example"), STR("a\0example")), SSL_AD_ILLEGAL_PARAMETER);
        CHECK_OK(dial(&s, "a.example", versions[v]));
        CHECK_INT(patched(&s,
                          STR("\0\0\x09"
                              "a.example"),
                          STR("\0\0\3aaa\0\0\3b.c")),
                  SSL_AD_ILLEGAL_PARAMETER);
        CHECK_OK(dial(&s, "a.example", versions[v]));
        CHECK_INT(patched(&s,
                          STR("\0\0\x09"
                              "a.example"),
                          STR("\1\0\x09"
                              "a.example")),
                  SSL_AD_ILLEGAL_PARAMETER);
        CHECK_OK(dial(&s, "a.example", versions[v]));
        CHECK_INT(patched(&s,
                          STR("\0\0\x09"
                              "a.example"),
                          STR("\0\0\0\0\0\6.exampl")),
                  SSL_AD_ILLEGAL_PARAMETER);
        CHECK_OK(dial(&s, "a.example", versions[v]));
        CHECK_INT(patched(&s,
                          STR("\0\0\x09"
                              "a.example"),
                          STR("\0\0\x0a"
                              "a.example")),
                  SSL_AD_DECODE_ERROR);
    }
    CHECK_INT(s.chosen, 0);
}

/* Who a client is shown that understands only these signatures. */
static enum rc offering_to(struct sites *s, const char *site, int version, char *sigalgs,
                           char out[static 64])
{
    TRY(dial(s, site, version));
    if (SSL_set1_sigalgs_list(s->w.client, sigalgs) != 1)
        return RC_INVAL;
    shake(&s->w);
    shown(&s->w, out);
    return RC_OK;
}

static enum rc offering(struct sites *s, int version, char *sigalgs, char out[static 64])
{
    return offering_to(s, "b.example", version, sigalgs, out);
}

static void suits_the_client(void)
{
    char name[64];

    BEGIN(s);
    CHECK_OK(dial(&s, "a.example", TLS1_3_VERSION));
    SSL_set1_sigalgs_list(s.w.client, "RSA-PSS+SHA256");
    shake(&s.w);
    shown(&s.w, name);
    CHECK_STR(str_of(name), "a-rsa");
    CHECK_OK(dial(&s, "a.example", TLS1_2_VERSION));
    SSL_set_cipher_list(s.w.client, "ECDHE-RSA-AES128-GCM-SHA256");
    shake(&s.w);
    shown(&s.w, name);
    CHECK_STR(str_of(name), "a-rsa");
    /* Able to do both, even if it would rather have RSA. */
    CHECK_OK(dial(&s, "a.example", TLS1_3_VERSION));
    SSL_set1_sigalgs_list(s.w.client, "RSA-PSS+SHA256:ECDSA+SHA256");
    shake(&s.w);
    shown(&s.w, name);
    CHECK_STR(str_of(name), "a-ecdsa");
    CHECK_OK(dial(&s, "a.example", TLS1_2_VERSION));
    SSL_set_cipher_list(s.w.client, "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES256-GCM-SHA384");
    shake(&s.w);
    shown(&s.w, name);
    CHECK_STR(str_of(name), "a-ecdsa");
    /* Of the curve of another key, which is none for it. */
    CHECK_OK(offering_to(&s, "a.example", TLS1_3_VERSION,
                         "ECDSA+SHA384:ECDSA+SHA512:RSA-PSS+SHA256", name));
    CHECK_STR(str_of(name), "a-rsa");
    CHECK_OK(offering_to(&s, "a.example", TLS1_3_VERSION,
                         "mldsa65:ed25519:ECDSA+SHA384:ECDSA+SHA256", name));
    CHECK_STR(str_of(name), "a-ecdsa");
    CHECK_OK(offering_to(&s, "a.example", TLS1_3_VERSION,
                         "RSA+SHA256:RSA-PSS+SHA512:RSA-PSS+SHA384", name));
    CHECK_STR(str_of(name), "a-rsa");
    /* Nothing for it. */
    CHECK_OK(dial(&s, "b.example", TLS1_3_VERSION));
    SSL_set1_sigalgs_list(s.w.client, "RSA-PSS+SHA256");
    shake(&s.w);
    CHECK_RC(s.w.opened, RC_CRYPTO);
    CHECK_INT(s.w.alert, SSL_AD_HANDSHAKE_FAILURE);
}

static void every_kind_of_key(void)
{
    char name[64];

    BEGIN(s);
    CHECK_OK(add(&s, 1, key_ed25519, "b-ed25519"));
    CHECK_OK(add(&s, 1, key_rsa, "b-rsa"));
    CHECK_OK(offering(&s, 0, "ed25519", name));
    CHECK_STR(str_of(name), "b-ed25519");
    /* P-256 in place of P-384. */
    CHECK_OK(add(&s, 1, key_p256, "b-p256"));
    CHECK_OK(dial(&s, "b.example", 0));
    shake(&s.w);
    shown(&s.w, name);
    CHECK_STR(str_of(name), "b-p256");
    CHECK_OK(offering(&s, 0, "ECDSA+SHA384", name));
    CHECK_RC(s.w.opened, RC_CRYPTO);
    /* ML-DSA is for those that offer it, by TLS 1.3. */
    CHECK_OK(add(&s, 1, key_mldsa65, "b-mldsa65"));
    CHECK_OK(offering(&s, 0, "mldsa65", name));
    CHECK_STR(str_of(name), "b-mldsa65");
    CHECK_OK(offering(&s, TLS1_3_VERSION, "ed25519", name));
    CHECK_STR(str_of(name), "b-ed25519");
}

/* One that OpenSSL does not show keeps no other from being shown. */
static void one_that_cannot_be_shown(void)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    CLEANUP(buf_done) struct buf pem = BUF_INIT(16384);
    CLEANUP(tls_identity_unrefp) struct tls_identity *weak = NULL;
    char name[64];

    BEGIN(s);
    key = key_load(key_rsa);
    CHECK(key || mem_fail_fired());
    if (!key)
        return;
    CHECK_OK(certificate_of(key, "b-weak", WEAKLY, &pem));
    CHECK_OK(tls_identity_new(buf_str(&pem), key, &weak, NULL));
    tls_site_set_identity(&s.places[1].site, weak);
    CHECK_OK(dial(&s, "b.example", 0));
    shake(&s.w);
    CHECK_OK(s.w.opened);
    shown(&s.w, name);
    CHECK_STR(str_of(name), "b-ecdsa");
    tls_site_keep(&s.places[1].site, TLS_KIND_RSA);
    CHECK_OK(dial(&s, "b.example", 0));
    shake(&s.w);
    /* From 4.0 on OpenSSL leaves it to clients what they think of its signature. */
    CHECK_RC(s.w.opened, OPENSSL_version_major() < 4 ? RC_CRYPTO : RC_OK);
}

static void site_without_identity(void)
{
    BEGIN(s);
    CHECK(tls_site_has_identity(&s.places[1].site));
    tls_site_clear(&s.places[1].site);
    CHECK(!tls_site_has_identity(&s.places[1].site));
    CHECK_OK(dial(&s, "b.example", 0));
    shake(&s.w);
    CHECK_RC(s.w.opened, RC_CRYPTO);
    CHECK(tls_conn_site(s.w.conn) == &s.places[1].site);
    hang_up(&s.w);
    CHECK_INT(s.places[1].refs, 0);
}

/* Asked to try again with another group, so that there is a "between". */
static enum rc half_way(struct sites *s)
{
    TRY(dial(s, "a.example", TLS1_3_VERSION));
    SSL_set1_groups_list(s->w.client, "secp521r1:X25519");
    SSL_do_handshake(s->w.client);
    for (int i = 0; i < 3; i++)
        ev_run_once(s->w.ev, EV_NOWAIT);
    return s->places[0].refs == 1 && s->w.opened == RC_COUNT ? RC_OK : RC_CONFLICT;
}

static void replaced_in_the_middle(void)
{
    char name[64];

    BEGIN(s);
    CHECK_OK(half_way(&s));
    CHECK_OK(add(&s, 0, key_p384, "a-new"));
    s.places[0].name = NULL;
    shake(&s.w);
    CHECK_RC(s.w.opened, RC_OK);
    shown(&s.w, name);
    CHECK_STR(str_of(name), "a-ecdsa");
    CHECK_OK(exchange(&s.w));
    s.places[0].name = "a.example";
    CHECK_OK(dial(&s, "a.example", 0));
    shake(&s.w);
    shown(&s.w, name);
    CHECK_STR(str_of(name), "a-new");
    CHECK_OK(half_way(&s));
    tls_site_clear(&s.places[0].site);
    shake(&s.w);
    CHECK_RC(s.w.opened, RC_OK);
    CHECK_OK(exchange(&s.w));
}

static void another_name_in_the_middle(void)
{
    BEGIN(s);
    CHECK_OK(half_way(&s));
    ask_for(s.w.client, "b.example");
    shake(&s.w);
    CHECK_RC(s.w.opened, RC_CRYPTO);
    CHECK_INT(s.w.alert, SSL_AD_ILLEGAL_PARAMETER);
    CHECK(strstr(s.w.why, "another server name"));
    CHECK_OK(half_way(&s));
    ask_for(s.w.client, NULL);
    shake(&s.w);
    CHECK_RC(s.w.opened, RC_CRYPTO);
    CHECK_INT(s.w.alert, SSL_AD_ILLEGAL_PARAMETER);
}

/* Shakes hands at `name`, with a session to resume or NULL, and gets a new one. */
static enum rc visit(struct sites *s, SSL_SESSION *session, const char *name, int version)
{
    char in[4];

    TRY(dial(s, name, version));
    if (session)
        SSL_set_session(s->w.client, session);
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

static void sessions_stay_at_their_site(void)
{
    char name[64];

    BEGIN(s);
    for (size_t v = 0; v < 2; v++) {
        CHECK_OK(visit(&s, NULL, "a.example", versions[v]));
        CHECK_OK(visit(&s, s.left, "a.example", versions[v]));
        CHECK(resumed(&s));
        CHECK(tls_conn_site(s.w.conn) == &s.places[0].site);
        CHECK_OK(visit(&s, s.left, "b.example", versions[v]));
        CHECK(!resumed(&s));
        CHECK(tls_conn_site(s.w.conn) == &s.places[1].site);
        shown(&s.w, name);
        CHECK_STR(str_of(name), "b-ecdsa");
        CHECK_OK(visit(&s, s.left, "a.example", versions[v]));
        CHECK(!resumed(&s));
    }
}

/* Nor does one survive that its site has other rules now, even under the same name. */
static void sessions_end_with_the_policy(void)
{
    BEGIN(s);
    for (size_t v = 0; v < 2; v++) {
        CHECK_OK(visit(&s, NULL, "b.example", versions[v]));
        tls_site_done(&s.places[1].site);
        CHECK_OK(tls_site_init(&s.places[1].site, v ? STR("b, 2") : STR("b, 1")));
        CHECK_OK(add(&s, 1, key_p384, "b-ecdsa"));
        CHECK_OK(visit(&s, s.left, "b.example", versions[v]));
        CHECK(!resumed(&s));
    }
}

static void sessions_outlive_identities(void)
{
    BEGIN(s);
    for (size_t v = 0; v < 2; v++) {
        CHECK_OK(visit(&s, NULL, "b.example", versions[v]));
        CHECK_OK(add(&s, 1, key_p256, "b-new"));
        CHECK_OK(visit(&s, s.left, "b.example", versions[v]));
        CHECK(resumed(&s));
    }
}

static enum rc looked(struct sites *s, const char *name, char out[static 64])
{
    TRY(dial(s, name, 0));
    shake(&s->w);
    shown(&s->w, out);
    return s->w.opened;
}

/* A kind that is not wanted any more goes, but only once there is another one. */
static void kinds_come_and_go(void)
{
    char name[64];

    BEGIN(s);
    tls_site_keep(&s.places[1].site, TLS_KIND_RSA);
    CHECK_OK(looked(&s, "b.example", name));
    CHECK_STR(str_of(name), "b-ecdsa");
    CHECK_OK(add(&s, 1, key_rsa, "b-rsa"));
    tls_site_keep(&s.places[1].site, TLS_KIND_RSA);
    CHECK_OK(looked(&s, "b.example", name));
    CHECK_STR(str_of(name), "b-rsa");
    tls_site_keep(&s.places[0].site, TLS_KIND_RSA | TLS_KIND_EC);
    CHECK_OK(looked(&s, "a.example", name));
    CHECK_STR(str_of(name), "a-ecdsa");
}

/* What the client sends, up to the moment when it waits. */
static size_t hello_of(struct sites *s, char *out, size_t room)
{
    BIO *to = BIO_new(BIO_s_mem());
    int n;

    SSL_set0_wbio(s->w.client, to);
    SSL_do_handshake(s->w.client);
    n = BIO_read(to, out, (int)room);
    SSL_set0_wbio(s->w.client, BIO_new_socket(s->w.client_fd, BIO_NOCLOSE));
    return n > 0 ? (size_t)n : 0;
}

/* In pieces of `piece` bytes, each in a turn of its own. */
static void send_in_pieces(struct sites *s, struct str bytes, size_t piece)
{
    while (bytes.n && s->w.opened == RC_COUNT) {
        struct str now = str_head(bytes, piece);

        if (send(s->w.client_fd, now.p, now.n, MSG_NOSIGNAL) < 0)
            return;
        bytes = str_skip(bytes, now.n);
        for (int i = 0; i < 4; i++)
            ev_run_once(s->w.ev, EV_NOWAIT);
    }
}

/* All that came is read again, from its first byte, and nothing was answered. */
static void passed_on_as_it_came(void)
{
    static const size_t pieces[] = {1, 7, 300, 100'000};
    static unsigned char protocols[3000];
    static char hello[8192], got[8192];
    size_t n, at, more;
    enum rc rc;

    BEGIN(s);
    for (size_t i = 0; i < sizeof(protocols); i += 100)
        memcpy(protocols + i, "\x08http/1.1\x5a", 10);
    s.places[1].site.passes = true;
    for (size_t i = 0; i < 2 * sizeof(pieces) / sizeof(pieces[0]); i++) {
        CHECK_OK(dial(&s, "b.example", 0));
        if (i % 2) /* longer than what is read at first */
            SSL_set_alpn_protos(s.w.client, protocols, sizeof(protocols));
        n = hello_of(&s, hello, sizeof(hello));
        send_in_pieces(&s, str_bytes(hello, n), pieces[i / 2]);
        CHECK_RC(s.w.opened, RC_OK);
        CHECK(tls_conn_passes(s.w.conn));
        CHECK(tls_conn_site(s.w.conn) == &s.places[1].site);
        CHECK_INT(tls_conn_alpn(s.w.conn).n, 0);
        CHECK_INT(send(s.w.client_fd, "behind it", 9, MSG_NOSIGNAL), 9);
        for (at = 0, rc = RC_OK; rc == RC_OK; at += more) {
            more = 0;
            rc = tls_conn_read(s.w.conn, got + at, sizeof(got) - at, &more);
        }
        CHECK_RC(rc, RC_AGAIN);
        CHECK_INT(at, n + 9);
        CHECK(memcmp(got, hello, n) == 0 && memcmp(got + n, "behind it", 9) == 0);
        CHECK_INT(recv(s.w.client_fd, got, sizeof(got), MSG_DONTWAIT), -1);
        CHECK_OK(tls_conn_write(s.w.conn, STR("answer"), &more));
        CHECK_INT(recv(s.w.client_fd, got, sizeof(got), MSG_DONTWAIT), 6);
        CHECK_OK(tls_conn_shutdown(s.w.conn));
        CHECK_INT(recv(s.w.client_fd, got, sizeof(got), MSG_DONTWAIT), 0);
    }
    CHECK_OK(dial(&s, "a.example", 0)); /* the other site as ever */
    shake(&s.w);
    CHECK_RC(s.w.opened, RC_OK);
    CHECK(!tls_conn_passes(s.w.conn));
}

/* The header of a load balancer is ours, and not passed on. */
static void passed_on_behind_a_proxy_header(void)
{
    static const char header[] = "PROXY TCP4 192.0.2.1 192.0.2.2 1000 443\r\n";
    static char hello[8192], got[8192];
    size_t n, more = 0;

    BEGIN(s);
    s.places[1].site.passes = true;
    s.w.proxied = true;
    CHECK_OK(dial(&s, "b.example", 0));
    n = hello_of(&s, hello, sizeof(hello));
    CHECK_INT(send(s.w.client_fd, header, sizeof(header) - 1, MSG_NOSIGNAL), sizeof(header) - 1);
    send_in_pieces(&s, str_bytes(hello, n), sizeof(hello));
    CHECK_RC(s.w.opened, RC_OK);
    CHECK_OK(tls_conn_read(s.w.conn, got, sizeof(got), &more));
    CHECK_INT(more, n);
    CHECK(memcmp(got, hello, n) == 0);
}

/* An extension of so many bytes, header included, behind the others; `from`: their length. */
static void more_to(unsigned char *body, size_t *n, size_t from, size_t bytes)
{
    size_t all = (size_t)(body[from] << 8 | body[from + 1]) + bytes;

    body[from] = (unsigned char)(all >> 8);
    body[from + 1] = (unsigned char)all;
    memcpy(body + *n, "\x0a\x0a", 2);
    body[*n + 2] = (unsigned char)((bytes - 4) >> 8);
    body[*n + 3] = (unsigned char)(bytes - 4);
    *n += bytes;
    body[1] = (unsigned char)((*n - 4) >> 16);
    body[2] = (unsigned char)((*n - 4) >> 8);
    body[3] = (unsigned char)(*n - 4);
}

/* A ClientHello that is long by intent: its handshake ends. */
static void too_long_to_be_passed_on(void)
{
    static unsigned char body[90'000];
    static char records[100'000];
    static char hello[8192];
    size_t n, at = 0, from, length;

    BEGIN(s);
    s.places[1].site.passes = true;
    CHECK_OK(dial(&s, "b.example", 0));
    n = hello_of(&s, hello, sizeof(hello));
    memcpy(body, hello + 5, n - 5);
    from = 4 + 2 + 32;
    from += 1 + body[from];
    from += 2 + (size_t)(body[from] << 8 | body[from + 1]);
    from += 1 + body[from];
    length = (size_t)(body[from] << 8 | body[from + 1]);
    /* All that 16 bits of length allow, in one extension that nobody knows. */
    n -= 5;
    more_to(body, &n, from, 65'535 - length);
    for (size_t i = 0; i < n; i += 1000, at += 1005) {
        size_t piece = n - i < 1000 ? n - i : 1000;

        memcpy(records + at, "\x16\x03\x01", 3);
        records[at + 3] = (char)(piece >> 8);
        records[at + 4] = (char)piece;
        memcpy(records + at + 5, body + i, piece);
    }
    send_in_pieces(&s, str_bytes(records, at), 4000);
    CHECK_RC(s.w.opened, RC_TOOBIG);
}

/* A ClientHello that says it has `says` bytes, in as many records of zeros as are taken; how many
 * bytes that were. */
static size_t send_hello(struct world *w, int fd, unsigned char version, uint32_t says)
{
    unsigned char record[5 + 16 * 1024] = {22, version, 1, 16 * 1024 / 256, 0, 1};
    size_t sent = 0;

    record[6] = (unsigned char)(says >> 16);
    record[7] = (unsigned char)(says >> 8);
    record[8] = (unsigned char)says;
    while (w->opened == RC_COUNT && sent < 1 << 20) {
        ssize_t n = send(fd, record, sizeof(record), MSG_DONTWAIT | MSG_NOSIGNAL);

        for (int i = 0; i < 4; i++)
            ev_run_once(w->ev, EV_NOWAIT);
        if (n < 0)
            break;
        sent += (size_t)n;
        memset(record + 5, 0, 4);
    }
    return sent;
}

/* Held is what OpenSSL takes of one, and what might have been passed on: no more than it says, and
 * nothing of what says too much. */
static void endless_hellos(void)
{
    static const struct {
        uint32_t says;
        size_t most;
    } cases[] = {{0xffffff, 48 * 1024}, {200'000, 48 * 1024}, {131'000, 192 * 1024}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t sent;

        BEGIN(s);
        sent = send_hello(&s.w, s.w.client_fd, 3, cases[i].says);
        CHECK_RC(s.w.opened, RC_CRYPTO);
        if (sent > cases[i].most)
            fail_msg("%u: %zu bytes were taken", cases[i].says, sent);
    }
}

CHECK_MAIN(CHECK_TEST_ONCE(passed_on_as_it_came), CHECK_TEST(passed_on_behind_a_proxy_header),
           CHECK_TEST_ONCE(too_long_to_be_passed_on), CHECK_TEST(kinds_come_and_go),
           CHECK_TEST(chosen_by_name), CHECK_TEST(staples), CHECK_TEST(no_staple_beyond_its_end),
           CHECK_TEST(a_staple_has_a_limit), CHECK_TEST(unknown_names), CHECK_TEST(without_a_name),
           CHECK_TEST(odd_names), CHECK_TEST(odd_extensions), CHECK_TEST(suits_the_client),
           CHECK_TEST(every_kind_of_key), CHECK_TEST(one_that_cannot_be_shown),
           CHECK_TEST(site_without_identity), CHECK_TEST(replaced_in_the_middle),
           CHECK_TEST(another_name_in_the_middle), CHECK_TEST(sessions_stay_at_their_site),
           CHECK_TEST(sessions_end_with_the_policy), CHECK_TEST(sessions_outlive_identities),
           CHECK_TEST_ONCE(endless_hellos))
