/* SPDX-License-Identifier: Apache-2.0 */
/* Serial numbers of certificates (RFC 5280 section 4.1.2.2): 1 to 20 bytes as encoded, positive;
 * first byte 0x01 to 0x7f, or 0x00 and then 0x80 to 0xff. Held without such a zero byte. As text,
 * upper-case hexadecimal with an even number of digits: "0A3F". */
#pragma once

#include "base/buf.h"

enum { X509_SERIAL_MAX = 20, X509_SERIAL_NEW = 16, X509_SERIAL_TEXT = 2 * X509_SERIAL_MAX + 1 };

struct x509_serial {
    uint8_t n; /* 0: none */
    uint8_t b[X509_SERIAL_MAX];
};

/* X509_SERIAL_NEW bytes, of which 126 bits are random: the first is 0x40 to 0x7f, so all have one
 * length. */
enum rc x509_serial_random(struct x509_serial *out);
/* Big-endian bytes without leading zeros; RC_INVAL for zero, empty, or longer than 20 bytes once
 * encoded. */
enum rc x509_serial_from_bytes(struct str bytes, struct x509_serial *out);
/* Hexadecimal in either case, colons allowed between pairs, leading zeros dropped; RC_PARSE,
 * RC_INVAL as above. */
enum rc x509_serial_parse(struct str text, struct x509_serial *out);
/* Returns `text`. */
const char *x509_serial_text(const struct x509_serial *s, char text[static X509_SERIAL_TEXT]);
/* Which of `shards` (1 to 65536) lists an issuer would revoke it on: its last two bytes, modulo
 * `shards`. Serials of ours are random there. */
unsigned x509_serial_shard(const struct x509_serial *s, unsigned shards);
bool x509_serial_eq(const struct x509_serial *a, const struct x509_serial *b);
static inline struct str x509_serial_bytes(const struct x509_serial *s)
{
    return str_bytes(s->b, s->n);
}
