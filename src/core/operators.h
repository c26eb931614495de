/* SPDX-License-Identifier: Apache-2.0 */
/* Who operates the CA: users and groups of this host (control.operators, control.people), users of
 * `autarky user add` who sign in with a password and a one-time code, programs with tokens. What
 * roles may do is operators/roles.h. */
#pragma once

#include "core/core_int.h"
#include "http/exchange.h"
#include "operators/totp.h"
#include "store/certificates.h"
#include "store/operators.h"
#include "x509/serial.h"

enum {
    CORE_PASSWORD_MIN = 12, /* bytes of a password */
    CORE_TOKEN_BYTES = 32,
};
#define CORE_TOKEN_PREFIX "atk_"
#define CORE_TOKEN_LIFE_MAX (366 * WHEN_DAY)

/* ---- operators.c */

/* control.operators as users and groups of this host, before confinement. RC_NOTFOUND names one
 * that is none. */
enum rc core_operators_read(struct core *core, struct err *err);
/* What the other end of the control socket may do, besides root; 0: nothing. */
unsigned core_operators_roles(const struct core *core, int fd, const struct net_cred *cred);

/* Admin commands. `user add`, args {"name","roles","host_user": a user id, or -1 for none,
 * "password","reason"}; `user totp` {"name"}; both answer, once, "totp" (a URL for generators) and
 * "totp_key". `user password` {"name","password"}, `user role` {"name","roles"}, `user remove`
 * {"name"}, which ends the tokens that the user made as well. What is changed ends the user's
 * sessions. All answer the members of the list. */
void core_user_add(struct core *core, struct ipc_req *req, const struct json *args,
                   struct core_who who);
void core_user_totp(struct core *core, struct ipc_req *req, const struct json *args,
                    struct core_who who);
void core_user_password(struct core *core, struct ipc_req *req, const struct json *args,
                        struct core_who who);
void core_user_role(struct core *core, struct ipc_req *req, const struct json *args,
                    struct core_who who);
void core_user_remove(struct core *core, struct ipc_req *req, const struct json *args,
                      struct core_who who);
/* {"users":[{"name","roles","host_user","created","created_by","signed_in","removed"}...],"next"}.
 * This and all lists below take "limit" and "cursor" (api/page.h). */
enum rc core_user_list(struct core *core, const struct json *args, struct json_out *o,
                       struct err *err);
/* "user alice" of a number from CORE_PERSONS on, in the arena; RC_NOTFOUND. */
enum rc core_person_name(const struct core *core, int64_t person, struct arena *a, struct str *out);
/* One number for one person, as core_who_person. */
int64_t core_person_of(const struct store_user *user);
/* What an approval of a change of users or tokens is of; sets c->approval. `kinds` as
 * core_approval_begin_one. */
struct core_change;
enum rc core_operators_two(struct core_change *c, unsigned kinds, struct str what);

/* In `read` of a command about a user: c->user by "name". RC_NOTFOUND, RC_CONFLICT: removed. */
enum rc core_change_user(struct core_change *c);

/* ---- shown.c: certificates that clients of the API show (control.certificates) */

/* What front says of it; nothing of another listener. */
void core_shown_take(const struct ipc_http *msg, struct http_shown *out);
/* The same for users: nothing unless control.certificates says so. */
void core_shown_read(const struct core *core, const struct ipc_http *msg, struct http_shown *out);
/* The certificate, in the arena. RC_DENIED, with the reason: it is none of ours, or not good now,
 * or not for clients alone. */
enum rc core_shown_find(const struct core *core, const struct http_shown *shown, struct arena *a,
                        struct store_certificate *out, struct err *err);
/* The same for what rules of the policy say (acme_options.shown; `arg` is a core): it may be for
 * servers as well, for a server that asks for certificates is a client. */
enum rc core_shown_client(void *arg, const struct http_shown *shown, struct arena *a,
                          struct store_certificate *out, struct err *err);
struct core_shown {
    struct store_certificate certificate;
    struct store_user user;
};
/* And whose it is; RC_DENIED also: nobody's. */
enum rc core_shown_user(const struct core *core, const struct http_shown *shown, struct arena *a,
                        struct core_shown *out, struct err *err);
/* The same, as who asks. */
enum rc core_shown_check(const struct core *core, const struct http_shown *shown,
                         struct core_who *out, struct err *err);
/* Its serial number as people read it; returns `out`. */
const char *core_shown_serial(const struct store_certificate *c, char out[static X509_SERIAL_TEXT]);
/* Whether that certificate is still good, and that user's. */
bool core_shown_holds(const struct core *core, const struct id *certificate, int64_t user);
/* Admin commands `user-certificate add`, `user-certificate remove`, args {"name","serial"};
 * {"certificates":[{"name","serial","not_after","status","added","added_by"}...]}. */
void core_user_certificate_add(struct core *core, struct ipc_req *req, const struct json *args,
                               struct core_who who);
void core_user_certificate_remove(struct core *core, struct ipc_req *req, const struct json *args,
                                  struct core_who who);
enum rc core_user_certificate_list(struct core *core, const struct json *args, struct json_out *o,
                                   struct err *err);

/* ---- tokens.c */

/* `token create`, args {"name","roles","expires"}: answers "token", once; `token revoke` {"name"};
 * {"tokens":[{"name","roles","created","created_by","expires","revoked"}...]}. */
void core_token_create(struct core *core, struct ipc_req *req, const struct json *args,
                       struct core_who who);
void core_token_revoke(struct core *core, struct ipc_req *req, const struct json *args,
                       struct core_who who);
enum rc core_token_list(struct core *core, const struct json *args, struct json_out *o,
                        struct err *err);
/* Who has it. RC_DENIED: unknown, revoked or expired. */
enum rc core_token_check(struct core *core, struct str token, struct core_who *out);
/* {"sessions":[{"id","user" (null: by a one-time link),"roles","began","seen","address"}...],
 * "next"}, in the order in which they began; `session end`, args {"id"} or {"name"}. */
enum rc core_session_list(struct core *core, const struct json *args, struct json_out *o,
                          struct err *err);
void core_session_end(struct core *core, struct ipc_req *req, const struct json *args,
                      struct core_who who);

/* ---- sign_in.c */

/* Makes core->nobody; after the key is there. */
enum rc core_sign_in_init(struct core *core);
/* For struct ui_options: `arg` is core. */
void core_sign_in(void *arg, struct ui_try *t);
/* The key of a user's codes, sealed with what is not in the database, and opened. RC_DENIED when it
 * was sealed for another user or by another key. */
enum rc core_totp_seal(const struct core *core, const struct id *user, struct str key,
                       struct buf *out);
enum rc core_totp_open(const struct core *core, const struct store_user *user, struct buf *out);

/* ---- api.c */

#define CORE_API "/api/v1/"
#define CORE_REPORTS CORE_API "reports/"
#define CORE_EVENTS CORE_API "events"

/* Who sees anything may wait for what changes (live/live.h). */
enum rc core_live_new(struct core *core);
/* A request below it, of the api listener; ends `req`. */
void core_api(struct core *core, struct ipc_req *req, const struct ipc_http *msg);

/* ---- openapi.c */

/* Ends `req` with the document of all commands; it is nobody's secret. */
void core_openapi(struct ipc_req *req);
/* Whether a request of that command may have these arguments: RC_INVAL. What they mean is the
 * command's to judge. */
enum rc core_api_args(struct str command, const struct json *args, struct err *err);
