/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate in words, every part of it, for people who decide whether it is to be signed. */
#pragma once

#include "x509/cert.h"

/* Of a certificate, or of its to-be-signed part alone (x509_tbs_parse). Lines end with a newline;
 * what has no words of its own is shown as an OID. */
enum rc ceremony_show(const struct x509_cert *cert, struct buf *out);
/* "AB:CD:..." of the SHA-256 of these bytes. */
enum rc ceremony_digest_put(struct str bytes, struct buf *out);
