/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "pki.h"
#include "x509/verify.h"

struct chain {
    struct pki p;
    struct buf leaf;
    struct str issuer, root;
};

static void chain_done(struct chain *c)
{
    pki_done(&c->p);
    buf_done(&c->leaf);
}

static enum rc chain_init(struct chain *c)
{
    struct x509_tbs_in in;

    buf_init(&c->leaf, X509_CERT_MAX);
    TRY(pki_init(&c->p));
    in = pki_leaf_in(&c->p);
    in.n_ips = 0;
    TRY(pki_issue(&in, c->p.issuer_key, &c->leaf));
    c->issuer = buf_str(&c->p.issuer_der);
    c->root = buf_str(&c->p.root_der);
    return RC_OK;
}

static struct x509_verify_in good(const struct chain *c)
{
    return (struct x509_verify_in){
        .leaf = buf_str(&c->leaf),
        .chain = &c->issuer,
        .n_chain = 1,
        .roots = &c->root,
        .n_roots = 1,
        .at = PKI_FROM + WHEN_DAY,
        .purpose = X509_FOR_SERVER,
        .dns = STR("wiki.hospital.example"),
    };
}

static void good_chains_verify(void)
{
    CLEANUP(chain_done) struct chain c = {.issuer = {NULL, 0}};
    struct x509_verify_in in;

    CHECK_OK(chain_init(&c));
    in = good(&c);
    CHECK_OK(x509_verify(&in, NULL));
    in.purpose = X509_FOR_CLIENT;
    in.dns = STR("x.apps.hospital.example");
    CHECK_OK(x509_verify(&in, NULL));
    in.purpose = X509_FOR_ANY;
    in.dns = STR("");
    CHECK_OK(x509_verify(&in, NULL));
    /* The root sent along, as some servers do. */
    in.chain = (const struct str[]){c.issuer, c.root};
    in.n_chain = 2;
    CHECK_OK(x509_verify(&in, NULL));
}

static void bad_chains_do_not(void)
{
    CLEANUP(chain_done) struct chain c = {.issuer = {NULL, 0}};
    struct x509_verify_in in[8];
    struct err err = ERR_INIT;
    char text[300];

    CHECK_OK(chain_init(&c));
    for (size_t i = 0; i < 8; i++)
        in[i] = good(&c);
    in[0].n_chain = 0;
    in[1].n_roots = 0;
    in[2].at = PKI_FROM - WHEN_SECOND;
    in[3].at = PKI_LEAF_TO;
    in[4].dns = STR("other.hospital.example");
    in[5].ip = &pki_ips[0];
    in[6].roots = &c.issuer; /* no root: the chain is not complete */
    in[7].leaf = c.issuer;
    in[7].n_chain = 0;
    for (size_t i = 0; i < 8; i++) {
        static const enum x509_trouble troubles[8] = {
            X509_TROUBLE_ROOT,  X509_TROUBLE_ROOT,  X509_TROUBLE_TIME, X509_TROUBLE_TIME,
            X509_TROUBLE_OTHER, X509_TROUBLE_OTHER, X509_TROUBLE_ROOT, X509_TROUBLE_OTHER};

        CHECK_RC(x509_verify(&in[i], &err), RC_DENIED);
        if (i < 7)
            CHECK_INT(x509_verify_trouble(&err), troubles[i]);
    }
    in[0] = good(&c);
    in[0].purpose = X509_FOR_CLIENT;
    if (x509_verify(&in[0], &err) != RC_OK)
        CHECK_INT(x509_verify_trouble(&err), X509_TROUBLE_USE);
    CHECK_RC(x509_verify(&in[3], &err), RC_DENIED);
    CHECK_STR(str_of(err_textz(&err, text, sizeof(text))),
              "the chain does not verify: certificate has expired (depth 0)");
}

static void constraints_count(void)
{
    static const struct str outside[] = {STR("wiki.bank.example")};
    CLEANUP(chain_done) struct chain c = {.issuer = {NULL, 0}};
    CLEANUP(buf_done) struct buf leaf = BUF_INIT(X509_CERT_MAX);
    struct x509_verify_in in;
    struct x509_tbs_in tbs;
    struct err err = ERR_INIT;
    char text[300];

    CHECK_OK(chain_init(&c));
    tbs = pki_leaf_in(&c.p);
    tbs.dns = outside;
    tbs.n_dns = 1;
    tbs.n_ips = 0;
    tbs.subject.common_name = outside[0];
    CHECK_OK(pki_issue(&tbs, c.p.issuer_key, &leaf));
    in = good(&c);
    in.leaf = buf_str(&leaf);
    in.dns = outside[0];
    CHECK_RC(x509_verify(&in, &err), RC_DENIED);
    CHECK(strstr(err_textz(&err, text, sizeof(text)), "permitted subtree violation") != NULL);
}

static void addresses_are_checked(void)
{
    CLEANUP(chain_done) struct chain c = {.issuer = {NULL, 0}};
    CLEANUP(buf_done) struct buf leaf = BUF_INIT(X509_CERT_MAX);
    static const struct addr other = {4, {10, 0, 3, 8}};
    struct x509_verify_in in;
    struct x509_tbs_in tbs;

    CHECK_OK(chain_init(&c));
    tbs = pki_leaf_in(&c.p);
    CHECK_OK(pki_issue(&tbs, c.p.issuer_key, &leaf));
    in = good(&c);
    in.leaf = buf_str(&leaf);
    in.dns = STR("");
    for (size_t i = 0; i < 2; i++) {
        in.ip = &pki_ips[i];
        CHECK_OK(x509_verify(&in, NULL));
    }
    in.ip = &other;
    CHECK_RC(x509_verify(&in, NULL), RC_DENIED);
}

static void no_certificates_are_refused(void)
{
    CLEANUP(chain_done) struct chain c = {.issuer = {NULL, 0}};
    static const struct str junk = STR("\x30\x03\x02\x01\x01");
    struct x509_verify_in in;

    CHECK_OK(chain_init(&c));
    in = good(&c);
    in.leaf = junk;
    CHECK_RC(x509_verify(&in, NULL), RC_PARSE);
    in = good(&c);
    in.chain = &junk;
    CHECK_RC(x509_verify(&in, NULL), RC_PARSE);
    in = good(&c);
    in.roots = &junk;
    CHECK_RC(x509_verify(&in, NULL), RC_PARSE);
    buf_u8(&c.leaf, 0);
    CHECK_OK(buf_rc(&c.leaf));
    in = good(&c);
    CHECK_RC(x509_verify(&in, NULL), RC_PARSE);
    c.leaf.n--;
    c.leaf.p[c.leaf.n - 1] ^= 1;
    in = good(&c);
    CHECK_RC(x509_verify(&in, NULL), RC_DENIED);
}

CHECK_MAIN(CHECK_TEST(good_chains_verify), CHECK_TEST(bad_chains_do_not),
           CHECK_TEST(constraints_count), CHECK_TEST(addresses_are_checked),
           CHECK_TEST(no_certificates_are_refused))
