/* SPDX-License-Identifier: Apache-2.0 */
/* TC3-HMAC-SHA256, the signature of Tencent Cloud's APIs, of JSON that is posted to "/", over the
 * headers Content-Type and Host. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/when.h"

/* What has to be sent as Content-Type. */
#define PROVIDER_TC3_TYPE "application/json; charset=utf-8"

struct provider_tc3 {
    struct str id, key;  /* "AKID...", and what belongs to it */
    struct str token;    /* of temporary credentials; empty: none */
    const char *service; /* "dnspod" */
    when_t now;
};

/* Appends X-TC-Timestamp, X-TC-Token and Authorization, each with its line end. RC_PARSE: no URL.
 * RC_INVAL: a time that cannot be. RC_TOOBIG: a secret is longer than 256 bytes. */
enum rc provider_tc3_sign(const struct provider_tc3 *key, struct str url, struct str body,
                          struct buf *headers);
