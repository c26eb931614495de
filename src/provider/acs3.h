/* SPDX-License-Identifier: Apache-2.0 */
/* ACS3-HMAC-SHA256, the signature of Alibaba Cloud's APIs, of requests with POST, a query and no
 * body, over the headers Host and all X-Acs-*. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/when.h"

struct provider_acs3 {
    struct str key_id, secret;    /* "LTAI...", and what belongs to it */
    struct str token;             /* of temporary credentials; empty: none */
    const char *action, *version; /* of the API */
    struct str nonce;             /* never the same twice */
    when_t now;
};

/* Appends the headers to `headers`, each with its line end. `url` is what is asked, with its query
 * in the order of its names and nothing in it that would need another escape. RC_PARSE: no URL.
 * RC_TOOBIG. */
enum rc provider_acs3_sign(const struct provider_acs3 *key, struct str url, struct buf *headers);
