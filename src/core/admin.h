/* SPDX-License-Identifier: Apache-2.0 */
/* Commands of those who operate the CA: where they come in, and how they are answered. Part of
 * core/core_int.h. */
#pragma once

#include "core/approvals.h"
#include "crypto/hash.h"
#include "crypto/password.h"
#include "idempotency/run.h"
#include "ipc/messages.h"

/* control.operators, found on this host. */
struct core_operator {
    bool group;
    uid_t uid;
    gid_t gid;
    unsigned roles;
};

/* What unknown users are compared with, so that they take as long as others. */
struct core_nobody {
    struct id id;
    unsigned char password[CRYPTO_PASSWORD_BYTES];
    unsigned char totp[CRYPTO_AEAD_NONCE + 20 + CRYPTO_AEAD_TAG];
};

/* A reload whose policy takes a second person. */
struct core_policy_change {
    const struct core_who *by; /* who asked for the reload that is under way; NULL: a signal */
    struct str reason;
    struct arena arena; /* of the approval */
    struct core_approval approval;
    bool granted, waits;
    struct id last; /* what the last reload still waits for; "": nothing */
};

/* ---- admin.c: the table of commands */

/* Answers one, which may take a while: `args` is a JSON object as text, borrowed. Refused is what
 * the roles of `who` do not allow (operators/roles.h); root may do all. */
void core_admin_command(struct core *core, struct ipc_req *req, const struct core_who *who,
                        const struct ipc_admin *command);
/* Whether it is one that reads, and so may come by GET. */
bool core_admin_reads(struct str name);
/* Whether it changes something, and so is done once with an idempotency key. */
bool core_admin_changes(struct str name);
/* The name of the command at that place of the table, NULL behind the last: for tests. */
const char *core_admin_name(size_t i);
/* Root, or the user that runs the server. */
bool core_is_admin(const struct core *core, const struct core_who *who);

/* ---- policy_change.c: another policy takes a second person (policy.change) */

/* Another configuration comes: RC_DENIED when its policy takes a second person, who has not granted
 * it yet; they are asked. */
enum rc core_policy_prepare(struct core *core, const struct conf *next, struct err *err);
/* It does not come. */
void core_policy_abort(struct core *core);
/* It has come, or core ends to start with it. */
void core_policy_used(struct core *core);
/* `who`, which stays until core_policy_asked, has a reload made; then whether it failed because a
 * second person is waited for, in those words: RC_DENIED. */
void core_policy_asks(struct core *core, const struct core_who *who, struct str reason);
enum rc core_policy_asked(struct core *core, const struct core_who *who, struct err *err);

/* Admin command `reload`, args {"reason"}; ends `req` with {"generation","text"}. RC_DENIED where
 * the policy of the new configuration takes a second person; RC_CLOSED without a supervisor. */
void core_reload(struct core *core, struct ipc_req *req, const struct json *args,
                 struct core_who who);

/* Admin command `upgrade`; ends `req` with {"version"} of the program that takes over, once it is
 * known that it can. RC_DENIED: why not. RC_CLOSED without a supervisor. */
void core_upgrade(struct core *core, struct ipc_req *req, const struct json *args,
                  struct core_who who);

/* ---- control.c: the control socket */

/* Begins to accept on core->control; ends all conversations. */
enum rc core_admin_start(struct core *core);
void core_admin_stop(struct core *core);
/* ---- answer.c: commands come by the control socket or as requests of /api/v1/, and are answered
 * the way they came */

/* Ends a command with the document in `o`, written to `text`, or with why there is none. */
void core_admin_reply(struct ipc_req *req, struct json_out *o, const struct buf *text);
/* The same with a document that is there. */
void core_admin_answer(struct ipc_req *req, struct str json);
/* Ends it with what went wrong. */
void core_admin_refuse(struct ipc_req *req, const struct err *err);

/* ---- certs.c: certificates without ACME */

/* Admin command `cert sign`: `args` as api_cert_sign_read, and "dry_run"; ends `req` with
 * api_cert_put's document of the new certificate, or with what would be issued. RC_AGAIN: the
 * signer is away and nothing was issued. `who` asks. */
void core_cert_sign(struct core *core, struct ipc_req *req, const struct json *args,
                    struct core_who who);
/* RC_INVAL for a ca.escrow that nothing can be sealed to. */
enum rc core_escrow_check(const struct conf *conf, struct err *err);
/* `cert escrow`: {"serial", "reason", "dry_run"}; ends `req` with api_escrow_put_sealed's members,
 * the envelope once key.escrow-fetched is on disk. RC_INVAL without a reason, RC_NOTFOUND. */
void core_cert_escrow(struct core *core, struct ipc_req *req, const struct json *args,
                      struct core_who who);
/* `cert revoke`: {"serial", "reason": of RFC 5280 by name, "why": a person's words, "dry_run"};
 * ends `req` with api_cert_put's document. RC_CONFLICT when it is revoked for another reason,
 * unless the new one is keyCompromise. */
void core_cert_revoke(struct core *core, struct ipc_req *req, const struct json *args,
                      struct core_who who);
