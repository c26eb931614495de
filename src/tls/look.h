/* SPDX-License-Identifier: Apache-2.0 */
/* What a TLS server shows to a client: one handshake, nothing verified, nothing sent behind it. For
 * commands that look at what is served; it blocks. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

enum { TLS_LOOK_CHAIN_MAX = 64 * 1024 };

enum tls_look_key {
    TLS_LOOK_ANY,
    TLS_LOOK_RSA,
    TLS_LOOK_ECDSA,
    TLS_LOOK_ED25519,
    TLS_LOOK_MLDSA44,
    TLS_LOOK_MLDSA65,
    TLS_LOOK_MLDSA87,
    TLS_LOOK_SM2,
};

/* Shakes hands over `fd`, a connected blocking socket whose time limits are the caller's, as a
 * client of TLS 1.2 and 1.3 that asks for `server_name` (empty: no SNI) and understands signatures
 * of that kind of key only; SM2: as a client of TLCP, which gets the certificate that is encrypted
 * to behind the one that signs, also where the server then ends it, for it wants certificates of
 * its clients. Appends the certificates that came, leaf first, as PEM, and to `out_staple`, unless
 * that is NULL, the OCSP answer that came with them, DER, as it is. Needs crypto_init. RC_CRYPTO
 * and OpenSSL's reason, RC_TIMEOUT, RC_NET, RC_TOOBIG, RC_NOMEM. */
enum rc tls_look(int fd, struct str server_name, enum tls_look_key key, struct buf *out_pem,
                 struct buf *out_staple, struct err *err);
