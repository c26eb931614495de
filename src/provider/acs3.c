/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/acs3.h"

#include "http/url.h"
#include "provider/digest.h"

enum { TEXT_MAX = 8192 };

/* Those that are signed, in the order of their names; Host is not among what is appended, for who
 * sends has it already. */
static enum rc put_headers(const struct provider_acs3 *key, const char *end, struct buf *out)
{
    char now[WHEN_TEXT];

    buf_printf(out, "x-acs-action:%s%sx-acs-content-sha256:", key->action, end);
    TRY(provider_put_sha256(out, STR("")));
    buf_printf(out, "%sx-acs-date:%s%s", end, when_text(key->now, now), end);
    if (key->token.n)
        buf_printf(out, "x-acs-security-token:%.*s%s", STR_ARG(key->token), end);
    buf_printf(out, "x-acs-signature-nonce:%.*s%sx-acs-version:%s%s", STR_ARG(key->nonce), end,
               key->version, end);
    return buf_rc(out);
}

static const char *signed_headers(const struct provider_acs3 *key)
{
    return key->token.n ? "host;x-acs-action;x-acs-content-sha256;x-acs-date;"
                          "x-acs-security-token;x-acs-signature-nonce;x-acs-version"
                        : "host;x-acs-action;x-acs-content-sha256;x-acs-date;"
                          "x-acs-signature-nonce;x-acs-version";
}

static enum rc put_canonical(const struct provider_acs3 *key, struct str where, struct buf *out)
{
    struct http_url url;

    TRY(http_url_parse(where, &url, NULL));
    buf_printf(out, "POST\n%.*s\n%.*s\nhost:", STR_ARG(url.path), STR_ARG(url.query));
    TRY(provider_put_host(out, where));
    buf_putz(out, "\n");
    TRY(put_headers(key, "\n", out));
    buf_printf(out, "\n%s\n", signed_headers(key));
    return provider_put_sha256(out, STR(""));
}

enum rc provider_acs3_sign(const struct provider_acs3 *key, struct str url, struct buf *headers)
{
    CLEANUP(buf_wipe) struct buf canonical = BUF_INIT(TEXT_MAX), text = BUF_INIT(TEXT_MAX);

    TRY(put_canonical(key, url, &canonical));
    buf_putz(&text, "ACS3-HMAC-SHA256\n");
    TRY(provider_put_sha256(&text, buf_str(&canonical)));
    TRY(put_headers(key, "\r\n", headers));
    buf_printf(headers,
               "Authorization: ACS3-HMAC-SHA256 Credential=%.*s,SignedHeaders=%s,Signature=",
               STR_ARG(key->key_id), signed_headers(key));
    TRY(provider_put_hmac(headers, key->secret, buf_str(&text)));
    buf_putz(headers, "\r\n");
    return buf_rc(headers);
}
