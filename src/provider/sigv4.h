/* SPDX-License-Identifier: Apache-2.0 */
/* Signature Version 4 of Amazon Web Services, over the headers Host, X-Amz-Date and, with temporary
 * credentials, X-Amz-Security-Token. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/when.h"

struct provider_sigv4 {
    struct str key_id, secret; /* "AKIA...", and what belongs to it */
    struct str session;        /* of temporary credentials; empty: none */
    struct str region, service;
    when_t now;
};

/* Appends the headers to `headers`, each with its line end. `url` is what is asked, with its query
 * in the order of its names and nothing in either that would need another escape; `body` may be
 * empty. RC_PARSE: no URL. RC_INVAL: a time that
 * cannot be. RC_TOOBIG: a secret is longer than 256 bytes. */
enum rc provider_sigv4_sign(const struct provider_sigv4 *key, const char *method, struct str url,
                            struct str body, struct buf *headers);
