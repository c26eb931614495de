/* SPDX-License-Identifier: Apache-2.0 */
/* Borrowed text or bytes: pointer and length, not terminated, never owned. A `struct str` lives as
 * long as what it points into. Owned bytes are struct buf, or memory of an arena. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/rc.h"

struct str {
    const char *p;
    size_t n;
};

/* A literal as a str. */
#define STR(lit) ((struct str){"" lit, sizeof(lit) - 1})
/* For printf: printf("%.*s", STR_ARG(s)) */
#define STR_ARG(s) (int)(s).n, (s).p

static inline struct str str_of(const char *z)
{
    return (struct str){z, z ? strlen(z) : 0};
}

static inline struct str str_bytes(const void *p, size_t n)
{
    return (struct str){p, n};
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* A to Z as a to z. */
unsigned char str_lower(char c);
/* ASCII letters compare equal in either case. */
bool str_ieq(struct str a, struct str b);
/* Bytewise order, shorter first on a common prefix: -1, 0, 1. */
int str_cmp(struct str a, struct str b);
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
/* Equality whose time depends on the lengths only. For tokens and digests. */
bool str_eq_ct(struct str a, struct str b);

/* From `from` to the end; the empty rest when past the end. */
struct str str_skip(struct str s, size_t from);
/* At most `n` bytes from the start. */
struct str str_head(struct str s, size_t n);
/* Without leading and trailing spaces, tabs, CR and LF. */
struct str str_trim(struct str s);
/* Position of the first `c`, or s.n. */
size_t str_find(struct str s, char c);
/* Cuts at the first `sep`: *head is before it, *tail behind it. False when there is none; then
 * *head is all of `s` and *tail is empty. */
bool str_cut(struct str s, char sep, struct str *head, struct str *tail);
/* Iterates over fields: while (str_next(&rest, ',', &field)). An empty `rest` yields nothing. */
bool str_next(struct str *rest, char sep, struct str *out_field);

/* Decimal digits only, no sign, no space; RC_PARSE on anything else, RC_TOOBIG above `max`. */
enum rc str_u64(struct str s, uint64_t max, uint64_t *out);

/* Copies with a terminator into `dst`; RC_TOOBIG when it does not fit, RC_PARSE when `s` holds a
 * NUL. */
enum rc str_copyz(struct str s, char *dst, size_t cap);

/* True when every byte is printable ASCII (0x20 to 0x7e). */
bool str_printable(struct str s);
/* Bytes of the well-formed UTF-8 character that `s` starts with, 0 when there is none; *out_cp is
 * its code point. */
size_t str_utf8_next(struct str s, uint32_t *out_cp);
/* Control characters of Unicode: C0, DEL, C1. */
static inline bool str_is_control(uint32_t cp)
{
    return cp < 0x20 || (cp >= 0x7f && cp < 0xa0);
}
/* At most `n` bytes from the start, without cutting a UTF-8 character in two. */
struct str str_utf8_head(struct str s, size_t n);
/* True when the bytes are well-formed UTF-8 without control characters other than tab, LF and
 * CR. */
bool str_utf8(struct str s);
