/* SPDX-License-Identifier: Apache-2.0 */
#include "prove/compare.h"

#include <stdio.h>

#include "base/text.h"
#include "x509/cert.h"

MSG(msg_before, "prove.serves-old",
    "it serves the certificate that was in place before: it has not read the new files");
MSG(msg_other, "prove.serves-other",
    "it serves another certificate, for {0}, valid until {1}: it reads other files, or another "
    "service listens there");
MSG(msg_unreadable, "prove.serves-unreadable", "it serves another certificate");
MSG(msg_bare, "prove.serves-no-chain",
    "it serves the certificate without its chain: have it read fullchain.pem");
MSG(msg_chain, "prove.serves-other-chain",
    "it serves the new certificate with another chain: have it read fullchain.pem, or chain.pem "
    "beside cert.pem");

MSG(msg_single, "prove.serves-single",
    "it serves one certificate, and TLCP takes two: one that signs and one to which is encrypted");
MSG(msg_beside, "prove.serves-other-half",
    "it serves the certificate together with another one than that of --pair, for {0}, valid until "
    "{1}: it has not read the files of that one, or reads others");

enum { CERTS = 10, CERT_BYTES = 64 * 1024, ARENA_BYTES = 512 * 1024 };

struct certs {
    struct arena arena;
    struct str der[CERTS];
    size_t n;
};

static void certs_done(struct certs *c)
{
    arena_done(&c->arena);
}

static enum rc read_certs(struct str pem, struct certs *out)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(CERT_BYTES);
    enum rc rc;

    while ((rc = text_unpem(&pem, STR("CERTIFICATE"), NULL, &der)) == RC_OK) {
        if (out->n == CERTS)
            return RC_TOOBIG;
        TRY(arena_str(&out->arena, buf_str(&der), &out->der[out->n]));
        out->n++;
        buf_reset(&der);
    }
    return rc == RC_NOTFOUND ? RC_OK : rc;
}

static enum rc is_other(struct certs *served, size_t which, const struct msg *msg, struct err *err)
{
    struct x509_cert cert = {};
    struct str name = STR("nobody");
    char text[WHEN_TEXT];
    enum rc rc = x509_cert_parse(&served->arena, served->der[which], &cert, NULL);

    if (rc == RC_NOMEM)
        return rc;
    if (rc != RC_OK)
        return ERR(err, RC_CONFLICT, msg_unreadable);
    if (cert.n_dns)
        name = cert.dns[0];
    else if (cert.common_name.n)
        name = cert.common_name;
    return ERR(err, RC_CONFLICT, *msg, name, str_of(when_text(cert.not_after, text)));
}

/* Behind the chain nothing may follow but a root. */
static enum rc check_rest(struct certs *served, size_t n, struct err *err)
{
    struct x509_cert cert = {};
    enum rc rc;

    if (served->n == n)
        return RC_OK;
    rc = x509_cert_parse(&served->arena, served->der[n], &cert, NULL);
    if (rc == RC_NOMEM || (rc == RC_OK && served->n == n + 1 && x509_cert_self_issued(&cert)))
        return rc;
    return ERR(err, RC_CONFLICT, msg_chain);
}

enum rc prove_compare(struct str served, struct str expected, struct str before, struct err *err)
{
    CLEANUP(certs_done)
    struct certs got = {.arena = ARENA_INIT(ARENA_BYTES)},
                 want = {.arena = ARENA_INIT(ARENA_BYTES)},
                 old = {.arena = ARENA_INIT(ARENA_BYTES)};
    enum rc rc = read_certs(served, &got);

    if (rc == RC_NOMEM)
        return rc;
    TRY(read_certs(expected, &want));
    TRY(read_certs(before, &old));
    if (want.n == 0)
        return RC_PARSE;
    if (rc != RC_OK || got.n == 0)
        return ERR(err, RC_CONFLICT, msg_unreadable);
    if (!str_eq(got.der[0], want.der[0]))
        return old.n && str_eq(got.der[0], old.der[0]) ? ERR(err, RC_CONFLICT, msg_before)
                                                       : is_other(&got, 0, &msg_other, err);
    if (got.n == 1 && want.n > 1)
        return ERR(err, RC_CONFLICT, msg_bare);
    if (got.n < want.n)
        return ERR(err, RC_CONFLICT, msg_chain);
    for (size_t i = 1; i < want.n; i++)
        if (!str_eq(got.der[i], want.der[i]))
            return ERR(err, RC_CONFLICT, msg_chain);
    return check_rest(&got, want.n, err);
}

/* ---- TLCP */

enum { SIGNS, ENCRYPTS, LEAVES };

static enum rc find_half(struct certs *want, size_t *out)
{
    struct x509_cert cert = {};

    TRY(x509_cert_parse(&want->arena, want->der[0], &cert, NULL));
    *out = cert.has_key_usage && !(cert.key_usage & X509_KU_DIGITAL_SIGNATURE) ? ENCRYPTS : SIGNS;
    return RC_OK;
}

static bool has_issuer(const struct certs *chain, struct str der)
{
    for (size_t i = 1; i < chain->n; i++)
        if (str_eq(chain->der[i], der))
            return true;
    return false;
}

/* Those of the chain, in their order, whatever stands between them. */
static bool has_chain(const struct certs *got, const struct certs *want)
{
    size_t next = 1;

    for (size_t i = LEAVES; i < got->n && next < want->n; i++)
        next += str_eq(got->der[i], want->der[next]);
    return next == want->n;
}

/* Nothing that is of neither chain, but a root. */
static enum rc check_strangers(struct certs *got, const struct certs *want,
                               const struct certs *beside, struct err *err)
{
    for (size_t i = LEAVES; i < got->n; i++) {
        struct x509_cert cert = {};
        enum rc rc;

        if (has_issuer(want, got->der[i]) || has_issuer(beside, got->der[i]))
            continue;
        rc = x509_cert_parse(&got->arena, got->der[i], &cert, NULL);
        if (rc == RC_NOMEM)
            return rc;
        if (rc != RC_OK || !x509_cert_self_issued(&cert))
            return ERR(err, RC_CONFLICT, msg_chain);
    }
    return RC_OK;
}

static enum rc check_issuers(struct certs *got, const struct certs *want,
                             const struct certs *beside, struct err *err)
{
    if (got->n == LEAVES && want->n > 1)
        return ERR(err, RC_CONFLICT, msg_bare);
    if (!has_chain(got, want) || (beside->n && !has_chain(got, beside)))
        return ERR(err, RC_CONFLICT, msg_chain);
    return beside->n ? check_strangers(got, want, beside, err) : RC_OK;
}

static enum rc check_halves(struct certs *got, struct certs *want, const struct certs *old,
                            const struct certs *beside, struct err *err)
{
    size_t half = SIGNS;

    TRY(find_half(want, &half));
    if (!str_eq(got->der[half], want->der[0]))
        return old->n && str_eq(got->der[half], old->der[0]) ? ERR(err, RC_CONFLICT, msg_before)
                                                             : is_other(got, half, &msg_other, err);
    if (beside->n && !str_eq(got->der[!half], beside->der[0]))
        return is_other(got, !half, &msg_beside, err);
    return check_issuers(got, want, beside, err);
}

enum rc prove_compare_pair(const struct prove_pair *pair, struct err *err)
{
    CLEANUP(certs_done)
    struct certs got = {.arena = ARENA_INIT(ARENA_BYTES)},
                 want = {.arena = ARENA_INIT(ARENA_BYTES)},
                 old = {.arena = ARENA_INIT(ARENA_BYTES)},
                 beside = {.arena = ARENA_INIT(ARENA_BYTES)};
    enum rc rc = read_certs(pair->served, &got);

    if (rc == RC_NOMEM)
        return rc;
    TRY(read_certs(pair->expected, &want));
    TRY(read_certs(pair->before, &old));
    TRY(read_certs(pair->beside, &beside));
    if (want.n == 0)
        return RC_PARSE;
    if (rc != RC_OK || got.n == 0)
        return ERR(err, RC_CONFLICT, msg_unreadable);
    if (got.n < LEAVES)
        return ERR(err, RC_CONFLICT, msg_single);
    return check_halves(&got, &want, &old, &beside, err);
}
