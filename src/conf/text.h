/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration as YAML: all of it as it is in force, and the file that `autarky init` writes.
 */
#pragma once

#include "base/buf.h"
#include "conf/conf.h"

/* Every key with its effective value, in the order of the schema; loading it again gives the same
 * configuration. */
void conf_dump(const struct conf *conf, struct buf *out);
/* The same keys and values as one line of JSON, for programs; what is not set is null. Durations
 * and addresses are texts, as in the file. */
void conf_dump_json(const struct conf *conf, struct buf *out);

/* What a prober on another host has to know to validate as this one would: `domain`, the CAA
 * identities, all of `validation`, and the resolvers of zones that are its own; nothing else. YAML
 * that loads (conf/load.h) as a configuration of its own. */
void conf_prober_settings(const struct conf *conf, const struct conf_prober *prober,
                          struct buf *out);
enum { CONF_PROBER_SETTINGS_MAX = 256 * 1024 };

/* What `autarky init` knows. */
struct conf_template {
    struct str organization;
    struct str country; /* empty: none */
    struct str domain;  /* canonical */
    struct str host;    /* its short name, for names.single; empty: none */
    bool unprivileged;  /* the plain listener goes to 8080, and its URL says so */
    enum conf_passphrase_from passphrase_from;
    struct str passphrase; /* name of the credential, or path of the file; empty: the default */
};

/* Short, with comments, and with a first policy rule spelled out: nothing is allowed but by a rule
 * that one can read. */
void conf_template_put(const struct conf_template *t, struct buf *out);
