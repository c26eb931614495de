/* SPDX-License-Identifier: Apache-2.0 */
/* Random bytes, and the public ids made of them: 128 random bits as 26 characters of lower-case
 * base32 (digits and letters without i, l, o, u), safe in URLs, file names and double-clicks. Never
 * derived from a counter or a time: an id tells nothing. */
#pragma once

#include "base/str.h"

enum { ID_TEXT = 27 }; /* with the terminator */

struct id {
    char z[ID_TEXT];
};

enum { ID_BYTES = 16, ID_POOL = 32 };

/* Random bits for so many ids, drawn at once, for who needs one for each request. All zeros at the
 * beginning; each bit is used once and wiped. A copy of the process must not go on with it. */
struct id_pool {
    unsigned char bits[ID_POOL][ID_BYTES];
    size_t n;
};

/* From the kernel (getrandom(2)); RC_IO when it fails. */
enum rc id_random(void *p, size_t n);
enum rc id_new(struct id *out);
enum rc id_new_from(struct id_pool *pool, struct id *out);
/* RC_PARSE unless `s` has the form of an id. */
enum rc id_parse(struct str s, struct id *out);
static inline struct str id_str(const struct id *id)
{
    return str_of(id->z);
}
