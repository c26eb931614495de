/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 9773: when to renew. Each certificate has a window of its own (outlook/schedule.h). An
 * administrator pulls renewals forward for a set that is described (store/renewals.h), and those
 * are spread in the same way. */
#include "acme/parts_int.h"
#include "base/name.h"
#include "base/text.h"
#include "outlook/schedule.h"
#include "store/renewals.h"

MSG(msg_form, "acme.renewal-form",
    "\"{0}\" does not identify a certificate as RFC 9773 section 4.1 does: key identifier of its "
    "issuer, dot, serial number, both base64url");
MSG(msg_unknown, "acme.renewal-unknown", "this CA has not issued the certificate {0}");
MSG(msg_not_yours, "acme.replaces-not-yours",
    "the certificate {0} was not issued to this account, which cannot replace it");
MSG(msg_other_names, "acme.replaces-other-names",
    "the certificate {0} has no name that this order has; leave out \"replaces\"");
MSG(msg_replaced, "acme.replaces-replaced",
    "another order replaces the certificate {0} already; leave out \"replaces\"");

enum {
    PART_MAX = 64,     /* bytes of a key identifier, or of a serial with its sign byte */
    PULLED_PARTS = 20, /* the same of the time that renewals are pulled to */
    RETRY_PARTS = 20,  /* of the lifetime: how often to look */
};
#define RETRY_MAX (6 * WHEN_HOUR)
#define RETRY_MIN WHEN_MINUTE

static enum rc part(struct str text, struct buf *out)
{
    enum rc rc = text_unb64url(text, out);

    return rc == RC_OK && out->n == 0 ? RC_PARSE : rc;
}

/* The serial as DER has it, with its sign byte. */
static struct str without_sign(struct str serial)
{
    return serial.n > 1 && serial.p[0] == '\0' ? str_skip(serial, 1) : serial;
}

/* RC_NOTFOUND when there is none, RC_PARSE when the text names none. */
static enum rc find(struct acme_request *r, struct str id, struct store_certificate *out)
{
    CLEANUP(buf_done) struct buf aki = BUF_INIT(PART_MAX);
    CLEANUP(buf_done) struct buf serial = BUF_INIT(PART_MAX);
    struct str first, second;

    if (!str_cut(id, '.', &first, &second))
        return RC_PARSE;
    TRY(part(first, &aki));
    TRY(part(second, &serial));
    if (without_sign(buf_str(&serial)).n > STORE_SERIAL_MAX)
        return RC_NOTFOUND;
    TRY(store_certificate_by_serial(store_read(r->acme->store), r->arena,
                                    without_sign(buf_str(&serial)), out));
    return str_eq(out->authority_key_id, buf_str(&aki)) && acme_staging_has(r, out) ? RC_OK
                                                                                    : RC_NOTFOUND;
}

static enum rc refuse_id(struct acme_request *r, enum rc rc, struct str id)
{
    id = str_head(id, 160);
    if (rc == RC_PARSE || rc == RC_TOOBIG)
        return ACME_ERR(r, RC_PARSE, "malformed", msg_form, id);
    if (rc != RC_NOTFOUND)
        return rc;
    IGNORE_RC(ACME_ERR(r, RC_NOTFOUND, "malformed", msg_unknown, id));
    return err_problem(&r->err, RC_NOTFOUND, "malformed", 404);
}

/* ---- the window */

struct window {
    when_t first, last;
    struct str url;
};

static bool has_name(const struct store_certificate *c, const struct store_renewal *p)
{
    for (size_t i = 0; i < c->n_names; i++) {
        const struct store_name *name = &c->names[i];

        if (p->name.n && str_eq(name->value, p->name))
            return true;
        if (p->under.n && name->type == STORE_NAME_DNS && name_under(name->value, p->under))
            return true;
    }
    return p->name.n == 0 && p->under.n == 0;
}

static bool meant(const struct store_certificate *c, const struct store_renewal *p)
{
    if (p->issuer.z[0] && !str_eq(id_str(&p->issuer), id_str(&c->issuer)))
        return false;
    if (p->profile.n && !str_eq(p->profile, c->profile))
        return false;
    if (p->by_key && memcmp(p->spki_sha256.b, c->spki_sha256.b, STORE_SHA256) != 0)
        return false;
    return has_name(c, p);
}

/* The earliest of the usual one and those that it was pulled to. */
static enum rc pull(struct acme_request *r, const struct store_certificate *c, struct window *w)
{
    struct store_renewal *list;
    size_t n;

    TRY(store_renewal_list(store_read(r->acme->store), r->arena, c->issued, &list, &n));
    for (size_t i = 0; i < n; i++) {
        when_t span = list[i].last - list[i].first;
        when_t first = list[i].first + outlook_within(&c->fingerprint, span);

        if (first >= w->first || !meant(c, &list[i]))
            continue;
        *w = (struct window){first, first + span / PULLED_PARTS + WHEN_MINUTE, list[i].url};
    }
    return RC_OK;
}

static enum rc choose(struct acme_request *r, const struct store_certificate *c, struct window *out)
{
    struct outlook_window usual =
        outlook_window_of(r->acme->conf, c->not_before, c->not_after, &c->fingerprint);

    *out = (struct window){.first = usual.first, .last = usual.last};
    if (c->status == STORE_CERTIFICATE_REVOKED) { /* at once */
        *out = (struct window){.first = c->revoked - WHEN_HOUR, .last = c->revoked};
        return RC_OK;
    }
    return pull(r, c, out);
}

enum rc acme_renewal_info(struct acme_request *r)
{
    struct store_certificate cert;
    struct window w;
    struct json_out o;
    when_t retry;
    enum rc rc = find(r, r->text, &cert);

    if (rc != RC_OK)
        return refuse_id(r, rc, r->text);
    TRY(choose(r, &cert, &w));
    o = acme_reply_begin(r);
    json_obj(&o);
    json_key(&o, "suggestedWindow");
    json_obj(&o);
    json_kv_when(&o, "start", w.first);
    json_kv_when(&o, "end", w.last);
    json_end(&o);
    if (w.url.n)
        json_kv_str(&o, "explanationURL", w.url);
    json_end(&o);
    TRY(json_out_done(&o));
    retry = (cert.not_after - cert.not_before) / RETRY_PARTS;
    retry = retry > RETRY_MAX ? RETRY_MAX : retry < RETRY_MIN ? RETRY_MIN : retry;
    http_header_addf(r->x, "Retry-After", "%lld", (long long)(retry / WHEN_SECOND));
    acme_reply_json(r, 200);
    return RC_OK;
}

/* ---- "replaces" (section 5) */

static bool shares_name(const struct store_certificate *c, const struct acme_identifier *ids,
                        size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < c->n_names; j++)
            if (acme_name_eq(&ids[i].name, &c->names[j]))
                return true;
    return false;
}

enum rc acme_replaces_read(struct acme_request *r, const struct acme_identifier *ids, size_t n,
                           struct str *out)
{
    const struct json *value = json_get(r->payload, "replaces");
    struct store_certificate cert;
    struct str id = STR("");
    enum rc rc;

    if (!value)
        return RC_OK;
    rc = json_str(value, &id) == RC_OK ? find(r, id, &cert) : RC_PARSE;
    if (rc != RC_OK)
        return refuse_id(r, rc, id);
    if (!str_eq(id_str(&cert.account), id_str(&r->account.id)))
        return ACME_ERR(r, RC_DENIED, "unauthorized", msg_not_yours, id);
    if (!shares_name(&cert, ids, n))
        return ACME_ERR(r, RC_DENIED, "malformed", msg_other_names, id);
    *out = id;
    return RC_OK;
}

enum rc acme_replaces_find(struct acme_request *r, struct str replaces, struct acme_replaced *out)
{
    struct store_certificate cert;
    struct window w;
    enum rc rc = replaces.n ? find(r, replaces, &cert) : RC_NOTFOUND;

    *out = (struct acme_replaced){.due = false};
    if (rc == RC_NOTFOUND)
        return RC_OK;
    TRY(rc);
    TRY(choose(r, &cert, &w));
    out->id = cert.id;
    out->due = r->now >= w.first;
    return RC_OK;
}

enum rc acme_replaces_once(struct store_txn *txn, struct acme_request *r, struct str replaces)
{
    struct store_order order;
    enum rc rc = store_order_replacing(txn, r->arena, replaces, r->now, &order);

    if (rc == RC_OK)
        return ACME_ERR(r, RC_CONFLICT, "alreadyReplaced", msg_replaced, replaces);
    return rc == RC_NOTFOUND ? RC_OK : rc;
}
