/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 8555 section 7.4.2: the chain fetched, and believed in nothing until it was checked. */
#include "client/client_int.h"

#include <stdio.h>

#include "ev/clock.h"
#include "x509/verify.h"

MSG(msg_key, "client.certificate-key",
    "the certificate is for another key than the one it was asked for");
MSG(msg_name_missing, "client.certificate-name-missing", "the certificate does not name {0}");
MSG(msg_name_extra, "client.certificate-name-extra",
    "the certificate names {0}, which nobody asked for");
MSG(msg_early, "client.certificate-early",
    "the new certificate is valid only from {0}, and by the clock of this machine it is {1}; it is "
    "not used. If this clock is behind, set it (`timedatectl set-ntp true`) and try again; if it "
    "is "
    "right, that of the server is ahead");
MSG(msg_late, "client.certificate-expired",
    "the new certificate expired at {0}, and by the clock of this machine it is {1}; it is not "
    "used. If this clock is ahead, set it (`timedatectl set-ntp true`) and try again; if it is "
    "right, that of the server is behind");
MSG(msg_order, "client.certificate-order",
    "the chain does not hold together: certificate {0} was not issued by the one behind it: {1}");
MSG(msg_signature, "client.certificate-signature",
    "certificate {0} of the chain is signed by an algorithm that is not accepted any more, or not "
    "known here");
MSG(msg_use, "client.certificate-use", "the certificate is of no use to a server: {0}");
MSG(msg_root, "client.certificate-root", "the chain does not end in a trusted root: {0}");

/* ---- the check */

static enum rc check_names(const struct x509_cert *leaf, const struct client_check *in,
                           struct err *err)
{
    char text[ADDR_TEXT];

    for (size_t i = 0; i < in->n_dns; i++) {
        bool there = false;

        for (size_t k = 0; k < leaf->n_dns; k++)
            there = there || str_ieq(leaf->dns[k], in->dns[i]);
        if (!there)
            return ERR(err, RC_CRYPTO, msg_name_missing, in->dns[i]);
    }
    for (size_t i = 0; i < in->n_ips; i++)
        if (!x509_cert_has_ip(leaf, &in->ips[i]))
            return ERR(err, RC_CRYPTO, msg_name_missing, str_of(addr_text(&in->ips[i], text)));
    return RC_OK;
}

static enum rc check_no_more(const struct x509_cert *leaf, const struct client_check *in,
                             struct err *err)
{
    char text[ADDR_TEXT];

    for (size_t k = 0; k < leaf->n_dns; k++) {
        bool asked = false;

        for (size_t i = 0; i < in->n_dns; i++)
            asked = asked || str_ieq(leaf->dns[k], in->dns[i]);
        if (!asked)
            return ERR(err, RC_CRYPTO, msg_name_extra, leaf->dns[k]);
    }
    for (size_t k = 0; k < leaf->n_ips; k++) {
        bool asked = false;

        for (size_t i = 0; i < in->n_ips; i++)
            asked = asked || addr_eq(&leaf->ips[k], &in->ips[i]);
        if (!asked)
            return ERR(err, RC_CRYPTO, msg_name_extra, str_of(addr_text(&leaf->ips[k], text)));
    }
    return leaf->n_other_names + leaf->n_emails + leaf->n_uris
               ? ERR(err, RC_CRYPTO, msg_name_extra,
                     STR("something that is neither "
                         "a name nor an address"))
               : RC_OK;
}

static enum rc check_times(const struct x509_cert *leaf, when_t now, struct err *err)
{
    char then[WHEN_TEXT], text[WHEN_TEXT];

    if (leaf->not_before > now + CLIENT_SKEW_SECONDS * WHEN_SECOND)
        return ERR(err, RC_CRYPTO, msg_early, str_of(when_text(leaf->not_before, then)),
                   str_of(when_text(now, text)));
    if (leaf->not_after <= now)
        return ERR(err, RC_CRYPTO, msg_late, str_of(when_text(leaf->not_after, then)),
                   str_of(when_text(now, text)));
    return RC_OK;
}

/* TLS clients of some age need each certificate behind the one that it issued. */
static enum rc check_order(const struct x509_cert *certs, size_t n, struct err *err)
{
    struct err why = ERR_INIT;
    char digits[24], line[256];

    for (size_t i = 0; i + 1 < n; i++) {
        enum rc rc = x509_cert_check_issuer(&certs[i], &certs[i + 1], &why);

        if (rc == RC_NOMEM)
            return rc;
        snprintf(digits, sizeof(digits), "%zu", i + 1);
        if (rc != RC_OK)
            return ERR(err, RC_CRYPTO, msg_order, str_of(digits),
                       str_of(err_textz(&why, line, sizeof(line))));
    }
    return RC_OK;
}

/* What TLS libraries would not show, or no client would take, whatever root is behind it. The
 * signature of a root counts for nothing. */
static enum rc check_use(const struct x509_cert *certs, size_t n, struct err *err)
{
    const struct x509_cert *leaf = &certs[0];
    char digits[24];

    if (leaf->is_ca)
        return ERR(err, RC_CRYPTO, msg_use, STR("it is that of a CA"));
    if (leaf->has_eku && !(leaf->eku & X509_EKU_SERVER_AUTH))
        return ERR(err, RC_CRYPTO, msg_use, STR("its extended key usage lacks serverAuth"));
    if (leaf->n_unknown_critical)
        return ERR(err, RC_CRYPTO, msg_use, STR("it has a critical extension that nobody knows"));
    for (size_t i = 0; i < n; i++) {
        snprintf(digits, sizeof(digits), "%zu", i + 1);
        if (certs[i].sig_alg == 0 && !x509_cert_self_issued(&certs[i]))
            return ERR(err, RC_CRYPTO, msg_signature, str_of(digits));
    }
    return RC_OK;
}

static enum rc check_root(const struct x509_cert *certs, size_t n, const struct client_check *in,
                          struct err *err)
{
    struct str chain[X509_CHAIN_MAX];
    struct x509_verify_in v = {.leaf = certs[0].der,
                               .chain = chain,
                               .roots = in->roots,
                               .n_roots = in->n_roots,
                               .at = in->now,
                               .purpose = X509_FOR_SERVER};
    struct err why = ERR_INIT;
    char line[512];
    enum rc rc;

    for (size_t i = 1; i < n; i++)
        chain[v.n_chain++] = certs[i].der;
    if (certs[0].not_before > in->now) /* within the skew that was allowed */
        v.at = certs[0].not_before;
    rc = x509_verify(&v, &why);
    if (in->trusted && rc != RC_NOMEM) {
        *in->trusted = rc == RC_OK;
        return RC_OK;
    }
    if (rc == RC_OK || rc == RC_NOMEM)
        return rc;
    return ERR(err, RC_CRYPTO, msg_root, str_of(err_textz(&why, line, sizeof(line))));
}

enum rc client_chain_check(struct arena *a, const struct client_check *in, struct x509_cert **out,
                           size_t *out_n, struct err *err)
{
    struct x509_cert *certs;
    size_t n;

    TRY(x509_cert_read_pem(a, in->chain, X509_CHAIN_MAX, &certs, &n, err));
    if (!str_eq(certs[0].spki, crypto_key_spki(in->key)))
        return ERR(err, RC_CRYPTO, msg_key);
    TRY(check_names(&certs[0], in, err));
    TRY(check_no_more(&certs[0], in, err));
    TRY(check_times(&certs[0], in->now, err));
    TRY(check_order(certs, n, err));
    TRY(check_use(certs, n, err));
    TRY(check_root(certs, n, in, err));
    *out = certs;
    *out_n = n;
    return RC_OK;
}

/* ---- the download */

/* What is handed on is written anew from what was checked: no text between the blocks comes along.
 */
static enum rc take_chain(struct client_run *run, struct str pem, struct arena *a,
                          struct buf *chain, struct client_result *out, struct err *err)
{
    struct client_check in = {.chain = pem,
                              .key = run->key,
                              .dns = run->dns,
                              .ips = run->ips,
                              .n_dns = run->n_dns,
                              .n_ips = run->n_ips,
                              .roots = run->c->roots,
                              .n_roots = run->c->n_roots,
                              .now = clock_now(ev_clock(run->c->ev)),
                              .trusted = run->c->any_root ? &out->trusted : NULL};
    struct x509_cert *certs;

    out->trusted = true;
    TRY(client_chain_check(a, &in, &certs, &out->n_certs, err));
    out->certs = certs;
    /* Whoever trusts the root has it. */
    if (out->n_certs > 1 && x509_cert_self_issued(&certs[out->n_certs - 1]))
        out->n_certs--;
    for (size_t i = 0; i < out->n_certs; i++)
        x509_cert_put_pem(certs[i].der, chain);
    out->chain = buf_str(chain);
    return buf_rc(chain);
}

void client_certificate_take(struct client_run *run, struct str pem, bool chosen)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(CLIENT_CHAIN_ARENA_MAX);
    CLEANUP(buf_done) struct buf chain = BUF_INIT(CLIENT_CHAIN_MAX);
    struct client_result result = {.rc = RC_OK, .chain_found = chosen};
    struct err err = ERR_INIT;
    enum rc rc = take_chain(run, pem, &a, &chain, &result, &err);

    if (rc == RC_OK)
        client_run_finish(run, &result);
    else
        client_run_fail(run, rc, &err, NULL);
}

static void on_certificate(void *arg, const struct client_reply *reply)
{
    struct client_run *run = arg;
    struct str pem;

    if (reply->rc != RC_OK) {
        client_run_fail(run, reply->rc, reply->err, reply);
        return;
    }
    pem = reply->answer->body;
    if (run->chain_choice.n && client_alternate_fits(run, pem) != RC_OK)
        client_alternates_begin(run, reply->answer);
    else
        client_certificate_take(run, pem, true);
}

void client_certificate_begin(struct client_run *run)
{
    buf_reset(&run->payload);
    client_run_post(run, "the certificate", run->order.certificate, on_certificate);
    run->request.accept = STR("application/pem-certificate-chain");
    run->request.max_body = CLIENT_CHAIN_MAX;
}
