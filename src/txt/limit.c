/* SPDX-License-Identifier: Apache-2.0 */
#include "base/id.h"
#include "base/when.h"
#include "txt/txt_int.h"

enum { ONE = 1'000'000 };

enum rc txt_limit_init(struct txt_limit *l)
{
    memset(l->buckets, 0, sizeof(l->buckets));
    for (size_t i = 0; i < TXT_BUCKETS; i++)
        l->buckets[i].left = (int64_t)TXT_BURST * ONE;
    return id_random(l->key, sizeof(l->key));
}

static struct addr network_of(const struct addr *client)
{
    size_t bytes = (client->n == 4 ? TXT_NETWORK_V4 : TXT_NETWORK_V6) / 8;
    struct addr net = {.n = client->n};

    memcpy(net.b, client->b, bytes);
    return net;
}

bool txt_limit_same(const struct addr *a, const struct addr *b)
{
    struct addr of_a = network_of(a), of_b = network_of(b);

    return addr_eq(&of_a, &of_b);
}

enum txt_verdict txt_limit_take(struct txt_limit *l, const struct addr *client, int64_t now)
{
    const int64_t full = (int64_t)TXT_BURST * ONE;
    struct addr net = network_of(client);
    size_t at = map_siphash(l->key, addr_bytes(&net)) & (TXT_BUCKETS - 1);
    int64_t passed = now - l->buckets[at].at;

    /* So much time fills any bucket; more of it would only overflow. */
    if (passed > TXT_BURST * WHEN_SECOND)
        passed = TXT_BURST * WHEN_SECOND;
    if (passed > 0)
        l->buckets[at].left += passed * (ONE / WHEN_SECOND) * TXT_RATE;
    if (l->buckets[at].left > full)
        l->buckets[at].left = full;
    l->buckets[at].at = now;
    if (l->buckets[at].left >= ONE) {
        l->buckets[at].left -= ONE;
        return TXT_ANSWER;
    }
    l->buckets[at].slip = !l->buckets[at].slip;
    return l->buckets[at].slip ? TXT_SHORT : TXT_DROP;
}
