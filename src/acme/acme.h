/* SPDX-License-Identifier: Apache-2.0 */
/* The ACME server (RFC 8555): requests already parsed come in as http_exchange, answers go out the
 * same way. Runs in core. It decides and records; validation happens in the prober and signing in
 * the signer, both asked by message. The directory lists what works and nothing else. */
#pragma once

#include "base/err.h"
#include "base/id.h"
#include "base/when.h"

struct acme;
struct ca;
struct ca_order_ops;
struct conf;
struct ev;
struct arena;
struct http_exchange;
struct http_shown;
struct policy;
struct revocation;
struct store;
struct store_certificate;

enum {
    ACME_HOSTS_MAX = 64,
    ACME_IDENTIFIERS_MAX = 100,  /* of one order */
    ACME_ORDERS_PAGE = 100,      /* of the list of an account's orders */
    ACME_VALIDATIONS_MAX = 64,   /* under way at a time, as many as the prober takes; the rest waits
                                    in the store */
    ACME_VALIDATIONS_SHARE = 32, /* of these, of one account */
    ACME_EAB_KEY = 32,           /* bytes */
    /* Looks for clients ("what does the CA see?"): at a time, one of an account, so that one of the
     * prober's places is always left for administrators; in an hour; of these, of one account. */
    ACME_PREFLIGHTS_MAX = 3,
    ACME_PREFLIGHTS_HOUR = 1000,
    ACME_PREFLIGHTS_HOUR_SHARE = 60,
    ACME_SEEN_MAX = 128 * 1024, /* what the prober says of one look */
};

/* For so long a client that asks for a challenge waits, at most, to hear how its first attempt
 * ends. */
#define ACME_SETTLE (100 * (WHEN_SECOND / 1000))

/* A challenge to be tried once; strings live until the result has been delivered. */
struct acme_validation {
    struct str challenge; /* "http-01" */
    struct str identifier_type;
    struct str identifier;
    bool wildcard;
    bool caa_only;      /* only whether CAA records allow it, by that challenge; no key or token */
    struct str account; /* its URL, as in DNS records; empty: not known, urls.api is unset */
    struct str token;
    struct str key_authorization;
    uint32_t attempt; /* from 1 */
};

struct acme_validated {
    enum rc rc; /* RC_OK: control is proven; RC_DENIED: it is not, `why` says it; else nothing was
                   found out */
    const struct err *why; /* with a problem type */
    struct str evidence;   /* JSON, or empty */
    when_t until;          /* RC_OK: no authorization may rest on it afterwards; 0: no such end */
};

typedef void (*acme_validated_fn)(void *arg, const struct acme_validated *result);

/* A look as the validation would take it; strings live until the answer. The last three are of a
 * challenge that is tried, or empty. See validate/preflight.h. */
struct acme_preflight {
    struct str identifier_type, identifier; /* of a wildcard, what is behind "*." */
    bool wildcard;
    struct str account;
    struct str challenge, token, key_authorization;
};
/* RC_OK with what was seen, JSON; anything else: nothing was found out. */
typedef void (*acme_seen_fn)(void *arg, enum rc rc, struct str seen);

struct acme_options {
    struct ev *ev;
    struct store *store;
    struct ca *ca;
    const struct conf *conf;
    struct policy *policy; /* of that configuration; shared */
    /* Asks the prober; `fn` is called exactly once, later, when this returns RC_OK. Anything else:
     * not now. */
    enum rc (*validate)(void *arg, const struct acme_validation *v, acme_validated_fn fn,
                        void *fn_arg);
    void *validate_arg;
    /* The same for a look; NULL: not offered to clients. */
    enum rc (*preflight)(void *arg, const struct acme_preflight *p, acme_seen_fn fn, void *fn_arg);
    void *preflight_arg;
    /* ACME_EAB_KEY bytes, copied, from which the keys of external account bindings are made; empty:
     * there are none. */
    struct str eab_key;
    struct revocation *revocation; /* told of what was revoked */
    /* The certificate that a client showed, if it counts at this moment: RC_DENIED, and why not.
     * NULL: none is looked at. */
    enum rc (*shown)(void *arg, const struct http_shown *shown, struct arena *a,
                     struct store_certificate *out, struct err *err);
    void *shown_arg;
};

/* How an issuance ends for its order; for ca_options, which comes first. */
const struct ca_order_ops *acme_order_ops(void);

enum rc acme_new(const struct acme_options *options, struct acme **out);
/* After store_close; what is being validated is forgotten here and found due again after the next
 * start. */
void acme_free(struct acme *a);
DEFINE_FREEP(acme_free, struct acme)
/* A new configuration, and the policy of it; both are shared. */
void acme_set_conf(struct acme *a, const struct conf *conf, struct policy *policy);

/* The names of the API's own certificate, as clients may write them in a URL while urls.api is not
 * set (an IPv6 address in brackets); with any port. Copied; ACME_HOSTS_MAX at most. */
enum rc acme_set_hosts(struct acme *a, const struct str *hosts, size_t n);

/* The RFC 7638 thumbprint (SHA-256, base64url) of the key of the one account whose names need no
 * proof, if it asks over the private listener: see policy_vouch for the names. Empty: there is no
 * such account, as after acme_new. RC_INVAL, RC_PARSE: not a thumbprint; then there is none either.
 */
enum rc acme_set_vouched(struct acme *a, struct str thumbprint);

/* What clients may ask beside the protocol: see preflight.c. */
#define ACME_PREFLIGHT_PATH "/api/v1/preflight"

/* Answers a request below /acme/, or one for ACME_PREFLIGHT_PATH; `x` is the callee's until
 * http_finish. */
void acme_handle(struct acme *a, struct http_exchange *x);

/* Looks for challenges that are due; also runs by itself. To be called when the prober has come
 * back. */
void acme_validate_due(struct acme *a);

/* What a client binds its account with (RFC 8555 section 7.3.4), HS256, for the key of that id.
 * RC_NOTFOUND without an eab_key. */
enum rc acme_eab_secret(const struct acme *a, const struct id *kid,
                        unsigned char out[static ACME_EAB_KEY]);

/* What persons are to allow, or have decided, has changed in the store (approval/due.h). */
void acme_approvals_look(struct acme *a);

/* For `doctor`: validations under way. */
size_t acme_validating(const struct acme *a);
