/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/clients.h"

#include <assert.h>
#include <stdio.h>

#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "base/arena.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "crypto/ossl.h"
#include "tls/tls_int.h"
#include "x509/crl.h"
#include "x509/verify.h"

MSG(msg_roots, "tls.clients-roots",
    "what clients' certificates are to come from is no certificate in PEM, or there is none");
MSG(msg_lists, "tls.clients-lists", "list {0} of revoked certificates cannot be read: {1}");
MSG(msg_many, "tls.clients-many", "there are more than {0} roots, or more than {1} lists");
MSG(msg_time, "tls.client-time", "the client's certificate is not valid at this time");
MSG(msg_use, "tls.client-use",
    "the client's certificate is not for clients: clientAuth is not among its extended key usages");
MSG(msg_two, "tls.client-two", "the client's two certificates are not of the same subject");
MSG(msg_long, "tls.client-long", "the client's chain is longer than {0} certificates");
MSG(msg_revoked, "tls.client-revoked",
    "the client's certificate, or one above it, is revoked: {0}");
MSG(msg_no_list, "tls.client-no-list",
    "there is no list in force that says whether certificates of {0} are revoked: bring a newer "
    "one");

enum { ARENA_MAX = 64 << 20, WORK_MAX = 1 << 20, TEXT_MAX = 1024 };

struct list {
    struct x509_crl crl;
    bool checked; /* its signature, with this key: */
    unsigned char key[CRYPTO_SHA256_BYTES];
};

struct tls_clients {
    unsigned refs;
    bool optional;
    struct arena arena; /* of all below */
    struct x509_cert *roots;
    struct str root_der[TLS_CLIENTS_ROOTS_MAX], root_names[TLS_CLIENTS_ROOTS_MAX];
    size_t n_roots;
    STACK_OF(X509_NAME) * names; /* of the roots */
    struct list lists[TLS_CLIENTS_LISTS_MAX];
    size_t n_lists;
    unsigned char id[TLS_CLIENTS_ID];
};

/* ---- making */

static enum rc read_roots(struct tls_clients *c, struct str pem, struct err *err)
{
    enum rc rc =
        x509_cert_read_pem(&c->arena, pem, TLS_CLIENTS_ROOTS_MAX, &c->roots, &c->n_roots, NULL);

    if (rc == RC_NOMEM)
        return rc;
    if (rc == RC_TOOBIG)
        return ERR(err, rc, msg_many, STR("64"), STR("64"));
    if (rc != RC_OK || c->n_roots == 0)
        return ERR(err, RC_INVAL, msg_roots);
    for (size_t i = 0; i < c->n_roots; i++) {
        c->root_der[i] = c->roots[i].der;
        c->root_names[i] = c->roots[i].subject;
    }
    return RC_OK;
}

static enum rc read_names(struct tls_clients *c)
{
    c->names = sk_X509_NAME_new_null();
    for (size_t i = 0; c->names && i < c->n_roots; i++) {
        const unsigned char *at = (const unsigned char *)c->roots[i].subject.p;
        X509_NAME *name = d2i_X509_NAME(NULL, &at, (long)c->roots[i].subject.n);

        if (name && sk_X509_NAME_push(c->names, name) > 0)
            continue;
        X509_NAME_free(name);
        crypto_ossl_clear();
        return RC_NOMEM;
    }
    return c->names ? RC_OK : RC_NOMEM;
}

bool tls_clients_ask(const struct tls_clients *c, SSL *ssl)
{
    int force = c->optional ? 0 : SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    STACK_OF(X509_NAME) *names = SSL_dup_CA_list(c->names);

    if (!names)
        return false;
    SSL_set0_CA_list(ssl, names);
    SSL_set_verify(ssl, SSL_VERIFY_PEER | force, NULL);
    return true;
}

const struct str *tls_clients_names(const struct tls_clients *c, size_t *out_n)
{
    *out_n = c->n_roots;
    return c->root_names;
}

static enum rc read_list(struct tls_clients *c, struct str der, struct err *err)
{
    struct list *l = &c->lists[c->n_lists];
    struct err why = ERR_INIT;
    char line[TEXT_MAX], number[8];
    struct str kept;
    enum rc rc;

    TRY(arena_str(&c->arena, der, &kept));
    rc = x509_crl_parse(&c->arena, kept, &l->crl, &why);
    if (rc == RC_NOMEM)
        return rc;
    snprintf(number, sizeof(number), "%zu", c->n_lists + 1);
    if (rc != RC_OK)
        return ERR(err, RC_INVAL, msg_lists, str_of(number),
                   str_of(err_textz(&why, line, sizeof(line))));
    c->n_lists++;
    return RC_OK;
}

static enum rc read_lists(struct tls_clients *c, struct str pem, struct err *err)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CRL_MAX);

    for (;;) {
        enum rc rc;

        buf_reset(&der);
        rc = text_unpem(&pem, STR("X509 CRL"), NULL, &der);
        if (rc == RC_NOTFOUND)
            break;
        if (rc == RC_NOMEM)
            return rc;
        if (rc != RC_OK)
            return ERR(err, RC_INVAL, msg_lists, STR("?"), STR("it is no PEM"));
        if (c->n_lists == TLS_CLIENTS_LISTS_MAX)
            return ERR(err, RC_TOOBIG, msg_many, STR("64"), STR("64"));
        TRY(read_list(c, buf_str(&der), err));
    }
    return c->n_lists ? RC_OK : ERR(err, RC_INVAL, msg_lists, STR("1"), STR("there is none"));
}

/* Of all that is said, so that sessions of what was said before are not resumed. */
static enum rc make_id(struct tls_clients *c, const struct tls_clients_conf *conf)
{
    unsigned char all[2 * CRYPTO_SHA256_BYTES + 1];

    TRY(crypto_sha256(conf->roots, all));
    TRY(crypto_sha256(conf->lists, all + CRYPTO_SHA256_BYTES));
    all[sizeof(all) - 1] = conf->optional;
    return crypto_sha256(str_bytes(all, sizeof(all)), c->id);
}

enum rc tls_clients_new(const struct tls_clients_conf *conf, struct tls_clients **out,
                        struct err *err)
{
    CLEANUP(tls_clients_unrefp) struct tls_clients *c = MEM_NEW(struct tls_clients);

    static_assert(sizeof(c->id) == CRYPTO_SHA256_BYTES);
    if (!c)
        return RC_NOMEM;
    c->refs = 1;
    c->optional = conf->optional;
    arena_init(&c->arena, ARENA_MAX);
    TRY(make_id(c, conf));
    TRY(read_roots(c, conf->roots, err));
    TRY(read_names(c));
    if (conf->lists.n)
        TRY(read_lists(c, conf->lists, err));
    *out = MOVE(c);
    return RC_OK;
}

struct tls_clients *tls_clients_ref(struct tls_clients *c)
{
    c->refs++;
    return c;
}

void tls_clients_unref(struct tls_clients *c)
{
    if (!c || --c->refs)
        return;
    sk_X509_NAME_pop_free(c->names, X509_NAME_free);
    arena_done(&c->arena);
    mem_free(c);
}

bool tls_clients_optional(const struct tls_clients *c)
{
    return c->optional;
}

bool tls_clients_same(const struct tls_clients *a, const struct tls_clients *b)
{
    if (!a || !b)
        return a == b;
    return a == b || memcmp(a->id, b->id, sizeof(a->id)) == 0;
}

const unsigned char *tls_clients_id(const struct tls_clients *c)
{
    return c->id;
}

/* ---- what was revoked */

/* One judgement: what the client showed, parsed. */
struct shown {
    struct x509_cert certs[X509_CHAIN_MAX];
    size_t n;
    when_t at;
};

static bool has_url(const struct x509_cert *cert, struct str url)
{
    for (size_t i = 0; i < cert->n_crl_urls; i++)
        if (str_eq(cert->crl_urls[i], url))
            return true;
    return false;
}

/* RFC 5280 section 6.3.3 (b): is it a list for this certificate? Deltas are for who has the whole.
 */
static bool covers(const struct x509_crl *crl, const struct x509_cert *cert, when_t at)
{
    if (crl->delta || !str_eq(crl->issuer, cert->issuer) || crl->this_update > at ||
        crl->next_update <= at)
        return false;
    if ((crl->only_users && cert->is_ca) || (crl->only_cas && !cert->is_ca))
        return false;
    return crl->url.n == 0 || has_url(cert, crl->url);
}

/* Once for each key: a list may be long. */
static bool is_of(struct list *l, const struct x509_cert *issuer)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    unsigned char hash[CRYPTO_SHA256_BYTES];

    if (crypto_sha256(issuer->spki, hash) != RC_OK)
        return false;
    if (l->checked && memcmp(l->key, hash, sizeof(hash)) == 0)
        return true;
    if (x509_cert_key(issuer, &key, NULL) != RC_OK ||
        x509_crl_check(&l->crl, issuer, key, NULL) != RC_OK)
        return false;
    l->checked = true;
    memcpy(l->key, hash, sizeof(hash));
    return true;
}

static enum rc tell(struct err *err, const struct msg *m, struct str name)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(X509_NAME_MAX * 4);
    struct str arg;

    x509_name_text(name, &text);
    arg = buf_str(&text);
    return err_set(err, RC_DENIED, m, (struct err_at){__FILE__, __LINE__}, &arg, 1);
}

static enum rc ask_lists(struct tls_clients *c, const struct x509_cert *cert,
                         const struct x509_cert *issuer, when_t at, struct err *err)
{
    bool any = false;

    for (size_t i = 0; i < c->n_lists; i++) {
        struct list *l = &c->lists[i];

        if (!covers(&l->crl, cert, at) || !is_of(l, issuer))
            continue;
        any = true;
        if (x509_crl_find(&l->crl, &cert->serial))
            return tell(err, &msg_revoked, cert->subject);
    }
    return any ? RC_OK : tell(err, &msg_no_list, cert->issuer);
}

static const struct x509_cert *issuer_in(const struct x509_cert *cert, const struct x509_cert *in,
                                         size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (&in[i] != cert && in[i].is_ca && x509_cert_check_issuer(cert, &in[i], NULL) == RC_OK)
            return &in[i];
    return NULL;
}

/* From the certificate up to a root, which nobody revokes. The chain holds: it is a way up. */
static enum rc look_up(struct tls_clients *c, const struct shown *s, const struct x509_cert *cert,
                       struct err *err)
{
    for (size_t depth = 0; depth < X509_CHAIN_MAX; depth++) {
        const struct x509_cert *root = issuer_in(cert, c->roots, c->n_roots);
        const struct x509_cert *issuer = root ? root : issuer_in(cert, s->certs, s->n);

        if (!issuer)
            break;
        TRY(ask_lists(c, cert, issuer, s->at, err));
        if (root)
            return RC_OK;
        cert = issuer;
    }
    return tell(err, &msg_no_list, cert->issuer);
}

/* ---- judging */

static enum rc judge_one(struct tls_clients *c, const struct shown *s, const struct str *ders,
                         size_t i, struct err *err)
{
    const struct x509_cert *cert = &s->certs[i];
    struct x509_verify_in in = {.leaf = cert->der,
                                .chain = ders,
                                .n_chain = s->n,
                                .roots = c->root_der,
                                .n_roots = c->n_roots,
                                .at = s->at,
                                .purpose = i == 0 ? X509_FOR_CLIENT : X509_FOR_ANY};

    if (cert->not_before > s->at || cert->not_after <= s->at)
        return ERR(err, RC_DENIED, msg_time);
    if (i == 0 && !(cert->has_eku && cert->eku & X509_EKU_CLIENT_AUTH))
        return ERR(err, RC_DENIED, msg_use);
    TRY(x509_verify(&in, err));
    return c->n_lists ? look_up(c, s, cert, err) : RC_OK;
}

enum rc tls_clients_judge(struct tls_clients *c, const struct str *certs, size_t n, when_t at,
                          struct err *err)
{
    CLEANUP(arena_done) struct arena work = ARENA_INIT(WORK_MAX);
    struct shown *s = ARENA_ARRAY(&work, struct shown, 1);

    if (!s)
        return RC_NOMEM;
    if (n == 0 || n > X509_CHAIN_MAX)
        return ERR(err, RC_DENIED, msg_long, STR("10"));
    s->at = at;
    for (; s->n < n; s->n++)
        TRY(x509_cert_parse(&work, certs[s->n], &s->certs[s->n], err));
    TRY(judge_one(c, s, certs, 0, err));
    for (size_t i = 1; i < n; i++) {
        if (s->certs[i].is_ca)
            continue;
        if (!str_eq(s->certs[i].subject, s->certs[0].subject))
            return ERR(err, RC_DENIED, msg_two);
        TRY(judge_one(c, s, certs, i, err));
    }
    return RC_OK;
}

bool tls_clients_still(const struct tls_clients *c, struct str der, when_t at)
{
    CLEANUP(arena_done) struct arena work = ARENA_INIT(WORK_MAX);
    struct x509_cert cert;

    for (size_t i = 0; i < c->n_lists; i++)
        if (c->lists[i].crl.next_update <= at)
            return false;
    return x509_cert_parse(&work, der, &cert, NULL) == RC_OK && cert.not_before <= at &&
           at < cert.not_after;
}

enum x509_trouble tls_clients_trouble(const struct err *why)
{
    if (why->msg == &msg_revoked)
        return X509_TROUBLE_REVOKED;
    if (why->msg == &msg_time)
        return X509_TROUBLE_TIME;
    return why->msg == &msg_use ? X509_TROUBLE_USE : x509_verify_trouble(why);
}

int tls_clients_alert(const struct err *why)
{
    static const int errors[] = {
        [X509_TROUBLE_OTHER] = X509_V_ERR_CERT_UNTRUSTED,
        [X509_TROUBLE_ROOT] = X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
        [X509_TROUBLE_TIME] = X509_V_ERR_CERT_HAS_EXPIRED,
        [X509_TROUBLE_USE] = X509_V_ERR_INVALID_PURPOSE,
        [X509_TROUBLE_REVOKED] = X509_V_ERR_CERT_REVOKED,
    };

    return errors[tls_clients_trouble(why)];
}
