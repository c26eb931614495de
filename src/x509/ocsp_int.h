/* SPDX-License-Identifier: Apache-2.0 */
/* What ocsp.c (CertIDs, requests) and ocsp_response.c share. */
#pragma once

#include "x509/ext_int.h"
#include "x509/ocsp.h"

void x509_ocsp_put_id(struct x509_der *w, const struct x509_ocsp_id *id);
/* Marks `r` as failed when it is none. */
struct x509_ocsp_id x509_ocsp_get_id(struct rd *r);
/* [n] EXPLICIT Extensions with the nonce, when there is one. */
void x509_ocsp_put_nonce(struct x509_der *w, uint8_t tag, struct str nonce);
/* The content of [n] EXPLICIT Extensions: the nonce, and whether a critical one is unknown
 * (RC_UNSUPPORTED). RC_PARSE also for a nonce of a length that RFC 9654 forbids. */
enum rc x509_ocsp_read_extensions(struct str explicit, struct str *nonce);
/* The BIT STRING inside of a SubjectPublicKeyInfo. */
enum rc x509_ocsp_key_bits(struct str spki, struct str *out);
