/* SPDX-License-Identifier: Apache-2.0 */
#include "ceremony/crl.h"

#include <stdio.h>

#include "base/file.h"
#include "ca/ref.h"
#include "crypto/sign.h"

MSG(msg_kept, "ceremony.crl-kept", "{0}: {1}");
MSG(msg_part, "ceremony.crl-part",
    "it is no complete list of the root: a delta, without a number, or for a part of the "
    "certificates only");
MSG(msg_full, "ceremony.crl-full", "the list of {0} has {1} entries, which is the most");
MSG(msg_clock, "ceremony.crl-clock",
    "the clock of this machine says {0}, and the last list of {1} was made at {2}: set the clock "
    "right, for clients take no list that is older than the one they have");
MSG(msg_over, "ceremony.crl-over", "the root {0} has ended at {1}: it signs nothing any more");
MSG(msg_on_it, "ceremony.crl-on-it", "{0} is on the list of {1} already");

enum { SCRATCH = 1024 * 1024 };

void ceremony_crl_init(struct ceremony_crl *c, struct str ref, const struct x509_cert *root)
{
    c->ref = ref;
    c->root = root;
    c->n = 0;
    c->number = 0;
    c->this_update = 0;
}

static const struct x509_crl_entry *find(const struct ceremony_crl *c, const struct x509_serial *s)
{
    for (size_t i = 0; i < c->n; i++)
        if (x509_serial_eq(&c->v[i].serial, s))
            return &c->v[i];
    return NULL;
}

static enum rc add(struct ceremony_crl *c, const struct x509_crl_entry *entry, struct err *err)
{
    if (c->n == CEREMONY_REVOKED_MAX)
        return ERR(err, RC_TOOBIG, msg_full, c->ref, STR("512"));
    c->v[c->n++] = *entry;
    return RC_OK;
}

enum rc ceremony_crl_revoke(struct ceremony_crl *c, const struct x509_crl_entry *entry,
                            struct err *err)
{
    char text[X509_SERIAL_TEXT];

    if (find(c, &entry->serial))
        return ERR(err, RC_EXISTS, msg_on_it, str_of(x509_serial_text(&entry->serial, text)),
                   c->ref);
    return add(c, entry, err);
}

enum rc ceremony_crl_merge(struct ceremony_crl *c, struct str der, struct err *err)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(SCRATCH);
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    struct x509_crl crl;

    TRY(x509_crl_parse(&a, der, &crl, err));
    TRY(x509_cert_key(c->root, &key, err));
    TRY(x509_crl_check(&crl, c->root, key, err));
    if (crl.delta || !crl.has_number || crl.has_scope)
        return ERR(err, RC_INVAL, msg_part);
    for (size_t i = 0; i < crl.n; i++)
        if (!find(c, &crl.entries[i].serial))
            TRY(add(c, &crl.entries[i], err));
    if (crl.number > c->number)
        c->number = crl.number;
    if (crl.this_update > c->this_update)
        c->this_update = crl.this_update;
    return RC_OK;
}

static const char *path_of(struct str ref, char path[static CA_REF_MAX + 32])
{
    snprintf(path, CA_REF_MAX + 32, "root/%.*s.crl", STR_ARG(ref));
    return path;
}

enum rc ceremony_crl_read(struct ceremony_crl *c, int data, struct err *err)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(CEREMONY_CRL_FILE_MAX);
    char path[CA_REF_MAX + 32], text[512];
    struct err why = ERR_INIT;
    enum rc rc = file_read(data, path_of(c->ref, path), &der, &why);

    if (rc == RC_NOTFOUND)
        return RC_OK;
    if (rc == RC_OK)
        rc = ceremony_crl_merge(c, buf_str(&der), &why);
    if (rc == RC_OK || rc == RC_NOMEM)
        return rc;
    return ERR(err, rc, msg_kept, str_of(path), str_of(err_textz(&why, text, sizeof(text))));
}

enum rc ceremony_crl_keep(int data, struct str ref, struct str der, struct err *err)
{
    char path[CA_REF_MAX + 32];

    return file_write(data, path_of(ref, path), der, 0600, FILE_OWNER_SELF, err);
}

/* ---- signing */

static when_t end_of(const struct ceremony_crl *c, when_t now, unsigned days)
{
    when_t end = now + days * WHEN_DAY;

    return end < c->root->not_after ? end : c->root->not_after;
}

enum rc ceremony_crl_sign(const struct ceremony_crl *c, const struct crypto_key *key, when_t now,
                          unsigned days, struct buf *out, struct err *err)
{
    char mine[WHEN_TEXT], last[WHEN_TEXT];
    struct x509_crl_in in = {
        .sig_alg = crypto_sig_default(key),
        .issuer = c->root->subject,
        .issuer_key_id = c->root->ski,
        .this_update = now,
        .next_update = end_of(c, now, days),
        .number = (uint64_t)now > c->number ? (uint64_t)now : c->number + 1,
        .entries = c->v,
        .n = c->n,
    };

    if (now < c->this_update)
        return ERR(err, RC_DENIED, msg_clock, str_of(when_text(now, mine)), c->ref,
                   str_of(when_text(c->this_update, last)));
    if (c->root->not_after <= now)
        return ERR(err, RC_DENIED, msg_over, c->ref, str_of(when_text(c->root->not_after, last)));
    return x509_crl_sign(key, &in, out, err);
}

enum rc ceremony_crl_show(const struct ceremony_crl *c, when_t now, unsigned days, struct buf *out)
{
    char from[WHEN_TEXT], to[WHEN_TEXT], serial[X509_SERIAL_TEXT];

    buf_printf(out, "  Valid         %s to %s\n", when_text(now, from),
               when_text(end_of(c, now, days), to));
    if (c->n == 0)
        buf_putz(out, "  Revoked       none\n");
    for (size_t i = 0; i < c->n; i++)
        buf_printf(out, "  %-13s %s, %s, since %s\n", i ? "" : "Revoked",
                   x509_serial_text(&c->v[i].serial, serial), x509_reason_text(c->v[i].reason),
                   when_text(c->v[i].revoked, from));
    return buf_rc(out);
}
