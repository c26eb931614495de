/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "authority/issuer_int.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "ca/rules.h"
#include "cmd/ask.h"
#include "conf/conf.h"
#include "crypto/crypto.h"
#include "ev/clock.h"
#include "json/json.h"
#include "json/out.h"

enum { LOOKS = 30 }; /* a second apart: a server starts again in less */
enum { ANSWER_MAX = 16 * 1024 * 1024, CHANGE_MAX = 512 * 1024 };
enum { SESSION_ARENA = 64 * 1024 * 1024, CRL_ARENA = 1024 * 1024 };

static const char rules_file[] = "ca/rules.json";

MSG(msg_answer, "cmd.issuer-answer",
    "the server's list of issuers cannot be read; compare `autarky version` with what it runs");

MSG(msg_unknown, "cmd.issuer-unknown",
    "the server did not say whether it has done this, and does not answer now. The files in ca/ "
    "stay as they are; `autarky issuer list` shows whether it was done. If it was, restart the "
    "service; if not, give the command again");

/* ---- the register */

/* Empty where there is none. */
static enum rc der_of(const struct json *v, const char *member, struct arena *a, struct str *out)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(CEREMONY_CRL_FILE_MAX);

    TRY(text_unb64url(json_shown(v, member), &der));
    return arena_str(a, buf_str(&der), out);
}

static enum store_issuer_state state_of(struct str text)
{
    for (unsigned i = 0; i < STORE_ISSUER_STATES; i++)
        if (str_eq(text, str_of(store_issuer_state_text((enum store_issuer_state)i))))
            return (enum store_issuer_state)i;
    return STORE_ISSUER_RETIRED;
}

/* What the rows are needed for: names, ids, times, certificates. */
static enum rc read_row(struct issuer_session *s, const struct json *v, struct store_issuer *row)
{
    struct arena *a = &s->arena;
    bool key = false;

    *row = (struct store_issuer){.state = state_of(json_shown(v, "state")), .crl_shards = 1};
    TRY(arena_str(a, json_shown(v, "ref"), &row->name));
    TRY(arena_str(a, json_shown(v, "hierarchy"), &row->hierarchy));
    TRY(arena_str(a, json_shown(v, "algorithm"), &row->algorithm));
    TRY(id_parse(json_shown(v, "id"), &row->id));
    TRY(der_of(v, "certificate", a, &row->certificate));
    TRY(when_parse(json_shown(v, "not_before"), &row->not_before));
    TRY(when_parse(json_shown(v, "not_after"), &row->not_after));
    TRY(when_parse(json_shown(v, "activates"), &row->activates));
    if (json_shown(v, "retires").n)
        TRY(when_parse(json_shown(v, "retires"), &row->retires));
    TRY(json_bool(json_get(v, "key"), &key));
    if (key)
        row->key_ref = row->name;
    return RC_OK;
}

/* Once all are there. */
static enum rc find_parent(const struct issuer_session *s, const struct json *v,
                           struct store_issuer *row)
{
    struct str parent = json_shown(v, "parent");

    for (size_t i = 0; i < s->n; i++)
        if (str_eq(s->rows[i].name, parent))
            row->parent = s->rows[i].id;
    return parent.n && !row->parent.z[0] ? RC_PARSE : RC_OK;
}

static const struct store_issuer *row_named(const struct issuer_session *s, struct str ref)
{
    for (size_t i = 0; i < s->n; i++)
        if (str_eq(s->rows[i].name, ref))
            return &s->rows[i];
    return NULL;
}

static enum rc read_cross(struct issuer_session *s, const struct json *v, struct store_cross *out)
{
    const struct store_issuer *subject = row_named(s, json_shown(v, "subject"));
    const struct store_issuer *signer = row_named(s, json_shown(v, "signer"));
    const struct json *revoked = json_get(v, "revoked");
    int reason = X509_REASON_UNSPECIFIED;

    if (!subject || !signer)
        return RC_PARSE;
    *out = (struct store_cross){.subject = subject->id, .signer = signer->id};
    TRY(id_parse(json_shown(v, "id"), &out->id));
    TRY(arena_str(&s->arena, json_shown(v, "name"), &out->name));
    TRY(der_of(v, "certificate", &s->arena, &out->certificate));
    TRY(when_parse(json_shown(v, "not_after"), &out->not_after));
    if (json_type(revoked) != JSON_OBJECT)
        return RC_OK;
    TRY(when_parse(json_shown(revoked, "at"), &out->revoked));
    TRY(x509_reason_parse(json_shown(revoked, "reason"), &reason));
    out->reason = (unsigned char)reason;
    return RC_OK;
}

static enum rc read_register(struct issuer_session *s, const struct json *root)
{
    const struct json *issuers = json_get(root, "issuers"), *v;
    const struct json *crosses = json_get(root, "cross_certificates");
    struct json_iter it = json_iter(issuers), at = json_iter(crosses);

    s->rows = ARENA_ARRAY(&s->arena, struct store_issuer, json_len(issuers));
    s->served = ARENA_ARRAY(&s->arena, struct str, json_len(issuers));
    s->crosses = ARENA_ARRAY(&s->arena, struct store_cross, json_len(crosses));
    if (!s->rows || !s->served || !s->crosses)
        return RC_NOMEM;
    while (json_next(&it, NULL, &v)) {
        TRY(read_row(s, v, &s->rows[s->n]));
        TRY(der_of(json_get(v, "crl"), "der", &s->arena, &s->served[s->n]));
        s->n++;
    }
    it = json_iter(issuers);
    for (size_t i = 0; json_next(&it, NULL, &v); i++)
        TRY(find_parent(s, v, &s->rows[i]));
    for (; json_next(&at, NULL, &v); s->n_crosses++)
        TRY(read_cross(s, v, &s->crosses[s->n_crosses]));
    return s->n ? RC_OK : RC_PARSE;
}

static enum rc ask_register(struct issuer_session *s, struct err *err)
{
    CLEANUP(buf_done) struct buf answer = BUF_INIT(ANSWER_MAX);
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    enum rc rc;

    TRY(cmd_control_list(cmd_data(s->args), "issuer list", STR(""), &answer, err));
    rc = json_parse(buf_str(&answer), ANSWER_MAX, &doc, NULL);
    if (rc == RC_OK)
        rc = read_register(s, json_root(doc));
    return rc == RC_OK || rc == RC_NOMEM ? rc : ERR(err, rc, msg_answer);
}

int issuer_session_open(struct issuer_session *s, const struct cmd_args *args)
{
    CLEANUP(buf_done) struct buf problems = BUF_INIT(1024 * 1024);
    struct err err = ERR_INIT;

    *s = (struct issuer_session){.args = args, .data = -1};
    arena_init(&s->arena, SESSION_ARENA);
    ceremony_made_init(&s->made);
    umask(022);
    if (crypto_init() != RC_OK)
        return cmd_failf("OpenSSL cannot be set up; `autarky version` shows which one is used");
    if (cmd_load_config(args, &s->conf, &problems) != RC_OK)
        return cmd_show_problems(buf_str(&problems));
    err.rc = cmd_open_data(args, &s->data, &err);
    if (err.rc == RC_OK)
        err.rc = ask_register(s, &err);
    if (err.rc != RC_OK)
        return cmd_fail(&err);
    s->ceremony = (struct ceremony){.data = s->data,
                                    .conf = s->conf,
                                    .now = clock_now(clock_system()),
                                    .known = s->rows,
                                    .n_known = s->n,
                                    .known_crosses = s->crosses,
                                    .n_known_crosses = s->n_crosses};
    s->loader = (struct ca_key_loader){.data = s->data, .conf = s->conf};
    s->change.now = s->ceremony.now;
    s->change.reason = str_of(args->values[CMD_OPT_REASON]);
    return CMD_DONE;
}

void issuer_session_done(struct issuer_session *s)
{
    for (size_t i = 0; i < s->n_crls; i++)
        buf_done(&s->crls[i].der);
    ceremony_made_done(&s->made);
    ca_key_loader_done(&s->loader);
    secret_free(s->root_passphrase);
    secret_free(s->passphrase);
    conf_unref(s->conf);
    arena_done(&s->arena);
    fd_close(&s->data);
}

const struct store_issuer *issuer_session_find(const struct issuer_session *s, const char *ref)
{
    const struct store_issuer *row = row_named(s, str_of(ref));

    if (!row)
        cmd_failf("the register has no issuer \"%s\"; `autarky issuer list` shows all", ref);
    return row;
}

const struct store_cross *issuer_session_cross(const struct issuer_session *s, struct str name)
{
    for (size_t i = 0; i < s->n_crosses; i++)
        if (str_eq(s->crosses[i].name, name))
            return &s->crosses[i];
    return NULL;
}

const struct store_issuer *issuer_session_row(const struct issuer_session *s, const struct id *id)
{
    for (size_t i = 0; i < s->n; i++)
        if (str_eq(id_str(&s->rows[i].id), id_str(id)))
            return &s->rows[i];
    for (size_t i = 0; i < s->made.n; i++)
        if (str_eq(id_str(&s->made.rows[i].id), id_str(id)))
            return &s->made.rows[i];
    return NULL;
}

static struct str ref_of(const struct issuer_session *s, const struct id *id)
{
    const struct store_issuer *row = issuer_session_row(s, id);

    return row ? row->name : STR("");
}

/* ---- lists of roots */

int issuer_session_crl(struct issuer_session *s, struct str root, const struct ceremony_also *also)
{
    struct err err = ERR_INIT;

    for (size_t i = 0; i < s->n_crls; i++)
        if (str_eq(s->crls[i].root, root))
            return CMD_DONE;
    if (s->n_crls == ISSUER_CRLS_MAX)
        return CMD_DONE; /* as many as there are roots that sign */
    s->crls[s->n_crls].root = root;
    buf_init(&s->crls[s->n_crls].der, CEREMONY_CRL_FILE_MAX);
    err.rc = ceremony_root_crl(&s->ceremony, &s->made, root, also, &s->crls[s->n_crls].der, &err);
    s->n_crls++;
    return err.rc == RC_OK ? CMD_DONE : cmd_fail(&err);
}

/* What new issuers and cross certificates point to has to be there, and a new root has its list
 * from the first day on. From a root elsewhere it comes along, or later. */
static int crls_of_made(struct issuer_session *s)
{
    int status = CMD_DONE;

    for (size_t i = 0; i < s->made.n && status == CMD_DONE && !s->given; i++) {
        const struct store_issuer *row = &s->made.rows[i];

        status =
            issuer_session_crl(s, row->parent.z[0] ? ref_of(s, &row->parent) : row->name, NULL);
    }
    for (size_t i = 0; i < s->made.n_crosses && status == CMD_DONE && !s->given; i++)
        status = issuer_session_crl(s, ref_of(s, &s->made.crosses[i].signer), NULL);
    return status;
}

/* ---- making it so */

static void put_made(const struct issuer_session *s, struct json_out *o)
{
    json_key(o, "issuers");
    json_arr(o);
    for (size_t i = 0; i < s->made.n; i++) {
        const struct store_issuer *row = &s->made.rows[i];

        json_obj(o);
        json_kv_str(o, "ref", row->name);
        if (row->parent.z[0])
            json_kv_str(o, "parent", ref_of(s, &row->parent));
        json_kv_b64url(o, "certificate", row->certificate);
        json_kv_bool(o, "key", row->key_ref.n > 0);
        json_kv_when(o, "activates", row->activates);
        json_end(o);
    }
    json_end(o);
    json_key(o, "crosses");
    json_arr(o);
    for (size_t i = 0; i < s->made.n_crosses; i++) {
        const struct store_cross *cross = &s->made.crosses[i];

        json_obj(o);
        json_kv_str(o, "subject", ref_of(s, &cross->subject));
        json_kv_str(o, "signer", ref_of(s, &cross->signer));
        json_kv_b64url(o, "certificate", cross->certificate);
        json_end(o);
    }
    json_end(o);
}

/* The name of one that is to be revoked. */
static struct str cross_of(const struct issuer_session *s, size_t i)
{
    for (size_t k = 0; k < s->n_crosses; k++)
        if (str_eq(id_str(&s->crosses[k].id), id_str(&s->change.revoke_cross[i].id)))
            return s->crosses[k].name;
    return STR("");
}

static enum rc put_change(const struct issuer_session *s, struct buf *out)
{
    const struct ca_change *c = &s->change;
    struct json_out o;

    json_out_init(&o, out, JSON_COMPACT);
    json_obj(&o);
    put_made(s, &o);
    json_key(&o, "retire");
    json_arr(&o);
    for (size_t i = 0; i < c->n_retire; i++) {
        json_obj(&o);
        json_kv_str(&o, "ref", ref_of(s, &c->retire[i].id));
        json_kv_when(&o, "at", c->retire[i].at);
        json_end(&o);
    }
    json_end(&o);
    json_key(&o, "revoke");
    json_arr(&o);
    for (size_t i = 0; i < c->n_revoke; i++) {
        json_obj(&o);
        json_kv_str(&o, "ref", ref_of(s, &c->revoke[i]));
        json_end(&o);
    }
    for (size_t i = 0; i < c->n_revoke_cross; i++) {
        json_obj(&o);
        json_kv_str(&o, "ref", cross_of(s, i));
        json_kv_z(&o, "reason", x509_reason_text(c->revoke_cross[i].reason));
        json_end(&o);
    }
    json_end(&o);
    json_key(&o, "crls");
    json_arr(&o);
    for (size_t i = 0; i < s->n_crls; i++) {
        json_obj(&o);
        json_kv_str(&o, "root", s->crls[i].root);
        json_kv_b64url(&o, "crl", buf_str(&s->crls[i].der));
        json_end(&o);
    }
    json_end(&o);
    json_kv_str(&o, "reason", c->reason);
    json_end(&o);
    return json_out_done(&o);
}

/* Files that are changed, not made: as they were, for when it fails. */
struct before {
    struct buf rules;
    size_t marks; /* that are made */
};

/* The issuers that are revoked get ca/REF.revoked, which the signer believes. */
static const char *mark_of(const struct issuer_session *s, size_t i,
                           char path[static CA_REF_MAX + 32])
{
    snprintf(path, CA_REF_MAX + 32, "ca/%.*s.revoked", STR_ARG(ref_of(s, &s->change.revoke[i])));
    return path;
}

static enum rc prepare(struct issuer_session *s, struct before *b, struct err *err)
{
    char path[CA_REF_MAX + 32];

    TRY(ceremony_write(&s->ceremony, &s->made, err));
    if (s->rules) {
        TRY(file_read(s->data, rules_file, &b->rules, err));
        TRY(ceremony_rules_write(s->data, s->conf, s->special, err));
    }
    for (; b->marks < s->change.n_revoke; b->marks++)
        TRY(file_write(s->data, mark_of(s, b->marks, path), STR(""), 0644, FILE_OWNER_SELF, err));
    return RC_OK;
}

static void undo(struct issuer_session *s, const struct before *b)
{
    struct err err = ERR_INIT;
    char path[CA_REF_MAX + 32];

    ceremony_undo(&s->ceremony, &s->made);
    if (b->rules.n &&
        file_write(s->data, rules_file, buf_str(&b->rules), 0644, FILE_OWNER_SELF, &err) != RC_OK)
        cmd_fail(&err);
    for (size_t i = 0; i < b->marks; i++)
        unlinkat(s->data, mark_of(s, i, path), 0);
}

static enum rc tell(const struct issuer_session *s, struct buf *answer, struct err *err)
{
    CLEANUP(buf_done) struct buf ask = BUF_INIT(CHANGE_MAX);

    TRY(put_change(s, &ask));
    return cmd_control(cmd_data(s->args), "issuer change", buf_str(&ask), answer, err);
}

/* ---- an answer that did not come */

/* What the server refused has not happened. */
static bool is_refusal(enum rc rc)
{
    static const enum rc refusals[] = {RC_DENIED, RC_EXISTS, RC_NOTFOUND, RC_CONFLICT,
                                       RC_INVAL,  RC_TOOBIG, RC_NOTFOUND, RC_UNSUPPORTED,
                                       RC_QUOTA,  RC_NET};

    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
        if (rc == refusals[i])
            return true;
    return false;
}

static const struct json *named(const struct json *list, const char *member, struct str name)
{
    struct json_iter it = json_iter(list);
    const struct json *v;

    while (json_next(&it, NULL, &v))
        if (str_eq(json_shown(v, member), name))
            return v;
    return NULL;
}

/* The change is one transaction: where a part of it is in the register, all of it is. */
static bool holds(struct issuer_session *s, const struct json *root)
{
    const struct json *issuers = json_get(root, "issuers"), *v;
    const struct ca_change *c = &s->change;
    struct str name, der;

    if (s->made.n) {
        v = named(issuers, "ref", s->made.rows[0].name);
        return v && der_of(v, "certificate", &s->arena, &der) == RC_OK &&
               str_eq(der, s->made.rows[0].certificate);
    }
    if (s->made.n_crosses)
        return named(json_get(root, "cross_certificates"), "name", s->made.crosses[0].name) != NULL;
    if (c->n_revoke_cross) {
        v = named(json_get(root, "cross_certificates"), "name", cross_of(s, 0));
        return v && json_type(json_get(v, "revoked")) == JSON_OBJECT;
    }
    if (!c->n_revoke && !c->n_retire) {
        v = named(issuers, "ref", s->crls[0].root);
        return v && der_of(json_get(v, "crl"), "der", &s->arena, &der) == RC_OK &&
               str_eq(der, buf_str(&s->crls[0].der));
    }
    name = ref_of(s, c->n_revoke ? &c->revoke[0] : &c->retire[0].id);
    v = named(issuers, "ref", name);
    return v && (c->n_revoke ? state_of(json_shown(v, "state")) == STORE_ISSUER_REVOKED
                             : json_shown(v, "retires").n > 0);
}

enum outcome { DONE, NOT_DONE, UNKNOWN };

/* Whether it has happened all the same: a key that the register knows must not go again. A server
 * that was too slow may do it yet; one that died cannot. */
static enum outcome look_again(struct issuer_session *s, enum rc why)
{
    const struct timespec pause = {.tv_sec = 1};

    for (int i = 0; i < LOOKS; i++) {
        CLEANUP(buf_done) struct buf answer = BUF_INIT(ANSWER_MAX);
        CLEANUP(json_freep) struct json_doc *doc = NULL;
        struct err err = ERR_INIT;

        nanosleep(&pause, NULL);
        if (cmd_control_list(cmd_data(s->args), "issuer list", STR(""), &answer, &err) != RC_OK ||
            json_parse(buf_str(&answer), ANSWER_MAX, &doc, NULL) != RC_OK)
            continue;
        if (holds(s, json_root(doc)))
            return DONE;
        return why == RC_CLOSED ? NOT_DONE : UNKNOWN;
    }
    return UNKNOWN;
}

/* It is in the register, and who was to tell the signer is gone. */
static enum rc restart_signer(const struct issuer_session *s, struct buf *answer, struct err *err)
{
    buf_reset(answer);
    return ask_signer_restart(s->args, answer, err);
}

static void show_lists(const struct issuer_session *s)
{
    for (size_t i = 0; i < s->n_crls; i++) {
        CLEANUP(arena_done) struct arena a = ARENA_INIT(CRL_ARENA);
        char until[WHEN_TEXT];
        struct x509_crl crl;

        if (x509_crl_parse(&a, buf_str(&s->crls[i].der), &crl, NULL) == RC_OK)
            printf("the list of %.*s is served, with %zu revoked, good until %s\n",
                   STR_ARG(s->crls[i].root), crl.n, when_text(crl.next_update, until));
    }
}

static void show(const struct issuer_session *s, struct buf *answer)
{
    char at[WHEN_TEXT], until[WHEN_TEXT];

    if (cmd_json(s->args)) {
        buf_putz(answer, "\n");
        cmd_print(buf_str(answer));
        return;
    }
    for (size_t i = 0; i < s->made.n; i++) {
        const struct store_issuer *row = &s->made.rows[i];

        printf("%.*s is there, valid until %s%s%s\n", STR_ARG(row->name),
               when_text(row->not_after, until), row->parent.z[0] ? "; it signs from " : "",
               row->parent.z[0] ? when_text(row->activates, at) : "");
    }
    for (size_t i = 0; i < s->made.n_crosses; i++)
        printf("%.*s is there, valid until %s\n", STR_ARG(s->made.crosses[i].name),
               when_text(s->made.crosses[i].not_after, until));
    for (size_t i = 0; i < s->change.n_retire; i++)
        printf("%.*s signs no certificates from %s on\n",
               STR_ARG(ref_of(s, &s->change.retire[i].id)), when_text(s->change.retire[i].at, at));
    for (size_t i = 0; i < s->change.n_revoke; i++)
        printf("%.*s is revoked\n", STR_ARG(ref_of(s, &s->change.revoke[i])));
    for (size_t i = 0; i < s->change.n_revoke_cross; i++)
        printf("%.*s is revoked, and in no chain any more\n", STR_ARG(cross_of(s, i)));
    show_lists(s);
}

/* The lists that were made here. Only now: what the register refused has not been revoked. */
static enum rc keep_lists(const struct issuer_session *s, struct err *err)
{
    for (size_t i = 0; i < s->n_crls && !s->given; i++)
        TRY(ceremony_crl_keep(s->data, s->crls[i].root, buf_str(&s->crls[i].der), err));
    return RC_OK;
}

/* Files stay unless it is certain that the register does not know them. */
static enum rc settle(struct issuer_session *s, const struct before *b, struct buf *answer,
                      struct err *err)
{
    enum rc rc = tell(s, answer, err);
    enum outcome outcome = NOT_DONE;

    if (rc == RC_OK)
        return RC_OK;
    if (!is_refusal(rc))
        outcome = look_again(s, rc);
    if (outcome == DONE)
        return restart_signer(s, answer, err);
    if (outcome == UNKNOWN)
        return ERR(err, rc, msg_unknown);
    undo(s, b);
    err->rc = rc;
    return rc;
}

int issuer_session_commit(struct issuer_session *s)
{
    CLEANUP(buf_done) struct buf answer = BUF_INIT(ANSWER_MAX);
    struct before b = {.rules = BUF_INIT(CA_RULES_FILE_MAX)};
    struct err err = ERR_INIT;
    int status = crls_of_made(s);

    if (status != CMD_DONE)
        return status;
    err.rc = prepare(s, &b, &err);
    if (err.rc != RC_OK)
        undo(s, &b);
    else
        err.rc = settle(s, &b, &answer, &err);
    buf_done(&b.rules);
    if (err.rc != RC_OK)
        return cmd_fail(&err);
    show(s, &answer);
    err.rc = keep_lists(s, &err);
    if (err.rc == RC_OK)
        err.rc = ceremony_publish(&s->ceremony, &s->made, &err);
    return err.rc == RC_OK ? CMD_DONE : cmd_fail(&err);
}

int issuer_session_commit_or_tell(struct issuer_session *s, const char *what, const char *ref)
{
    if (!s->args->values[CMD_OPT_DRY_RUN])
        return issuer_session_commit(s);
    printf("would %s %s\n", what, ref);
    return CMD_DONE;
}
