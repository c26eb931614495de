/* SPDX-License-Identifier: Apache-2.0 */
/* What a TLS server signs in a handshake, told from everything else, for who signs it without being
 * the server. */
#pragma once

#include "base/str.h"

/* Is it the content of a server's CertificateVerify (RFC 8446 section 4.4.3), or the parameters of
 * an ECDHE key exchange behind the two random values (RFC 8422 section 5.4), on a named curve?
 * Nothing else that is signed in the world looks like either. */
bool crypto_is_handshake(struct str message);
