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

void keeper_pairs_done(struct keeper_pairs *all)
{
    segment_unref(MOVE(all->segment));
}

static size_t room_for(size_t n)
{
    size_t most = SEGMENT_BYTES_MAX - KEEPER_SEGMENT_MIN;

    return KEEPER_SEGMENT_MIN + (n < most / KEEPER_SEGMENT_EACH ? n * KEEPER_SEGMENT_EACH : most);
}

void keeper_pairs_share(struct keeper_pairs *all, size_t n, bool with_keys)
{
    segment_unref(MOVE(all->segment));
    all->room = room_for(n);
    IGNORE_RC(segment_new(all->room, &all->segment)); /* each worker gets its copy then */
    all->with_keys = with_keys;
    all->full = false;
    all->gone = 0;
}

bool keeper_pairs_wasteful(const struct keeper_pairs *all, size_t n)
{
    if (!all->segment)
        return false;
    return (all->full && room_for(n) > all->room) ||
           (all->gone >= KEEPER_SEGMENT_WASTE && all->gone > segment_used(all->segment) / 2);
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

/* NULL: no memory. */
static struct keeper_pair *place(struct keeper_pairs *all, struct str leaf, struct str key)
{
    size_t shared_n = leaf.n + (all->with_keys ? key.n : 0);
    unsigned char *room = all->segment ? segment_alloc(all->segment, shared_n) : NULL;
    struct keeper_pair *p = mem_alloc(sizeof(*p) + leaf.n + key.n - (room ? shared_n : 0));

    all->full |= all->segment && !room;
    if (!p) {
        all->gone += room ? shared_n : 0;
        return NULL;
    }
    *p = (struct keeper_pair){.leaf_n = (uint32_t)leaf.n, .key_n = (uint32_t)key.n};
    list_init(&p->link);
    p->segment = room ? segment_ref(all->segment) : NULL;
    p->leaf = room ? room : p->own;
    p->key = room && !all->with_keys ? p->own : p->leaf + leaf.n;
    memcpy(p->leaf, leaf.p, leaf.n);
    memcpy(p->key, key.p, key.n);
    return p;
}

static size_t in_segment(const struct keeper_pair *p)
{
    return p->segment ? p->leaf_n + (p->key == p->own ? 0 : p->key_n) : 0;
}

enum rc keeper_pair_new(struct keeper_pairs *all, const struct x509_cert *certs, size_t n,
                        struct str key, struct keeper_pair **out)
{
    struct keeper_pair *p = place(all, certs[0].der, key);
    enum rc rc;

    if (!p)
        return RC_NOMEM;
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
    if (p->segment && p->segment == all->segment)
        all->gone += in_segment(p);
    /* A worker may read what is in the segment until it has what came instead. */
    if (!p->segment || p->key == p->own)
        explicit_bzero(p->key, p->key_n);
    segment_unref(p->segment);
    mem_free(p);
}

enum rc keeper_pair_move(struct keeper_pairs *all, struct keeper_pair **p)
{
    struct keeper_pair *old = *p, *moved;

    if (!old)
        return RC_OK;
    moved = place(all, keeper_pair_leaf(old), keeper_pair_key_der(old));
    if (!moved)
        return RC_NOMEM;
    moved->issuers = MOVE(old->issuers);
    keeper_pair_free(all, old);
    *p = moved;
    return RC_OK;
}

bool keeper_pair_shared(const struct keeper_pairs *all, const struct keeper_pair *p)
{
    return p->segment && p->segment == all->segment;
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
    buf_puts(out, keeper_pair_leaf(p));
    buf_puts(out, shared_str(p->issuers));
    return buf_rc(out);
}
