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

/* From the kernel (getrandom(2)); RC_IO when it fails. */
enum rc id_random(void *p, size_t n);
enum rc id_new(struct id *out);
/* RC_PARSE unless `s` has the form of an id. */
enum rc id_parse(struct str s, struct id *out);
static inline struct str id_str(const struct id *id)
{
    return str_of(id->z);
}
