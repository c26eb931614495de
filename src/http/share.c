/* SPDX-License-Identifier: Apache-2.0 */
#include "http/share.h"

#include <assert.h>

enum { IPV6_CLIENT_BYTES = 8 };

struct share {
    size_t n;
};

static struct str key_of(const struct addr *a)
{
    return str_bytes(a->b, a->n == 16 ? IPV6_CLIENT_BYTES : a->n);
}

void http_shares_init(struct http_shares *s, size_t max)
{
    map_init(&s->clients, max);
}

void http_shares_done(struct http_shares *s)
{
    size_t at = 0;
    struct str key;
    void *share;

    while (map_next(&s->clients, &at, &key, &share))
        mem_free(share);
    map_done(&s->clients);
}

size_t http_share_of(const struct http_shares *s, const struct addr *client)
{
    const struct share *share = map_get(&s->clients, key_of(client));

    return share ? share->n : 0;
}

enum rc http_share_take(struct http_shares *s, const struct addr *client, size_t n)
{
    struct share *share = map_get(&s->clients, key_of(client));
    enum rc rc;

    if (!share && n) {
        share = MEM_NEW(struct share);
        rc = share ? map_add(&s->clients, key_of(client), share) : RC_NOMEM;
        if (rc != RC_OK) {
            mem_free(share);
            return rc;
        }
    }
    if (share)
        share->n += n;
    return RC_OK;
}

void http_share_give(struct http_shares *s, const struct addr *client, size_t n)
{
    struct share *share = map_get(&s->clients, key_of(client));

    if (n == 0)
        return;
    assert(share && share->n >= n);
    share->n -= n;
    if (share->n == 0)
        mem_free(map_remove(&s->clients, key_of(client)));
}
