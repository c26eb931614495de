/* SPDX-License-Identifier: Apache-2.0 */
#include "ceremony/rotate.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

MSG(msg_not_active, "ceremony.rotate-state",
    "{0} signs no certificates, so there is nothing to take over from it: {1}");
MSG(msg_a_root, "ceremony.rotate-root",
    "{0} is a root: `autarky root create --next` makes another one, and `autarky issuer "
    "cross-sign` lets "
    "clients of both verify");

enum { PARSE_ARENA = 256 * 1024 };

static bool same_kind(const struct store_issuer *a, const struct store_issuer *b)
{
    return str_eq(a->algorithm, b->algorithm) && str_eq(a->hierarchy, b->hierarchy) &&
           !a->parent.z[0] == !b->parent.z[0];
}

static bool superseded(const struct store_issuer *rows, size_t n, const struct store_issuer *issuer,
                       when_t now)
{
    for (size_t i = 0; i < n; i++)
        if (same_kind(&rows[i], issuer) && rows[i].activates > issuer->activates &&
            store_issuer_at(&rows[i], now) == STORE_ISSUER_ACTIVE)
            return true;
    return false;
}

static enum ca_due due_at(const struct conf *conf, const struct store_issuer *issuer, when_t now)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(PARSE_ARENA);
    struct x509_cert cert;

    if (x509_cert_parse(&a, issuer->certificate, &cert, NULL) != RC_OK)
        return CA_NOT_DUE;
    return ca_due(conf, &cert, str_eq(issuer->hierarchy, STR("special")), now);
}

enum ca_due ceremony_rotation_due(const struct conf *conf, const struct store_issuer *rows,
                                  size_t n, const struct store_issuer *issuer, when_t now)
{
    if (!issuer->parent.z[0] || !issuer->key_ref.n ||
        store_issuer_at(issuer, now) != STORE_ISSUER_ACTIVE || superseded(rows, n, issuer, now))
        return CA_NOT_DUE;
    return due_at(conf, issuer, now);
}

unsigned ceremony_next_number(const struct store_issuer *rows, size_t n, const struct ca_ref *like)
{
    unsigned most = 0;

    for (size_t i = 0; i < n; i++) {
        struct ca_ref ref;

        if (ca_ref_parse(rows[i].name, &ref) == RC_OK && str_eq(ref.algorithm, like->algorithm) &&
            ref.root == like->root && ref.hierarchy == like->hierarchy && ref.number > most)
            most = ref.number;
    }
    return most + 1;
}

/* A command that was interrupted may have left a key whose issuer the register never got. */
static bool taken(const struct ceremony *c, const struct ceremony_made *m, const struct ca_ref *ref)
{
    static const char *const endings[] = {".key", ".crt", ".uri", ".csr"};
    char name[CA_REF_MAX + 1], path[CA_REF_MAX + 16];

    ca_ref_text(ref, name);
    for (size_t i = 0; i < m->n; i++)
        if (str_eq(m->rows[i].name, str_of(name)))
            return true;
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s%s", ref->root ? "root" : "ca", name, endings[i]);
        if (faccessat(c->data, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
            return true;
    }
    return false;
}

unsigned ceremony_free_number(const struct ceremony *c, const struct ceremony_made *m,
                              const struct ca_ref *like)
{
    struct ca_ref ref = *like;

    ref.number = ceremony_next_number(c->known, c->n_known, like);
    while (taken(c, m, &ref) && ref.number < CA_NUMBER_MAX)
        ref.number++;
    return ref.number;
}

enum rc ceremony_replaceable(const struct store_issuer *old, when_t now, struct ca_ref *out,
                             struct err *err)
{
    enum store_issuer_state state = store_issuer_at(old, now);

    if (!old->parent.z[0])
        return ERR(err, RC_INVAL, msg_a_root, old->name);
    if (state != STORE_ISSUER_ACTIVE || ca_ref_parse(old->name, out) != RC_OK)
        return ERR(err, RC_CONFLICT, msg_not_active, old->name,
                   str_of(store_issuer_state_text(state)));
    return RC_OK;
}

when_t ceremony_takes_over(const struct conf *conf, const struct store_issuer *old, bool at_once,
                           when_t now)
{
    when_t activates = now + conf->ca.rotation.overlap;

    return at_once || due_at(conf, old, now) == CA_DUE_BOUNDS || activates > old->not_after
               ? now
               : activates;
}

enum rc ceremony_rotate(const struct ceremony *c, const struct store_issuer *old, bool at_once,
                        struct ceremony_made *m, struct ca_change *change, struct err *err)
{
    when_t activates = ceremony_takes_over(c->conf, old, at_once, c->now);
    struct ca_ref ref;

    assert(change->n_retire < CA_CHANGES_MAX);
    TRY(ceremony_replaceable(old, c->now, &ref, err));
    ref.number = ceremony_free_number(c, m, &ref);
    TRY(ceremony_make_issuer(c, &ref, activates, m, err));
    change->issuers = m->rows;
    change->n_issuers = m->n;
    change->retire[change->n_retire].id = old->id;
    change->retire[change->n_retire].at = activates;
    change->n_retire++;
    return RC_OK;
}
