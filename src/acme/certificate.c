/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 8555 section 7.4.2: the certificate with its chain. RFC 8739 section 3.3: the present one of
 * an order that renews itself. */
#include "acme/acme_int.h"

#include <stdio.h>

#include "acme/star.h"
#include "ca/issue.h"
#include "http/response.h"

MSG(msg_accept, "acme.certificate-accept",
    "certificates are given as application/pem-certificate-chain, which \"Accept: {0}\" leaves "
    "out");
MSG(msg_get, "acme.star-get",
    "{0} is possible only where the order's \"allow-certificate-get\" says so; read this by POST "
    "with "
    "an empty payload (RFC 8739 section 3.4)");
MSG(msg_canceled, "acme.star-canceled",
    "the order was canceled, and its certificate is given no more; make a new order");
MSG(msg_expired, "acme.star-expired",
    "the order ended at {0}, and its certificate is given no more; make a new order");
MSG(msg_none, "acme.star-none", "there is no certificate: the order is {0}");

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

static void link_way(struct acme_request *r, size_t way)
{
    char tail[32];

    snprintf(tail, sizeof(tail), "/alternate-%zu", way);
    acme_header_link_to(r, "alternate", r->route->path, &r->id, tail);
}

/* RFC 8555 section 7.4.2: each answer links all the others. `r->id` is of what was asked for. */
static void link_alternates(struct acme_request *r, const struct store_certificate *cert,
                            size_t shown)
{
    size_t n = ca_chain_ways(r->acme->ca, &cert->issuer);

    for (size_t i = 0; i < n; i++) {
        if (i == shown)
            continue;
        if (i == 0)
            acme_header_link(r, "alternate", r->route->path, &r->id);
        else
            link_way(r, i);
    }
}

static enum rc reply(struct acme_request *r, const struct store_certificate *cert)
{
    struct str accept = http_header_get(&r->x->req, STR("accept"));
    enum rc rc;

    if (!accepts(accept)) {
        IGNORE_RC(ACME_ERR(r, RC_UNSUPPORTED, "malformed", msg_accept, accept));
        return err_problem(&r->err, RC_UNSUPPORTED, "malformed", 406);
    }
    buf_reset(&r->x->res.body);
    rc = ca_chain_pem_by(r->acme->ca, &cert->issuer, cert->der, way_of(r), &r->x->res.body);
    if (rc == RC_NOTFOUND)
        return acme_request_owns(r, &(struct id){""}, "certificate");
    TRY(rc);
    link_alternates(r, cert, way_of(r));
    acme_reply_as(r, 200, "application/pem-certificate-chain");
    return RC_OK;
}

enum rc acme_certificate(struct acme_request *r)
{
    struct store_certificate cert;
    enum rc rc = store_certificate_get(store_read(r->acme->store), r->arena, &r->id, &cert);

    if (rc == RC_NOTFOUND)
        return acme_request_owns(r, &(struct id){""}, "certificate");
    TRY(rc);
    TRY(acme_request_owns(r, &cert.account, "certificate"));
    return reply(r, &cert);
}

/* ---- RFC 8739 */

/* To anybody, an order that does not let anybody is none. */
static enum rc load_star(struct acme_request *r, struct store_order *order)
{
    enum rc rc = store_order_get(store_read(r->acme->store), r->arena, &r->id, order);
    bool found = rc == RC_OK && order->star;

    if (rc != RC_OK && rc != RC_NOTFOUND)
        return rc;
    if (r->anybody && (!found || !order->star->get || !r->acme->conf->acme.star.get)) {
        http_header_add(r->x, "Allow", STR("POST"));
        IGNORE_RC(ACME_ERR(r, RC_INVAL, "malformed", msg_get, r->x->req.method));
        return err_problem(&r->err, RC_INVAL, "malformed", 405);
    }
    if (r->anybody)
        return RC_OK;
    return acme_request_owns(r, found ? &order->account : &(struct id){""}, "certificate");
}

static enum rc check_star(struct acme_request *r, const struct store_order *order)
{
    char at[WHEN_TEXT];

    if (order->status == STORE_ORDER_CANCELED)
        return ACME_ERR(r, RC_DENIED, "autoRenewalCanceled", msg_canceled);
    if (order->star->end <= r->now)
        return ACME_ERR(r, RC_DENIED, "autoRenewalExpired", msg_expired,
                        str_of(when_text(order->star->end, at)));
    if (order->status != STORE_ORDER_VALID)
        return ACME_ERR(r, RC_DENIED, "orderNotReady", msg_none,
                        str_of(store_order_status_text(order->status)));
    return RC_OK;
}

/* As the certificate has it, in quotes: one that a list has swallowed is still told from its
 * neighbour. */
static void add_date(struct acme_request *r, const char *name, when_t t)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(64);

    http_put_date(t, &text);
    if (buf_rc(&text) == RC_OK)
        http_header_addf(r->x, name, "\"%.*s\"", STR_ARG(buf_str(&text)));
}

/* Until the next one is there, and no longer than a cancellation may take to be seen. */
static int64_t fresh_for(const struct acme_request *r, const struct store_order *order,
                         const struct store_certificate *cert)
{
    when_t until = r->now + WHEN_HOUR;

    if (order->star->next && order->star->next < until)
        until = order->star->next;
    if (cert->not_after < until)
        until = cert->not_after;
    return until > r->now ? (until - r->now) / WHEN_SECOND : 0;
}

enum rc acme_star_certificate(struct acme_request *r)
{
    struct store_order order;
    struct store_certificate cert;

    TRY(load_star(r, &order));
    TRY(check_star(r, &order));
    TRY(store_certificate_get(store_read(r->acme->store), r->arena, &order.certificate, &cert));
    if (!acme_staging_has(r, &cert))
        return acme_request_owns(r, &(struct id){""}, "certificate");
    if (r->anybody)
        r->fresh = fresh_for(r, &order, &cert);
    add_date(r, "Cert-Not-Before", cert.not_before);
    add_date(r, "Cert-Not-After", cert.not_after);
    return reply(r, &cert);
}
