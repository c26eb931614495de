/* SPDX-License-Identifier: Apache-2.0 */
#include "client/staple.h"

#include <stdio.h>

#include "client/client.h"
#include "crypto/crypto.h"

MSG(msg_outcome, "client.staple-outcome", "the OCSP responder has no answer now (OCSP status {0})");
MSG(msg_other, "client.staple-other", "the OCSP answer is about another certificate");
MSG(msg_times, "client.staple-times",
    "the OCSP answer is not good now, by this machine's clock, or has no end");
MSG(msg_unknown, "client.staple-unknown", "the OCSP responder does not know the certificate");
MSG(msg_issuer, "client.staple-issuer",
    "the certificate's issuer is neither in its chain nor a root that is trusted here, so nobody "
    "can say whose OCSP answer counts");

enum rc client_staple_issuer(struct arena *a, const struct client_staple_chain *chain,
                             const struct x509_cert **out, struct err *err)
{
    struct x509_cert *root;

    if (chain->n > 1) {
        *out = &chain->certs[1];
        return x509_cert_check_issuer(&chain->certs[0], *out, err);
    }
    root = ARENA_NEW(a, struct x509_cert);
    if (!root)
        return RC_NOMEM;
    for (size_t i = 0; i < chain->n_roots; i++) {
        enum rc rc = x509_cert_parse(a, chain->roots[i], root, NULL);

        if (rc == RC_OK)
            rc = x509_cert_check_issuer(&chain->certs[0], root, NULL);
        if (rc == RC_NOMEM)
            return rc;
        if (rc == RC_OK) {
            *out = root;
            return RC_OK;
        }
    }
    return ERR(err, RC_NOTFOUND, msg_issuer);
}

/* The id by SHA-1, as RFC 5019 section 2.1.1 wants it: what a client compares, it can. */
enum rc client_staple_request(const struct client_staple_of *of, struct buf *out)
{
    struct x509_ocsp_issuer names;
    struct x509_ocsp_id id;

    TRY(x509_ocsp_issuer_of(of->issuer, &names));
    id = x509_ocsp_id_of(&names, X509_OCSP_SHA1, of->serial);
    return x509_ocsp_request_build(&id, 1, STR(""), out);
}

static enum rc judge(const struct x509_ocsp_single *single, when_t now, struct err *err)
{
    if (!single)
        return ERR(err, RC_CONFLICT, msg_other);
    if (single->this_update > now + CLIENT_SKEW_SECONDS * WHEN_SECOND ||
        single->next_update <= now || single->next_update <= single->this_update)
        return ERR(err, RC_CRYPTO, msg_times);
    return single->status == X509_OCSP_UNKNOWN ? ERR(err, RC_NOTFOUND, msg_unknown) : RC_OK;
}

enum rc client_staple_check(struct arena *a, struct str der, const struct client_staple_of *of,
                            struct client_staple *out, struct err *err)
{
    const struct x509_ocsp_single *single;
    struct x509_ocsp_issuer names;
    struct x509_ocsp_answer answer;
    char outcome[16];

    TRY(x509_ocsp_answer_parse(a, der, &answer, err));
    snprintf(outcome, sizeof(outcome), "%d", (int)answer.outcome);
    if (answer.outcome != X509_OCSP_SUCCESSFUL)
        return ERR(err, RC_AGAIN, msg_outcome, str_of(outcome));
    TRY(x509_ocsp_issuer_of(of->issuer, &names));
    single = x509_ocsp_answer_find(&answer, &names, of->serial);
    TRY(judge(single, of->now, err));
    TRY(x509_ocsp_answer_check(a, &answer, of->issuer, of->now, err));
    *out = (struct client_staple){.since = single->this_update,
                                  .until = single->next_update,
                                  .revoked = single->status == X509_OCSP_REVOKED};
    return RC_OK;
}

when_t client_staple_next(const struct client_staple *s)
{
    when_t life = s->until - s->since;
    uint32_t dice = 0;

    IGNORE_RC(crypto_random(&dice, sizeof(dice))); /* 0: no spread */
    return s->since + life / 2 + life / 10 * (when_t)(dice % 1024) / 1024;
}
