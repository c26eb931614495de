/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "base/text.h"
#include "crypto/crypto.h"
#include "tls/clients.h"
#include "tls/tls_int.h"
#include "x509/crl.h"
#include "x509/name.h"
#include "x509/verify.h"

#include "../x509/pki.h"

#define AT (PKI_FROM + WHEN_DAY)

struct place {
    struct pki p;
    struct buf leaf, pem, lists;
    struct x509_crl_entry revoked;
    struct tls_clients *clients;
};

static void place_done(struct place *w)
{
    tls_clients_unref(w->clients);
    pki_done(&w->p);
    buf_done(&w->leaf);
    buf_done(&w->pem);
    buf_done(&w->lists);
}

static enum rc issue(struct place *w, struct x509_tbs_in *in)
{
    buf_reset(&w->leaf);
    return pki_issue(in, w->p.issuer_key, &w->leaf);
}

static struct x509_tbs_in leaf_in(const struct place *w)
{
    struct x509_tbs_in in = pki_leaf_in(&w->p);

    in.eku = X509_EKU_CLIENT_AUTH;
    in.n_crl_urls = 0;
    return in;
}

static enum rc begin(struct place *w)
{
    struct x509_tbs_in in;

    buf_init(&w->leaf, X509_CERT_MAX);
    buf_init(&w->pem, 2 * X509_CERT_MAX);
    buf_init(&w->lists, 4 * X509_CERT_MAX);
    TRY(crypto_init());
    TRY(pki_init(&w->p));
    in = leaf_in(w);
    text_pem(&w->pem, STR("CERTIFICATE"), buf_str(&w->p.root_der));
    TRY(buf_rc(&w->pem));
    return issue(w, &in);
}

/* A list of one of the two; `n` of them are revoked, and it is good for a week from `from`. */
static enum rc add_list(struct place *w, bool of_root, size_t n, when_t from)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CRL_MAX);
    const struct x509_cert *by = of_root ? &w->p.root : &w->p.issuer;
    const struct crypto_key *key = of_root ? w->p.root_key : w->p.issuer_key;
    struct x509_crl_in in = {.sig_alg = crypto_sig_default(key),
                             .issuer = by->subject,
                             .issuer_key_id = by->ski,
                             .this_update = from,
                             .next_update = from + 7 * WHEN_DAY,
                             .number = 1,
                             .entries = &w->revoked,
                             .n = n};

    TRY(x509_crl_sign(key, &in, &der, NULL));
    text_pem(&w->lists, STR("X509 CRL"), buf_str(&der));
    return buf_rc(&w->lists);
}

static enum rc make(struct place *w, bool lists)
{
    struct tls_clients_conf conf = {.roots = buf_str(&w->pem)};

    tls_clients_unref(MOVE(w->clients));
    if (lists)
        conf.lists = buf_str(&w->lists);
    return tls_clients_new(&conf, &w->clients, NULL);
}

static enum rc judge(struct place *w, when_t at, struct err *err)
{
    const struct str shown[] = {buf_str(&w->leaf), buf_str(&w->p.issuer_der)};

    return tls_clients_judge(w->clients, shown, 2, at, err);
}

#define BEGIN(w)                                                                                   \
    CLEANUP(place_done) struct place w = {};                                                       \
    CHECK_OK(begin(&w))

static void who_holds(void)
{
    struct err err = ERR_INIT;
    struct x509_tbs_in in;
    BEGIN(w);

    CHECK_OK(make(&w, false));
    CHECK_OK(judge(&w, AT, NULL));
    CHECK(tls_clients_still(w.clients, buf_str(&w.leaf), AT));
    CHECK(!tls_clients_still(w.clients, buf_str(&w.leaf), PKI_LEAF_TO));
    CHECK_RC(judge(&w, PKI_LEAF_TO, &err), RC_DENIED);
    CHECK_STR(str_of(err.msg->code), "tls.client-time");
    CHECK_INT(tls_clients_trouble(&err), X509_TROUBLE_TIME);
    CHECK_RC(judge(&w, PKI_FROM - WHEN_DAY, NULL), RC_DENIED);
    /* The issuer is missing. */
    CHECK_RC(tls_clients_judge(w.clients, &(struct str){w.leaf.p, w.leaf.n}, 1, AT, &err),
             RC_DENIED);
    CHECK_INT(tls_clients_trouble(&err), X509_TROUBLE_ROOT);
    CHECK_RC(tls_clients_judge(w.clients, NULL, 0, AT, NULL), RC_DENIED);
    /* For servers, and for whatever: only what says that it is for clients counts. */
    in = leaf_in(&w);
    in.eku = X509_EKU_SERVER_AUTH;
    CHECK_OK(issue(&w, &in));
    CHECK_RC(judge(&w, AT, &err), RC_DENIED);
    CHECK_STR(str_of(err.msg->code), "tls.client-use");
    CHECK_INT(tls_clients_trouble(&err), X509_TROUBLE_USE);
    in.eku = 0;
    CHECK_OK(issue(&w, &in));
    CHECK_RC(judge(&w, AT, NULL), RC_DENIED);
}

static void what_is_revoked(void)
{
    struct err err = ERR_INIT;
    BEGIN(w);

    w.revoked.serial = (struct x509_serial){.n = 8, .b = {0x7f}};
    w.revoked.revoked = PKI_FROM;
    CHECK_OK(add_list(&w, false, 1, PKI_FROM));
    CHECK_OK(make(&w, true));
    /* There is none of the root's, which might have revoked the issuer. */
    CHECK_RC(judge(&w, AT, &err), RC_DENIED);
    CHECK_STR(str_of(err.msg->code), "tls.client-no-list");
    CHECK_INT(tls_clients_trouble(&err), X509_TROUBLE_OTHER);
    CHECK_OK(add_list(&w, true, 0, PKI_FROM));
    CHECK_OK(make(&w, true));
    CHECK_OK(judge(&w, AT, NULL));
    CHECK_OK(judge(&w, AT, NULL));
    /* They have grown old. */
    CHECK_RC(judge(&w, AT + 7 * WHEN_DAY, &err), RC_DENIED);
    CHECK_STR(str_of(err.msg->code), "tls.client-no-list");
    CHECK(tls_clients_still(w.clients, buf_str(&w.leaf), AT));
    CHECK(!tls_clients_still(w.clients, buf_str(&w.leaf), AT + 7 * WHEN_DAY));
    buf_reset(&w.lists);
    w.revoked.serial = leaf_in(&w).serial;
    CHECK_OK(add_list(&w, false, 1, PKI_FROM));
    CHECK_OK(add_list(&w, true, 0, PKI_FROM));
    CHECK_OK(make(&w, true));
    CHECK_RC(judge(&w, AT, &err), RC_DENIED);
    CHECK_STR(str_of(err.msg->code), "tls.client-revoked");
    CHECK_INT(tls_clients_trouble(&err), X509_TROUBLE_REVOKED);
    buf_reset(&w.lists);
    w.revoked.serial = w.p.issuer.serial;
    CHECK_OK(add_list(&w, false, 0, PKI_FROM));
    CHECK_OK(add_list(&w, true, 1, PKI_FROM));
    CHECK_OK(make(&w, true));
    CHECK_RC(judge(&w, AT, &err), RC_DENIED);
    CHECK_STR(str_of(err.msg->code), "tls.client-revoked");
}

static void what_is_said(void)
{
    CLEANUP(tls_clients_unrefp) struct tls_clients *other = NULL;
    struct tls_clients_conf conf = {.optional = true};
    struct err err = ERR_INIT;
    BEGIN(w);

    CHECK_OK(make(&w, false));
    CHECK(!tls_clients_optional(w.clients));
    conf.roots = buf_str(&w.pem);
    CHECK_OK(tls_clients_new(&conf, &other, NULL));
    CHECK(tls_clients_optional(other));
    CHECK(!tls_clients_same(w.clients, other) && !tls_clients_same(NULL, other));
    CHECK(tls_clients_same(other, other) && tls_clients_same(NULL, NULL));
    tls_clients_unref(MOVE(other));
    conf.optional = false;
    CHECK_OK(tls_clients_new(&conf, &other, NULL));
    CHECK(tls_clients_same(w.clients, other));
    conf.lists = STR("-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n");
    CHECK_RC(tls_clients_new(&conf, &other, &err), RC_INVAL);
    CHECK_STR(str_of(err.msg->code), "tls.clients-lists");
    conf.lists = STR("nothing");
    CHECK_RC(tls_clients_new(&conf, &other, NULL), RC_INVAL);
    conf.roots = STR("nothing");
    CHECK_RC(tls_clients_new(&conf, &other, &err), RC_INVAL);
    CHECK_STR(str_of(err.msg->code), "tls.clients-roots");
}

static void as_headers(void)
{
    CLEANUP(tls_caller_freep) struct tls_caller *c = NULL;
    const struct str uris[] = {STR("spiffe://x/a,DNS:admin.example")};
    struct x509_tbs_in in;
    BEGIN(w);

    in = leaf_in(&w);
    in.subject = (struct x509_subject){.organization = STR("M\xc3\xbcller, Sons"),
                                       .common_name = STR("laptop-7")};
    in.n_ips = 1;
    in.uris = uris;
    in.n_uris = 1;
    CHECK_OK(issue(&w, &in));
    CHECK_OK(tls_caller_new(buf_str(&w.leaf), &c));
    CHECK_STR(c->subject, "O = M\\xc3\\xbcller\\x5c, Sons, CN = laptop-7");
    CHECK_STR(c->names, "DNS:wiki.hospital.example, DNS:*.apps.hospital.example, IP:10.0.3.7, "
                        "URI:spiffe://x/a\\x2cDNS:admin.example");
    CHECK_INT(c->serial.n, 2 * in.serial.n);
    CHECK_INT(c->sha256.n, 64);
    CHECK(str_starts(c->certificate, STR(":MII")) && str_ends(c->certificate, STR(":")));
    CHECK(c->until == in.not_after);
    CHECK_RC(tls_caller_new(STR("no certificate"), &c), RC_PARSE);
}

CHECK_MAIN(CHECK_TEST(who_holds), CHECK_TEST(what_is_revoked), CHECK_TEST(what_is_said),
           CHECK_TEST(as_headers))
