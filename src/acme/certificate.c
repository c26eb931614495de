/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 8555 section 7.4.2: the certificate with its chain. */
#include "acme/acme_int.h"
#include "ca/issue.h"

MSG(msg_accept, "acme.certificate-accept",
    "certificates are given as application/pem-certificate-chain, which \"Accept: {0}\" leaves "
    "out");

static bool accepts(struct str header)
{
    struct str range, media, rest;

    if (header.n == 0)
        return true;
    while (str_next(&header, ',', &range)) {
        str_cut(range, ';', &media, &rest);
        media = str_trim(media);
        if (str_ieq(media, STR("*/*")) || str_ieq(media, STR("application/*")) ||
            str_ieq(media, STR("application/pem-certificate-chain")))
            return true;
    }
    return false;
}

enum rc acme_certificate(struct acme_request *r)
{
    struct str accept = http_header_get(&r->x->req, STR("accept"));
    struct store_certificate cert;
    enum rc rc = store_certificate_get(store_read(r->acme->store), r->arena, &r->id, &cert);

    if (rc == RC_NOTFOUND)
        return acme_request_owns(r, &(struct id){""}, "certificate");
    TRY(rc);
    TRY(acme_request_owns(r, &cert.account, "certificate"));
    if (!accepts(accept)) {
        IGNORE_RC(ACME_ERR(r, RC_UNSUPPORTED, "malformed", msg_accept, accept));
        return err_problem(&r->err, RC_UNSUPPORTED, "malformed", 406);
    }
    buf_reset(&r->x->res.body);
    TRY(ca_chain_pem(r->acme->ca, &cert.issuer, cert.der, &r->x->res.body));
    acme_reply_as(r, 200, "application/pem-certificate-chain");
    return RC_OK;
}
