/* SPDX-License-Identifier: Apache-2.0 */
#include "operators/throttle.h"

#include <string.h>

enum { NETWORK_IPV6 = 8 /* bytes of an address that one client may have all to itself */ };

/* What is remembered is a digest, so that names which were tried (a password, now and then) are not
 * kept. */
static enum rc digest_of(const char *kind, struct str value,
                         unsigned char out[static CRYPTO_SHA256_BYTES])
{
    CLEANUP(crypto_hasher_freep) struct crypto_hasher *h = NULL;
    unsigned char digest[CRYPTO_HASH_MAX];

    TRY(crypto_hasher_new(CRYPTO_SHA256, &h));
    TRY(crypto_hasher_add(h, str_bytes(kind, strlen(kind) + 1)));
    TRY(crypto_hasher_add(h, value));
    TRY(crypto_hasher_end(h, digest));
    memcpy(out, digest, CRYPTO_SHA256_BYTES);
    return RC_OK;
}

static enum rc digest_network(const struct addr *from,
                              unsigned char out[static CRYPTO_SHA256_BYTES])
{
    struct str bytes = addr_bytes(from);

    return digest_of("network", bytes.n > 4 ? str_head(bytes, NETWORK_IPV6) : bytes, out);
}

/* Its place, or OPERATORS_TRIES_MAX. */
static size_t find(const struct operators_throttle *t, const unsigned char *digest)
{
    size_t i = 0;

    while (i < OPERATORS_TRIES_MAX &&
           !(t->tries[i].failures && memcmp(t->tries[i].digest, digest, CRYPTO_SHA256_BYTES) == 0))
        i++;
    return i;
}

/* Free, too old, or the one that failed longest ago. */
static size_t place(const struct operators_throttle *t)
{
    size_t best = 0;

    for (size_t i = 0; i < OPERATORS_TRIES_MAX; i++) {
        if (!t->tries[i].failures)
            return i;
        if (t->tries[i].last < t->tries[best].last)
            best = i;
    }
    return best;
}

/* When the next try may come: at once for the first ones, then after 1, 2, 4 ... seconds. */
static when_t until(const struct operators_throttle *t, const unsigned char *digest, when_t most,
                    when_t now)
{
    size_t i = find(t, digest);
    when_t pause = WHEN_SECOND;

    if (i == OPERATORS_TRIES_MAX || t->tries[i].failures < OPERATORS_TRIES_FREE ||
        now - t->tries[i].last >= OPERATORS_TRIES_LIFE || now < t->tries[i].last)
        return now;
    for (unsigned n = OPERATORS_TRIES_FREE; n < t->tries[i].failures && pause < most; n++)
        pause *= 2;
    return t->tries[i].last + (pause < most ? pause : most);
}

/* A bucket of OPERATORS_TRIES_SECOND that fills again within a second. */
static when_t take(when_t *full, when_t now)
{
    const when_t each = WHEN_SECOND / OPERATORS_TRIES_SECOND;

    if (*full < now || *full > now + WHEN_SECOND)
        *full = now;
    if (*full + each > now + WHEN_SECOND)
        return *full + each - WHEN_SECOND;
    *full += each;
    return now;
}

static void count(struct operators_throttle *t, const unsigned char *digest, when_t now)
{
    size_t i = find(t, digest);

    if (i == OPERATORS_TRIES_MAX) {
        i = place(t);
        memcpy(t->tries[i].digest, digest, CRYPTO_SHA256_BYTES);
        t->tries[i].failures = 0;
    }
    if (now < t->tries[i].last || now - t->tries[i].last >= OPERATORS_TRIES_LIFE)
        t->tries[i].failures = 0;
    t->tries[i].failures++;
    t->tries[i].last = now;
}

/* What a try is counted for: the browser, or name and network. */
struct keys {
    unsigned char digest[2][CRYPTO_SHA256_BYTES];
    when_t most[2];
    size_t n;
};

static enum rc keys_of(const struct operators_try *who, struct keys *out)
{
    *out = (struct keys){.most = {OPERATORS_PAUSE_NAME, OPERATORS_PAUSE_NETWORK}, .n = 2};
    if (who->browser.n) {
        out->n = 1;
        return digest_of("browser", who->browser, out->digest[0]);
    }
    TRY(digest_of("name", who->name, out->digest[0]));
    return digest_network(&who->from, out->digest[1]);
}

enum rc operators_throttle_ask(struct operators_throttle *t, const struct operators_try *who,
                               when_t now, when_t *out_until)
{
    when_t may = now;
    struct keys keys;

    TRY(keys_of(who, &keys));
    for (size_t i = 0; i < keys.n; i++) {
        when_t at = until(t, keys.digest[i], keys.most[i], now);

        if (at > may)
            may = at;
    }
    if (may <= now)
        may = take(who->browser.n ? &t->known : &t->full, now);
    if (may > now) {
        *out_until = may;
        return RC_QUOTA;
    }
    for (size_t i = 0; i < keys.n; i++)
        count(t, keys.digest[i], now);
    return RC_OK;
}

enum rc operators_throttle_right(struct operators_throttle *t, const struct operators_try *who)
{
    struct keys keys;
    size_t at;

    TRY(keys_of(who, &keys));
    at = find(t, keys.digest[0]);
    if (at < OPERATORS_TRIES_MAX)
        t->tries[at].failures = 0;
    at = keys.n > 1 ? find(t, keys.digest[1]) : OPERATORS_TRIES_MAX;
    if (at < OPERATORS_TRIES_MAX)
        t->tries[at].failures--;
    return RC_OK;
}
