/* SPDX-License-Identifier: Apache-2.0 */
/* The schema: one table of all keys. What a key may hold, its default and what a change of it takes
 * stand in its line, and loading, printing, comparing and suggesting all walk this table. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "conf/diff.h"

/* What stands behind a key. */
enum conf_form {
    CONF_MAP,   /* keys of the same struct */
    CONF_ONE,   /* a value */
    CONF_MANY,  /* a list of values: {pointer, count} */
    CONF_BITS,  /* a list of names: bits of an unsigned */
    CONF_ITEMS, /* a list of maps: an array of structs, {pointer, count} */
    CONF_NAMED, /* a map of names to maps: the same, sorted; the struct begins with the name */
};

struct conf_list {
    const void *p;
    size_t n;
};

/* A value as it stands in the file. */
struct conf_scalar {
    struct str s;
    bool plain; /* without quotes */
};

struct conf_key;

/* A type of value. `parse` writes `size` bytes to `out` and says in `err` what is wrong; `print`
 * writes YAML on one line. */
struct conf_kind {
    size_t size;
    enum rc (*parse)(const struct conf_key *key, const struct conf_scalar *in, struct arena *a,
                     void *out, struct err *err);
    void (*print)(const struct conf_key *key, const void *field, struct buf *out);
};

/* What a change takes. */
struct conf_take {
    enum conf_class class;
    const char *roles;
    const struct msg *reason;
};

struct conf_key {
    const char *path; /* "validation.http_port", "policy[].name", "profiles.*.lifetime" */
    const char *help; /* one line; conf_dump prints it above the key. NULL: CONF_MAP */
    const struct conf_take *take; /* NULL: CONF_MAP, which holds no value of its own */
    const struct conf_kind *kind; /* of CONF_ONE, CONF_MANY, CONF_BITS */
    size_t offset;                /* in struct conf, or in the struct of the list */
    size_t size;                  /* of that struct: CONF_ITEMS, CONF_NAMED */
    const char *initial;       /* the default as in the file, elements divided by spaces; or NULL */
    const char *const *always; /* CONF_NAMED: there is one of each of these names, if only with
                                  defaults; ends with NULL */
    const char *const *names;  /* choices, or accepted URL schemes; ends with NULL */
    int64_t min, max;          /* of the value, or of its length in characters */
    enum conf_form form;
    bool required;
    bool filled;  /* a list that may not be empty */
    bool alone;   /* a list of one may be written as a value: without brackets */
    bool passing; /* of a site: its clients notice another value; conf/passing.h */
    bool unique;  /* no two items may have it equal (a struct str) */
};

extern const struct conf_key conf_schema[];
extern const size_t conf_schema_n;

/* The keys directly below one (NULL: the outermost), one after the other: start with *at = 0; NULL
 * at the end. */
const struct conf_key *conf_schema_next(const struct conf_key *above, size_t *at);
/* The last step of its path. */
struct str conf_key_name(const struct conf_key *key);
/* The default of a key in the struct at `base`: key->initial, but where one that is always there
 * begins with something else. */
const char *conf_schema_initial(const struct conf_key *key, const void *base);
/* The name of the nearest key below `above`; the whole path of another key when `name` is its last
 * step and no key here is near. */
struct str conf_schema_nearest(const struct conf_key *above, struct str name);
/* The nearest of the names when it is near enough to be meant; else {NULL, 0}. */
struct str conf_names_nearest(const char *const *names, struct str name);

/* What is at `offset` in the struct at `base`. */
static inline const void *conf_field(const struct conf_key *key, const void *base)
{
    return (const char *)base + key->offset;
}

static inline struct conf_list conf_list_at(const struct conf_key *key, const void *base)
{
    struct conf_list list;

    memcpy(&list, conf_field(key, base), sizeof(list));
    return list;
}

/* The value of a key that is no CONF_MAP, as YAML on one line; nothing for an optional value that
 * is not set. `base` is the struct that the offset counts from. */
void conf_print(const struct conf_key *key, const void *base, struct buf *out);
/* One struct of CONF_ITEMS or CONF_NAMED: "{name: a, allow: [b]}". */
void conf_print_item(const struct conf_key *key, const void *item, struct buf *out);

extern const struct conf_kind conf_kind_text, conf_kind_country, conf_kind_domain,
    conf_kind_internal, conf_kind_single, conf_kind_template, conf_kind_zone, conf_kind_host,
    conf_kind_base_url, conf_kind_url, conf_kind_target, conf_kind_redirect, conf_kind_header,
    conf_kind_listen, conf_kind_server, conf_kind_net, conf_kind_span, conf_kind_number,
    conf_kind_choice, conf_kind_pattern, conf_kind_path, conf_kind_ident, conf_kind_bool,
    conf_kind_oid, conf_kind_rate, conf_kind_time, conf_kind_sha256, conf_kind_size,
    conf_kind_log_server, conf_kind_client, conf_kind_windows;

/* choices.c: what keys can be, each ended by NULL. */
extern const char *const conf_choice_https[];
extern const char *const conf_choice_http[];
extern const char *const conf_choice_backends[];
extern const char *const conf_choice_web[];
extern const char *const conf_choice_no_yes[];
extern const char *const conf_choice_constraints[];
extern const char *const conf_choice_databases[];
extern const char *const conf_choice_resolver_modes[];
extern const char *const conf_choice_curves[];
extern const char *const conf_choice_mldsa[];
extern const char *const conf_choice_key_usages[];
extern const char *const conf_choice_extended_usages[];
extern const char *const conf_choice_sans[];
extern const char *const conf_choice_common_names[];
extern const char *const conf_choice_revocations[];
extern const char *const conf_choice_key_algorithms[];
extern const char *const conf_choice_site_keys[];
extern const char *const conf_choice_client_headers[];
extern const char *const conf_choice_balances[];
extern const char *const conf_choice_send_proxies[];
extern const char *const conf_choice_keys[];
extern const char *const conf_choice_accesses[];
extern const char *const conf_choice_wafs[];
extern const char *const conf_choice_unavailables[];
extern const char *const conf_choice_site_challenges[];
extern const char *const conf_choice_hook_styles[];
extern const char *const conf_choice_challenges[];
extern const char *const conf_choice_asking[];
extern const char *const conf_choice_wildcards[];
extern const char *const conf_choice_togethers[];
extern const char *const conf_choice_caa_modes[];
extern const char *const conf_choice_bindings[];
extern const char *const conf_choice_passphrase_froms[];
extern const char *const conf_choice_switches[];
extern const char *const conf_choice_two_persons[];
extern const char *const conf_choice_roles[];
extern const char *const conf_choice_limits[];
extern const char *const conf_choice_automatic[];
extern const char *const conf_choice_receivers[];
extern const char *const conf_choice_reasons[];
extern const char *const conf_choice_log_levels[];
extern const char *const conf_choice_log_formats[];
