/* SPDX-License-Identifier: Apache-2.0 */
/* `autarky policy check --dry-run`: the valid certificates of the running server, judged by the
 * rules of a file as whoever has them would be judged who asks for the same again. What keys they
 * have, how long they live and what proves the names, is not looked at. */
#include <stdio.h>

#include "base/map.h"
#include "cmd/cert_int.h"
#include "cmd/policy_int.h"
#include "ev/clock.h"
#include "json/json.h"

enum {
    ANSWER_MAX = 16 << 20, /* of one page, and of all that is shown */
    ASK_MAX = 512,
    PAGE = 500,
    PAGES_MAX = 100'000,
    REFUSED_SHOWN_MAX = 10'000, /* those beyond are counted */
    ACCOUNTS_MAX = 1'000'000,   /* whose keys are remembered */
    ACCOUNTS_BYTES_MAX = 256 << 20,
    NAMES_BYTES_MAX = 4 << 20, /* of one certificate */
};

struct dry {
    const struct cmd_args *args;
    struct policy *policy;
    struct map keys;   /* account to struct str: the key that it was made with */
    struct map shown;  /* serial of a client's certificate to struct policy_shown; NULL: none */
    struct arena kept; /* what `keys` has */
    struct json_out o;
    uint64_t looked_at, refused;
    bool special;
};

/* ---- who would ask */

static enum rc find_key(struct dry *d, struct str account, struct str *out, struct err *err)
{
    struct str *key = map_get(&d->keys, account);

    if (!key) {
        key = ARENA_NEW(&d->kept, struct str);
        if (!key)
            return RC_NOMEM;
        TRY(cmd_policy_account_key(d->args, account, &d->kept, key, err));
        TRY(map_add(&d->keys, account, key));
    }
    *out = *key;
    return RC_OK;
}

/* As it was then: that it has ended since says nothing, for whoever renews it shows the next. One
 * that is revoked is none. */
static enum rc find_shown(struct dry *d, struct str serial, const struct policy_shown **out,
                          struct err *err)
{
    struct policy_shown *s = map_get(&d->shown, serial);
    enum rc rc;

    if (!s) {
        s = ARENA_NEW(&d->kept, struct policy_shown);
        if (!s)
            return RC_NOMEM;
        rc = cmd_policy_shown(&(struct cmd_policy_ask){.args = d->args, .serial = serial}, &d->kept,
                              s, err);
        if (rc != RC_OK && rc != RC_DENIED)
            return rc;
        TRY(map_add(&d->shown, serial, s));
    }
    *out = s;
    return RC_OK;
}

/* False for those that no rule is about: the server's own. */
static bool who_asks(const struct json *item, struct policy_query *q)
{
    static const struct {
        struct str origin;
        enum conf_from from;
    } origins[] = {{STR("acme"), CONF_FROM_CLIENTS},
                   {STR("gateway"), CONF_FROM_GATEWAY},
                   {STR("operator"), CONF_FROM_OPERATORS}};
    struct str origin = json_shown(item, "origin");

    for (size_t i = 0; i < sizeof(origins) / sizeof(origins[0]); i++)
        if (str_eq(origin, origins[i].origin)) {
            q->from = origins[i].from;
            return true;
        }
    return false;
}

static enum rc read_who(struct dry *d, const struct json *item, struct policy_query *q,
                        struct err *err)
{
    if (q->from != CONF_FROM_CLIENTS)
        return RC_OK;
    q->account = json_shown(item, "account");
    if (json_shown(item, "client_certificate").n)
        TRY(find_shown(d, json_shown(item, "client_certificate"), &q->shown, err));
    IGNORE_RC(addr_parse(json_shown(item, "requester"), &q->requester)); /* then it has none */
    return q->account.n ? find_key(d, q->account, &q->eab, err) : RC_OK;
}

/* ---- one certificate */

/* RC_DENIED with the reason, as the client would get it. */
static enum rc judge_names(struct dry *d, const struct json *item, struct policy_query *q,
                           struct err *err)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(NAMES_BYTES_MAX);
    struct json_iter it = json_iter(json_get(item, "names"));
    struct policy_whole w = {.profile = json_shown(item, "profile")};
    size_t most = json_len(json_get(item, "names"));
    struct policy_verdict *verdicts = ARENA_ARRAY(&a, struct policy_verdict, most);
    struct str *names = ARENA_ARRAY(&a, struct str, most);
    const struct json *name;
    struct addr ip;

    if (!verdicts || !names)
        return RC_NOMEM;
    while (w.n < most && json_next(&it, NULL, &name)) {
        TRY(json_str(name, &q->value));
        q->type = addr_parse(q->value, &ip) == RC_OK ? POLICY_IP : POLICY_DNS;
        TRY(policy_judge(d->policy, q, &verdicts[w.n], err));
        names[w.n++] = q->value;
    }
    w.names = names;
    w.verdicts = verdicts;
    return policy_judge_whole(&w, err);
}

static void put_refused(struct dry *d, const struct json *item, const struct err *err)
{
    struct json_iter it = json_iter(json_get(item, "names"));
    const struct json *name;
    struct str text;

    if (d->refused++ >= REFUSED_SHOWN_MAX)
        return;
    json_obj(&d->o);
    json_kv_str(&d->o, "serial", json_shown(item, "serial"));
    json_kv_str(&d->o, "not_after", json_shown(item, "not_after"));
    json_kv_str(&d->o, "origin", json_shown(item, "origin"));
    json_kv_str(&d->o, "account", json_shown(item, "account"));
    json_key(&d->o, "names");
    json_arr(&d->o);
    while (json_next(&it, NULL, &name))
        if (json_str(name, &text) == RC_OK)
            json_put_str(&d->o, text);
    json_end(&d->o);
    cmd_policy_put_err(&d->o, "text", err);
    json_end(&d->o);
}

static enum rc look_at(struct dry *d, const struct json *item, struct err *err)
{
    struct policy_query q = {.special = d->special};
    struct err why = ERR_INIT;
    enum rc rc;

    if (!who_asks(item, &q))
        return RC_OK;
    TRY(read_who(d, item, &q, err));
    d->looked_at++;
    rc = judge_names(d, item, &q, &why);
    if (rc == RC_DENIED)
        put_refused(d, item, &why);
    return rc == RC_DENIED ? RC_OK : rc;
}

/* ---- all of them */

static enum rc ask_page(struct dry *d, struct str cursor, struct buf *answer, struct err *err)
{
    CLEANUP(buf_done) struct buf ask = BUF_INIT(ASK_MAX);
    char now[WHEN_TEXT];
    struct json_out o;

    json_out_init(&o, &ask, JSON_COMPACT);
    json_obj(&o);
    json_kv_z(&o, "status", "valid");
    json_kv_z(&o, "expires_after", when_text(clock_now(clock_system()), now));
    json_kv_u64(&o, "limit", PAGE);
    if (cursor.n)
        json_kv_str(&o, "cursor", cursor);
    json_end(&o);
    TRY(json_out_done(&o));
    return cmd_control(cmd_data(d->args), "cert list", buf_str(&ask), answer, err);
}

/* `cursor` becomes that of the next page; empty behind the last. */
static enum rc look_at_page(struct dry *d, struct buf *cursor, struct err *err)
{
    CLEANUP(buf_done) struct buf answer = BUF_INIT(ANSWER_MAX);
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    const struct json *item;
    struct json_iter it;

    TRY(ask_page(d, buf_str(cursor), &answer, err));
    TRY(json_parse(buf_str(&answer), ANSWER_MAX, &doc, err));
    it = json_iter(json_get(json_root(doc), "items"));
    while (json_next(&it, NULL, &item))
        TRY(look_at(d, item, err));
    buf_reset(cursor);
    buf_puts(cursor, json_shown(json_root(doc), "next"));
    return buf_rc(cursor);
}

static enum rc look_at_all(struct dry *d, struct err *err)
{
    CLEANUP(buf_done) struct buf cursor = BUF_INIT(ASK_MAX);

    for (size_t i = 0; i < PAGES_MAX; i++) {
        TRY(look_at_page(d, &cursor, err));
        if (cursor.n == 0)
            return RC_OK;
    }
    return RC_TOOBIG;
}

static enum rc show(const struct json *root)
{
    struct json_iter it = json_iter(json_get(root, "refused"));
    const struct json *item;
    uint64_t all = 0, looked_at = 0;

    while (json_next(&it, NULL, &item)) {
        printf("%.*s  ", STR_ARG(json_shown(item, "serial")));
        cert_print_list(json_get(item, "names"));
        printf("\n  %.*s\n", STR_ARG(json_shown(item, "text")));
    }
    TRY(json_u64(json_get(root, "refused_total"), &all));
    TRY(json_u64(json_get(root, "looked_at"), &looked_at));
    printf("%llu of %llu valid certificates could not be renewed under these rules\n",
           (unsigned long long)all, (unsigned long long)looked_at);
    return RC_OK;
}

static int dry_run(struct dry *d)
{
    CLEANUP(buf_done) struct buf answer = BUF_INIT(ANSWER_MAX);
    struct err err = ERR_INIT;
    int status = cmd_policy_load(d->args, &d->policy);

    if (status != CMD_DONE)
        return status;
    d->special = cmd_policy_special(d->args);
    json_out_init(&d->o, &answer, JSON_PRETTY);
    json_obj(&d->o);
    json_key(&d->o, "refused");
    json_arr(&d->o);
    err.rc = look_at_all(d, &err);
    if (err.rc != RC_OK)
        return cmd_fail(&err);
    json_end(&d->o);
    json_kv_u64(&d->o, "refused_total", d->refused);
    json_kv_u64(&d->o, "looked_at", d->looked_at);
    json_end(&d->o);
    if (json_out_done(&d->o) != RC_OK)
        return cmd_failf("the answer cannot be shown: out of memory");
    status = cmd_show(d->args, &answer, show);
    return status == CMD_DONE && d->refused ? CMD_FAILED : status;
}

int cmd_policy_dry_run(const struct cmd_args *args)
{
    struct dry d = {.args = args};
    int status;

    map_init(&d.keys, ACCOUNTS_MAX);
    map_init(&d.shown, ACCOUNTS_MAX);
    arena_init(&d.kept, ACCOUNTS_BYTES_MAX);
    status = dry_run(&d);
    arena_done(&d.kept);
    map_done(&d.keys);
    map_done(&d.shown);
    policy_unref(d.policy);
    return status;
}
