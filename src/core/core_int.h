/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of core share: core.c (life and reload), http.c (front's requests), cert.c (the
 * API's own certificate), names.c (what this host is called), ui.c (the dashboard), issuers.c (the
 * register of authorities), approvals.c (the second person), probe.c (the prober), sites.c (the
 * keeper and its sites), remote.c (probers on other hosts), drill.c (the runner), audit.c (heads of
 * the audit log), forward.c (its copies elsewhere), watch.c (unusual hours), alerts.c,
 * numbers.c (/metrics), txt.c (the server of TXT records; txt_ask.h), accepted.c (the policy that
 * was accepted). Commands, and who gives them: admin.h, operators.h. */
#pragma once

#include "acme/acme.h"
#include "api/admin.h"
#include "api/sites.h"
#include "base/list.h"
#include "ca/issue.h"
#include "conf/conf.h"
#include "core/accepted.h"
#include "core/admin.h"
#include "core/approvals.h"
#include "core/passwords.h"
#include "core/remote.h"
#include "ev/ev.h"
#include "ipc/chan.h"
#include "json/json.h"
#include "json/out.h"
#include "operators/throttle.h"
#include "policy/policy.h"
#include "revocation/revocation.h"
#include "role/role.h"
#include "store/store.h"
#include "ui/ui.h"

enum { CORE_NAMES_MAX = 32, CORE_ADMINS_MAX = 16, CORE_PEOPLE_MAX = 32, CORE_OPERATORS_MAX = 64 };
/* Conversations of all others than administrators, who always find a place. */
enum { CORE_PEOPLE_CONVERSATIONS_MAX = 8 };

/* What this host is called: for the API's certificate, and the hosts under which clients may reach
 * the API. */
struct core_names {
    struct arena arena;
    struct str dns[CORE_NAMES_MAX]; /* sorted */
    struct addr ips[CORE_NAMES_MAX];
    size_t n_dns, n_ips;
    struct str left_out; /* ", "-joined: outside of what the hierarchy covers */
};

struct core {
    struct ev *ev;
    const struct conf *conf;
    struct policy *policy, *next_policy; /* of conf, and what a reload has prepared or NULL */
    struct store *store;
    struct ev_wake *wake;
    struct ca *ca;
    struct revocation *revocation;
    struct acme *acme;
    struct core_names names;
    struct ipc_chan *supervisor; /* borrowed, as the next five; NULL while away */
    struct ipc_chan *signer;
    struct ipc_chan *prober;
    struct ipc_chan *front; /* the newest */
    struct core_remote remotes[CONF_PROBERS_MAX];
    struct list far; /* attempts that were not asked, and will be told so */
    struct ipc_chan *runner;
    struct ipc_chan *keeper;             /* also NULL while there are no sites */
    unsigned char eab_key[ACME_EAB_KEY]; /* outside of the database on purpose */
    int control;                         /* listening; borrowed */
    struct ui ui;
    struct ev_fd *control_fd;
    struct ev_hook drain;
    struct list admins;
    size_t n_admins;
    uid_t admin_uid;               /* who may use the control socket besides root */
    uid_t people[CORE_PEOPLE_MAX]; /* who decides on approvals, and may do nothing else */
    size_t n_people;
    struct core_operator operators[CORE_OPERATORS_MAX];
    size_t n_operators;
    struct operators_throttle throttle; /* of who tries to sign in */
    struct core_passwords *passwords;
    struct core_nobody nobody;
    struct core_policy_change policy_change;
    struct buf policy_override; /* what root said beside, until the start is over */
    bool policy_kept; /* at the start the supervisor had what was accepted, to compare with */
    struct core_audit *audit;
    struct core_forwards *forwards;
    struct core_watch *watch;
    struct core_alerts *alerts;
    struct core_txt *txt;
    struct live *live;
    struct idempotency idempotency;
    struct ev_timer signer_timer;
    bool signer_told; /* once: what does not help once helps never */
};

/* Reads host name and addresses; before confinement. */
enum rc core_names_read(struct core_names *names, const struct conf *conf);
void core_names_done(struct core_names *names);
/* Tells acme. */
enum rc core_names_apply(struct core *core);

/* Handlers of the channel to front; `arg` is the role_env. */
void core_on_http(void *arg, struct ipc_req *req, const void *msg, int fd);
void core_on_api_cert(void *arg, struct ipc_req *req, const void *msg, int fd);

/* For acme_options. */
enum rc core_validate(void *arg, const struct acme_validation *v, acme_validated_fn fn,
                      void *fn_arg);

enum rc core_preflight(void *arg, const struct acme_preflight *p, acme_seen_fn fn, void *fn_arg);

/* Sets the gauges of standing.c, before they are read. */
void core_standing_measure(const struct core *core);

/* IPC_METRICS; asks the supervisor for the numbers of all others, and how often it had to start a
 * process again. */
void core_on_metrics(void *arg, struct ipc_req *req, const void *msg, int fd);

/* What api/ answers from; `processes` as in struct api_view. */
struct api_view core_view(const struct core *core, const struct ipc_status *processes);

/* ---- ui.c: the dashboard */

void core_ui_init(struct core *core);
/* Admin command `ui link`: {"path": where the one-time link leads, "expires"}. */
enum rc core_ui_link(struct core *core, const struct json *args, struct json_out *o,
                     struct err *err);

/* ---- audit.c: signed heads of the audit log, and events that belong to no other change */

enum rc core_audit_new(struct core *core);
/* Makes no more heads; core_audit_free comes when the store is closed. */
void core_audit_stop(struct core *core);
void core_audit_free(struct core *core);
/* core->conf is another one: records what has changed, and takes the interval. */
void core_audit_conf(struct core *core);
/* There is another signer. */
void core_audit_signer(struct core *core);
/* How many heads failed, one after the other, and why the last one did. */
unsigned core_audit_failing(const struct core *core, char *why, size_t cap);
/* Admin command `audit head`: has a head signed now; ends `req` with {"records", "note"}. */
void core_audit_head(struct core *core, struct ipc_req *req);
/* Records that this command was given; `then` runs when that is on disk, or with why it is not. */
struct core_command {
    struct core_who who;
    struct str name, reason;
    bool refused; /* and was not allowed to */
};
enum rc core_audit_command(struct core *core, struct ipc_req *req,
                           const struct core_command *command, void (*then)(void *arg, enum rc rc),
                           void *arg);

/* ---- sites.c: the gateway's keeper */

/* Its channel is now that one, or NULL. With another channel, what the last one said is forgotten:
 * core vouches for nobody until the keeper says anew who it is. */
void core_sites_keeper(struct core *core, struct ipc_chan *chan);
/* Handlers of what by ipc's table only the keeper can send, and CHANGED only the emissary. */
void core_on_changed(void *arg, struct ipc_req *req, const void *msg, int fd);
void core_on_public(void *arg, struct ipc_req *req, const void *msg, int fd);
void core_on_vouch(void *arg, struct ipc_req *req, const void *msg, int fd);

/* `sites`, borrowed for the callback; NULL: `err` says why. */
typedef void (*core_sites_fn)(void *arg, const struct api_sites *sites, const struct err *err);
/* Configuration and the keeper's word together. `fn` comes once when this returns RC_OK, perhaps
 * from inside; the arena lives until then. A keeper that is away is no failure. */
enum rc core_sites_ask(struct core *core, struct arena *arena, core_sites_fn fn, void *arg);

/* Admin commands; both end `req`. `site list`: api_sites_list; frees `args`. `site renew`, args
 * {"name"}: the keeper begins to renew all of its certificates; {"name"}; RC_NOTFOUND without such
 * a site, RC_CLOSED without a keeper. */
void core_site_list(struct core *core, struct ipc_req *req, struct json_doc *args);
void core_site_renew(struct core *core, struct ipc_req *req, const struct json *args);

/* ---- issuers.c */

/* Admin command `issuer change`, args {"issuers":[{"ref","parent","certificate","key","activates"}
 * ...],"crosses":[{"subject","signer","certificate"}...],"retire":[{"ref","at"}...],"revoke":
 * [{"ref","reason"}...],"crls":[{"root","crl"}...],"reason"}, each list at most CA_CHANGES_MAX long
 * and any of them missing; ends `req`. To be revoked are issuers, and cross certificates by their
 * names; the reason, RFC 5280's word, is of these. All of it in one transaction, or nothing.
 * {"issuers":[ref...],"signer_restarts"}. RC_DENIED a signature is not the one it has to be;
 * RC_EXISTS, RC_NOTFOUND, RC_INVAL. */
void core_issuer_change(struct core *core, struct ipc_req *req, struct core_who who,
                        const struct json *args);
/* Admin command `signer restart`, for whoever finds that a change is in the register and that core
 * died before it told the signer; ends `req`, answer as above. */
void core_signer_restart(struct core *core, struct ipc_req *req);
/* To be called when the signer's channel is there: some seconds later it is asked what it has read,
 * and started again, once in core's life, when the register says otherwise. So a change is taken up
 * for which both core and the command died before the signer was told. */
void core_issuers_compare(struct core *core);

/* ---- drill.c */

/* Admin command `drill runner`; ends `req`. Lets the runner execute its declared command `drill`,
 * and proves that it refuses other names: {"command","status","output","refused":[{"name",
 * "reason"}...]}. RC_DENIED, naming it, when the runner took one of those; RC_CLOSED without a
 * runner. */
void core_drill_runner(struct core *core, struct ipc_req *req);
/* What the prober sees of args.name: see validate/preflight.h. */
void core_probe_look(struct core *core, struct ipc_req *req, const struct json *args);
