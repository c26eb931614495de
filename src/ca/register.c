/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/register.h"

#include <stdio.h>

#include "audit/audit.h"
#include "ca/issue.h"
#include "ca/issuer.h"
#include "x509/name.h"

MSG(msg_room, "ca.register-room",
    "the register has {0} authorities and room for {1}, so there is none for {2} more: nothing was "
    "changed");
MSG(msg_keys, "ca.register-keys",
    "the signer has the keys of {0} issuers and loads {1} at most, so there is no room for {2} "
    "more: nothing was changed");

enum { CHECK_ARENA = 8 * 1024 * 1024 };

MSG(msg_parent, "ca.register-parent", "{0} is not signed by its root as the register has it: {1}");
MSG(msg_no_parent, "ca.register-no-parent", "the root that signed {0} is not in the register");
MSG(msg_cross, "ca.register-cross",
    "{0} is not the name and key of one authority, certified by another: {1}");

enum rc ca_register_row(const struct ca_register_in *in, struct arena *a, struct store_issuer *out)
{
    const struct ca_ref *ref = in->ref;
    const struct x509_cert *cert = in->cert;
    CLEANUP(buf_done) struct buf subject = BUF_INIT(4 * X509_NAME_MAX);
    char name[CA_REF_MAX + 1];

    x509_name_text(cert->subject, &subject);
    *out = (struct store_issuer){
        .hierarchy = ca_ref_hierarchy(ref),
        .algorithm = ref->algorithm,
        .certificate = cert->der,
        .key_id = cert->ski,
        .state = STORE_ISSUER_ACTIVE,
        .not_before = cert->not_before,
        .not_after = cert->not_after,
        .activates = in->now,
        .crl_shards = ref->root ? 1 : CA_CRL_SHARDS,
        .created = in->now,
    };
    TRY(id_new(&out->id));
    TRY(arena_str(a, str_of(ca_ref_text(ref, name)), &out->name));
    if (in->parent) {
        out->parent = in->parent->id;
        out->chain = in->parent->certificate;
    }
    if (in->key_here)
        out->key_ref = out->name;
    TRY(buf_rc(&subject));
    return arena_str(a, buf_str(&subject), &out->subject);
}

static enum rc audit_of(struct store_txn *txn, const struct ca_change *c, const char *action,
                        const char *kind, const struct id *object)
{
    struct audit_event event = {
        .at = c->now,
        .actor_kind = AUDIT_OPERATOR,
        .actor = c->actor,
        .action = action,
        .object_kind = kind,
        .object = id_str(object),
        .reason = c->reason,
    };

    return audit_append(txn, &event, NULL);
}

static enum rc audit(struct store_txn *txn, const struct ca_change *c, const char *action,
                     const struct id *issuer)
{
    return audit_of(txn, c, action, "issuer", issuer);
}

enum rc ca_change_apply(struct store_txn *txn, void *change)
{
    const struct ca_change *c = change;

    for (size_t i = 0; i < c->n_issuers; i++) {
        TRY(store_issuer_add(txn, &c->issuers[i]));
        TRY(audit(txn, c, "issuer.created", &c->issuers[i].id));
    }
    for (size_t i = 0; i < c->n_crosses; i++) {
        TRY(store_cross_add(txn, &c->crosses[i]));
        TRY(audit(txn, c, "issuer.cross-signed", &c->crosses[i].subject));
    }
    for (size_t i = 0; i < c->n_retire; i++) {
        TRY(store_issuer_set_retires(txn, &c->retire[i].id, c->retire[i].at));
        TRY(audit(txn, c, "issuer.retired", &c->retire[i].id));
    }
    for (size_t i = 0; i < c->n_revoke; i++) {
        enum rc rc =
            store_issuer_move(txn, &c->revoke[i], STORE_ISSUER_ACTIVE, STORE_ISSUER_REVOKED);

        if (rc == RC_CONFLICT)
            rc = store_issuer_move(txn, &c->revoke[i], STORE_ISSUER_RETIRING, STORE_ISSUER_REVOKED);
        TRY(rc);
        TRY(store_issuer_set_retires(txn, &c->revoke[i], c->now));
        TRY(audit(txn, c, "issuer.revoked", &c->revoke[i]));
    }
    for (size_t i = 0; i < c->n_revoke_cross; i++) {
        const struct id *id = &c->revoke_cross[i].id;

        TRY(store_cross_revoke(txn, id, c->now, (unsigned char)c->revoke_cross[i].reason));
        TRY(audit_of(txn, c, "cross-certificate.revoked", "cross-certificate", id));
    }
    return RC_OK;
}

/* ---- the check */

static const struct store_issuer *among(const struct ca_change *c, const struct id *id)
{
    for (size_t i = 0; i < c->n_issuers; i++)
        if (str_eq(id_str(&c->issuers[i].id), id_str(id)))
            return &c->issuers[i];
    return NULL;
}

static enum rc find(const struct ca *ca, const struct ca_change *c, const struct id *id,
                    struct arena *a, struct x509_cert *out)
{
    const struct ca_issuer *there = ca_issuer_by_id(ca, id);
    const struct store_issuer *fresh = among(c, id);

    if (there) {
        *out = there->cert;
        return RC_OK;
    }
    return fresh ? x509_cert_parse(a, fresh->certificate, out, NULL) : RC_NOTFOUND;
}

static enum rc say(struct err *err, const struct msg *m, struct str name, enum rc rc,
                   const struct err *why)
{
    char text[512];
    struct err e = *why;

    if (rc == RC_NOMEM)
        return rc;
    e.rc = rc;
    return err_set(err, RC_DENIED, m, (struct err_at){__FILE__, __LINE__},
                   (struct str[]){name, str_of(err_textz(&e, text, sizeof(text)))}, 2);
}

static enum rc check_issuer(const struct ca *ca, const struct ca_change *c,
                            const struct store_issuer *row, struct arena *a, struct err *err)
{
    struct x509_cert cert, parent;
    struct err why = ERR_INIT;
    enum rc rc = x509_cert_parse(a, row->certificate, &cert, &why);

    if (rc == RC_OK && !row->parent.z[0])
        parent = cert;
    else if (rc == RC_OK && find(ca, c, &row->parent, a, &parent) != RC_OK)
        return ERR(err, RC_DENIED, msg_no_parent, row->name);
    if (rc == RC_OK)
        rc = x509_cert_check_issuer(&cert, &parent, &why);
    return rc == RC_OK ? rc : say(err, &msg_parent, row->name, rc, &why);
}

static enum rc check_cross(const struct ca *ca, const struct ca_change *c,
                           const struct store_cross *row, struct arena *a, struct err *err)
{
    struct x509_cert cert = {}, subject = {}, signer = {};
    struct err why = ERR_INIT;
    enum rc rc = x509_cert_parse(a, row->certificate, &cert, &why);

    if (rc == RC_OK)
        rc = find(ca, c, &row->subject, a, &subject);
    if (rc == RC_OK)
        rc = find(ca, c, &row->signer, a, &signer);
    if (rc == RC_OK)
        rc = x509_cert_check_issuer(&cert, &signer, &why);
    if (rc == RC_OK && (!str_eq(cert.subject, subject.subject) || !str_eq(cert.spki, subject.spki)))
        rc = RC_INVAL;
    return rc == RC_OK ? rc : say(err, &msg_cross, row->name, rc, &why);
}

static enum rc no_room(const struct msg *m, size_t have, size_t most, size_t more, struct err *err)
{
    char text[3][24];
    const size_t n[3] = {have, most, more};

    for (size_t i = 0; i < 3; i++)
        snprintf(text[i], sizeof(text[i]), "%zu", n[i]);
    return err_set(err, RC_TOOBIG, m, (struct err_at){__FILE__, __LINE__},
                   (struct str[]){str_of(text[0]), str_of(text[1]), str_of(text[2])}, 3);
}

/* What does not fit would be found out when it is too late: by the signer at its next start, by
 * core when it has been written. */
static enum rc check_room(const struct ca *ca, const struct ca_change *c, struct err *err)
{
    size_t all = 0, crosses = 0, keys = 0, more = 0;
    const struct ca_issuer *i;

    while ((i = ca_issuer_at(ca, all))) {
        keys += i->has_key;
        all++;
    }
    while (ca_cross_at(ca, crosses))
        crosses++;
    for (size_t k = 0; k < c->n_issuers; k++)
        more += c->issuers[k].key_ref.n > 0;
    if (all + c->n_issuers > CA_REGISTER_MAX)
        return no_room(&msg_room, all, CA_REGISTER_MAX, c->n_issuers, err);
    if (crosses + c->n_crosses > CA_REGISTER_MAX)
        return no_room(&msg_room, crosses, CA_REGISTER_MAX, c->n_crosses, err);
    if (more && keys + more > CA_ISSUERS_MAX)
        return no_room(&msg_keys, keys, CA_ISSUERS_MAX, more, err);
    return RC_OK;
}

enum rc ca_change_check(const struct ca *ca, const struct ca_change *c, struct err *err)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(CHECK_ARENA);

    TRY(check_room(ca, c, err));
    for (size_t i = 0; i < c->n_issuers; i++)
        TRY(check_issuer(ca, c, &c->issuers[i], &a, err));
    for (size_t i = 0; i < c->n_crosses; i++)
        TRY(check_cross(ca, c, &c->crosses[i], &a, err));
    return RC_OK;
}
