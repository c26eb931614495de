/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 8555 section 7.3.5: the new key signs inside, the old one around it. */
#include "acme_client.h"

#include <stdio.h>

#include "jose/jwk.h"

#define KEY_CHANGE CLIENT_BASE "/acme/key-change"

struct change {
    struct world w;
    struct client c;
    struct crypto_key *next;
};

static void change_done(struct change *k)
{
    crypto_key_unref(k->next);
    client_done(&k->c);
    world_done(&k->w);
}

static bool change_start(struct change *k)
{
    struct crypto_key_spec spec = {CRYPTO_KEY_P256, 0};

    return world_start(&k->w, NULL) && client_start(&k->c, &k->w) && client_register(&k->c) &&
           crypto_key_generate(spec, &k->next) == RC_OK;
}

/* What is different from what it should be. */
struct wrong {
    const char *url, *account, *kid, *nonce;
    struct crypto_key *old, *by;
};

static struct reply change(struct change *k, const struct wrong *x)
{
    CLEANUP(jose_jwk_freep) struct jose_jwk *old = NULL;
    CLEANUP(buf_done) struct buf payload = BUF_INIT(8192), inner = BUF_INIT(32768);
    struct jose_jws_in in = {
        .key = x->by ? x->by : k->next,
        .url = str_of(x->url ? x->url : KEY_CHANGE),
        .kid = str_of(x->kid ? x->kid : ""),
        .nonce = str_of(x->nonce ? x->nonce : ""),
    };

    if (jose_jwk_from_key(x->old ? x->old : k->c.key, &old) != RC_OK)
        return (struct reply){.x = NULL};
    buf_printf(&payload, "{\"account\":\"%s\",\"oldKey\":%.*s}", x->account ? x->account : k->c.kid,
               STR_ARG(jose_jwk_json(old)));
    in.payload = buf_str(&payload);
    if (jose_jws_sign(&in, &inner) != RC_OK)
        return (struct reply){.x = NULL};
    return client_post(&k->c, KEY_CHANGE, buf_z(&inner));
}

static void the_new_key_counts(void)
{
    CLEANUP(change_done) struct change k = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply r = {.x = NULL};
    CLEANUP(reply_done) struct reply old = {.x = NULL};
    CLEANUP(reply_done) struct reply now = {.x = NULL};
    char order[256];

    CHECK(change_start(&k));
    CHECK(client_order(&k.c, "a.hospital.example", order));
    r = change(&k, &(struct wrong){.url = NULL});
    CHECK_INT(r.status, 200);
    CHECK_STR(reply_text(&r, "status"), "valid");
    old = client_post(&k.c, k.c.kid, "");
    CHECK_STR(reply_problem(&old), "malformed");
    crypto_key_unref(k.c.key);
    k.c.key = crypto_key_ref(k.next);
    now = client_post(&k.c, k.c.kid, "");
    CHECK_INT(now.status, 200);
    CHECK(client_validate(&k.c, order));
}

static void another_accounts_key(void)
{
    CLEANUP(change_done) struct change k = {.w = {.dir.fd = -1}};
    CLEANUP(client_done) struct client other = {.w = NULL};
    CLEANUP(reply_done) struct reply r = {.x = NULL};

    CHECK(change_start(&k));
    CHECK(client_start(&other, &k.w));
    CHECK(client_register(&other));
    r = change(&k, &(struct wrong){.by = other.key});
    CHECK_INT(r.status, 409);
    CHECK_STR(world_header(r.x, "Location"), other.kid);
}

static void wrong_changes(void)
{
    CLEANUP(change_done) struct change k = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply empty = {.x = NULL};

    CHECK(change_start(&k));
    {
        const struct wrong cases[] = {
            {.url = CLIENT_BASE "/acme/new-order"},
            {.account = CLIENT_BASE "/acme/account/0123456789abcdefghjkmnpqrs"},
            {.kid = k.c.kid},
            {.nonce = "abc"},
            {.old = k.next},
            {.by = k.c.key},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            CLEANUP(reply_done) struct reply r = change(&k, &cases[i]);

            CHECK_STR(reply_problem(&r), "malformed");
        }
    }
    empty = client_post(&k.c, KEY_CHANGE, "{}");
    CHECK_STR(reply_problem(&empty), "malformed");
}

/* Two changes to one key at a time: one wins, the other is told whose it is. */
static void one_of_two(void)
{
    CLEANUP(change_done) struct change k = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply first = {.x = NULL};
    CLEANUP(reply_done) struct reply second = {.x = NULL};

    CHECK(change_start(&k));
    first = change(&k, &(struct wrong){.url = NULL});
    CHECK_INT(first.status, 200);
    second = change(&k, &(struct wrong){.url = NULL});
    CHECK_STR(reply_problem(&second), "malformed");
}

CHECK_MAIN(CHECK_TEST_ONCE(the_new_key_counts), CHECK_TEST_ONCE(another_accounts_key),
           CHECK_TEST_ONCE(wrong_changes), CHECK_TEST_ONCE(one_of_two))
