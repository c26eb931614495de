/* SPDX-License-Identifier: Apache-2.0 */
#include "scan/judge.h"

#include "base/map.h"
#include "base/text.h"
#include "scan/weak.h"

enum { DER_MAX = X509_CERT_MAX, WEAK_MAX = SCAN_WHY_MAX - 1, FACTS = 64 * 1024 };

MSG(msg_many, "scan.judge-many", "more than {0} certificates that say what is ours");

struct issuer {
    struct x509_cert cert;
    struct crypto_key *key;
};

struct scan_judge {
    struct arena arena;
    struct issuer issuers[SCAN_OURS_MAX];
    size_t n;
    struct map known; /* SHA-256 of certificates that were seen to be ours */
};

const char *scan_verdict_text(unsigned bit_number)
{
    static const char *const texts[SCAN_VERDICTS] = {"ours", "foreign",    "expired",   "early",
                                                     "weak", "mismatched", "unreadable"};

    return texts[bit_number];
}

enum rc scan_judge_new(struct scan_judge **out)
{
    struct scan_judge *j = MEM_NEW(struct scan_judge);

    if (!j)
        return RC_NOMEM;
    arena_init(&j->arena, SCAN_JUDGE_MEMORY);
    map_init(&j->known, SCAN_OURS_MAX);
    *out = j;
    return RC_OK;
}

void scan_judge_free(struct scan_judge *j)
{
    if (!j)
        return;
    for (size_t i = 0; i < j->n; i++)
        crypto_key_unref(j->issuers[i].key);
    map_done(&j->known);
    arena_done(&j->arena);
    mem_free(j);
}

enum rc scan_judge_add(struct scan_judge *j, struct str pem, struct err *err)
{
    struct x509_cert *certs;
    size_t n = 0;
    enum rc rc = x509_cert_read_pem(&j->arena, pem, SCAN_OURS_MAX - j->n, &certs, &n, err);

    if (rc == RC_TOOBIG)
        return ERR(err, rc, msg_many, STR("1000"));
    TRY(rc);
    for (size_t i = 0; i < n; i++) {
        TRY(x509_cert_key(&certs[i], &j->issuers[j->n].key, err));
        j->issuers[j->n++].cert = certs[i];
    }
    return RC_OK;
}

/* ---- whose it is */

/* RC_NOTFOUND: it did not. A signature that cannot be checked, as one over SHA-1, proves nothing.
 */
static enum rc signed_by(const struct x509_cert *c, const struct x509_cert *issuer,
                         const struct crypto_key *key)
{
    enum rc rc;

    if (!str_eq(c->issuer, issuer->subject))
        return RC_NOTFOUND;
    rc = x509_cert_check_signature(c, key, NULL);
    return rc == RC_OK || rc == RC_NOMEM ? rc : RC_NOTFOUND;
}

/* RC_OK: one of the given ones signed it, or is it; RC_NOTFOUND. */
static enum rc given(const struct scan_judge *j, const struct x509_cert *c)
{
    for (size_t i = 0; i < j->n; i++) {
        enum rc rc = str_eq(j->issuers[i].cert.der, c->der)
                         ? RC_OK
                         : signed_by(c, &j->issuers[i].cert, j->issuers[i].key);

        if (rc != RC_NOTFOUND)
            return rc;
    }
    return RC_NOTFOUND;
}

static bool known(const struct scan_judge *j, const struct x509_cert *c)
{
    unsigned char digest[CRYPTO_SHA256_BYTES];

    return x509_cert_fingerprint(c, digest) == RC_OK &&
           map_get(&j->known, str_bytes(digest, sizeof(digest)));
}

/* Issuers come again and again; a map that is full only costs time. */
static void remember(struct scan_judge *j, const struct x509_cert *c)
{
    unsigned char digest[CRYPTO_SHA256_BYTES];

    if (c->is_ca && x509_cert_fingerprint(c, digest) == RC_OK)
        IGNORE_RC(map_add(&j->known, str_bytes(digest, sizeof(digest)), j));
}

/* The certificate of the chain that signed `c`; RC_NOTFOUND. */
static enum rc above(const struct x509_cert *certs, size_t n, const struct x509_cert *c,
                     const struct x509_cert **out)
{
    for (size_t i = 0; i < n; i++) {
        CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
        enum rc rc;

        if (&certs[i] == c || !certs[i].is_ca || !str_eq(certs[i].subject, c->issuer))
            continue;
        rc = x509_cert_key(&certs[i], &key, NULL);
        if (rc == RC_OK)
            rc = signed_by(c, &certs[i], key);
        if (rc == RC_NOMEM)
            return rc;
        if (rc == RC_OK) {
            *out = &certs[i];
            return RC_OK;
        }
    }
    return RC_NOTFOUND;
}

/* RC_OK, RC_NOTFOUND, RC_NOMEM. */
static enum rc ours(struct scan_judge *j, const struct x509_cert *certs, size_t n)
{
    const struct x509_cert *way[X509_CHAIN_MAX + 1] = {&certs[0]};

    for (size_t i = 0; i < n; i++) {
        enum rc rc = known(j, way[i]) ? RC_OK : given(j, way[i]);

        if (rc == RC_NOTFOUND) {
            TRY(above(certs, n, way[i], &way[i + 1]));
            continue;
        }
        for (size_t k = 0; rc == RC_OK && k <= i; k++)
            remember(j, way[k]);
        return rc;
    }
    return RC_NOTFOUND;
}

/* ---- the rest */

static bool matches(const struct x509_cert *leaf, struct str name)
{
    if (name.n == 0) /* nobody said for what it should be */
        return leaf->n_dns + leaf->n_ips > 0;
    return x509_cert_has_dns(leaf, name);
}

static void judge_times(const struct x509_cert *c, when_t now, unsigned *verdicts)
{
    if (now > c->not_after)
        *verdicts |= SCAN_EXPIRED;
    if (now < c->not_before)
        *verdicts |= SCAN_EARLY;
}

/* Old versions are weak even where newer ones are spoken as well: who is in between picks. */
static void weak_versions(const struct scan_found *f, struct buf *out)
{
    for (unsigned bit = SCAN_HAS_TLS10; bit <= SCAN_HAS_TLS11; bit <<= 1)
        if (f->versions & bit)
            buf_printf(out, "%sversion: %s", out->n ? "; " : "", scan_has_text(bit));
}

/* The signature of a root on itself proves nothing, and weakens nothing. */
static void weak_certs(const struct x509_cert *certs, size_t n, struct buf *out)
{
    for (size_t i = 0; i < n; i++) {
        scan_weak_key(&certs[i], out);
        if (!(certs[i].is_ca && x509_cert_self_issued(&certs[i])))
            scan_weak_signature(&certs[i], out);
    }
}

/* The certificates that can be read, the leaf first; RC_PARSE: the leaf cannot. Others that cannot
 * are left out, for a chain is judged by what holds. */
static enum rc read_chain(struct arena *a, struct str pem, struct x509_cert *certs, size_t *out_n,
                          struct scan_judged *j)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(DER_MAX);
    size_t n = 0;

    for (size_t i = 0; i < X509_CHAIN_MAX; i++) {
        struct str copy;
        enum rc rc;

        buf_reset(&der);
        rc = text_unpem(&pem, STR("CERTIFICATE"), NULL, &der);
        if (rc == RC_NOTFOUND)
            break;
        if (rc == RC_OK)
            rc = arena_str(a, buf_str(&der), &copy);
        if (rc == RC_NOMEM)
            return rc;
        if (rc == RC_OK && i == 0) {
            TRY(crypto_sha256(copy, j->sha256));
            j->shown = true;
        }
        if (rc == RC_OK)
            rc = x509_cert_parse(a, copy, &certs[n], NULL);
        if (rc == RC_NOMEM)
            return rc;
        if (rc != RC_OK && i == 0)
            return RC_PARSE;
        if (rc == RC_OK)
            n++;
    }
    *out_n = n;
    return RC_OK;
}

static enum rc judge_chain(struct scan_judge *j, const struct x509_cert *certs, size_t n,
                           const struct scan_found *f, struct scan_judged *out)
{
    const struct x509_cert *leaf = &certs[0];
    enum rc rc = j->n ? ours(j, certs, n) : RC_OK;

    if (rc != RC_OK && rc != RC_NOTFOUND)
        return rc;
    if (j->n)
        out->verdicts |= rc == RC_OK ? SCAN_OURS : SCAN_FOREIGN;
    if (!matches(leaf, f->at.name))
        out->verdicts |= SCAN_MISMATCHED;
    out->leaf = *leaf;
    out->readable = true;
    return RC_OK;
}

static void judge_all_times(const struct x509_cert *certs, size_t n, const struct scan_found *f,
                            when_t now, unsigned *verdicts)
{
    judge_times(&certs[0], now, verdicts);
    if (f->tlcp && n > 1 && !certs[1].is_ca) /* the one that is encrypted to */
        judge_times(&certs[1], now, verdicts);
}

enum rc scan_judge_found(struct scan_judge *j, struct arena *a, const struct scan_found *f,
                         when_t now, struct scan_judged *out)
{
    CLEANUP(buf_done) struct buf weak = BUF_INIT(FACTS);
    struct x509_cert certs[X509_CHAIN_MAX];
    struct scan_judged judged = {};
    size_t n = 0;
    enum rc rc = read_chain(a, buf_str(&f->chain), certs, &n, &judged);

    if (rc == RC_PARSE)
        judged.verdicts = SCAN_UNREADABLE | (j->n ? SCAN_FOREIGN : 0u);
    else if (rc != RC_OK)
        return rc;
    if (n)
        TRY(judge_chain(j, certs, n, f, &judged));
    if (n)
        judge_all_times(certs, n, f, now, &judged.verdicts);
    weak_certs(certs, n, &weak);
    weak_versions(f, &weak);
    TRY(buf_rc(&weak));
    if (weak.n)
        judged.verdicts |= SCAN_WEAK;
    IGNORE_RC(str_copyz(str_utf8_head(buf_str(&weak), WEAK_MAX), judged.weak,
                        sizeof(judged.weak))); /* it fits */
    *out = judged;
    return RC_OK;
}
