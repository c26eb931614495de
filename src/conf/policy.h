/* SPDX-License-Identifier: Apache-2.0 */
/* Which part of a configuration is policy: the keys that decide who may have which certificates,
 * and who may decide on that. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/when.h"

struct conf;
struct conf_changes;

enum { CONF_POLICY_MAX = 8 << 20 /* bytes of a policy in words */ };

/* By its path, as in struct conf_change. */
bool conf_policy_has(struct str key);
/* True when some change is of policy. */
bool conf_policy_changes(const struct conf_changes *changes);
/* Whether the two have the same. */
enum rc conf_policy_same(const struct conf *a, const struct conf *b, bool *out);
/* A line "key: value" for `domain`, and each key of policy that has not its default, as in the
 * schema: the same of the same policy, whatever the files look like, with one and the same program.
 */
enum rc conf_policy_text(const struct conf *conf, struct buf *out);

/* In DATA: the whole configuration that was accepted, of root alone (serve/accepted.c). */
#define CONF_POLICY_ACCEPTED "configuration.accepted"

/* ---- without a second person, as root has told with `autarky policy accept` */

#define CONF_POLICY_OVERRIDE "policy.override" /* in DATA, of root alone */

struct conf_policy_override {
    when_t at;
    struct str by, reason; /* one line each */
    struct str policy;     /* of exactly that one, as conf_policy_text has it */
};

void conf_policy_override_put(const struct conf_policy_override *o, struct buf *out);
/* Borrows from `text`. RC_PARSE. */
enum rc conf_policy_override_parse(struct str text, struct conf_policy_override *out);
