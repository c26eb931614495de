/* SPDX-License-Identifier: Apache-2.0 */
#include "base/id.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

enum { ID_CHARS = ID_TEXT - 1 };

static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";

enum rc id_random(void *p, size_t n)
{
    unsigned char *at = p;

    while (n > 0) {
        ssize_t got = getrandom(at, n, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return RC_IO;
        at += got;
        n -= (size_t)got;
    }
    return RC_OK;
}

static void put(const unsigned char bits[static ID_BYTES], struct id *out)
{
    unsigned acc = 0;
    unsigned held = 2; /* 130 bits of text for 128: the first two are zero */
    size_t n = 0;

    for (size_t i = 0; i < ID_BYTES; i++) {
        acc = (acc << 8 | bits[i]) & 0xfff;
        for (held += 8; held >= 5; held -= 5)
            out->z[n++] = alphabet[acc >> (held - 5) & 31];
    }
    out->z[n] = '\0';
}

enum rc id_new(struct id *out)
{
    unsigned char bits[ID_BYTES];

    TRY(id_random(bits, sizeof(bits)));
    put(bits, out);
    return RC_OK;
}

enum rc id_new_from(struct id_pool *pool, struct id *out)
{
    if (pool->n == 0) {
        TRY(id_random(pool->bits, sizeof(pool->bits)));
        pool->n = ID_POOL;
    }
    pool->n--;
    put(pool->bits[pool->n], out);
    memset(pool->bits[pool->n], 0, ID_BYTES);
    return RC_OK;
}

enum rc id_parse(struct str s, struct id *out)
{
    if (s.n != ID_CHARS || s.p[0] > '7')
        return RC_PARSE;
    for (size_t i = 0; i < s.n; i++)
        if (!memchr(alphabet, s.p[i], sizeof(alphabet) - 1))
            return RC_PARSE;
    return str_copyz(s, out->z, sizeof(out->z));
}
