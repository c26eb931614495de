/* SPDX-License-Identifier: Apache-2.0 */
/* DER (X.690) written and read strictly: definite lengths in their shortest form, single-byte tags,
 * minimal INTEGERs. What the reader accepts, the writer would write. Times by RFC 5280
 * section 4.1.2.5: UTCTime to 2049, GeneralizedTime from 2050. */
#pragma once

#include "base/buf.h"
#include "base/rd.h"
#include "base/when.h"

enum {
    X509_DER_BOOLEAN = 0x01,
    X509_DER_INTEGER = 0x02,
    X509_DER_BIT_STRING = 0x03,
    X509_DER_OCTET_STRING = 0x04,
    X509_DER_NULL = 0x05,
    X509_DER_OID = 0x06,
    X509_DER_UTF8 = 0x0c,
    X509_DER_PRINTABLE = 0x13,
    X509_DER_TELETEX = 0x14,
    X509_DER_IA5 = 0x16,
    X509_DER_UTC_TIME = 0x17,
    X509_DER_TIME = 0x18,
    X509_DER_SEQUENCE = 0x30,
    X509_DER_SET = 0x31,
};
/* Context-specific tags: primitive and constructed. */
#define X509_DER_CONTEXT(n) (0x80 | (n))
#define X509_DER_CONTEXT_IN(n) (0xa0 | (n))

enum { X509_DER_DEPTH_MAX = 16, X509_DER_LENGTH_MAX = 0xffffff };

/* Writer over a buf. Like it, it remembers the first failure; look at buf_rc once, at the end.
 * Unbalanced open and close, or too deep, fail with RC_INVAL. */
struct x509_der {
    struct buf *out;
    uint8_t depth;
    size_t at[X509_DER_DEPTH_MAX]; /* where each open value's length byte stands */
};

static inline struct x509_der x509_der_of(struct buf *out)
{
    return (struct x509_der){.out = out};
}

/* Everything up to the matching close is the content. */
void x509_der_open(struct x509_der *w, uint8_t tag);
void x509_der_close(struct x509_der *w);
/* BIT STRING with whole bytes, content written between; closed by x509_der_close. */
void x509_der_open_bits(struct x509_der *w);

void x509_der_put(struct x509_der *w, uint8_t tag, struct str content);
/* Bytes that are DER already. */
void x509_der_raw(struct x509_der *w, struct str der);
void x509_der_bool(struct x509_der *w, bool v);
void x509_der_null(struct x509_der *w);
void x509_der_u64(struct x509_der *w, uint64_t v);
/* A positive INTEGER from big-endian bytes, leading zeros dropped, a zero put before a high bit. */
void x509_der_uint(struct x509_der *w, struct str bytes);
/* A named bit list (KeyUsage): bit 0 of `bits` is bit 0 of the list; trailing zeros dropped. At
 * most 16 bits. */
void x509_der_named_bits(struct x509_der *w, uint16_t bits);
/* Whole seconds; RC_INVAL outside 1970 to 9999. */
void x509_der_time(struct x509_der *w, when_t t);
/* RC_OK when all that was opened is closed and nothing failed. */
enum rc x509_der_end(const struct x509_der *w);

/* Reader over a struct rd, which remembers the first failure and then yields empty values; look at
 * rd_done at the end. */

/* The tag of the next value, 0 at the end (0 is no tag in DER). */
uint8_t x509_der_peek(const struct rd *r);
/* The content of the next value, which must have this tag. */
struct str x509_der_get(struct rd *r, uint8_t tag);
/* The same as a cursor, for constructed values. */
struct rd x509_der_in(struct rd *r, uint8_t tag);
/* True, and the content, when the next value has this tag; false, and nothing read, when it has
 * not. */
bool x509_der_opt(struct rd *r, uint8_t tag, struct str *out);
/* The whole of the next value, tag and length included, and its tag. */
struct str x509_der_any(struct rd *r, uint8_t *out_tag);
/* A BOOLEAN: 0x00 or 0xff. */
bool x509_der_get_bool(struct rd *r);
/* A non-negative INTEGER of at most `max` bytes, without the sign byte; at least one byte ("\0" for
 * zero). */
struct str x509_der_get_uint(struct rd *r, size_t max);
uint32_t x509_der_get_u32(struct rd *r);
/* A BIT STRING of whole bytes. */
struct str x509_der_get_bits(struct rd *r);
uint16_t x509_der_get_named_bits(struct rd *r);
/* A UTCTime or GeneralizedTime of RFC 5280, the right one for its year. Fails before 1970. */
when_t x509_der_get_time(struct rd *r);

/* RC_OK when `der` is exactly one value and everything in it, as far as constructed tags show, is
 * well-formed and no deeper than X509_DER_DEPTH_MAX; RC_PARSE, RC_TOOBIG. */
enum rc x509_der_check(struct str der);
