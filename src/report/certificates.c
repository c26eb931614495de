/* SPDX-License-Identifier: Apache-2.0 */
/* The tables about certificates. Each is a walk of its own, by the index that it needs, so nothing
 * is kept from one row to the next. */
#include "report/report_int.h"
#include "x509/crl.h"

enum {
    ENDING = 30, /* days */
    LOOK = 64,   /* certificates of the same name that are looked at for the one before or after */
};

/* RC_CANCELLED: enough, and no failure. */
typedef enum rc (*row_fn)(struct report *r, struct arena *a, const struct store_certificate *c);

static enum rc page(struct report *r, const struct store_certificate_filter *f,
                    struct store_cursor *at, row_fn fn)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(REPORT_PAGE_ARENA);
    struct store_certificate *list;
    size_t n;

    TRY(store_certificate_list(r->txn, &a, f, at, &list, &n));
    for (size_t i = 0; i < n; i++)
        TRY(fn(r, &a, &list[i]));
    return at->end || n < REPORT_PAGE ? RC_CANCELLED : RC_OK;
}

static enum rc walk(struct report *r, struct store_certificate_filter f, struct store_cursor at,
                    row_fn fn)
{
    enum rc rc;

    f.staging = STORE_STAGING_NOT;
    f.without_der = true;
    f.limit = REPORT_PAGE;
    do
        rc = page(r, &f, &at, fn);
    while (rc == RC_OK);
    return rc == RC_CANCELLED ? RC_OK : rc;
}

static bool same_algorithm(const struct report *r, const struct store_certificate *a,
                           const struct store_certificate *b)
{
    const struct store_issuer *x = report_issuer(r, &a->issuer);
    const struct store_issuer *y = report_issuer(r, &b->issuer);

    return x && y && str_eq(x->algorithm, y->algorithm) && str_eq(x->hierarchy, y->hierarchy);
}

/* A neighbour of `c` in time that has its first name, of a key of its kind. */
static enum rc neighbour(struct report *r, struct arena *a, const struct store_certificate *c,
                         bool newer, struct store_certificate *out)
{
    struct store_certificate_filter f = {
        .name = c->names,
        .without_der = true,
        .staging = STORE_STAGING_NOT,
        .sort = newer ? STORE_CERTIFICATE_BY_ISSUED : STORE_CERTIFICATE_BY_ISSUED_NEWEST,
        .limit = LOOK,
    };
    struct store_cursor at = {.at = c->issued, .id = c->id};
    struct store_certificate *list;
    size_t n;

    if (!c->n_names)
        return RC_NOTFOUND;
    TRY(store_certificate_list(r->txn, a, &f, &at, &list, &n));
    for (size_t i = 0; i < n; i++) {
        bool lasts = !newer || (report_good(r, &list[i]) && list[i].not_after > c->not_after);

        if (lasts && same_algorithm(r, c, &list[i])) {
            *out = list[i];
            return RC_OK;
        }
    }
    return RC_NOTFOUND;
}

/* What it took the place of: what its client said, or the one before of its name. */
static enum rc before(struct report *r, struct arena *a, const struct store_certificate *c,
                      struct store_certificate *out)
{
    enum rc rc = RC_NOTFOUND;

    if (c->replaces.z[0])
        rc = store_certificate_get(r->txn, a, &c->replaces, out);
    return rc == RC_NOTFOUND ? neighbour(r, a, c, false, out) : rc;
}

static struct str issuer_name(const struct report *r, const struct store_certificate *c)
{
    const struct store_issuer *i = report_issuer(r, &c->issuer);

    return i ? i->name : STR("");
}

static bool has_wildcard(const struct store_certificate *c)
{
    for (size_t i = 0; i < c->n_names; i++)
        if (str_starts(c->names[i].value, STR("*.")))
            return true;
    return false;
}

/* ---- in force */

static const struct report_table active_table = {
    "certificates",
    "Certificates in force",
    "All that were valid at the end of the time reported, the first to end first.",
    {"serial", "names", "not_after", "issued", "issuer", "profile", "owner", "team", "service",
     "account", NULL},
};
static const struct report_table wildcard_table = {
    "wildcards",
    "Wildcards in force",
    "Certificates that are good for any name below a domain.",
    {"serial", "names", "not_after", "issued", "issuer", "profile", "owner", "team", "service",
     "account", NULL},
};

static enum rc put_in_force(struct report *r, struct arena *a, const struct store_certificate *c)
{
    struct str cells[] = {
        {},
        {},
        report_when(a, c->not_after),
        report_when(a, c->issued),
        issuer_name(r, c),
        c->profile,
        c->owner,
        c->team,
        c->service,
        id_str(&c->account),
    };

    TRY(report_serial(a, c->serial, &cells[0]));
    TRY(report_names(a, c, &cells[1]));
    return report_out_row(r->out, cells);
}

static enum rc active_row(struct report *r, struct arena *a, const struct store_certificate *c)
{
    if (!report_good(r, c))
        return RC_OK;
    r->numbers.active++;
    r->numbers.ending += c->not_after < r->span.before + ENDING * WHEN_DAY;
    r->numbers.wildcards += has_wildcard(c);
    return put_in_force(r, a, c);
}

static enum rc wildcard_row(struct report *r, struct arena *a, const struct store_certificate *c)
{
    return report_good(r, c) && has_wildcard(c) ? put_in_force(r, a, c) : RC_OK;
}

/* ---- issued */

static const struct report_table issued_table = {
    "issued",
    "Issued",
    "Certificates of this time, the first first; and for renewals, what they took the place of.",
    {"serial", "names", "issued", "not_after", "origin", "requester", "account", "reason",
     "replaces", "left_before", NULL},
};
static const struct report_table near_table = {
    "near-misses",
    "Near misses",
    "Renewals that came when less than a tenth of the certificate before was left, or none.",
    {"serial", "names", "issued", "not_after", "origin", "requester", "account", "reason",
     "replaces", "left_before", NULL},
};

struct renewal {
    bool is;
    struct store_certificate was;
    when_t left; /* of it, when the other was issued */
    bool near;
};

static enum rc renewal_of(struct report *r, struct arena *a, const struct store_certificate *c,
                          struct renewal *out)
{
    enum rc rc = before(r, a, c, &out->was);
    bool revoked;

    if (rc == RC_NOTFOUND)
        return RC_OK;
    TRY(rc);
    out->is = true;
    out->left = out->was.not_after - c->issued;
    revoked = out->was.status == STORE_CERTIFICATE_REVOKED && out->was.revoked < c->issued;
    out->near = !revoked && out->left < (out->was.not_after - out->was.not_before) / 10;
    return RC_OK;
}

static enum rc put_issued(struct report *r, struct arena *a, const struct store_certificate *c,
                          const struct renewal *renewal)
{
    char address[ADDR_TEXT];
    CLEANUP(buf_done) struct buf left = BUF_INIT(64);
    struct str cells[10] = {
        [2] = report_when(a, c->issued),
        report_when(a, c->not_after),
        c->origin,
        [6] = id_str(&c->account),
        c->reason,
    };

    if (c->requester.n)
        cells[5] = str_of(addr_text(&c->requester, address));
    if (renewal->is) {
        when_put_span(&left, renewal->left - renewal->left % WHEN_HOUR);
        TRY(report_serial(a, renewal->was.serial, &cells[8]));
    }
    TRY(buf_rc(&left));
    cells[9] = buf_str(&left);
    TRY(report_serial(a, c->serial, &cells[0]));
    TRY(report_names(a, c, &cells[1]));
    return report_out_row(r->out, cells);
}

static enum rc issued_row(struct report *r, struct arena *a, const struct store_certificate *c)
{
    struct renewal renewal = {};

    if (c->issued >= r->span.before)
        return RC_CANCELLED;
    TRY(renewal_of(r, a, c, &renewal));
    r->numbers.issued++;
    r->numbers.renewed += renewal.is;
    r->numbers.near_misses += renewal.near;
    return put_issued(r, a, c, &renewal);
}

static enum rc near_row(struct report *r, struct arena *a, const struct store_certificate *c)
{
    struct renewal renewal = {};

    if (c->issued >= r->span.before)
        return RC_CANCELLED;
    TRY(renewal_of(r, a, c, &renewal));
    return renewal.near ? put_issued(r, a, c, &renewal) : RC_OK;
}

/* ---- at an end */

static const struct report_table revoked_table = {
    "revoked",
    "Revoked",
    "Certificates that were revoked in this time.",
    {"serial", "names", "revoked", "reason", "not_after", "owner", "team", "service", NULL},
};
static const struct report_table lapsed_table = {
    "lapsed",
    "Names no longer needed, or forgotten",
    "Certificates that ended in this time, and nothing took their place.",
    {"serial", "names", "not_after", "owner", "team", "service", NULL},
};

static enum rc revoked_row(struct report *r, struct arena *a, const struct store_certificate *c)
{
    struct str cells[] = {
        {},
        {},
        report_when(a, c->revoked),
        str_of(x509_reason_text(c->revocation_reason)),
        report_when(a, c->not_after),
        c->owner,
        c->team,
        c->service,
    };

    if (c->revoked >= r->span.before)
        return RC_OK;
    r->numbers.revoked++;
    TRY(report_serial(a, c->serial, &cells[0]));
    TRY(report_names(a, c, &cells[1]));
    return report_out_row(r->out, cells);
}

static enum rc lapsed_row(struct report *r, struct arena *a, const struct store_certificate *c)
{
    struct str cells[] = {{}, {}, report_when(a, c->not_after), c->owner, c->team, c->service};
    struct store_certificate after;
    enum rc rc;

    if (!report_good(r, c))
        return RC_OK;
    r->numbers.ended++;
    rc = neighbour(r, a, c, true, &after);
    if (rc != RC_NOTFOUND)
        return rc;
    r->numbers.lapsed++;
    TRY(report_serial(a, c->serial, &cells[0]));
    TRY(report_names(a, c, &cells[1]));
    return report_out_row(r->out, cells);
}

/* ---- the walks */

enum rc report_certificates(struct report *r)
{
    const struct store_certificate_filter all = {.sort = STORE_CERTIFICATE_BY_ISSUED};
    const struct store_certificate_filter in_force = {.not_after_from = r->span.before,
                                                      .sort = STORE_CERTIFICATE_BY_EXPIRY};
    const struct store_certificate_filter ended = {.not_after_from = r->span.from,
                                                   .not_after_before = r->span.before,
                                                   .sort = STORE_CERTIFICATE_BY_EXPIRY};
    const struct store_certificate_filter revoked = {.revoked_from = r->span.from,
                                                     .statuses = 1u << STORE_CERTIFICATE_REVOKED,
                                                     .sort = STORE_CERTIFICATE_BY_ISSUED};
    /* Behind every id of the microsecond before. */
    const struct store_cursor at_first = {}, at_from = {.at = r->span.from - 1, .id = {"~"}};

    TRY(report_out_table(r->out, &active_table));
    TRY(walk(r, in_force, at_first, active_row));
    TRY(report_out_table(r->out, &wildcard_table));
    TRY(walk(r, in_force, at_first, wildcard_row));
    TRY(report_out_table(r->out, &issued_table));
    TRY(walk(r, all, at_from, issued_row));
    TRY(report_out_table(r->out, &near_table));
    TRY(walk(r, all, at_from, near_row));
    TRY(report_out_table(r->out, &revoked_table));
    TRY(walk(r, revoked, at_first, revoked_row));
    TRY(report_out_table(r->out, &lapsed_table));
    return walk(r, ended, at_first, lapsed_row);
}
