/* SPDX-License-Identifier: Apache-2.0 */
/* Distinguished names (X.501 Name, RFC 5280 section 4.1.2.4): one attribute in each RDN is what is
 * written; any Name is read for its text. */
#pragma once

#include "base/err.h"
#include "x509/der.h"

enum { X509_NAME_MAX = 4096, X509_ATTR_MAX = 64, X509_NAME_ATTRS_MAX = 32 };

/* Empty ones are absent. Written in the order C, ST, L, O, OU, CN; C as PrintableString, the others
 * as UTF8String. */
struct x509_subject {
    struct str country; /* two upper-case letters */
    struct str state;
    struct str locality;
    struct str organization;
    struct str unit;
    struct str common_name;
};

/* Appends the Name. RC_INVAL when an attribute is longer than X509_ATTR_MAX characters (RFC 5280:
 * ub-common-name 64), is no UTF-8 or holds control characters; an empty subject is an empty
 * SEQUENCE. */
enum rc x509_name_build(const struct x509_subject *s, struct buf *out);

/* The first of each of those attributes, borrowed from `name` (a whole Name in DER); others are
 * counted in *out_others (may be NULL). RC_PARSE. Values in BMPString and UniversalString count as
 * others. */
enum rc x509_name_parse(struct str name, struct x509_subject *out, size_t *out_others);

/* How many attributes of this type a Name holds; 0 when it is broken. */
size_t x509_name_count(struct str name, struct str oid);

/* One line for people, most specific last, as `openssl x509 -subject` does: "C = DE, O = Example,
 * CN = x"; values with odd bytes are escaped, unknown attributes get their OID; "-" for an empty
 * name and "?" for a broken one. */
void x509_name_text(struct str name, struct buf *out);
