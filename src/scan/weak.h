/* SPDX-License-Identifier: Apache-2.0 */
/* What of a certificate nobody should rely on any more. */
#pragma once

#include "x509/cert.h"

/* Why its key is weak, appended: an RSA key that is short, has a known fault or an odd exponent,
 * DSA, curves below 256 bits. Nothing is appended for a key that is strong, or of a kind that is
 * not known here. */
void scan_weak_key(const struct x509_cert *c, struct buf *out);
/* Why the signature on it is: MD2, MD4, MD5, SHA-1. */
void scan_weak_signature(const struct x509_cert *c, struct buf *out);
