/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/keys.h"

#include <string.h>

struct key {
    struct list link;
    struct jose_jwk *jwk;
    size_t n;
    char text[];
};

static void key_free(struct key *key)
{
    if (!key)
        return;
    jose_jwk_free(key->jwk);
    mem_free(key);
}
DEFINE_FREEP(key_free, struct key)

static enum rc key_new(struct str text, struct key **out)
{
    CLEANUP(key_freep) struct key *key = mem_calloc(1, sizeof(*key) + text.n);

    if (!key)
        return RC_NOMEM;
    list_init(&key->link);
    key->n = text.n;
    memcpy(key->text, text.p, text.n);
    TRY(jose_jwk_parse(text, &key->jwk, NULL));
    *out = MOVE(key);
    return RC_OK;
}

void acme_keys_init(struct acme_keys *k)
{
    *k = (struct acme_keys){};
    map_init(&k->by_jwk, ACME_KEYS_MAX);
    list_init(&k->by_use);
}

static void drop(struct acme_keys *k, struct key *key)
{
    list_remove(&key->link);
    map_remove(&k->by_jwk, str_bytes(key->text, key->n));
    key_free(key);
}

void acme_keys_done(struct acme_keys *k)
{
    LIST_FOREACH (it, &k->by_use)
        drop(k, LIST_ENTRY(it, struct key, link));
    map_done(&k->by_jwk);
}

static enum rc add(struct acme_keys *k, struct str jwk, struct key **out)
{
    CLEANUP(key_freep) struct key *key = NULL;

    k->made++;
    TRY(key_new(jwk, &key));
    if (k->by_jwk.n == ACME_KEYS_MAX)
        drop(k, LIST_ENTRY(k->by_use.next, struct key, link));
    TRY(map_add(&k->by_jwk, jwk, key));
    *out = MOVE(key);
    return RC_OK;
}

enum rc acme_keys_get(struct acme_keys *k, struct str jwk, const struct jose_jwk **out)
{
    struct key *key = map_get(&k->by_jwk, jwk);

    if (!key)
        TRY(add(k, jwk, &key));
    list_remove(&key->link);
    list_push(&k->by_use, &key->link);
    *out = key->jwk;
    return RC_OK;
}
