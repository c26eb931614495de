/* SPDX-License-Identifier: Apache-2.0 */
/* DNS names (RFC 1035, RFC 5890): lower-case A-labels without the final dot, 253 bytes and 63 a
 * label at most; a single label is a name. Stored reversed by label ("example.hospital.wiki") so
 * that a domain and all below it are one range of an index. */
#pragma once

#include "base/buf.h"

enum { NAME_MAX_BYTES = 253, NAME_LABEL_MAX = 63, NAME_EMAIL_MAX = 254, NAME_URI_MAX = 1024 };

/* Checks and lower-cases `s` into `out` (cap > NAME_MAX_BYTES). Letters, digits, hyphens inside
 * labels; an underscore is refused; a final dot is dropped; "*." is allowed in front when
 * `wildcard`. RC_PARSE when it is no name, RC_TOOBIG when too long, RC_UNSUPPORTED for bytes
 * outside ASCII (the A-label is wanted), RC_INVAL for a text that is an IP address or whose last
 * label reads as a number, all digits or 0x and hexadecimal digits: resolvers take such for an
 * address. */
enum rc name_canonical(struct str s, bool wildcard, char out[static NAME_MAX_BYTES + 1]);

enum { NAME_UNICODE_MAX = 4 * NAME_MAX_BYTES + 1 };
/* A canonical name as people read it: A-labels as the U-labels they stand for (RFC 5891, Punycode
 * of RFC 3492), in UTF-8. RC_NOTFOUND when there is none, or one that is no Punycode or holds what
 * cannot be seen (controls, marks of direction, what has no width); RC_TOOBIG past NAME_MAX_BYTES.
 * Only ever shown beside the name: what looks the same need not be. */
enum rc name_unicode(struct str name, char out[static NAME_UNICODE_MAX]);

/* "wiki.hospital.example" to "example.hospital.wiki" and, being its own inverse, back. RC_TOOBIG
 * past NAME_MAX_BYTES, RC_PARSE when there is a NUL in it; nothing else is checked. */
enum rc name_reverse(struct str name, char out[static NAME_MAX_BYTES + 1]);

/* `name` equals `domain` or ends in "." and `domain`; both canonical. */
bool name_under(struct str name, struct str domain);
bool name_is_wildcard(struct str name);
/* Number of labels; "*" counts. */
size_t name_labels(struct str name);

/* A mail address as certificates hold it (rfc822Name, RFC 5280 section 4.2.1.6): a Dot-string of
 * RFC 5321 section 4.1.2, whose letters stay as they are, "@", and a name in canonical form.
 * RC_PARSE when it is none, quoted local parts and address literals included; RC_TOOBIG past
 * NAME_EMAIL_MAX or 64 bytes before the "@"; RC_UNSUPPORTED for bytes outside ASCII. */
enum rc name_email_canonical(struct str s, char out[static NAME_EMAIL_MAX + 1]);
/* What is behind the "@". */
struct str name_email_domain(struct str email);

/* A URI as certificates hold it (uniformResourceIdentifier): absolute, with a host, without user
 * and fragment, of the characters of RFC 3986; scheme and host in lower case already. So that two
 * are the same when their bytes are. RC_PARSE, RC_TOOBIG. */
enum rc name_uri_check(struct str uri);
/* Its host, a name in canonical form or an address without brackets; {NULL, 0} for what
 * name_uri_check refuses. */
struct str name_uri_host(struct str uri);
