/* SPDX-License-Identifier: Apache-2.0 */
/* The second person (control.two_persons). Who asks and who allows are users of this host, by the
 * kernel's word of who holds the other end of the control socket. An approval is of a text that
 * says exactly what will be done, counts once and for a day, and both people stand in the trail. */
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "approval/approval.h"
#include "audit/audit.h"
#include "ca/ref.h"
#include "core/core_int.h"
#include "crypto/hash.h"
#include "ev/clock.h"
#include "log/log.h"

MSG(msg_waits, API_APPROVAL_WAITS,
    "this takes {2} out of control.people, by `autarky approval grant {0}`; then give the same "
    "command again, until {1}");
MSG(msg_user, "core.approval-user", "control.people: this host has no user \"{0}\"");

enum { WHAT_MAX = 4096 };
#define APPROVAL_LIFETIME WHEN_DAY

/* ---- who */

struct core_who core_who_of(const struct net_cred *cred)
{
    struct core_who who = {.uid = cred->uid, .login = CORE_NO_LOGIN};

    IGNORE_RC(net_peer_login(cred, &who.login)); /* then the user alone counts */
    return who;
}

int64_t core_who_person(const struct core_who *who)
{
    if (who->way != CORE_BY_SOCKET)
        return who->person;
    return who->login == CORE_NO_LOGIN ? who->uid : who->login;
}

enum rc core_who_str(struct core_who who, struct arena *a, struct str *out)
{
    if (who.way != CORE_BY_SOCKET)
        *out = arena_printf(a, "%s %s%s", who.way == CORE_BY_TOKEN ? "token" : "user", who.name,
                            who.way == CORE_BY_CERTIFICATE ? " (certificate)" : "");
    else if (core_who_person(&who) == who.uid)
        *out = arena_printf(a, "uid %u", (unsigned)who.uid);
    else
        *out = arena_printf(a, "uid %u (login %u)", (unsigned)who.uid, (unsigned)who.login);
    return out->p ? RC_OK : RC_NOMEM;
}

enum rc core_people_read(struct core *core, struct err *err)
{
    const struct conf_strs *people = &core->conf->control.people;

    for (size_t i = 0; i < people->n && core->n_people < CORE_PEOPLE_MAX; i++) {
        const struct passwd *pw;
        char name[64];

        TRY(str_copyz(people->p[i], name, sizeof(name)));
        /* cppcheck-suppress getpwnamCalled ; before any thread */
        pw = getpwnam(name); /* NOLINT(concurrency-mt-unsafe): before any thread */
        if (!pw)
            return ERR(err, RC_NOTFOUND, msg_user, people->p[i]);
        core->people[core->n_people++] = pw->pw_uid;
    }
    return RC_OK;
}

bool core_is_person(const struct core *core, uid_t uid)
{
    for (size_t i = 0; i < core->n_people; i++)
        if (core->people[i] == uid)
            return true;
    return false;
}

/* ---- what */

/* A change may be several things at once, and takes a second person when one of them does: who
 * replaces an issuer beside it must not thereby make another one alone. */
static bool takes_two(unsigned two_persons, const struct json *change, const char **action)
{
    size_t made = json_len(json_get(change, "issuers"));
    size_t crossed = json_len(json_get(change, "crosses"));
    size_t replaced = json_len(json_get(change, "retire"));
    size_t revoked = json_len(json_get(change, "revoke"));
    size_t lists = json_len(json_get(change, "crls")); /* alone they change no authority */
    const struct {
        enum conf_two_persons kind;
        const char *action;
        bool is;
    } kinds[] = {
        {CONF_TWO_ISSUER_REVOKE, "issuer.revoke", revoked > 0},
        {CONF_TWO_ISSUER_ROTATE, "issuer.rotate", replaced > 0},
        {CONF_TWO_ISSUER_CREATE, "issuer.create",
         made > replaced || crossed > 0 || replaced + revoked + lists == 0},
    };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (kinds[i].is && two_persons & 1u << kinds[i].kind) {
            *action = kinds[i].action;
            return true;
        }
    return false;
}

static void put_member(const struct json *v, const char *name, const char *between, struct buf *out)
{
    struct str s;

    if (json_str(json_get(v, name), &s) == RC_OK && s.n)
        buf_printf(out, "%s%.*s", between, STR_ARG(s));
}

/* A root has no parent: what is said of one is not read, and so not shown. */
static bool is_root(const struct json *issuer)
{
    struct ca_ref parts;
    struct str ref;

    return json_str(json_get(issuer, "ref"), &ref) == RC_OK && ca_ref_parse(ref, &parts) == RC_OK &&
           parts.root;
}

/* "issuer.rotate: new rsa-2 under root-rsa; retire rsa-1". Keys are made anew each time the command
 * runs, so they are no part of it. */
static void put_what(const struct json *change, const char *action, struct buf *out)
{
    static const struct {
        const char *list, *word, *first, *between, *second;
    } lists[] = {
        {"issuers", "new", "ref", " under ", "parent"},
        {"crosses", "cross", "subject", " by ", "signer"},
        {"retire", "retire", "ref", "", "-"},
        {"revoke", "revoke", "ref", "", "-"},
    };
    bool first = true;

    buf_putz(out, action);
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        struct json_iter it = json_iter(json_get(change, lists[i].list));
        const struct json *v;

        while (json_next(&it, NULL, &v)) {
            buf_printf(out, "%s%s", first ? ": " : "; ", lists[i].word);
            put_member(v, lists[i].first, " ", out);
            if (i != 0 || !is_root(v))
                put_member(v, lists[i].second, lists[i].between, out);
            first = false;
        }
    }
}

static enum rc needs(struct core_approval *out)
{
    TRY(arena_str(out->arena, out->what, &out->what));
    TRY(arena_str(out->arena, out->action, &out->action));
    out->needed = true;
    return crypto_sha256(out->what, out->digest.b);
}

enum rc core_approval_begin(const struct core *core, struct core_who who, const struct json *change,
                            struct arena *a, struct core_approval *out)
{
    CLEANUP(buf_done) struct buf what = BUF_INIT(WHAT_MAX);
    const char *action;

    *out = (struct core_approval){.who = who, .now = clock_now(ev_clock(core->ev)), .arena = a};
    if (!takes_two(core->conf->control.two_persons, change, &action))
        return RC_OK;
    put_what(change, action, &what);
    TRY(buf_rc(&what));
    out->what = buf_str(&what);
    out->action = str_of(action);
    return needs(out);
}

enum rc core_approval_begin_one(const struct core *core, unsigned kinds, struct core_approval *out)
{
    return core->conf->control.two_persons & kinds ? needs(out) : RC_OK;
}

enum rc core_approval_begin_always(struct core_approval *out)
{
    return needs(out);
}

/* ---- inside of transactions */

static enum rc append(struct store_txn *txn, const struct core_approval *c, const char *action)
{
    struct audit_event event = {
        .at = c->now,
        .actor_kind = AUDIT_OPERATOR,
        .reason = c->reason,
    };

    TRY(core_who_str(c->who, c->arena, &event.actor));
    return approval_audit(txn, &c->row, &event, action);
}

enum rc core_approval_use(struct store_txn *txn, struct core_approval *c)
{
    enum rc rc;

    if (!c->needed)
        return RC_OK;
    rc = store_approval_find(txn, c->arena, &c->digest, core_who_person(&c->who), c->now, &c->row);
    c->missing = rc == RC_NOTFOUND || (rc == RC_OK && c->row.state == STORE_APPROVAL_PENDING);
    c->known = rc == RC_OK;
    if (c->missing)
        return RC_DENIED;
    TRY(rc);
    TRY(store_approval_move(txn, &c->row.id, STORE_APPROVAL_GRANTED, STORE_APPROVAL_USED,
                            core_who_person(&c->who), c->now));
    return append(txn, c, "approval.used");
}

enum rc core_approval_ask(struct store_txn *txn, void *approval)
{
    struct core_approval *c = approval;

    if (c->known)
        return RC_OK; /* it waits already */
    c->row = (struct store_approval){
        .action = c->action,
        .what = c->what,
        .digest = c->digest,
        .asked_by = core_who_person(&c->who),
        .asked = c->now,
        .expires = c->now + APPROVAL_LIFETIME,
        .state = STORE_APPROVAL_PENDING,
        .decided_by = -1,
        .approvers = 1,
        .reason = c->reason,
        .evidence = c->evidence,
    };
    TRY(id_new(&c->row.id));
    TRY(store_approval_add(txn, &c->row));
    return append(txn, c, "approval.asked");
}

enum rc core_approval_says(const struct store_approval *row, struct err *err)
{
    char until[WHEN_TEXT];

    return ERR(err, RC_DENIED, msg_waits, id_str(&row->id), str_of(when_text(row->expires, until)),
               row->approvers < 2 ? STR("a second person") : STR("two other persons"));
}
