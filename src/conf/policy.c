/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/policy.h"

#include <string.h>

#include "conf/conf.h"
#include "conf/diff.h"
#include "conf/kind_int.h"
#include "conf/load.h"

enum { LEAST_MAX = 4096 };

/* Also by whom control of a name is proven, and where copies of the audit log go. */
static const char *const parts[] = {"acme",    "audit",    "ca",        "control",   "domain",
                                    "groups",  "limits",   "locks",     "names",     "policy",
                                    "probers", "profiles", "resolvers", "validation"};

bool conf_policy_has(struct str key)
{
    struct str part = str_head(key, str_find(key, '.'));

    part = str_head(part, str_find(part, '['));
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (str_eq(part, str_of(parts[i])))
            return true;
    return false;
}

bool conf_policy_changes(const struct conf_changes *changes)
{
    for (size_t i = 0; i < changes->n; i++)
        if (conf_policy_has(changes->p[i].key))
            return true;
    return false;
}

enum rc conf_policy_same(const struct conf *a, const struct conf *b, bool *out)
{
    CLEANUP(conf_changes_done) struct conf_changes changes = {};

    TRY(conf_diff(a, b, &changes));
    *out = !conf_policy_changes(&changes);
    return RC_OK;
}

/* The configuration that says nothing, of the same organization: what is there is a default. */
static enum rc load_least(const struct conf *conf, const struct conf **out)
{
    CLEANUP(conf_report_done) struct conf_report report = {};
    CLEANUP(conf_input_done) struct conf_input in = {};
    CLEANUP(buf_done) struct buf text = BUF_INIT(LEAST_MAX);

    conf_report_init(&report);
    conf_input_init(&in);
    buf_putz(&text, "organization: ");
    conf_put_scalar(conf->organization, &text);
    buf_putz(&text, "\ndomain: ");
    conf_put_scalar(conf->domain, &text);
    buf_putz(&text, "\n");
    TRY(buf_rc(&text));
    TRY(conf_input_add(&in, STR("least"), buf_str(&text)));
    return conf_load(&in, out, &report);
}

enum rc conf_policy_text(const struct conf *conf, struct buf *out)
{
    CLEANUP(conf_changes_done) struct conf_changes changes = {};
    CLEANUP(conf_unrefp) const struct conf *least = NULL;

    TRY(load_least(conf, &least)); /* which has the same domain */
    TRY(conf_diff(least, conf, &changes));
    buf_printf(out, "domain: %.*s\n", STR_ARG(conf->domain));
    for (size_t i = 0; i < changes.n; i++)
        if (conf_policy_has(changes.p[i].key))
            buf_printf(out, "%.*s: %.*s\n", STR_ARG(changes.p[i].key), STR_ARG(changes.p[i].now));
    return buf_rc(out);
}

void conf_policy_override_put(const struct conf_policy_override *o, struct buf *out)
{
    buf_printf(out, "at: %lld\nby: %.*s\nreason: %.*s\n\n%.*s", (long long)o->at, STR_ARG(o->by),
               STR_ARG(o->reason), STR_ARG(o->policy));
}

/* The rest of the next line, which begins with that word. */
static enum rc take_line(struct str *rest, const char *word, struct str *out)
{
    struct str line;

    if (!str_next(rest, '\n', &line) || !str_starts(line, str_of(word)))
        return RC_PARSE;
    *out = str_skip(line, strlen(word));
    return RC_OK;
}

enum rc conf_policy_override_parse(struct str text, struct conf_policy_override *out)
{
    struct conf_policy_override o = {};
    struct str at, empty;
    uint64_t n;

    TRY(take_line(&text, "at: ", &at));
    TRY(take_line(&text, "by: ", &o.by));
    TRY(take_line(&text, "reason: ", &o.reason));
    TRY(take_line(&text, "", &empty));
    if (empty.n || str_u64(at, WHEN_MAX, &n) != RC_OK)
        return RC_PARSE;
    o.at = (when_t)n;
    o.policy = text;
    *out = o;
    return RC_OK;
}
