/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/token_mark.h"

#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "crypto/crypto.h"
#include "crypto/hash.h"

enum { SALT = 16, MARK = SALT + CRYPTO_SHA256_BYTES };

static enum rc digest_pin(struct secret *pin, const char *salt, const struct crypto_token_uri *uri,
                          unsigned char out[static CRYPTO_SHA256_BYTES])
{
    CLEANUP(buf_wipe) struct buf text = BUF_INIT(4 * CRYPTO_TOKEN_URI_MAX);
    struct crypto_token_uri token = *uri;

    token.object[0] = '\0';
    token.id_n = 0;
    buf_put(&text, salt, SALT);
    crypto_token_uri_put(&token, &text);
    buf_u8(&text, 0);
    buf_put(&text, secret_bytes(pin), secret_len(pin));
    TRY(buf_rc(&text));
    return crypto_sha256(buf_str(&text), out);
}

static enum rc check(const struct crypto_pin_mark *at, const struct crypto_token_uri *uri,
                     struct secret *pin)
{
    CLEANUP(buf_done) struct buf mark = BUF_INIT(MARK);
    unsigned char digest[CRYPTO_SHA256_BYTES];

    if (file_read(at->dir, at->file, &mark, NULL) != RC_OK || buf_str(&mark).n != MARK)
        return RC_OK;
    TRY(digest_pin(pin, buf_str(&mark).p, uri, digest));
    return memcmp(buf_str(&mark).p + SALT, digest, sizeof(digest)) == 0 ? RC_EXISTS : RC_OK;
}

static enum rc remember(const struct crypto_pin_mark *at, const struct crypto_token_uri *uri,
                        struct secret *pin)
{
    char mark[MARK];

    TRY(crypto_random(mark, SALT));
    TRY(digest_pin(pin, mark, uri, (unsigned char *)mark + SALT));
    return file_write(at->dir, at->file, str_bytes(mark, MARK), 0600, FILE_OWNER_SELF, NULL);
}

enum rc crypto_token_open_marked(const struct crypto_token_at *at, struct secret *pin,
                                 const struct crypto_pin_mark *mark, struct crypto_token **out,
                                 struct err *err)
{
    enum rc rc;

    TRY(check(mark, at->uri, pin));
    rc = crypto_token_open(at, pin, out, err);
    if (rc == RC_DENIED)
        IGNORE_RC(remember(mark, at->uri, pin)); /* on a full disk it is only tried once more */
    if (rc == RC_OK)
        unlinkat(mark->dir, mark->file, 0);
    return rc;
}
