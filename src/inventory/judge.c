/* SPDX-License-Identifier: Apache-2.0 */
#include "inventory/judge.h"

enum { NEWER_MEMORY = 1024 * 1024, SEEN_MEMORY = 256 * 1024 };

/* ---- what took its place */

/* The certificates of one line, from one of them on: a line may hold others, of another kind of
 * key, so each has to say which of them it replaces. */
struct line {
    struct id of[INVENTORY_NEWER_MAX + 1];
    size_t n;
};

static bool in_line(const struct line *l, const struct id *id)
{
    for (size_t i = 0; i < l->n; i++)
        if (str_eq(id_str(&l->of[i]), id_str(id)))
            return true;
    return false;
}

static enum rc find_newer(struct store_txn *txn, const struct store_certificate *c, when_t now,
                          struct id *out)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(NEWER_MEMORY);
    const struct store_certificate_filter later = {
        .logical = c->logical,
        .sort = STORE_CERTIFICATE_BY_ISSUED,
        .without_der = true,
        .limit = INVENTORY_NEWER_MAX,
    };
    struct store_cursor at = {.at = c->issued, .id = c->id};
    struct line line = {.of = {c->id}, .n = 1};
    struct store_certificate *rows;
    size_t n;

    *out = (struct id){""};
    TRY(store_certificate_list(txn, &a, &later, &at, &rows, &n));
    for (size_t i = 0; i < n; i++) {
        const struct store_certificate *d = &rows[i];

        if (!d->replaces.z[0] || !in_line(&line, &d->replaces))
            continue;
        line.of[line.n++] = d->id;
        if (d->status == STORE_CERTIFICATE_VALID && d->not_before <= now && d->not_after > now)
            *out = d->id;
    }
    return RC_OK;
}

/* ---- endpoints */

/* The one with that serial number, if it is this one to the byte: a serial number alone is a
 * stranger's claim. */
static enum rc find(struct store_txn *txn, struct arena *a, const struct store_seen *s,
                    struct inventory_judged *out)
{
    enum rc rc;

    if (!s->serial.n)
        return RC_OK;
    rc = store_certificate_by_serial(txn, a, s->serial, &out->certificate);
    if (rc == RC_OK)
        out->registered = memcmp(out->certificate.fingerprint.b, s->sha256.b, STORE_SHA256) == 0;
    out->certificate.der = (struct str){NULL, 0};
    return rc == RC_NOTFOUND ? RC_OK : rc;
}

/* Times pass by themselves. */
static unsigned timed(const struct store_seen *s, when_t now, unsigned verdicts)
{
    verdicts &= ~(unsigned)(INVENTORY_EXPIRED | INVENTORY_EARLY);
    if (s->not_after && s->not_after < now)
        verdicts |= INVENTORY_EXPIRED;
    if (s->not_before > now)
        verdicts |= INVENTORY_EARLY;
    return verdicts;
}

static enum rc with_register(struct store_txn *txn, when_t now, struct inventory_judged *out)
{
    const struct store_certificate *c = &out->certificate;
    unsigned bad;

    out->verdicts = (out->verdicts & ~(unsigned)INVENTORY_FOREIGN) | INVENTORY_OURS;
    if (c->status == STORE_CERTIFICATE_REVOKED)
        out->verdicts |= INVENTORY_REVOKED;
    TRY(find_newer(txn, c, now, &out->newer));
    if (out->newer.z[0])
        out->verdicts |= INVENTORY_SUPERSEDED;
    bad = INVENTORY_REVOKED | INVENTORY_SUPERSEDED | INVENTORY_EXPIRED | INVENTORY_EARLY;
    if (!(out->verdicts & bad))
        out->verdicts |= INVENTORY_CURRENT;
    return RC_OK;
}

enum rc inventory_judge(struct store_txn *txn, struct arena *a, const struct store_endpoint *e,
                        when_t now, struct inventory_judged *out)
{
    *out = (struct inventory_judged){.verdicts = e->verdicts & INVENTORY_SEEN};
    if (!e->shown)
        return RC_OK;
    if (e->seen.not_after)
        out->verdicts = timed(&e->seen, now, out->verdicts);
    TRY(find(txn, a, &e->seen, out));
    if (out->registered)
        return with_register(txn, now, out);
    out->certificate = (struct store_certificate){};
    if (out->verdicts & INVENTORY_OURS)
        out->verdicts |= INVENTORY_UNREGISTERED;
    else
        out->verdicts |= INVENTORY_FOREIGN;
    return RC_OK;
}

/* ---- certificates */

enum rc inventory_orphaned(struct store_txn *txn, const struct store_certificate *c, when_t now,
                           bool *out)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(SEEN_MEMORY);
    struct store_seen seen;
    struct id newer;
    enum rc rc;

    *out = false;
    if (c->status != STORE_CERTIFICATE_VALID || c->not_after <= now)
        return RC_OK;
    rc = store_seen_get(txn, &a, &c->fingerprint, &seen);
    if (rc != RC_NOTFOUND)
        return rc;
    TRY(find_newer(txn, c, now, &newer));
    *out = !newer.z[0];
    return RC_OK;
}
