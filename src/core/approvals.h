/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks through the control socket, and what takes a second person. */
#pragma once

#include "base/arena.h"
#include "conf/conf.h"
#include "ipc/chan.h"
#include "json/json.h"
#include "json/out.h"
#include "net/net.h"
#include "operators/roles.h"
#include "store/approvals.h"

struct core;

/* ---- who */

#define CORE_NO_LOGIN ((uid_t)-1)
/* Persons that are no user of this host have the numbers from here on, which no user id reaches. */
#define CORE_PERSONS (INT64_C(1) << 32)
#define CORE_NOBODY INT64_C(-2) /* whoever had a one-time link */

enum core_way {
    CORE_BY_SOCKET,      /* a user of this host, by the kernel's word */
    CORE_BY_SESSION,     /* a user of `autarky user add` who has signed in */
    CORE_BY_TOKEN,       /* a program with a token */
    CORE_BY_CERTIFICATE, /* a user whose certificate the client has shown */
};

struct core_who {
    uid_t uid;   /* of CORE_BY_SOCKET, as the next; CORE_NO_LOGIN otherwise */
    uid_t login; /* who signed in to this host, whatever `sudo` or `su` made of them since;
                    CORE_NO_LOGIN: nobody did, or it cannot be told */
    enum core_way way;
    unsigned roles; /* bits of operators/roles.h */
    int64_t person; /* not of CORE_BY_SOCKET: core_who_person */
    int64_t user;   /* of CORE_BY_SESSION and _CERTIFICATE: struct store_user's n;
                       otherwise 0 */
    char name[OPERATORS_NAME_MAX + 1]; /* of the user or the token */
    struct addr address;               /* whence; none: this host */
};

struct core_who core_who_of(const struct net_cred *cred);
/* One number for one person: the user who signed in to this host, and where there is none the one
 * who asks; of another user the user of this host that is the same person, or one from CORE_PERSONS
 * on; of a program who made its token; CORE_NOBODY. */
int64_t core_who_person(const struct core_who *who);
/* For the trail, in the arena: "uid 0", or "uid 0 (login 1000)" when the two differ; "user alice",
 * "user alice (certificate)", "token nagios". */
enum rc core_who_str(struct core_who who, struct arena *a, struct str *out);

/* ---- the second person */

/* What a change needs, and has. */
struct core_approval {
    bool needed, missing, known;
    struct core_who who;
    when_t now;
    struct arena *arena;
    struct str action, what, reason; /* the last one of who asks */
    struct str evidence;             /* JSON for who decides; empty: the words are all there is */
    struct store_hash digest;
    struct store_approval row;
};

/* control.people as users of this host, before confinement. RC_NOTFOUND names one that is none. */
enum rc core_people_read(struct core *core, struct err *err);
bool core_is_person(const struct core *core, uid_t uid);
/* Does `change` (of `issuer change`) take a second person, for any of what it does? */
enum rc core_approval_begin(const struct core *core, struct core_who who, const struct json *change,
                            struct arena *a, struct core_approval *out);
/* The same for one thing that is put in words already, copied into out->arena: `out` comes with
 * who, now, arena, action and what. It takes a second person when one of `kinds` does, bits 1 <<
 * enum conf_two_persons. */
enum rc core_approval_begin_one(const struct core *core, unsigned kinds, struct core_approval *out);
/* The same for what takes a second person whatever the configuration says. */
enum rc core_approval_begin_always(struct core_approval *out);
/* In the transaction of the change: uses what was granted; RC_DENIED and `missing` otherwise. */
enum rc core_approval_use(struct store_txn *txn, struct core_approval *c);
/* Asks for it when nobody has yet; the argument of a store job. */
enum rc core_approval_ask(struct store_txn *txn, void *approval);
/* RC_DENIED, the message API_APPROVAL_WAITS: which one waits. */
enum rc core_approval_says(const struct store_approval *row, struct err *err);

/* ---- decisions.c */

/* Admin commands `approval grant`, args {"id","for","renewals","reason"}, and `approval deny`,
 * {"id","reason"}; end `req` with the members of the list. */
void core_approval_grant(struct core *core, struct ipc_req *req, const struct json *args,
                         struct core_who who);
void core_approval_deny(struct core *core, struct ipc_req *req, const struct json *args,
                        struct core_who who);
/* `approval list`: {"approvals":[{"id","action","what","state","asked_by" (null: an ACME account),
 * "asked","expires","decided_by","approvers","granted"}...],"next"}, the newest first. Args
 * {"limit","cursor"}. */
enum rc core_approval_list(struct core *core, const struct json *args, struct json_out *o,
                           struct err *err);
/* `approval show`, args {"id"}: the same, and "reason","scope","used","votes":[{"by","at","grant",
 * "reason"}...]; of a certificate "account","order","client","profile","key","rules","names":
 * [{"name","unicode"}...],"evidence","csr" (PEM); of another policy "changes":[{"key","was",
 * "now"}...]. */
enum rc core_approval_show(struct core *core, const struct json *args, struct json_out *o,
                           struct err *err);
