/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/tc3.h"

#include <stdio.h>

#include "provider/digest.h"

enum { TEXT_MAX = 4096, SCOPE_MAX = 128, DAY = 10 };

static enum rc put_canonical(struct str url, struct str body, struct buf *out)
{
    buf_putz(out, "POST\n/\n\ncontent-type:" PROVIDER_TC3_TYPE "\nhost:");
    TRY(provider_put_host(out, url));
    buf_putz(out, "\n\ncontent-type;host\n");
    return provider_put_sha256(out, body);
}

enum rc provider_tc3_sign(const struct provider_tc3 *key, struct str url, struct str body,
                          struct buf *headers)
{
    CLEANUP(buf_wipe) struct buf canonical = BUF_INIT(TEXT_MAX), text = BUF_INIT(TEXT_MAX);
    unsigned char by[CRYPTO_SHA256_BYTES];
    char now[WHEN_TEXT], scope[SCOPE_MAX];
    struct str day = str_head(str_of(when_text(key->now, now)), DAY);
    long long seconds = (long long)(key->now / WHEN_SECOND);

    if (day.n != DAY) /* a clock out of range */
        return RC_INVAL;
    snprintf(scope, sizeof(scope), "%.*s/%s/tc3_request", STR_ARG(day), key->service);
    TRY(put_canonical(url, body, &canonical));
    buf_printf(&text, "TC3-HMAC-SHA256\n%lld\n%s\n", seconds, scope);
    TRY(provider_put_sha256(&text, buf_str(&canonical)));
    TRY(provider_derive("TC3", key->key,
                        (const struct str[]){day, str_of(key->service), STR("tc3_request")}, 3,
                        by));
    buf_printf(headers, "X-TC-Timestamp: %lld\r\n", seconds);
    if (key->token.n)
        buf_printf(headers, "X-TC-Token: %.*s\r\n", STR_ARG(key->token));
    buf_printf(headers,
               "Authorization: TC3-HMAC-SHA256 Credential=%.*s/%s, "
               "SignedHeaders=content-type;host, Signature=",
               STR_ARG(key->id), scope);
    TRY(provider_put_hmac(headers, str_bytes(by, sizeof(by)), buf_str(&text)));
    buf_putz(headers, "\r\n");
    return buf_rc(headers);
}
