/* SPDX-License-Identifier: Apache-2.0 */
/* What lego 5 is told by .lego.yml or .lego.yaml, and by the files with variables that it names.
 * Read, never executed; a setting without a known value is never taken for its default. */
#pragma once

#include "conf/foreign.h"
#include "takeover/takeover_int.h"

struct takeover_lego {
    const struct conf_node *root; /* NULL: there is no such file */
    struct str path, dir;         /* of the file; what is relative in it is relative to there */
};

/* Looks for the file: f->t->home itself, in it, or beside it where that is its storage.
 * f->t->home is the storage from then on. As conf_foreign_read, takeover_file. */
enum rc takeover_lego_open(struct takeover_finder *f, struct takeover_lego *out);
/* What it says of the certificate whose files are called `name`; NULL: nothing. */
const struct conf_node *takeover_lego_entry(const struct takeover_lego *l, struct str name);
/* Brings `c` all that `entry` says but its files; *out_account is the account's id, empty when it
 * is not said. The server is left empty where its URL is not known. */
enum rc takeover_lego_settings(struct takeover_finder *f, const struct takeover_lego *l,
                               const struct conf_node *entry, struct takeover_cert *c,
                               struct str *out_account);
/* lego_dns.c. The way of a challenge's `dns`. */
enum rc takeover_lego_dns(struct takeover_finder *f, const struct takeover_lego *l,
                          const struct conf_node *dns, struct takeover_cert *c);

/* A member's single value; empty when there is none. */
static inline struct str takeover_lego_text(const struct conf_node *map, const char *key)
{
    struct str s = conf_foreign_value(conf_foreign_get(map, str_of(key)));

    return s.p ? s : STR("");
}

/* Notes the members of `map` that are none of `known` (which ends with NULL). */
enum rc takeover_lego_rest(struct takeover_finder *f, struct takeover_cert *c,
                           const struct conf_node *map, const char *what, const char *const *known);
