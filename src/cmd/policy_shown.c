/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of clients, for the commands on the policy: as the running server knows them. */
#include "base/name.h"
#include "cmd/policy_int.h"
#include "json/json.h"

enum { ANSWER_MAX = 1 << 20, ASK_MAX = 512 };

MSG(msg_revoked, "cmd.shown-revoked", "the certificate {0} is revoked: no rule has who shows it");
MSG(msg_issuer, "cmd.shown-issuer",
    "the issuer {1} of the certificate {0} is revoked: no rule has who shows it");
MSG(msg_staging, "cmd.shown-staging",
    "the certificate {0} was made by the staging directory: no rule has who shows it");
MSG(msg_ended, "cmd.shown-ended",
    "the certificate {0} is valid from {1} to {2}: at other times no rule has who shows it");
MSG(msg_server, "cmd.shown-server",
    "the certificate {0} is not for clients: its `extended_key_usage` has no clientAuth");

static bool has(const struct json *list, struct str what)
{
    struct json_iter it = json_iter(list);
    const struct json *item;
    struct str text;

    while (json_next(&it, NULL, &item))
        if (json_str(item, &text) == RC_OK && str_eq(text, what))
            return true;
    return false;
}

/* Names that are no DNS names are of no rule, for none can say them. */
static enum rc add_names(const struct json *c, struct arena *a, struct policy_shown *out)
{
    struct json_iter it = json_iter(json_get(c, "names"));
    char name[NAME_MAX_BYTES + 1];
    const struct json *item;
    struct str text;

    while (json_next(&it, NULL, &item))
        if (json_str(item, &text) == RC_OK && name_canonical(text, false, name) == RC_OK)
            TRY(policy_shown_add(out, a, "", str_of(name)));
    return RC_OK;
}

/* As core does; see core_shown_client. */
static enum rc check(const struct json *c, when_t now, struct err *err)
{
    struct str from = json_shown(c, "not_before"), to = json_shown(c, "not_after");
    struct str serial = json_shown(c, "serial");
    when_t begins = 0, ends = 0;

    if (str_eq(json_shown(c, "hierarchy"), STR("staging")))
        return ERR(err, RC_DENIED, msg_staging, serial);
    if (!str_eq(json_shown(c, "status"), STR("valid")))
        return ERR(err, RC_DENIED, msg_revoked, serial);
    if (str_eq(json_shown(c, "issuer_state"), STR("revoked")))
        return ERR(err, RC_DENIED, msg_issuer, serial, json_shown(c, "issuer"));
    if (!has(json_get(c, "extended_key_usage"), STR("clientAuth")))
        return ERR(err, RC_DENIED, msg_server, serial);
    if (!now)
        return RC_OK;
    TRY(when_parse(from, &begins));
    TRY(when_parse(to, &ends));
    return now < begins || now > ends ? ERR(err, RC_DENIED, msg_ended, serial, from, to) : RC_OK;
}

static enum rc read(const struct json *c, when_t now, struct arena *a, struct policy_shown *out,
                    struct err *err)
{
    TRY(check(c, now, err));
    out->n = 0;
    TRY(policy_shown_add(out, a, "sha256:", json_shown(c, "sha256")));
    TRY(policy_shown_add(out, a, "team:", json_shown(c, "team")));
    TRY(policy_shown_add(out, a, "owner:", json_shown(c, "owner")));
    return add_names(c, a, out);
}

enum rc cmd_policy_shown(const struct cmd_policy_ask *which, struct arena *a,
                         struct policy_shown *out, struct err *err)
{
    CLEANUP(buf_done) struct buf ask = BUF_INIT(ASK_MAX), answer = BUF_INIT(ANSWER_MAX);
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct json_out o;

    json_out_init(&o, &ask, JSON_COMPACT);
    json_obj(&o);
    json_kv_str(&o, "serial", which->serial);
    json_end(&o);
    TRY(json_out_done(&o));
    TRY(cmd_control(cmd_data(which->args), "cert show", buf_str(&ask), &answer, err));
    TRY(json_parse(buf_str(&answer), ANSWER_MAX, &doc, err));
    return read(json_root(doc), which->now, a, out, err);
}
