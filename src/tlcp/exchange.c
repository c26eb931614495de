/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto.h"
#include "crypto/sm2.h"
#include "tlcp/tlcp_int.h"

static void put_randoms(const struct tlcp_handshake *hs, struct buf *out)
{
    buf_put(out, hs->client_random, TLCP_RANDOM);
    buf_put(out, hs->server_random, TLCP_RANDOM);
}

enum rc tlcp_signed_params(const struct tlcp_handshake *hs, struct str params, struct buf *out)
{
    put_randoms(hs, out);
    buf_puts(out, params);
    return buf_rc(out);
}

enum rc tlcp_signed_certificate(const struct tlcp_handshake *hs, struct str encryption,
                                struct buf *out)
{
    put_randoms(hs, out);
    tlcp_put24(out, encryption.n);
    buf_puts(out, encryption);
    return buf_rc(out);
}

enum rc tlcp_once_make(struct tlcp_handshake *hs, unsigned char point[static TLCP_POINT])
{
    struct crypto_public public;

    TRY(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_SM2, 0}, &hs->own_once));
    public = crypto_key_public(hs->own_once);
    point[0] = 4;
    memcpy(point + 1, public.a.p, CRYPTO_SM2_FIELD);
    memcpy(point + 1 + CRYPTO_SM2_FIELD, public.b.p, CRYPTO_SM2_FIELD);
    return RC_OK;
}

enum rc tlcp_once_take(struct tlcp_handshake *hs, struct str point)
{
    enum rc rc;

    if (point.n != TLCP_POINT || point.p[0] != 4)
        return RC_INVAL;
    rc = crypto_key_from_ec(CRYPTO_KEY_SM2, str_bytes(point.p + 1, CRYPTO_SM2_FIELD),
                            str_skip(point, 1 + CRYPTO_SM2_FIELD), &hs->peer_once, NULL);
    return rc == RC_OK || rc == RC_NOMEM ? rc : RC_INVAL;
}

enum rc tlcp_agree(const struct tlcp_conn *c, unsigned char out[static TLCP_PREMASTER])
{
    const struct tlcp_handshake *hs = c->hs;
    struct crypto_sm2_exchange x = {
        .own = tlcp_identity_encrypt_key(hs->identity),
        .own_once = hs->own_once,
        .peer = hs->peer_encrypt,
        .peer_once = hs->peer_once,
        .initiator = c->server != NULL,
    };

    return crypto_sm2_agree(&x, out, TLCP_PREMASTER);
}

enum rc tlcp_premaster_make(struct tlcp_conn *c, unsigned char out[static TLCP_PREMASTER],
                            struct buf *message)
{
    CLEANUP(buf_done) struct buf cipher = BUF_INIT(CRYPTO_SM2_CIPHER_MAX);

    TRY(crypto_random(out, TLCP_PREMASTER));
    out[0] = TLCP_VERSION >> 8;
    out[1] = TLCP_VERSION & 0xff;
    TRY(crypto_sm2_encrypt(c->hs->peer_encrypt, str_bytes(out, TLCP_PREMASTER), &cipher));
    tlcp_signature_write(buf_str(&cipher), message);
    return buf_rc(message);
}

void tlcp_premaster_choose(enum rc opened, size_t n,
                           const unsigned char meant[static TLCP_PREMASTER],
                           unsigned char out[static TLCP_PREMASTER])
{
    uint32_t good = tlcp_ct_equal((uint32_t)opened, RC_OK) &
                    tlcp_ct_equal((uint32_t)n, TLCP_PREMASTER) &
                    tlcp_ct_equal((uint32_t)meant[0] << 8 | meant[1], TLCP_VERSION);

    for (size_t i = 0; i < TLCP_PREMASTER; i++)
        out[i] = (unsigned char)((meant[i] & good) | (out[i] & ~good));
}

enum rc tlcp_premaster_take(const struct crypto_key *key, struct str cipher,
                            unsigned char out[static TLCP_PREMASTER])
{
    unsigned char meant[CRYPTO_SM2_CIPHER_MAX] = {};
    struct buf plain = {.p = (char *)meant, .cap = sizeof(meant), .max = sizeof(meant)};
    enum rc rc = crypto_random(out, TLCP_PREMASTER);

    if (rc != RC_OK)
        return rc;
    rc = cipher.n <= sizeof(meant) ? crypto_sm2_decrypt(key, cipher, &plain) : RC_DENIED;
    tlcp_premaster_choose(rc, plain.n, meant, out);
    explicit_bzero(meant, sizeof(meant));
    return RC_OK;
}
