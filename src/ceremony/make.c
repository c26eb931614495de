/* SPDX-License-Identifier: Apache-2.0 */
#include "ceremony/make.h"

#include <assert.h>
#include <stdio.h>

#include "ceremony/certify.h"
#include "ceremony/crl.h"
#include "ceremony/keys.h"

MSG(msg_no_root, "ceremony.no-root",
    "there is no {0} root of the hierarchy {1} that could sign; `autarky issuer list` shows what "
    "there is, `autarky issuer create` makes root and issuer where there is none");
MSG(msg_no_such, "ceremony.no-such-root", "the register has no root {0}");
MSG(msg_kinds_differ, "ceremony.cross-kinds",
    "{0} and {1} are not two roots of one algorithm and hierarchy");

enum { MADE_ARENA = 8 * 1024 * 1024 };

void ceremony_made_init(struct ceremony_made *m)
{
    memset(m, 0, sizeof(*m));
    arena_init(&m->arena, MADE_ARENA);
}

void ceremony_made_done(struct ceremony_made *m)
{
    for (size_t i = 0; i < m->n; i++)
        crypto_key_unref(m->keys[i]);
    ceremony_files_done(&m->files);
    arena_done(&m->arena);
    m->n = 0;
}

/* ---- roots, made here or known */

/* One that can sign: with its certificate, and its key once it was asked for. */
struct root {
    const struct store_issuer *row;
    struct x509_cert cert;
    struct crypto_key *key;
};

static void root_done(struct root *r)
{
    crypto_key_unref(r->key);
}

static bool signs_for(const struct store_issuer *row, struct str algorithm,
                      enum ca_hierarchy hierarchy, when_t now)
{
    return !row->parent.z[0] && str_eq(row->algorithm, algorithm) &&
           str_eq(row->hierarchy, ca_hierarchy_text(hierarchy)) &&
           store_issuer_at(row, now) == STORE_ISSUER_ACTIVE;
}

const struct store_issuer *ceremony_root_for(const struct ceremony *c,
                                             const struct ceremony_made *m, struct str algorithm,
                                             enum ca_hierarchy hierarchy)
{
    const struct ceremony_kind *kind = ceremony_kind_find(algorithm);
    const char *root = kind ? kind->root : NULL;
    const struct store_issuer *best = NULL;

    for (size_t i = 0; root && i < c->n_known + m->n; i++) {
        const struct store_issuer *row = i < c->n_known ? &c->known[i] : &m->rows[i - c->n_known];

        if (signs_for(row, str_of(root), hierarchy, c->now) &&
            (!best || row->not_before >= best->not_before))
            best = row;
    }
    return best;
}

static const struct store_issuer *find_root(const struct ceremony *c, const struct ceremony_made *m,
                                            struct str ref)
{
    for (size_t i = 0; i < c->n_known; i++)
        if (!c->known[i].parent.z[0] && str_eq(c->known[i].name, ref))
            return &c->known[i];
    for (size_t i = 0; i < m->n; i++)
        if (!m->rows[i].parent.z[0] && str_eq(m->rows[i].name, ref))
            return &m->rows[i];
    return NULL;
}

/* The key of one made here is at hand; that of another is in its file. */
static enum rc open_root(const struct ceremony *c, struct ceremony_made *m,
                         const struct store_issuer *row, struct root *out, struct err *err)
{
    out->row = row;
    TRY(x509_cert_parse(&m->arena, row->certificate, &out->cert, err));
    for (size_t i = 0; i < m->n; i++)
        if (row == &m->rows[i]) {
            out->key = crypto_key_ref(m->keys[i]);
            return RC_OK;
        }
    if (c->open_root)
        return c->open_root(c->arg, row->name, &out->key, err);
    return ceremony_root_key(c->data, row->name, c->root_passphrase, &out->key, err);
}

/* ---- rows */

static enum rc make_key(const struct ceremony *c, const struct ca_ref *ref, struct ceremony_made *m,
                        struct crypto_key **out, struct err *err)
{
    const struct ceremony_place here = {
        .passphrase = ref->root ? c->root_passphrase : c->passphrase,
    };

    if (c->make_key)
        return c->make_key(c->arg, ref, &m->files, out, err);
    return ceremony_key_make(&here, ref, &m->files, out, err);
}

/* Takes the key. */
static enum rc add(const struct ceremony *c, const struct ca_ref *ref,
                   const struct store_issuer *parent, struct crypto_key *key,
                   struct ceremony_made *m)
{
    struct x509_cert *cert = &m->certs[m->n];
    char name[CA_REF_MAX + 1], what[CA_REF_MAX + 64];

    m->keys[m->n] = crypto_key_ref(key);
    m->n++;
    TRY(ca_register_row(&(struct ca_register_in){ref, cert, parent, !ref->root, c->now}, &m->arena,
                        &m->rows[m->n - 1]));
    m->rows[m->n - 1].created += (when_t)m->n; /* lists are in this order */
    ca_ref_text(ref, name);
    if (!ref->root)
        x509_cert_put_pem(cert->der, ceremony_files_add(&m->files, "ca", name, ".crt", 0644));
    snprintf(what, sizeof(what), "%s: %s", name, crypto_key_text(key));
    if (c->step)
        c->step(c->arg, what);
    return RC_OK;
}

/* ---- making */

enum rc ceremony_make_root(const struct ceremony *c, const struct ca_ref *ref,
                           struct ceremony_made *m, struct err *err)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    struct ceremony_plan plan = {.ref = *ref, .conf = c->conf, .now = c->now};

    assert(m->n < CEREMONY_MADE_MAX && ref->root);
    TRY(make_key(c, ref, m, &key, err));
    TRY(ceremony_certify_root(&plan, key, &m->arena, &m->certs[m->n], err));
    return add(c, ref, NULL, key, m);
}

enum rc ceremony_make_issuer(const struct ceremony *c, const struct ca_ref *ref, when_t activates,
                             struct ceremony_made *m, struct err *err)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    CLEANUP(root_done) struct root root = {.key = NULL};
    const struct store_issuer *row = ceremony_root_for(c, m, ref->algorithm, ref->hierarchy);
    struct ceremony_plan plan = {.ref = *ref, .conf = c->conf, .now = c->now};
    struct ceremony_signer signer;

    assert(m->n < CEREMONY_MADE_MAX && !ref->root);
    if (!row)
        return ERR(err, RC_NOTFOUND, msg_no_root, str_of(ceremony_kind_find(ref->algorithm)->root),
                   ca_ref_hierarchy(ref));
    TRY(ceremony_room(c->data, m->n + 1, err)); /* before a key is in a token */
    TRY(open_root(c, m, row, &root, err));
    signer = (struct ceremony_signer){row->name, &root.cert, root.key};
    TRY(make_key(c, ref, m, &key, err));
    TRY(ceremony_certify_issuer(&plan, crypto_key_spki(key), &signer, &m->arena, &m->certs[m->n],
                                err));
    TRY(add(c, ref, row, key, m));
    m->rows[m->n - 1].activates = activates;
    return RC_OK;
}

/* ---- cross certificates */

struct crossing {
    const struct store_issuer *of, *by;
    struct x509_cert subject;
};

static enum rc find_both(const struct ceremony *c, struct ceremony_made *m, struct str subject,
                         struct str signer, struct crossing *out, struct err *err)
{
    const struct store_issuer *of = find_root(c, m, subject), *by = find_root(c, m, signer);

    assert(m->n_crosses < CEREMONY_MADE_MAX);
    if (!of || !by)
        return ERR(err, RC_NOTFOUND, msg_no_such, of ? signer : subject);
    if (of == by || !str_eq(of->algorithm, by->algorithm) || !str_eq(of->hierarchy, by->hierarchy))
        return ERR(err, RC_INVAL, msg_kinds_differ, subject, signer);
    out->of = of;
    out->by = by;
    return x509_cert_parse(&m->arena, of->certificate, &out->subject, err);
}

static enum rc add_cross(const struct ceremony *c, const struct crossing *x,
                         const struct x509_cert *cert, struct ceremony_made *m)
{
    struct store_cross *cross = &m->crosses[m->n_crosses];

    *cross = (struct store_cross){
        .name = arena_printf(&m->arena, "%.*s-by-%.*s", STR_ARG(x->of->name), STR_ARG(x->by->name)),
        .subject = x->of->id,
        .signer = x->by->id,
        .certificate = cert->der,
        .not_before = cert->not_before,
        .not_after = cert->not_after,
        .created = c->now,
    };
    TRY(id_new(&cross->id));
    m->n_crosses++;
    return cross->name.p ? RC_OK : RC_NOMEM;
}

enum rc ceremony_make_cross(const struct ceremony *c, struct str subject, struct str signer,
                            struct ceremony_made *m, struct err *err)
{
    CLEANUP(root_done) struct root root = {.key = NULL};
    struct ceremony_plan plan = {.conf = c->conf, .now = c->now};
    struct ceremony_signer with;
    struct crossing x;
    struct x509_cert cert;

    TRY(find_both(c, m, subject, signer, &x, err));
    TRY(open_root(c, m, x.by, &root, err));
    with = (struct ceremony_signer){x.by->name, &root.cert, root.key};
    TRY(ceremony_certify_cross(&plan, &x.subject, &with, &m->arena, &cert, err));
    return add_cross(c, &x, &cert, m);
}

enum rc ceremony_take_cross(const struct ceremony *c, struct str subject, struct str signer,
                            const struct x509_cert *cert, struct ceremony_made *m, struct err *err)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    struct ceremony_plan plan = {.conf = c->conf, .now = c->now};
    struct ceremony_signer with;
    struct x509_cert root;
    struct crossing x;

    TRY(find_both(c, m, subject, signer, &x, err));
    TRY(x509_cert_parse(&m->arena, x.by->certificate, &root, err));
    TRY(x509_cert_key(&root, &key, err));
    with = (struct ceremony_signer){x.by->name, &root, key};
    TRY(ceremony_check_cross(&plan, &x.subject, &with, cert, err));
    return add_cross(c, &x, cert, m);
}

/* ---- lists */

/* What is on the list already stays as it is. */
static enum rc revoke(struct ceremony_crl *crl, struct str certificate, int reason, when_t revoked,
                      struct arena *a)
{
    struct x509_crl_entry entry = {.reason = (uint8_t)reason, .revoked = revoked};
    struct x509_cert cert;
    enum rc rc;

    TRY(x509_cert_parse(a, certificate, &cert, NULL));
    entry.serial = cert.serial;
    rc = ceremony_crl_revoke(crl, &entry, NULL);
    return rc == RC_EXISTS ? RC_OK : rc;
}

/* What the register has of it. */
static enum rc revoke_known(const struct ceremony *c, const struct store_issuer *root,
                            struct ceremony_crl *crl, struct arena *a)
{
    for (size_t i = 0; i < c->n_known; i++)
        if (c->known[i].state == STORE_ISSUER_REVOKED &&
            str_eq(id_str(&c->known[i].parent), id_str(&root->id)))
            TRY(revoke(crl, c->known[i].certificate, X509_REASON_CA_COMPROMISE, c->known[i].retires,
                       a));
    for (size_t i = 0; i < c->n_known_crosses; i++) {
        const struct store_cross *cross = &c->known_crosses[i];

        if (cross->revoked && str_eq(id_str(&cross->signer), id_str(&root->id)))
            TRY(revoke(crl, cross->certificate, cross->reason, cross->revoked, a));
    }
    return RC_OK;
}

enum rc ceremony_root_crl(const struct ceremony *c, struct ceremony_made *m, struct str root,
                          const struct ceremony_also *also, struct buf *out, struct err *err)
{
    const struct store_issuer *row = find_root(c, m, root);
    CLEANUP(root_done) struct root by = {.key = NULL};
    struct ceremony_crl crl;

    if (!row)
        return ERR(err, RC_NOTFOUND, msg_no_such, root);
    TRY(open_root(c, m, row, &by, err));
    ceremony_crl_init(&crl, row->name, &by.cert);
    TRY(ceremony_crl_read(&crl, c->data, err));
    TRY(revoke_known(c, row, &crl, &m->arena));
    if (also)
        TRY(revoke(&crl, also->certificate, also->reason, c->now, &m->arena));
    return ceremony_crl_sign(&crl, by.key, c->now, CEREMONY_CRL_DAYS_MAX, out, err);
}

enum rc ceremony_make_hierarchy(const struct ceremony *c, unsigned kinds,
                                enum ca_hierarchy hierarchy, struct ceremony_made *m,
                                struct err *err)
{
    for (size_t i = 0; i < CEREMONY_KINDS; i++) {
        const struct ceremony_kind *kind = &ceremony_kinds[i];
        struct ca_ref issuer = {str_of(kind->algorithm), 1, false, hierarchy};
        struct ca_ref root = {str_of(kind->root), 1, true, hierarchy};

        if (!(kinds & 1u << i))
            continue;
        if (!ceremony_root_for(c, m, issuer.algorithm, hierarchy))
            TRY(ceremony_make_root(c, &root, m, err));
        TRY(ceremony_make_issuer(c, &issuer, c->now, m, err));
    }
    return RC_OK;
}

/* ---- the end of it */

enum rc ceremony_write(const struct ceremony *c, struct ceremony_made *m, struct err *err)
{
    return ceremony_files_write(&m->files, c->data, err);
}

void ceremony_undo(const struct ceremony *c, struct ceremony_made *m)
{
    ceremony_files_undo(&m->files, c->data);
}

enum rc ceremony_publish(const struct ceremony *c, const struct ceremony_made *m, struct err *err)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(MADE_ARENA);
    struct store_issuer *all = ARENA_ARRAY(&a, struct store_issuer, c->n_known + m->n);

    if (!all)
        return RC_NOMEM;
    if (c->n_known)
        memcpy(all, c->known, c->n_known * sizeof(*all));
    memcpy(all + c->n_known, m->rows, m->n * sizeof(*all));
    return ceremony_trust_write(c->data, all, c->n_known + m->n, c->now, err);
}

struct ca_change ceremony_change(const struct ceremony *c, const struct ceremony_made *m,
                                 const char *actor)
{
    return (struct ca_change){
        .issuers = m->rows,
        .n_issuers = m->n,
        .crosses = m->crosses,
        .n_crosses = m->n_crosses,
        .actor = str_of(actor),
        .now = c->now,
    };
}
