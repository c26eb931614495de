/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/sigv4.h"

#include <stdio.h>

#include "http/url.h"
#include "provider/digest.h"

enum { TEXT_MAX = 8192, STAMP = 20, STAMP_CHARS = 16, SCOPE_MAX = 256 };

/* "20150830T123600Z"; its first eight characters are the day. */
static enum rc put_stamp(when_t now, char out[static STAMP])
{
    char text[WHEN_TEXT]; /* the same with dashes and colons */
    size_t n = 0;

    when_text(now, text);
    for (const char *c = text; *c && n < STAMP - 1; c++)
        if (*c != '-' && *c != ':')
            out[n++] = *c;
    out[n] = '\0';
    return n == STAMP_CHARS ? RC_OK : RC_INVAL; /* a clock out of range */
}

static const char *signed_headers(const struct provider_sigv4 *key)
{
    return key->session.n ? "host;x-amz-date;x-amz-security-token" : "host;x-amz-date";
}

static enum rc put_canonical(const struct provider_sigv4 *key, const char *method, struct str where,
                             struct str body, const char *stamp, struct buf *out)
{
    CLEANUP(buf_done) struct buf host = BUF_INIT(TEXT_MAX);
    struct http_url url;

    TRY(http_url_parse(where, &url, NULL));
    TRY(provider_put_host(&host, where));
    buf_printf(out, "%s\n%.*s\n%.*s\nhost:%.*s\nx-amz-date:%s\n", method, STR_ARG(url.path),
               STR_ARG(url.query), STR_ARG(buf_str(&host)), stamp);
    if (key->session.n)
        buf_printf(out, "x-amz-security-token:%.*s\n", STR_ARG(key->session));
    buf_printf(out, "\n%s\n", signed_headers(key));
    return provider_put_sha256(out, body);
}

enum rc provider_sigv4_sign(const struct provider_sigv4 *key, const char *method, struct str url,
                            struct str body, struct buf *headers)
{
    CLEANUP(buf_wipe) struct buf canonical = BUF_INIT(TEXT_MAX), text = BUF_INIT(TEXT_MAX);
    unsigned char by[CRYPTO_SHA256_BYTES];
    char stamp[STAMP], scope[SCOPE_MAX];
    struct str day;

    TRY(put_stamp(key->now, stamp));
    day = str_head(str_of(stamp), 8);
    snprintf(scope, sizeof(scope), "%.*s/%.*s/%.*s/aws4_request", STR_ARG(day),
             STR_ARG(key->region), STR_ARG(key->service));
    TRY(put_canonical(key, method, url, body, stamp, &canonical));
    buf_printf(&text, "AWS4-HMAC-SHA256\n%s\n%s\n", stamp, scope);
    TRY(provider_put_sha256(&text, buf_str(&canonical)));
    TRY(provider_derive("AWS4", key->secret,
                        (const struct str[]){day, key->region, key->service, STR("aws4_request")},
                        4, by));
    buf_printf(headers, "X-Amz-Date: %s\r\n", stamp);
    if (key->session.n)
        buf_printf(headers, "X-Amz-Security-Token: %.*s\r\n", STR_ARG(key->session));
    buf_printf(headers,
               "Authorization: AWS4-HMAC-SHA256 Credential=%.*s/%s, SignedHeaders=%s, "
               "Signature=",
               STR_ARG(key->key_id), scope, signed_headers(key));
    TRY(provider_put_hmac(headers, str_bytes(by, sizeof(by)), buf_str(&text)));
    buf_putz(headers, "\r\n");
    return buf_rc(headers);
}
