/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of kinds share. */
#pragma once

#include "conf/schema_int.h"

/* A copy in the arena, its struct str at `out`. */
enum rc conf_store_str(struct arena *a, struct str s, void *out);
/* A field that is a struct str; nothing when it is empty. */
void conf_print_str(const struct conf_key *key, const void *field, struct buf *out);
/* Plain where that is safe, else in double quotes. */
void conf_put_scalar(struct str s, struct buf *out);
bool conf_has_control(struct str s);
/* RC_INVAL with a message unless it is a name as profiles, rules and credentials have. */
enum rc conf_ident_check(struct str s, struct err *err);

/* `s` cut to what a message has room for. */
static inline struct str conf_shown(struct str s)
{
    return str_utf8_head(s, 80);
}
