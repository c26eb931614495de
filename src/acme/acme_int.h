/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the ACME server share. One file per resource of RFC 8555 section 7.1; request.c
 * takes a request apart and authenticates it, reply.c writes answers. */
#pragma once

#include "acme/acme.h"
#include "acme/keys.h"
#include "acme/nonce.h"
#include "acme/open.h"
#include "approval/due.h"
#include "audit/audit.h"
#include "base/list.h"
#include "conf/conf.h"
#include "ev/ev.h"
#include "http/problem.h"
#include "jose/jws.h"
#include "json/json.h"
#include "json/out.h"
#include "policy/policy.h"
#include "store/accounts.h"
#include "store/authorizations.h"
#include "store/certificates.h"
#include "store/known.h"
#include "store/orders.h"
#include "store/store.h"

/* RFC 8555 leaves these to the server. An order lives long enough for a person to put a challenge
 * in place. */
#define ACME_ORDER_LIFE (7 * WHEN_DAY)
#define ACME_AUTHORIZATION_LIFE (30 * WHEN_DAY)
enum { ACME_RETRY_SECONDS = 2, ACME_TOKEN_BYTES = 32 };

/* Looks that clients asked for: those of the last hour, and whose are under way. */
struct acme_preflights {
    struct acme_preflight_mark {
        struct id account;
        when_t at;                 /* 0: none */
    } marks[ACME_PREFLIGHTS_HOUR]; /* the oldest at `next` */
    size_t next;
    struct id running[ACME_PREFLIGHTS_MAX];
    size_t n_running;
};

struct acme {
    struct ev *ev;
    struct store *store;
    struct ca *ca;
    const struct conf *conf;
    struct policy *policy; /* of conf */
    struct acme_options options;
    struct acme_nonces nonces, staging_nonces;
    struct acme_keys keys;
    struct store_known known;
    struct acme_open open;
    struct acme_preflights preflights;
    struct acme_prune *prune;
    unsigned char eab_key[ACME_EAB_KEY];
    struct arena hosts_arena;
    struct str *hosts;
    size_t n_hosts;
    bool vouches;
    struct store_hash vouched;         /* thumbprint of the keeper's key */
    bool binds;                        /* there is an eab_key */
    struct list validations, renewals; /* under way; these of orders that renew themselves */
    size_t n_validations, n_renewals;
    struct id turn;     /* the account whose due work was taken up last */
    bool behind, waits; /* due work waits for others to end; of one account, for its own */
    struct ev_timer due;
    struct ev_timer star; /* when to look for those that are due */
    struct approval_watch approvals;
};

struct acme_request;
struct policy_limits;
/* RC_OK: answered, or will be; anything else: r->err and the code become the answer. */
typedef enum rc (*acme_handler)(struct acme_request *r);
/* In a write transaction, on the writer's thread (see store_fn): touches `r`, which nothing else
 * touches meanwhile. */
typedef enum rc (*acme_job)(struct store_txn *txn, struct acme_request *r);
typedef void (*acme_then)(struct acme_request *r);

enum acme_auth {
    ACME_OPEN,           /* no signature: renewal-info, by GET alone */
    ACME_ALSO_OPEN,      /* directory and new-nonce: GET, and as other resources are read */
    ACME_BY_KEY,         /* the key comes along: new-account */
    ACME_BY_KID,         /* an existing, valid account */
    ACME_BY_EITHER,      /* revoke-cert */
    ACME_BY_KID_OR_OPEN, /* star-certificate: the same, or GET where the order lets anybody */
};

struct acme_route {
    const char *path; /* "/acme/order/" with an id behind it when it ends in '/' */
    const char *tail; /* "/finalize" behind the id, or NULL */
    enum acme_auth auth;
    acme_handler handle;
    bool text; /* what stands behind the path is no id but any text */
};

struct acme_request {
    struct acme *acme;
    struct http_exchange *x;
    struct arena *arena; /* the exchange's */
    const struct acme_route *route;
    struct str text; /* of the path, for a route that takes one */
    struct str base; /* "https://ca.hospital.example:8555" */
    struct str path; /* as in the table of routes, "/acme/order/ID" also for one of staging */
    bool staging;    /* it came by the staging directory */
    struct id id;    /* of the path */
    struct jose_jws jws;
    struct json_doc *payload_doc;
    const struct json *payload;   /* NULL: POST-as-GET */
    struct store_account account; /* ACME_BY_KID */
    struct addr client;           /* where it came from */
    struct policy_shown *shown;   /* the certificate that it showed, if it counts; NULL: none */
    when_t now;
    struct err err;
    struct http_subproblem *subs;
    size_t n_subs;
    acme_job job;
    acme_then then;
    /* Of the names of its order, as the rules of this moment have it: good until they change. */
    const struct policy_verdict *verdicts;
    size_t n_verdicts;
    struct policy_limits *limits; /* acme_limit_take takes of them; NULL: of none */
    when_t retry_at;              /* when to come again: RC_QUOTA, or it waits; 0: unknown */
    bool anybody, post;           /* came by GET to where accounts come by POST; signed */
    int64_t fresh;                /* seconds for which anybody may keep the answer; 0: nobody may */
    acme_then undo;               /* before a job's failure is answered; NULL: nothing to undo */
    void *data;                   /* the handler's own */
};

/* request.c: finds the route, checks the signature, calls the handler. */
void acme_request_run(struct acme *a, struct http_exchange *x);
/* RC_NOTFOUND with a malformed problem unless the object's account is the request's. */
enum rc acme_request_owns(struct acme_request *r, const struct id *account, const char *what);

/* reply.c */
struct json_out acme_reply_begin(struct acme_request *r);
/* Ends the exchange with what was written, 201 or 200 or so, adding nonce and links. */
void acme_reply_json(struct acme_request *r, int status);
/* The same with a body of another type. */
void acme_reply_as(struct acme_request *r, int status, const char *content_type);
void acme_reply_fail(struct acme_request *r, enum rc rc);
/* Queues the job; afterwards `then` is called, or the failure answered. */
enum rc acme_write(struct acme_request *r, acme_job job, acme_then then);
/* "https://.../acme/order/ID"; paths begin with "/acme/", for the staging directory too. */
void acme_put_url(struct json_out *o, struct acme_request *r, const char *path, const struct id *id,
                  const char *tail);
void acme_header_location(struct acme_request *r, const char *path, const struct id *id);
void acme_header_link(struct acme_request *r, const char *relation, const char *path,
                      const struct id *id);
/* The same with something behind the id. */
void acme_header_link_to(struct acme_request *r, const char *relation, const char *path,
                         const struct id *id, const char *tail);
/* Sets r->err with its problem type; the status is the type's. */
#define ACME_ERR(r, rc, type, m, ...) PROBLEM(&(r)->err, rc, type, m __VA_OPT__(, ) __VA_ARGS__)
/* A problem as JSON in the arena, for the store. */
enum rc acme_problem_json(struct arena *a, const struct err *err,
                          const struct http_subproblem *subs, size_t n_subs, struct str *out);

/* One audit event about an object, by the account of the request; `detail` is JSON or empty. */
enum rc acme_audit(struct store_txn *txn, struct acme_request *r, const char *action,
                   const char *kind, const struct id *object, struct str detail);

/* Handlers, by file. */
enum rc acme_directory(struct acme_request *r);
enum rc acme_new_nonce(struct acme_request *r);
enum rc acme_new_account(struct acme_request *r);
enum rc acme_account(struct acme_request *r);
enum rc acme_account_orders(struct acme_request *r);
enum rc acme_new_order(struct acme_request *r);
enum rc acme_order(struct acme_request *r);
enum rc acme_finalize(struct acme_request *r);
/* Answers for an order that is processing: one that persons have allowed goes on. */
enum rc acme_finalize_more(struct acme_request *r, const struct store_order *order);
enum rc acme_authorization(struct acme_request *r);
enum rc acme_challenge(struct acme_request *r);
enum rc acme_certificate(struct acme_request *r);
enum rc acme_star_certificate(struct acme_request *r);
enum rc acme_revoke(struct acme_request *r);
enum rc acme_new_authorization(struct acme_request *r);
enum rc acme_key_change(struct acme_request *r);
enum rc acme_renewal_info(struct acme_request *r);
enum rc acme_preflight(struct acme_request *r);

/* validation.c */
void acme_validation_due_cb(void *acme);
void acme_validations_stop(struct acme *a);
/* There is new work in the store. */
void acme_validation_look(struct acme *a);
/* caa.c (RFC 8659; the time is that of the CA/Browser Forum's Baseline Requirements) */
#define ACME_CAA_LIFE (8 * WHEN_HOUR)
/* Checks CAA again for the names of the order where that was done longer ago; those that core
 * vouches for have none. `then` comes once, perhaps from inside: RC_OK, or else with r->err. */
void acme_caa_check(struct acme_request *r, const struct store_order *order,
                    void (*then)(struct acme_request *r, enum rc rc));
/* The account's URL as DNS records have it, by the directory it is of; empty while urls.api is
 * unset, for then it depends on who asks. In the arena. */
struct str acme_account_uri(const struct acme *a, struct arena *arena, const struct id *account,
                            bool staging);
