/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/digest.h"

#include "base/text.h"
#include "http/url.h"

enum { SECRET_MAX = 260 };

enum rc provider_put_sha256(struct buf *out, struct str data)
{
    unsigned char digest[CRYPTO_SHA256_BYTES];

    TRY(crypto_sha256(data, digest));
    text_hex(out, str_bytes(digest, sizeof(digest)));
    return buf_rc(out);
}

enum rc provider_put_hmac(struct buf *out, struct str key, struct str text)
{
    unsigned char digest[CRYPTO_SHA256_BYTES];

    TRY(crypto_hmac_sha256(key, text, digest));
    text_hex(out, str_bytes(digest, sizeof(digest)));
    return buf_rc(out);
}

enum rc provider_derive(const char *prefix, struct str secret, const struct str *parts, size_t n,
                        unsigned char out[static CRYPTO_SHA256_BYTES])
{
    CLEANUP(buf_wipe) struct buf first = BUF_INIT(SECRET_MAX);
    unsigned char next[CRYPTO_SHA256_BYTES];
    struct str with;

    buf_putz(&first, prefix);
    buf_puts(&first, secret);
    TRY(buf_rc(&first));
    with = buf_str(&first);
    for (size_t i = 0; i < n; i++) {
        TRY(crypto_hmac_sha256(with, parts[i], next));
        memcpy(out, next, sizeof(next));
        with = str_bytes(out, sizeof(next));
    }
    return RC_OK;
}

enum rc provider_put_host(struct buf *out, struct str url)
{
    struct http_url parsed;

    TRY(http_url_parse(url, &parsed, NULL));
    parsed.at.port = parsed.port == (parsed.tls ? 443 : 80) ? 0 : parsed.port;
    http_authority_put(&parsed.at, out);
    return buf_rc(out);
}
