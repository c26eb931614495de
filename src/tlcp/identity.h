/* SPDX-License-Identifier: Apache-2.0 */
/* What one end of TLCP shows of itself (GB/T 38636 section 6.4.5.3): two certificates of SM2, one
 * that signs and one to which is encrypted, with their keys and the certificates that issued them.
 * Immutable, shared by count. */
#pragma once

#include "base/err.h"
#include "base/mem.h"

struct crypto_key;
struct tlcp_identity;

enum {
    TLCP_CHAIN_MAX = 10, /* certificates of a message, the two leaves included */
    TLCP_CHAIN_BYTES_MAX = 64 * 1024,
};

struct tlcp_identity_in {
    struct str sign_pem; /* leaf first, then what issued it, without the root */
    struct crypto_key *sign_key;
    struct str encrypt_pem; /* the same; issuers that are in both are sent once */
    struct crypto_key *encrypt_key;
};

/* The keys are SM2 with their private halves, in memory, and each its leaf's. RC_PARSE for what is
 * no certificate, RC_INVAL for another key or a key usage (RFC 5280 section 4.2.1.3) that does not
 * allow the use, RC_TOOBIG, RC_NOMEM. The caller keeps its references of the keys. */
enum rc tlcp_identity_new(const struct tlcp_identity_in *in, struct tlcp_identity **out,
                          struct err *err);
/* The certificate that signs, first, and what issued the two, DER: RFC 8998 knows no other. p ==
 * NULL past the last. Borrowed, as is its key. */
struct str tlcp_identity_signs(const struct tlcp_identity *id, size_t i);
const struct crypto_key *tlcp_identity_sign_key(const struct tlcp_identity *id);
struct tlcp_identity *tlcp_identity_ref(struct tlcp_identity *id);
void tlcp_identity_unref(struct tlcp_identity *id);
DEFINE_FREEP(tlcp_identity_unref, struct tlcp_identity)
