/* SPDX-License-Identifier: Apache-2.0 */
#include "http/share.h"

#include <assert.h>

enum { IPV6_CLIENT_BYTES = 8 };

struct share {
    size_t n;
};

struct str http_share_key(const struct addr *client)
{
    return str_bytes(client->b, client->n == 16 ? IPV6_CLIENT_BYTES : client->n);
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
    const struct share *share = map_get(&s->clients, http_share_key(client));

    return share ? share->n : 0;
}

enum rc http_share_take(struct http_shares *s, const struct addr *client, size_t n)
{
    struct share *share = map_get(&s->clients, http_share_key(client));
    enum rc rc;

    if (!share && n) {
        share = MEM_NEW(struct share);
        rc = share ? map_add(&s->clients, http_share_key(client), share) : RC_NOMEM;
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
    struct share *share = map_get(&s->clients, http_share_key(client));

    if (n == 0)
        return;
    assert(share && share->n >= n);
    share->n -= n;
    if (share->n == 0)
        mem_free(map_remove(&s->clients, http_share_key(client)));
}
