/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes as text and back: hexadecimal, base64 (RFC 4648 section 4), base64url without padding
 * (section 5, as RFC 8555 and 7515 use it), PEM armour (RFC 7468). Decoders are strict: no foreign
 * characters, no padding where none belongs, unused bits zero. What a decoder rejects leaves the
 * content of `out` as it was. */
#pragma once

#include "base/buf.h"

/* Lower case. */
void text_hex(struct buf *out, struct str bytes);
/* Either case; RC_PARSE on an odd length or another character. */
enum rc text_unhex(struct str hex, struct buf *out);

void text_b64(struct buf *out, struct str bytes);
enum rc text_unb64(struct str text, struct buf *out);
void text_b64url(struct buf *out, struct str bytes);
enum rc text_unb64url(struct str text, struct buf *out);
/* Of nothing but its digits, and at least one: what cannot lead anywhere as the name of a file, nor
 * mean anything to a shell. */
bool text_is_b64url(struct str text);

/* "-----BEGIN label-----", lines of 64, "-----END label-----". */
void text_pem(struct buf *out, struct str label, struct str der);
/* Reads the next block of `*rest` and moves past it; text between blocks is skipped, also blocks
 * with other labels when `label` is not empty. RC_NOTFOUND when there is none, RC_PARSE when it is
 * broken. `out_label` (may be NULL) is borrowed from the input; the decoded bytes are appended to
 * `out`. White space is allowed anywhere between the two lines, headers (RFC 1421) are not. A
 * failure leaves `*rest` and the content of `out` as they were. */
enum rc text_unpem(struct str *rest, struct str label, struct str *out_label, struct buf *out);

/* `s` with ", \ and control characters escaped, for the inside of a JSON string; a byte that is not
 * UTF-8 becomes the replacement character, \ufffd. */
void text_json_escape(struct buf *out, struct str s);
/* `s` with & < > " ' as entities. */
void text_html_escape(struct buf *out, struct str s);
/* Everything but A-Z a-z 0-9 - . _ ~ as %XX, lower-case hexadecimal: one path segment, or a file
 * name. `*.x` becomes
 * "%2a.x" and `2001:db8::1` becomes "2001%3adb8%3a%3a1". Names of dots only are escaped whole. */
void text_percent(struct buf *out, struct str s);
/* Undoes %XX; RC_PARSE on a bad escape or a NUL, escaped or not. */
enum rc text_unpercent(struct str s, struct buf *out);
