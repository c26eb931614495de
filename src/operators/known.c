/* SPDX-License-Identifier: Apache-2.0 */
#include "operators/known.h"

#include <string.h>

#include "base/rd.h"
#include "base/text.h"
#include "crypto/crypto.h"
#include "crypto/hash.h"
#include "operators/roles.h"

enum {
    SAID = OPERATORS_KNOWN_ID + 8, /* the browser, and until when */
    BYTES = SAID + CRYPTO_SHA256_BYTES,
};

static enum rc mac_of(struct str key, struct str name, struct str said,
                      unsigned char out[static CRYPTO_SHA256_BYTES])
{
    CLEANUP(buf_done) struct buf all = BUF_INIT(SAID + OPERATORS_NAME_MAX);

    buf_puts(&all, said); /* of one length, so that nothing can be moved into the name */
    buf_puts(&all, name);
    TRY(buf_rc(&all));
    return crypto_hmac_sha256(key, buf_str(&all), out);
}

enum rc operators_known_make(struct str key, struct str name, when_t now,
                             char out[static OPERATORS_KNOWN_TEXT])
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(OPERATORS_KNOWN_TEXT);
    CLEANUP(buf_done) struct buf all = BUF_INIT(BYTES);
    unsigned char id[OPERATORS_KNOWN_ID], mac[CRYPTO_SHA256_BYTES];

    TRY(crypto_random(id, sizeof(id)));
    buf_puts(&all, str_bytes(id, sizeof(id)));
    buf_u64(&all, (uint64_t)(now + OPERATORS_KNOWN_LIFE));
    TRY(buf_rc(&all));
    TRY(mac_of(key, name, buf_str(&all), mac));
    buf_puts(&all, str_bytes(mac, sizeof(mac)));
    text_b64url(&text, buf_str(&all));
    TRY(buf_rc(&all));
    TRY(buf_rc(&text));
    return str_copyz(buf_str(&text), out, OPERATORS_KNOWN_TEXT);
}

enum rc operators_known_check(struct str key, struct str name, struct str text, when_t now,
                              unsigned char out[static OPERATORS_KNOWN_ID])
{
    CLEANUP(buf_done) struct buf all = BUF_INIT(BYTES);
    unsigned char mac[CRYPTO_SHA256_BYTES];
    struct rd until;
    enum rc rc;

    if (text.n != OPERATORS_KNOWN_TEXT - 1 || name.n > OPERATORS_NAME_MAX)
        return RC_DENIED;
    rc = text_unb64url(text, &all);
    if (rc == RC_OK)
        rc = buf_rc(&all);
    if (rc != RC_OK || all.n != BYTES)
        return rc == RC_NOMEM ? rc : RC_DENIED;
    TRY(mac_of(key, name, str_head(buf_str(&all), SAID), mac));
    if (!str_eq_ct(str_skip(buf_str(&all), SAID), str_bytes(mac, sizeof(mac))))
        return RC_DENIED;
    until = rd_of(str_head(str_skip(buf_str(&all), OPERATORS_KNOWN_ID), 8));
    if (rd_u64(&until) <= (uint64_t)now)
        return RC_DENIED;
    memcpy(out, all.p, OPERATORS_KNOWN_ID);
    return RC_OK;
}
