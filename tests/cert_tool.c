/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates read and written again from what was read, for scenarios:
 *   cert_tool FILE...
 * DER; every file must come out byte for byte as it went in. Prints how many did, or which did not.
 */
#include <fcntl.h>
#include <stdio.h>

#include "base/file.h"
#include "crypto/crypto.h"
#include "x509/cert.h"
#include "x509/oid.h"

enum { ARENA = 4 << 20 };

/* The OIDs of policies are written from text. */
static enum rc read_policies(struct arena *a, const struct x509_cert *c, struct x509_tbs_in *in)
{
    struct str *list = ARENA_ARRAY(a, struct str, c->n_policies);
    char text[X509_OID_TEXT];

    if (!list)
        return RC_NOMEM;
    for (size_t i = 0; i < c->n_policies; i++)
        TRY(arena_str(a, str_of(x509_oid_text(c->policies[i], text)), &list[i]));
    in->policies = list;
    in->n_policies = c->n_policies;
    return RC_OK;
}

static enum rc again(struct arena *a, const struct x509_cert *c, struct buf *out)
{
    CLEANUP(buf_done) struct buf tbs = BUF_INIT(X509_TBS_MAX);
    struct x509_tbs_in in = {
        .serial = c->serial,
        .subject_key_id = c->ski.n > 0,
        .must_staple = c->must_staple,
        .no_rev_avail = c->no_rev_avail,
        .ocsp_nocheck = c->ocsp_nocheck,
        .sig_alg = c->sig_alg,
        .basic = c->basic,
        .pathlen = c->pathlen,
        .key_usage = c->key_usage,
        .eku = c->eku,
        .issuer = c->issuer,
        .issuer_key_id = c->aki,
        .not_before = c->not_before,
        .not_after = c->not_after,
        .dns = c->dns,
        .n_dns = c->n_dns,
        .ips = c->ips,
        .n_ips = c->n_ips,
        .emails = c->emails,
        .n_emails = c->n_emails,
        .uris = c->uris,
        .n_uris = c->n_uris,
        .spki = c->spki,
        .constraints = c->has_constraints ? &c->constraints : NULL,
        .constraints_noncritical = c->has_constraints && !c->constraints_critical,
        .crl_urls = c->crl_urls,
        .n_crl_urls = c->n_crl_urls,
        .ocsp_urls = c->ocsp_urls,
        .n_ocsp_urls = c->n_ocsp_urls,
        .issuer_urls = c->issuer_urls,
        .n_issuer_urls = c->n_issuer_urls,
    };

    TRY(x509_name_parse(c->subject, &in.subject, NULL));
    TRY(read_policies(a, c, &in));
    TRY(x509_tbs_build(&in, &tbs, NULL));
    return x509_assemble(buf_str(&tbs), c->signature, out);
}

static bool comes_back(const char *path)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(ARENA);
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CERT_MAX);
    CLEANUP(buf_done) struct buf out = BUF_INIT(X509_CERT_MAX);
    struct x509_cert c;
    enum rc rc = file_read(AT_FDCWD, path, &der, NULL);

    if (rc == RC_OK)
        rc = x509_cert_parse(&a, buf_str(&der), &c, NULL);
    if (rc == RC_OK)
        rc = again(&a, &c, &out);
    if (rc != RC_OK)
        printf("%s: %s\n", path, rc_text(rc));
    else if (!str_eq(buf_str(&der), buf_str(&out)))
        printf("%s: written differently\n", path);
    else
        return true;
    return false;
}

int main(int argc, char **argv)
{
    int good = 0;

    if (crypto_init() != RC_OK)
        return 2;
    for (int i = 1; i < argc; i++)
        good += comes_back(argv[i]);
    printf("%d the same\n", good);
    crypto_done();
    return good == argc - 1 ? 0 : 1;
}
