/* SPDX-License-Identifier: Apache-2.0 */
/* YAML files of other programs, read by the reader of our own and as strictly (conf/load.h): one
 * document, no anchors, aliases, tags or merge keys, no key twice, CONF_DEPTH_MAX, CONF_NODES_MAX.
 * What a key means is the caller's to know. Everything lives in the arena. */
#pragma once

#include "base/arena.h"
#include "base/err.h"

struct conf_node;

/* `name` is how messages call the file. *out is its outermost map, empty for an empty file.
 * RC_PARSE with the first thing that is wrong and its line; RC_TOOBIG past CONF_FILE_BYTES_MAX,
 * RC_NOMEM. */
enum rc conf_foreign_read(struct arena *a, struct str name, struct str text,
                          const struct conf_node **out, struct err *err);
/* The member of that name; NULL when `map` is NULL, no map, or has none. */
const struct conf_node *conf_foreign_get(const struct conf_node *map, struct str key);
/* Of a map or list, in order; NULL: no more, or `of` is NULL or a value. */
const struct conf_node *conf_foreign_first(const struct conf_node *of);
const struct conf_node *conf_foreign_next(const struct conf_node *node);
/* Of a member of a map; else empty. */
struct str conf_foreign_key(const struct conf_node *node);
/* A single value as it is written, without quotes; p is NULL when it is none, or `node` is NULL. */
struct str conf_foreign_value(const struct conf_node *node);
bool conf_foreign_is_list(const struct conf_node *node);
