/* SPDX-License-Identifier: Apache-2.0 */
/* What certificates of authorities say: names, times, bounds, and when one is due. Keys are small
 * and of another kind than in a real ceremony, which nothing here depends on. */
#include "check.h"

#include "ca/bounds.h"
#include "ceremony/certify.h"
#include "ceremony/rotate.h"
#include "crypto/crypto.h"
#include "x509/name.h"

#define NOW (INT64_C(1'800'000'000) * WHEN_SECOND)
#define YEAR (365 * WHEN_DAY)

static const struct str internal[] = {{"lan", 3}};
static const struct str single[] = {{"localhost", 9}, {"pacs", 4}};

static struct conf conf_of(void)
{
    return (struct conf){
        .organization = STR("Example Hospital"),
        .country = STR("DE"),
        .locality = STR("Springfield"),
        .unit = STR("IT"),
        .domain = STR("hospital.example"),
        .names = {.internal = {internal, 1}, .single = {single, 2}},
        .urls = {.plain = STR("http://ca.hospital.example")},
        .ca = {.names = {.root = STR("{organization} {algorithm} Root CA {number}"),
                         .issuer = STR("{organization} {algorithm} CA {number}")},
               .rotation = {.lifetime = 3 * YEAR, .before = 400 * WHEN_DAY}}};
}

struct made {
    struct arena a;
    struct conf conf;
    struct crypto_key *root_key, *key;
    struct x509_cert root, issuer;
};

static void made_done(struct made *m)
{
    crypto_key_unref(m->root_key);
    crypto_key_unref(m->key);
    arena_done(&m->a);
}

static enum rc make_root(struct made *m, bool special)
{
    struct ceremony_plan plan = {
        .ref = {STR("rsa"), 1, true, special}, .conf = &m->conf, .now = NOW};

    TRY(crypto_init());
    TRY(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_P256, 0}, &m->root_key));
    TRY(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_P256, 0}, &m->key));
    return ceremony_certify_root(&plan, m->root_key, &m->a, &m->root, NULL);
}

static enum rc make_issuer(struct made *m, unsigned number, bool special, when_t now)
{
    struct ceremony_plan plan = {
        .ref = {STR("ecdsa"), number, false, special}, .conf = &m->conf, .now = now};
    struct ceremony_signer by = {STR("root-rsa"), &m->root, m->root_key};

    return ceremony_certify_issuer(&plan, crypto_key_spki(m->key), &by, &m->a, &m->issuer, NULL);
}

static bool has(const struct str *list, size_t n, const char *text)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(list[i], str_of(text)))
            return true;
    return false;
}

static void what_an_issuer_says(void)
{
    CLEANUP(made_done) struct made m = {.conf = conf_of(), .a = ARENA_INIT(4 << 20)};
    const struct x509_constraints *c;
    struct x509_subject s;

    CHECK_OK(make_root(&m, false));
    CHECK_OK(make_issuer(&m, 1, false, NOW));
    CHECK_OK(x509_cert_check_issuer(&m.issuer, &m.root, NULL));
    CHECK_OK(x509_name_parse(m.issuer.subject, &s, NULL));
    CHECK_STR(s.common_name, "Example Hospital ECDSA CA 1");
    CHECK_STR(s.organization, "Example Hospital");
    CHECK_STR(s.country, "DE");
    CHECK_STR(s.locality, "Springfield");
    CHECK_STR(s.unit, "IT");
    CHECK_INT(m.issuer.pathlen, 0);
    CHECK_INT(m.issuer.eku, X509_EKU_SERVER_AUTH | X509_EKU_CLIENT_AUTH);
    CHECK_INT(m.issuer.not_after, NOW + 3 * YEAR);
    CHECK(!m.root.has_constraints && m.issuer.has_constraints && m.issuer.constraints_critical);
    c = &m.issuer.constraints;
    CHECK_INT(c->n_permitted_dns, 4);
    CHECK(has(c->permitted_dns, 4, "hospital.example") && has(c->permitted_dns, 4, "lan") &&
          has(c->permitted_dns, 4, "localhost") && has(c->permitted_dns, 4, "pacs"));
    CHECK_INT(c->n_permitted_ip, 15);
    CHECK(has(c->permitted_email, c->n_permitted_email, "hospital.example") &&
          has(c->permitted_email, c->n_permitted_email, ".hospital.example"));
    CHECK_OK(x509_constraints_dns(c, STR("a.hospital.example"), NULL));
    CHECK_RC(x509_constraints_dns(c, STR("www.example.com"), NULL), RC_DENIED);
    CHECK_RC(x509_constraints_dns(c, STR("printer"), NULL), RC_DENIED);
    CHECK_INT(m.issuer.n_crl_urls, 1);
    CHECK_STR(m.issuer.crl_urls[0], "http://ca.hospital.example/crl/root-rsa/0.crl");
    CHECK_STR(m.issuer.issuer_urls[0], "http://ca.hospital.example/issuer/root-rsa.cer");
}

/* No more than GmSSL takes: 3653 days, and no extended key usage. */
static void what_those_of_sm2_say(void)
{
    CLEANUP(made_done) struct made m = {.conf = conf_of(), .a = ARENA_INIT(4 << 20)};
    struct ceremony_plan plan = {.ref = {STR("sm2"), 1, true, false}, .conf = &m.conf, .now = NOW};

    CHECK_OK(make_root(&m, false));
    CHECK(m.root.not_after > NOW + 19 * YEAR);
    crypto_key_unref(MOVE(m.key));
    CHECK_OK(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_SM2, 0}, &m.key));
    CHECK_OK(make_issuer(&m, 1, false, NOW));
    CHECK(!m.issuer.has_eku && m.issuer.pathlen == 0 && m.issuer.constraints_critical);
    CHECK_OK(ceremony_certify_root(&plan, m.key, &m.a, &m.root, NULL));
    CHECK(m.root.not_after - m.root.not_before <= 3653 * WHEN_DAY);
    CHECK(m.root.not_after > NOW + 9 * YEAR);
}

static void constraints_by_choice(void)
{
    CLEANUP(made_done) struct made m = {.conf = conf_of(), .a = ARENA_INIT(4 << 20)};
    CLEANUP(made_done) struct made bound = {.conf = conf_of(), .a = ARENA_INIT(4 << 20)};

    CHECK_OK(make_root(&m, false));
    m.conf.ca.constraints = CONF_CONSTRAINTS_NONCRITICAL;
    CHECK_OK(make_issuer(&m, 1, false, NOW));
    CHECK(m.issuer.has_constraints && !m.issuer.constraints_critical);
    m.conf.ca.constraints = CONF_CONSTRAINTS_NONE;
    CHECK_OK(make_issuer(&m, 1, false, NOW));
    CHECK(!m.issuer.has_constraints);
    m.conf.ca.constraints = CONF_CONSTRAINTS_CRITICAL;
    CHECK_OK(make_issuer(&m, 1, true, NOW));
    CHECK(!m.issuer.has_constraints); /* special */
    bound.conf.ca.constrained_root = 1;
    CHECK_OK(make_root(&bound, false));
    CHECK(bound.root.has_constraints);
}

static void names_fit(void)
{
    CLEANUP(made_done) struct made m = {.conf = conf_of(), .a = ARENA_INIT(4 << 20)};
    struct ceremony_plan plan = {.ref = {STR("mldsa"), 12, true, true}, .conf = &m.conf};
    struct x509_subject s;

    CHECK_OK(ceremony_subject(&plan, &m.a, &s));
    CHECK_STR(s.common_name, "Example Hospital ML-DSA Root CA 12 S");
    m.conf.organization = STR("Stiftung der vereinigten Krankenh\xc3\xa4user und "
                              "Kliniken");
    CHECK_OK(ceremony_subject(&plan, &m.a, &s));
    CHECK(s.common_name.n <= 64 && str_utf8(s.common_name));
    CHECK(str_ends(s.common_name, STR(" ML-DSA Root CA 12 S")));
    CHECK(str_starts(s.common_name, STR("Stiftung der ")));
    m.conf.ca.names.root = STR("{algorithm}/{number}");
    CHECK_OK(ceremony_subject(&plan, &m.a, &s));
    CHECK_STR(s.common_name, "ML-DSA/12 S");
}

/* An issuer ends with its root, and a root that is about to end signs none. */
static void never_beyond_the_root(void)
{
    CLEANUP(made_done) struct made m = {.conf = conf_of(), .a = ARENA_INIT(4 << 20)};

    CHECK_OK(make_root(&m, false));
    CHECK_OK(make_issuer(&m, 1, false, m.root.not_after - YEAR));
    CHECK_INT(m.issuer.not_after, m.root.not_after);
    CHECK_RC(make_issuer(&m, 1, false, m.root.not_after - WHEN_HOUR), RC_DENIED);
    CHECK_RC(make_issuer(&m, 1, false, m.root.not_after + YEAR), RC_DENIED);
}

static void cross_certificates(void)
{
    CLEANUP(made_done) struct made old = {.conf = conf_of(), .a = ARENA_INIT(4 << 20)};
    CLEANUP(made_done) struct made fresh = {.conf = conf_of(), .a = ARENA_INIT(4 << 20)};
    struct ceremony_plan plan = {.conf = &old.conf, .now = NOW + YEAR};
    struct ceremony_signer by = {.ref = STR("root-rsa")};
    struct x509_cert cross;

    CHECK_OK(make_root(&old, false));
    CHECK_OK(make_root(&fresh, false));
    by.cert = &old.root;
    by.key = old.root_key;
    CHECK_OK(ceremony_certify_cross(&plan, &fresh.root, &by, &old.a, &cross, NULL));
    CHECK_OK(x509_cert_check_issuer(&cross, &old.root, NULL));
    CHECK(str_eq(cross.subject, fresh.root.subject) && str_eq(cross.spki, fresh.root.spki));
    CHECK(str_eq(cross.ski, fresh.root.ski));
    CHECK(cross.not_after <= old.root.not_after && cross.not_after <= fresh.root.not_after);
}

static void when_one_is_due(void)
{
    CLEANUP(made_done) struct made m = {.conf = conf_of(), .a = ARENA_INIT(4 << 20)};

    CHECK_OK(make_root(&m, false));
    CHECK_OK(make_issuer(&m, 1, false, NOW));
    CHECK_INT(ca_due(&m.conf, &m.issuer, false, NOW), CA_NOT_DUE);
    CHECK_INT(ca_due(&m.conf, &m.issuer, false, m.issuer.not_after - 401 * WHEN_DAY), CA_NOT_DUE);
    CHECK_INT(ca_due(&m.conf, &m.issuer, false, m.issuer.not_after - 400 * WHEN_DAY), CA_DUE_END);
    m.conf.ca.rotation.before = 10 * YEAR; /* half of its life at most */
    CHECK_INT(ca_due(&m.conf, &m.issuer, false, NOW + YEAR), CA_NOT_DUE);
    CHECK_INT(ca_due(&m.conf, &m.issuer, false, NOW + 2 * YEAR), CA_DUE_END);
    m.conf.ca.rotation.before = WHEN_DAY;
    m.conf.domain = STR("clinic.example");
    CHECK_INT(ca_due(&m.conf, &m.issuer, false, NOW), CA_DUE_BOUNDS);
    CHECK_INT(ca_due(&m.conf, &m.issuer, true, NOW), CA_NOT_DUE);
    m.conf = conf_of();
    m.conf.names.single.n = 1;
    CHECK_INT(ca_due(&m.conf, &m.issuer, false, NOW), CA_DUE_BOUNDS);
    m.conf = conf_of();
    m.conf.ca.constraints = CONF_CONSTRAINTS_NONE;
    CHECK_INT(ca_due(&m.conf, &m.issuer, false, NOW), CA_DUE_BOUNDS);
}

static void rotation_of_rows(void)
{
    CLEANUP(made_done) struct made m = {.conf = conf_of(), .a = ARENA_INIT(4 << 20)};
    struct ca_ref ref = {STR("ecdsa"), 1, false, false}, root_ref = {STR("rsa"), 1, true, false};
    struct store_issuer root, rows[2];

    CHECK_OK(make_root(&m, false));
    CHECK_OK(make_issuer(&m, 1, false, NOW));
    CHECK_OK(ca_register_row(&(struct ca_register_in){&root_ref, &m.root, NULL, false, NOW}, &m.a,
                             &root));
    CHECK_OK(ca_register_row(&(struct ca_register_in){&ref, &m.issuer, &root, true, NOW}, &m.a,
                             &rows[0]));
    CHECK_STR(rows[0].name, "ecdsa-1");
    CHECK_INT(rows[0].crl_shards, 16);
    CHECK_INT(root.crl_shards, 1);
    CHECK_INT(ceremony_rotation_due(&m.conf, rows, 1, &rows[0], m.issuer.not_after - YEAR),
              CA_DUE_END);
    CHECK_INT(ceremony_next_number(rows, 1, &ref), 2);
    ref.hierarchy = CA_SPECIAL;
    CHECK_INT(ceremony_next_number(rows, 1, &ref), 1);
    /* With a successor it is not due any more, nor when it has retired. */
    rows[1] = rows[0];
    rows[1].activates += WHEN_DAY;
    rows[1].not_after += YEAR;
    CHECK_INT(ceremony_rotation_due(&m.conf, rows, 2, &rows[0], m.issuer.not_after - YEAR),
              CA_NOT_DUE);
    rows[0].retires = NOW + WHEN_DAY;
    CHECK_INT(store_issuer_at(&rows[0], NOW), STORE_ISSUER_ACTIVE);
    CHECK_INT(store_issuer_at(&rows[0], NOW + WHEN_DAY), STORE_ISSUER_RETIRING);
    CHECK_INT(store_issuer_at(&rows[0], rows[0].not_after), STORE_ISSUER_RETIRED);
    CHECK_INT(ceremony_rotation_due(&m.conf, rows, 1, &rows[0], m.issuer.not_after - YEAR),
              CA_NOT_DUE);
}

static void algorithms(void)
{
    struct err err = ERR_INIT;
    unsigned kinds = 0;

    CHECK_OK(ceremony_kinds_parse(STR("sm2,rsa"), &kinds, NULL));
    CHECK_INT(kinds, 1 | 4);
    CHECK_RC(ceremony_kinds_parse(STR("rsa,dsa"), &kinds, &err), RC_INVAL);
    CHECK_RC(ceremony_kinds_parse(STR(""), &kinds, &err), RC_INVAL);
    CHECK(ceremony_kind_find(STR("mldsa")) && !ceremony_kind_find(STR("")));
    for (size_t i = 0; i < CEREMONY_KINDS; i++)
        CHECK(ceremony_kind_find(str_of(ceremony_kinds[i].root))->root_key.type != 0);
}

CHECK_MAIN(CHECK_TEST(what_an_issuer_says), CHECK_TEST(what_those_of_sm2_say),
           CHECK_TEST(constraints_by_choice), CHECK_TEST(names_fit),
           CHECK_TEST(never_beyond_the_root), CHECK_TEST(cross_certificates),
           CHECK_TEST(when_one_is_due), CHECK_TEST(rotation_of_rows), CHECK_TEST(algorithms))
