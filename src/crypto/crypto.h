/* SPDX-License-Identifier: Apache-2.0 */
/* The process's own OpenSSL library context: default provider only, loaded by name, openssl.cnf and
 * its environment variables never read, so that what the machine's administrator configured for
 * other programs changes nothing here. Every role that touches a key, digest or certificate calls
 * crypto_init before it confines itself. */
#pragma once

#include <stddef.h>

#include "base/rc.h"

/* Once per process; calling it again does nothing. RC_CRYPTO when the provider is missing. */
enum rc crypto_init(void);
/* Gives everything back, for leak checkers; no key or digest may be alive. */
void crypto_done(void);
/* "OpenSSL 3.5.7 9 Jun 2026", of the library found at run time. */
const char *crypto_version(void);
/* NULL: that library speaks TLS 1.3 with SM algorithms (RFC 8998), which is new in OpenSSL 4.0.
 * Otherwise its crypto_version. */
const char *crypto_without_tls_sm(void);

/* `n` bytes of the private random generator: keys, serial numbers, nonces. RC_CRYPTO when it fails.
 */
enum rc crypto_random(void *p, size_t n);
