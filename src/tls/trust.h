/* SPDX-License-Identifier: Apache-2.0 */
/* Roots that servers are held against by a client (tls/client.h): gathered once, and shared by all
 * of its connections. What is added counts beside what was there, and nothing is ever there by
 * itself: OpenSSL's own directories are not looked at. */
#pragma once

#include "base/mem.h"
#include "base/rc.h"
#include "base/str.h"

struct tls_trust;

enum { TLS_TRUST_MAX = 1000 /* certificates */ };

/* Trusts nobody yet. Needs crypto_init. RC_NOMEM. */
enum rc tls_trust_new(struct tls_trust **out);
/* Connections that use it keep what they need. */
void tls_trust_free(struct tls_trust *t);
DEFINE_FREEP(tls_trust_free, struct tls_trust)
/* Adds the certificates of a PEM text, which the caller trusts; those that OpenSSL cannot read are
 * passed over, for systems' bundles hold such. *out_added says how many there were. RC_PARSE when
 * the PEM is broken, RC_TOOBIG past TLS_TRUST_MAX in all, RC_NOMEM. */
enum rc tls_trust_add(struct tls_trust *t, struct str pem, size_t *out_added);
