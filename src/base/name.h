/* SPDX-License-Identifier: Apache-2.0 */
/* DNS names (RFC 1035, RFC 5890): lower-case A-labels without the final dot, 253 bytes and 63 a
 * label at most; a single label is a name. Stored reversed by label ("example.hospital.wiki") so
 * that a domain and all below it are one range of an index. */
#pragma once

#include "base/buf.h"

enum { NAME_MAX_BYTES = 253, NAME_LABEL_MAX = 63 };

/* Checks and lower-cases `s` into `out` (cap > NAME_MAX_BYTES). Letters, digits, hyphens inside
 * labels; an underscore is refused; a final dot is dropped; "*." is allowed in front when
 * `wildcard`. RC_PARSE when it is no name, RC_TOOBIG when too long, RC_UNSUPPORTED for bytes
 * outside ASCII (the A-label is wanted), RC_INVAL for a text that is an IP address or whose last
 * label reads as a number, all digits or 0x and hexadecimal digits: resolvers take such for an
 * address. */
enum rc name_canonical(struct str s, bool wildcard, char out[static NAME_MAX_BYTES + 1]);

/* "wiki.hospital.example" to "example.hospital.wiki" and, being its own inverse, back. RC_TOOBIG
 * past NAME_MAX_BYTES, RC_PARSE when there is a NUL in it; nothing else is checked. */
enum rc name_reverse(struct str name, char out[static NAME_MAX_BYTES + 1]);

/* `name` equals `domain` or ends in "." and `domain`; both canonical. */
bool name_under(struct str name, struct str domain);
bool name_is_wildcard(struct str name);
/* Number of labels; "*" counts. */
size_t name_labels(struct str name);
