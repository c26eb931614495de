/* SPDX-License-Identifier: Apache-2.0 */
/* The first list of each root whose key `autarky init` makes: whoever looks up the whole chain
 * finds one from the first day on, whether certificates point to it or not. The next one comes with
 * the next issuer. */
#include "authority/init_int.h"
#include "ceremony/crl.h"

static enum rc add(const struct ceremony *c, struct ceremony_made *m, size_t i,
                   struct init_register *r, struct err *err)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(CEREMONY_CRL_FILE_MAX);
    const struct store_issuer *root = &m->rows[i];
    struct revocation_given *list = &r->lists[r->n_lists];

    TRY(ceremony_root_crl(c, m, root->name, NULL, &der, err));
    *list = (struct revocation_given){.ref = root->name, .id = root->id, .cert = root->certificate};
    TRY(arena_str(&m->arena, buf_str(&der), &list->der));
    TRY(ceremony_crl_keep(c->data, list->ref, list->der, err));
    r->n_lists++;
    return RC_OK;
}

enum rc init_lists(const struct ceremony *c, struct ceremony_made *m, struct init_register *r,
                   struct err *err)
{
    for (size_t i = 0; i < m->n; i++)
        if (!m->rows[i].parent.z[0] && m->keys[i])
            TRY(add(c, m, i, r, err));
    return RC_OK;
}

enum rc init_register_fn(struct store_txn *txn, void *arg)
{
    struct init_register *r = arg;

    TRY(ca_change_apply(txn, &r->change));
    for (size_t i = 0; i < r->n_lists; i++)
        TRY(revocation_given_publish(txn, &r->lists[i], r->change.now, &r->err));
    return RC_OK;
}
