/* SPDX-License-Identifier: Apache-2.0 */
/* What an administrator asks over the control socket, answered from the register as JSON. Runs in
 * core. Read only; changes come with the commands that make them. */
#pragma once

#include "api/forwards.h"
#include "base/err.h"
#include "ca/bounds.h"
#include "conf/parts.h"
#include "conf/proof.h"
#include "json/json.h"
#include "json/out.h"
#include "store/issuers.h"

/* The message of an error that says: another person has to allow it first. */
#define API_APPROVAL_WAITS "core.approval-waits"

struct arena;
struct ca;
struct ca_issuer;
struct conf;
struct ipc_status;
struct policy;
struct store;
struct store_certificate;
struct store_lock;

enum { API_LIST_DEFAULT = 100, API_LIST_MAX = 1000 };

/* A prober on another host, as it is now. */
struct api_prober {
    struct str name;
    bool connected;
    when_t since, seen; /* connected, last heard of; 0: never since core began */
    when_t expires;     /* its certificate */
    struct addr address;
    struct str program; /* version */
    uint64_t attempts;  /* since core began */
    size_t under_way;
};

/* Unusual hours (locks.automatic). */
struct api_watch {
    when_t learns_until; /* what is usual; 0: that is known */
    when_t unusual;      /* the last such hour that is known; 0: none */
};

/* What the answers are made from; all borrowed. */
struct api_view {
    struct store *store;
    struct ca *ca;
    const struct conf *conf;
    const struct policy *policy;        /* of conf */
    const struct ipc_status *processes; /* as the supervisor tells; NULL when it did not answer */
    bool signer;                        /* there is a channel to it */
    bool prober;
    size_t validating;                           /* challenges being tried at this moment */
    struct api_prober probers[CONF_PROBERS_MAX]; /* in the order of the configuration */
    size_t n_probers;
    struct api_forward forwards[CONF_FORWARDS_MAX]; /* the same */
    size_t n_forwards;
    struct api_watch watch;
    struct id
        policy_waits; /* the approval that the policy of the last reload waits for; "": none */
    struct revocation *revocation; /* NULL: not looked at */
    when_t now;
};

/* A question with arguments that is answered from them and the register alone. */
typedef enum rc (*api_look_fn)(const struct api_view *v, const struct json *args,
                               struct json_out *o, struct err *err);

/* {"version","node","boot","generation","organization","domain","healthy","frozen":[{"id","scope",
 * "value","renewals","reason","set_by","set"}...],"certificates":{...},"staging":
 * {"directory","issued","valid"} or null (those are not among the certificates before),
 * "revocation":{"shards","lists","entries","bytes","oldest","next_update","overdue","behind",
 * "answers"},"issuers":[...],"processes":[...],"probers":[{"name","connected","since","seen",
 * "expires","address","program","attempts","under_way"}...],"forward": as api/forwards.h has it,
 * "alerts": as api/alerts.h has it,"escrow": as api/escrow.h has it,
 * "watch":{"automatic","learns_until","unusual"},"policy_waits": the id of the approval that
 * another policy waits for, or null; "policy_other": the files had another policy at the start,
 * which is not accepted; "reload_at": when gateway.change_window opens for a reload that waits, or
 * null} */
enum rc api_status(const struct api_view *v, struct json_out *o);

/* The members of a lock, in status and wherever else it is shown; "lifted", "lifted_by" and
 * "lifted_reason" once it is. */
void api_lock_put(struct json_out *o, const struct store_lock *lock);
/* Those that hold, from `a`; 0 when they cannot be read, which doctor reports of the store. */
size_t api_locks_that_hold(const struct api_view *v, struct arena *a, struct store_lock **out);

/* {"checks":[{"name","state":"ok"|"warning"|"failed","text","cure"}...],"healthy"} */
enum rc api_doctor(const struct api_view *v, struct json_out *o);

/* {"issuers":[{"ref","id","hierarchy","algorithm","subject","root","parent","state","not_before",
 * "not_after","activates","retires","key","constrained","crl_shards","due":"end"|"names"|null,
 * "sha256","certificate", of roots "crl":{"number","this_update","next_update","entries","der"} or
 * null}...],"next","cross_certificates":[{"name","id","subject","signer","not_after",
 * "revoked":{"at","reason"} or null,"certificate"}...]}: every authority there ever was, oldest
 * first, and the certificates by others of those on the page; certificates are DER in base64url.
 * `args`: {"limit","cursor"}. RC_INVAL. */
enum rc api_issuer_list(const struct api_view *v, const struct json *args, struct json_out *o,
                        struct err *err);
/* With its dates, at v->now. */
enum store_issuer_state api_issuer_state(const struct api_view *v, const struct ca_issuer *issuer);
/* A newer one of its kind is there, if only to sign later. */
bool api_issuer_superseded(const struct api_view *v, const struct ca_issuer *issuer);
/* Whether something that this root has signed, and that has not ended, points to its list. */
bool api_root_list_wanted(const struct api_view *v, const struct ca_issuer *root);
/* Whether it is to be replaced, and why. */
enum ca_due api_issuer_due(const struct api_view *v, const struct ca_issuer *issuer);

/* {"items":[{"id","serial","names","issuer","hierarchy","profile","origin","not_before",
 * "not_after","issued","status","revoked" and "reason" when it is,"account","client_certificate"
 * (the serial number of the one that the client showed),"requester","owner",
 * "team","service","spki_sha256"}...],"next": cursor or null}. `args`, all of which must hold:
 * {"limit","cursor","name" (a DNS name, address, mail address or URI),"under","status","sort",
 * "serial","key" (SHA-256 of the SubjectPublicKeyInfo, hexadecimal),"issuer" (its reference),
 * "owner","profile","expires_after","expires_before","staging"}; what the staging directory issued
 * is left out without "serial", "key" or "issuer", and nothing else is listed where "staging" is
 * true; "sort" being "newest" (the default) or
 * "expiry" (the soonest first, of those that have not expired); RC_INVAL with what is wrong. */
enum rc api_cert_list(const struct api_view *v, const struct json *args, struct json_out *o,
                      struct err *err);

/* {"at","days":[of those in force: how many end within the first 24 hours from now, the second ...,
 * API_DAYS_AHEAD of them],"later","issued":[how many were issued in each 24 hours, API_DAYS_BACK of
 * them, the last before now last],"validated":{"day","week"},"failed":{"day","week"}}: the register
 * in numbers; the last two are proofs of control that clients brought, by whole hours. And what
 * outlook/outlook.h has. */
enum { API_DAYS_AHEAD = 90, API_DAYS_BACK = 30 };
enum rc api_cert_numbers(const struct api_view *v, const struct json *args, struct json_out *o,
                         struct err *err);

/* {"names" (1 to 100),"account","eab","from","profile"}: {"account","eab","names":[...], and what
 * api/explain.h has of all together}, by the policy in force. RC_INVAL, RC_NOTFOUND (the account).
 */
enum rc api_policy_explain(const struct api_view *v, const struct json *args, struct json_out *o,
                           struct err *err);

/* {"limit","cursor"}: {"items":[{"name","fulldomain","allow":[...],"values":[...],"created",
 * "updated"}...],"next"}: accounts of the server of TXT records (store/txt.h), the oldest first.
 * RC_INVAL. */
enum rc api_txt_list(const struct api_view *v, const struct json *args, struct json_out *o,
                     struct err *err);

/* All keys of the configuration in force, with their values, as conf/text.h dumps them. */
enum rc api_config_show(const struct api_view *v, const struct json *args, struct json_out *o,
                        struct err *err);

/* Events of the audit log, the newest first: {"items":[{"sequence","at","action","actor_kind",
 * "actor","object_kind","object","event": its canonical form (audit/audit.h)}...],"next","last"}.
 * `args`: {"limit","cursor","below": only those before this one,"action" ("order." means all that
 * begin so), "actor","object","request","from","before": times}. Of one page API_AUDIT_LOOK events
 * are looked at, so it may be short or empty; "next" is what to give as "cursor" to go on, or null.
 * RC_INVAL. */
enum { API_AUDIT_LOOK = 5000 };
enum rc api_audit_list(const struct api_view *v, const struct json *args, struct json_out *o,
                       struct err *err);

/* {"serial"}: the certificate of that serial. RC_INVAL, RC_NOTFOUND. */
enum rc api_cert_find_serial(const struct api_view *v, const struct json *args, struct arena *a,
                             struct store_certificate *out, struct err *err);
/* The members of a list's item, and "sha256","why" (as given at the request),"order","replaces",
 * "logical","escrow" (api/escrow.h),"issuer_state" (as of issuers; none where that is not kept),
 * "subject","key",
 * "key_usage","extended_key_usage","must_staple","no_revocation" (noRevAvail of RFC 9608),
 * "policies","crl_urls","ocsp_urls","issuer_urls"; then PEM: "certificate", "chain" (its issuers
 * without the root), "root"; "enveloped_key" (x509/envelope.h, base64url) unless that is empty. */
enum rc api_cert_put(const struct api_view *v, const struct store_certificate *c,
                     struct str enveloped, struct json_out *o);
/* The same for {"serial"}. */
enum rc api_cert_show(const struct api_view *v, const struct json *args, struct json_out *o,
                      struct err *err);
