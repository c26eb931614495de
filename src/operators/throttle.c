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

static enum rc digest_name(struct str name, unsigned char out[static CRYPTO_SHA256_BYTES])
{
    return digest_of("name", name, out);
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
static when_t take(struct operators_throttle *t, when_t now)
{
    const when_t each = WHEN_SECOND / OPERATORS_TRIES_SECOND;

    if (t->full < now || t->full > now + WHEN_SECOND)
        t->full = now;
    if (t->full + each > now + WHEN_SECOND)
        return t->full + each - WHEN_SECOND;
    t->full += each;
    return now;
}

enum rc operators_throttle_ask(struct operators_throttle *t, struct str name,
                               const struct addr *from, when_t now, when_t *out_until)
{
    unsigned char of_name[CRYPTO_SHA256_BYTES], of_network[CRYPTO_SHA256_BYTES];
    when_t a, b;

    TRY(digest_name(name, of_name));
    TRY(digest_network(from, of_network));
    a = until(t, of_name, OPERATORS_PAUSE_NAME, now);
    b = until(t, of_network, OPERATORS_PAUSE_NETWORK, now);
    if (a < b)
        a = b;
    if (a <= now)
        a = take(t, now);
    if (a <= now)
        return RC_OK;
    *out_until = a;
    return RC_QUOTA;
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

enum rc operators_throttle_failed(struct operators_throttle *t, struct str name,
                                  const struct addr *from, when_t now)
{
    unsigned char of_name[CRYPTO_SHA256_BYTES], of_network[CRYPTO_SHA256_BYTES];

    TRY(digest_name(name, of_name));
    TRY(digest_network(from, of_network));
    count(t, of_name, now);
    count(t, of_network, now);
    return RC_OK;
}

enum rc operators_throttle_right(struct operators_throttle *t, struct str name)
{
    unsigned char of_name[CRYPTO_SHA256_BYTES];
    size_t i;

    TRY(digest_name(name, of_name));
    i = find(t, of_name);
    if (i < OPERATORS_TRIES_MAX)
        t->tries[i].failures = 0;
    return RC_OK;
}
