/* SPDX-License-Identifier: Apache-2.0 */
/* A change that an administrator makes with one command: its arguments are read, and unless this is
 * a dry run it is written with its event in the trail, which names the user; then it is answered.
 */
#pragma once

#include "core/core_int.h"
#include "store/accounts.h"
#include "store/agents.h"
#include "store/alerts.h"
#include "store/approvals.h"
#include "store/certificates.h"
#include "store/eab.h"
#include "store/endpoints.h"
#include "store/escrows.h"
#include "store/locks.h"
#include "store/operators.h"
#include "store/renewals.h"

enum { CORE_CHANGE_SHOWN = 64 /* bytes of what was given, in messages */, CORE_ONCE_MAX = 32 };

/* One command under way; lives in the request's arena. */
struct core_change {
    struct core *core;
    struct ipc_req *req;
    struct arena *a;
    const struct json *args;
    struct core_who who;
    struct str asker; /* "uid 0" */
    struct str why;
    when_t now;
    bool dry;
    struct err err;
    struct store_eab eab;
    struct store_account account;
    struct store_renewal renewal;
    struct store_lock lock;
    struct store_alert alert;
    struct store_silence silence;
    struct store_endpoint endpoint;
    struct str txt; /* a label in the zone of TXT records */
    struct store_user user;
    struct store_token token;
    struct store_certificate certificate;
    struct store_escrow escrow;        /* its key */
    struct str serial;                 /* of it, as text, for the trail */
    struct str made;                   /* "token nagios", for the idempotency key */
    unsigned char once[CORE_ONCE_MAX]; /* what is told once */
    struct store_agent agent;
    struct store_agent_token agent_token;
    struct shelf_mail *mail;
    struct revocation_result *revoked;
    struct core_password password; /* with `done`, it is hashed before the change is written */
    uint64_t certificates, tokens; /* how many were changed with it */
    struct store_approval decided; /* what a person decides on, and how */
    struct store_approval_vote vote;
    struct core_backup {
        struct id id;
        uint64_t bytes, records;
        struct str sha256, note;
    } backup;
    struct idempotency_run *key;   /* NULL: the command came without one */
    struct core_approval approval; /* `read` begins it where the change may take a second person */
    enum rc (*write)(struct store_txn *txn, struct core_change *c);
    void (*put)(struct core_change *c, struct json_out *o);
};

/* Reads "reason" and "dry_run", calls `read`, which checks the rest and sets `write` and `put`, and
 * ends `req`: with the object that `put` fills, or with c->err. What takes a second person, and has
 * none yet, is asked of one, and not written. */
void core_change_run(struct core *core, struct ipc_req *req, const struct json *args,
                     struct core_who who, enum rc (*read)(struct core_change *c));
/* In `read`: the password becomes that of c->user, before `write`. */
void core_change_password(struct core_change *c, struct str password);
/* A text of the arguments, printable, in the arena; empty when it is not given. */
enum rc core_change_text(struct core_change *c, const char *name, size_t max, struct str *out);
/* A time, or how long from now; 0 when it is not given. */
enum rc core_change_when(struct core_change *c, const char *name, when_t *out);
/* In `write`: the event. `name` goes into its detail; empty: none. What it names is also what the
 * idempotency key of the command remembers. */
enum rc core_change_audit(struct store_txn *txn, struct core_change *c, const char *action,
                          const char *kind, const struct id *object, struct str name);
