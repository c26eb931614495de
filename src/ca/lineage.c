/* SPDX-License-Identifier: Apache-2.0 */
/* Which certificates are one thing, and which of them a new one replaces. Decided inside the
 * transaction of the reservation, and written down with it, so that recovery gives the certificate
 * the same place. */
#include "ca/issue_int.h"

enum {
    PAGE = 4,   /* rows: usually the newest of each kind of key is among them */
    PAGES = 16, /* a kind that was not renewed for so long has no predecessor */
    LINEAGE_ARENA = 2 * 1024 * 1024,
};

static bool is_rsa(enum crypto_key_type type)
{
    return type == CRYPTO_KEY_RSA;
}

static bool is_sm2(enum crypto_key_type type)
{
    return type == CRYPTO_KEY_SM2;
}

/* The two of TLCP are of the same type, and each is replaced by its like. One whose key cannot be
 * read is of no kind. */
static bool same_kind(const struct ca_job *job, struct arena *a, const struct store_certificate *c)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    struct x509_cert cert;

    return x509_cert_parse(a, c->der, &cert, NULL) == RC_OK &&
           x509_cert_key(&cert, &key, NULL) == RC_OK &&
           is_rsa(crypto_key_type(key)) == is_rsa(job->req.key_type) &&
           is_sm2(crypto_key_type(key)) == is_sm2(job->req.key_type) &&
           (!is_sm2(job->req.key_type) || str_eq(c->profile, job->req.profile));
}

static enum rc look(struct store_txn *txn, struct ca_job *job, struct store_cursor *at)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(LINEAGE_ARENA);
    struct store_certificate_filter newest = {
        .logical = job->logical,
        .sort = STORE_CERTIFICATE_BY_ISSUED_NEWEST,
        .limit = PAGE,
    };
    struct store_certificate *rows;
    size_t n;

    TRY(store_certificate_list(txn, &a, &newest, at, &rows, &n));
    for (size_t i = 0; i < n && !job->replaces.z[0]; i++)
        if (same_kind(job, &a, &rows[i]))
            job->replaces = rows[i].id;
    return RC_OK;
}

/* Whoever asks has seen that it may be replaced, and by whom. */
static enum rc follow(struct store_txn *txn, struct ca_job *job)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(LINEAGE_ARENA);
    struct store_certificate old;
    enum rc rc = store_certificate_get(txn, &a, &job->req.replaces, &old);

    if (rc == RC_OK) {
        job->logical = old.logical;
        job->replaces = old.id;
    }
    return rc == RC_NOTFOUND ? RC_OK : rc;
}

static enum rc find_newest(struct store_txn *txn, struct ca_job *job)
{
    struct store_cursor at = {0};
    struct id fresh;

    job->replaces = job->req.renews;
    TRY(id_new(&fresh));
    TRY(store_certificate_logical(txn, job->req.lineage, &fresh, &job->logical));
    for (int i = 0; i < PAGES && !at.end && !job->replaces.z[0]; i++)
        TRY(look(txn, job, &at));
    return RC_OK;
}

enum rc ca_lineage_find(struct store_txn *txn, struct ca_job *job)
{
    job->logical = job->replaces = (struct id){""};
    if (job->req.lineage.n)
        TRY(find_newest(txn, job));
    else if (job->req.replaces.z[0])
        TRY(follow(txn, job));
    job->issuance.logical = job->logical;
    job->issuance.replaces = job->replaces;
    return RC_OK;
}
