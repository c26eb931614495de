/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/nonce.h"

#include <assert.h>
#include <string.h>

#include "base/rd.h"
#include "base/text.h"
#include "crypto/crypto.h"
#include "crypto/hash.h"

enum {
    PLAIN = 20, /* u32 node, u64 boot, u64 counter */
    SEALED = CRYPTO_AEAD_NONCE + PLAIN + CRYPTO_AEAD_TAG,
};

MSG(msg_foreign, "acme.nonce-foreign",
    "the nonce is not one that this server has given out since it was started; take the fresh one "
    "of this answer and try again");
MSG(msg_used, "acme.nonce-used",
    "the nonce was used before; take the fresh one of this answer and try again");
MSG(msg_old, "acme.nonce-old",
    "more than {0} nonces were given out since this one; take the fresh one of this answer and try "
    "again");

enum rc acme_nonces_init(struct acme_nonces *n, const struct id *node, uint64_t boot)
{
    unsigned char digest[CRYPTO_SHA256_BYTES], key[CRYPTO_AEAD_KEY];
    struct rd r;
    enum rc rc;

    *n = (struct acme_nonces){.boot = boot};
    TRY(crypto_sha256(id_str(node), digest));
    r = rd_of(str_bytes(digest, 4));
    n->node = rd_u32(&r);
    TRY(crypto_random(key, sizeof(key)));
    rc = crypto_aead_new(key, &n->aead);
    explicit_bzero(key, sizeof(key));
    return rc;
}

void acme_nonces_done(struct acme_nonces *n)
{
    crypto_aead_free(n->aead);
    n->aead = NULL;
}

static uint64_t *word_of(struct acme_nonces *n, uint64_t counter)
{
    return &n->used[counter % ACME_NONCE_WINDOW / 64];
}

static enum rc take_iv(struct acme_nonces *n, unsigned char iv[static CRYPTO_AEAD_NONCE])
{
    static_assert(ACME_NONCE_IVS % CRYPTO_AEAD_NONCE == 0);
    if (n->n_ivs == 0)
        TRY(crypto_random(n->ivs, sizeof(n->ivs)));
    if (n->n_ivs == 0)
        n->n_ivs = sizeof(n->ivs);
    memcpy(iv, n->ivs + sizeof(n->ivs) - n->n_ivs, CRYPTO_AEAD_NONCE);
    n->n_ivs -= CRYPTO_AEAD_NONCE;
    return RC_OK;
}

enum rc acme_nonce_new(struct acme_nonces *n, char text[static ACME_NONCE_TEXT])
{
    CLEANUP(buf_done) struct buf plain = BUF_INIT(PLAIN);
    CLEANUP(buf_done) struct buf sealed = BUF_INIT(SEALED);
    CLEANUP(buf_done) struct buf b64 = BUF_INIT(ACME_NONCE_TEXT - 1);
    unsigned char iv[CRYPTO_AEAD_NONCE];

    TRY(take_iv(n, iv));
    buf_u32(&plain, (uint32_t)n->node);
    buf_u64(&plain, n->boot);
    buf_u64(&plain, n->next);
    TRY(buf_rc(&plain));
    buf_put(&sealed, iv, sizeof(iv));
    TRY(crypto_aead_seal(n->aead, iv, STR("nonce"), buf_str(&plain), &sealed));
    text_b64url(&b64, buf_str(&sealed));
    TRY(buf_rc(&b64));
    TRY(str_copyz(buf_str(&b64), text, ACME_NONCE_TEXT));
    *word_of(n, n->next) &= ~(UINT64_C(1) << n->next % 64);
    n->next++;
    return RC_OK;
}

static enum rc open_nonce(struct acme_nonces *n, struct str text, uint64_t *out_counter)
{
    CLEANUP(buf_done) struct buf sealed = BUF_INIT(SEALED);
    CLEANUP(buf_done) struct buf plain = BUF_INIT(PLAIN);
    struct str bytes;
    struct rd r;

    TRY(text_unb64url(text, &sealed));
    bytes = buf_str(&sealed);
    if (bytes.n != SEALED)
        return RC_DENIED;
    TRY(crypto_aead_open(n->aead, (const unsigned char *)bytes.p, STR("nonce"),
                         str_skip(bytes, CRYPTO_AEAD_NONCE), &plain));
    r = rd_of(buf_str(&plain));
    if (rd_u32(&r) != n->node || rd_u64(&r) != n->boot)
        return RC_DENIED;
    *out_counter = rd_u64(&r);
    return rd_done(&r);
}

enum rc acme_nonce_use(struct acme_nonces *n, struct str text, struct err *err)
{
    uint64_t counter;
    uint64_t bit;
    enum rc rc = open_nonce(n, text, &counter);

    if (rc == RC_NOMEM)
        return rc;
    if (rc != RC_OK)
        return PROBLEM(err, RC_DENIED, "badNonce", msg_foreign);
    if (n->next - counter > ACME_NONCE_WINDOW)
        return PROBLEM(err, RC_DENIED, "badNonce", msg_old, STR("65536"));
    bit = UINT64_C(1) << counter % 64;
    if (*word_of(n, counter) & bit)
        return PROBLEM(err, RC_DENIED, "badNonce", msg_used);
    *word_of(n, counter) |= bit;
    return RC_OK;
}
