/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/pair_int.h"

#include <string.h>

#include "base/mem.h"
#include "crypto/pem.h"
#include "x509/cert.h"

void keeper_pairs_init(struct keeper_pairs *all)
{
    *all = (struct keeper_pairs){};
    shared_init(&all->issuers);
    list_init(&all->open);
}

static enum rc take_issuers(struct keeper_pairs *all, const struct x509_cert *certs, size_t n,
                            struct shared **out)
{
    CLEANUP(buf_done) struct buf ders = BUF_INIT(X509_CHAIN_MAX * X509_CERT_MAX);

    for (size_t i = 1; i < n; i++)
        buf_puts(&ders, certs[i].der);
    TRY(buf_rc(&ders));
    return shared_take(&all->issuers, buf_str(&ders), out);
}

enum rc keeper_pair_new(struct keeper_pairs *all, const struct x509_cert *certs, size_t n,
                        struct str key, struct keeper_pair **out)
{
    struct str leaf = certs[0].der;
    struct keeper_pair *p = mem_alloc(sizeof(*p) + leaf.n + key.n);
    enum rc rc;

    if (!p)
        return RC_NOMEM;
    *p = (struct keeper_pair){.leaf_n = leaf.n, .key_n = key.n};
    list_init(&p->link);
    memcpy(p->bytes, leaf.p, leaf.n);
    memcpy(p->bytes + leaf.n, key.p, key.n);
    rc = take_issuers(all, certs, n, &p->issuers);
    if (rc == RC_OK)
        *out = p;
    else
        keeper_pair_free(all, p);
    return rc;
}

static void close_key(struct keeper_pairs *all, struct keeper_pair *p)
{
    if (!p->opened)
        return;
    crypto_key_unref(MOVE(p->opened));
    list_remove(&p->link);
    all->n_open--;
}

void keeper_pair_free(struct keeper_pairs *all, struct keeper_pair *p)
{
    if (!p)
        return;
    close_key(all, p);
    shared_drop(p->issuers, NULL);
    explicit_bzero(p->bytes + p->leaf_n, p->key_n);
    mem_free(p);
}

enum rc keeper_pair_key(struct keeper_pairs *all, struct keeper_pair *p,
                        const struct crypto_key **out)
{
    if (p->opened) {
        list_remove(&p->link);
    } else {
        TRY(crypto_key_read_der(keeper_pair_key_der(p), &p->opened, NULL));
        all->n_open++;
    }
    list_push(&all->open, &p->link);
    if (all->n_open > KEEPER_KEYS_OPEN)
        close_key(all, LIST_ENTRY(all->open.next, struct keeper_pair, link));
    *out = p->opened;
    return RC_OK;
}

enum rc keeper_pair_chain(const struct keeper_pair *p, struct buf *out)
{
    buf_puts(out, str_bytes(p->bytes, p->leaf_n));
    buf_puts(out, shared_str(p->issuers));
    return buf_rc(out);
}
