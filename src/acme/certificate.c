/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 8555 section 7.4.2: the certificate with its chain. */
#include "acme/acme_int.h"

#include <stdio.h>

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

/* "/alternate-2" behind the id: the second way beside the default one. */
static size_t way_of(const struct acme_request *r)
{
    const char *tail = r->route->tail;

    return tail ? (size_t)(tail[strlen(tail) - 1] - '0') : 0;
}

static void link_way(struct acme_request *r, const struct store_certificate *cert, size_t way)
{
    char tail[32];

    snprintf(tail, sizeof(tail), "/alternate-%zu", way);
    acme_header_link_to(r, "alternate", "/acme/certificate/", &cert->id, tail);
}

/* RFC 8555 section 7.4.2: each answer links all the others. */
static void link_alternates(struct acme_request *r, const struct store_certificate *cert,
                            size_t shown)
{
    size_t n = ca_chain_ways(r->acme->ca, &cert->issuer);

    for (size_t i = 0; i < n; i++) {
        if (i == shown)
            continue;
        if (i == 0)
            acme_header_link(r, "alternate", "/acme/certificate/", &cert->id);
        else
            link_way(r, cert, i);
    }
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
    rc = ca_chain_pem_by(r->acme->ca, &cert.issuer, cert.der, way_of(r), &r->x->res.body);
    if (rc == RC_NOTFOUND)
        return acme_request_owns(r, &(struct id){""}, "certificate");
    TRY(rc);
    link_alternates(r, &cert, way_of(r));
    acme_reply_as(r, 200, "application/pem-certificate-chain");
    return RC_OK;
}
