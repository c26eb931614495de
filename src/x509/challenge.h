/* SPDX-License-Identifier: Apache-2.0 */
/* The certificate of tls-alpn-01 (RFC 8737 section 3): self-signed, with exactly the identifier as
 * its name and the digest of the key authorization. */
#pragma once

#include "base/err.h"
#include "base/when.h"

struct crypto_key;

/* Appends it to `pem`. `identifier` is a name or an address; `key` is the certificate's own. As
 * x509_tbs_build. */
enum rc x509_challenge_build(struct str identifier, struct str key_authorization,
                             const struct crypto_key *key, when_t now, struct buf *pem,
                             struct err *err);
