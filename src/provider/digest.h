/* SPDX-License-Identifier: Apache-2.0 */
/* What the signatures of requests of several clouds have in common: digests in lower-case
 * hexadecimal, and keys that are derived one from the other. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "crypto/hash.h"

/* Appends the SHA-256 of `data`. */
enum rc provider_put_sha256(struct buf *out, struct str data);
/* Appends the HMAC-SHA256 of `text`. */
enum rc provider_put_hmac(struct buf *out, struct str key, struct str text);
/* The HMAC of the last part under that of the one before, and so on; that of the first one is under
 * `prefix` and `secret`. RC_TOOBIG: these are longer than 260 bytes. */
enum rc provider_derive(const char *prefix, struct str secret, const struct str *parts, size_t n,
                        unsigned char out[static CRYPTO_SHA256_BYTES]);
/* Appends what the header Host says when `url` is asked. RC_PARSE. */
enum rc provider_put_host(struct buf *out, struct str url);
