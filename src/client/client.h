/* SPDX-License-Identifier: Apache-2.0 */
/* An ACME client (RFC 8555, RFC 9773): one account at one server, any number of certificates at a
 * time. It knows no process and no configuration: whoever has a key and a list of names gets a
 * chain that was checked, or an error in words. What to do with either, and when to renew
 * (client/renewal.h), is the caller's.
 *
 * The server is trusted with nothing but the certificate itself, and that only after it has been
 * held against our key, the names asked for, what a server can show, and pinned roots (unless
 * `any_root`). Nothing is proven but what was ordered. */
#pragma once

#include "client/documents.h"
#include "client/solver.h"
#include "client/transport.h"
#include "x509/cert.h"

struct client;
struct client_run;
struct crypto_key;
struct ev;

enum {
    CLIENT_CHAIN_MAX = 256 * 1024, /* bytes of a certificate chain in PEM */
    CLIENT_ROOTS_MAX = 1000,
    CLIENT_CONTACTS_MAX = 8,
    CLIENT_ALTERNATES_MAX = 8,    /* chains that are looked at beside the first */
    CLIENT_NONCES_MAX = 16,       /* kept for later requests */
    CLIENT_BAD_NONCES_MAX = 10,   /* answers badNonce in a row that are tried again, at once */
    CLIENT_TRIES_MAX = 6,         /* of a request that meets no answer, or a server that is ill */
    CLIENT_TRY_SECONDS = 1,       /* before the second one, doubling, with jitter, ... */
    CLIENT_TRY_SECONDS_MAX = 30,  /* ... up to this; a Retry-After up to PATIENCE is honoured */
    CLIENT_PATIENCE_SECONDS = 60, /* what asks for more ends the run, with `retry_at` */
    CLIENT_REQUEST_SECONDS = 60,  /* for one answer */
    CLIENT_FIRST_SECONDS = 15,    /* for the first one of a server with client_set_patience */
    CLIENT_POLL_SECONDS = 1, /* between looks at an order, where the server names no time ... */
    CLIENT_POLL_SECONDS_MAX = 30, /* ... doubling up to this */
    CLIENT_PREFLIGHTS_MAX = 5,    /* for one challenge, where the server says what it would see */
    CLIENT_RUN_SECONDS = 900,     /* for a certificate, unless the caller says otherwise */
    CLIENT_AGAIN_SECONDS = 300,   /* before the next look at an order that is not decided */
    CLIENT_FINALIZE_MAX = 5,      /* for one order: orderNotReady, or ready again */
    CLIENT_DIRECTORY_SECONDS = 3600, /* it is read again then, and after every failure */
    CLIENT_SKEW_SECONDS = 300,       /* what the server's clock may be ahead */
};

/* ---- the account */

struct client_conf {
    struct ev *ev;
    struct client_transport *transport; /* borrowed */
    struct str directory;               /* URL; copied */
    struct crypto_key *key;             /* of the account: P-256 (ES256), P-384 or RSA; shared */
    const struct str *roots;            /* DER, copied; every chain ends in one of them */
    size_t n_roots;
    /* A chain that ends elsewhere is taken, too, and `trusted` of the result says so: for
     * certificates that others are to trust. */
    bool any_root;
    const struct str *contacts; /* of a new account: "mailto:..."; copied */
    size_t n_contacts;
    struct str eab_kid, eab_key; /* RFC 8555 section 7.3.4, for a new account; empty: none. The key
                                    is borrowed */
    const struct client_solver *solvers; /* the preferred first; borrowed */
    size_t n_solvers;
    bool only_existing; /* an account with this key must be there already */
    bool agree_terms;   /* to the terms of service, should there be any */
    /* newAccount and newOrder have to be at the directory's own host, which RFC 8555 does not ask:
     * else a CA that is no longer to be trusted could have its customer agree to the terms of
     * another, and order there. */
    bool one_host;
};

/* Asks nothing of the server yet. RC_NOMEM, RC_PARSE (the URL), RC_TOOBIG, RC_INVAL without roots
 * (unless `any_root`). */
enum rc client_new(const struct client_conf *conf, struct client **out, struct err *err);
/* Not from inside a callback of its own. What is under way ends without a callback. */
void client_free(struct client *c);
DEFINE_FREEP(client_free, struct client)
/* RFC 7638, of the account's key; borrowed, JOSE_THUMBPRINT characters. */
const char *client_thumbprint(const struct client *c);
/* The account's URL; borrowed, empty until a run has found it. */
struct str client_account(const struct client *c);
/* The server says when to renew (RFC 9773), as far as is known: client_look makes sense. */
bool client_looks(const struct client *c);
/* Runs under way. */
size_t client_count(const struct client *c);
/* How long a request that meets no answer is tried again, microseconds; 0, as at first: as often as
 * always. With the server's first answer since the directory was read it is as without. */
void client_set_patience(struct client *c, int64_t patience);

/* ---- what it does */

/* Borrowed for the callback. */
struct client_result {
    enum rc rc; /* RC_OK; RC_DENIED: the server refuses; RC_QUOTA: too often, or too busy; RC_NET,
                   RC_NOTFOUND, RC_CLOSED, RC_TIMEOUT: not reached; RC_PARSE, RC_TOOBIG: it speaks
                   no ACME; RC_CONFLICT: the order came to nothing; RC_CRYPTO: the certificate is
                   not what was asked for, or a proof was wanted for what was not ordered;
                   RC_AGAIN: the server has the order, and had not decided when the time was over;
                   RC_UNSUPPORTED, RC_NOMEM */
    const struct err *err; /* unless RC_OK */
    int status;            /* HTTP, of what the server refused; 0: it was something else */
    struct str problem;    /* type of the server's problem document: "rateLimited"; or empty */
    when_t retry_at;       /* the server asks not to come back before; 0: it does not */
    /* It is the server that ails, and another one may do better: it gave no answer, or answered
     * with a status of 5xx, with what is no ACME or not the certificate, or not in the time of the
     * run. */
    bool ill;
    bool silent; /* which is because nobody answered at all */
    /* of client_obtain */
    struct str chain; /* PEM, leaf first, without the root, as it was checked */
    const struct x509_cert *certs;
    size_t n_certs;
    bool trusted;     /* it ends in one of the roots; false: `any_root` let it pass */
    bool chain_found; /* the chain that was wanted is this one, or none was */
    /* of client_look */
    struct client_window window; /* retry_at: when to look again */
};

/* Code of the message when the server looked for a proof and did not find it; the name is its first
 * argument. */
#define CLIENT_NOT_PROVEN "client.authorization-failed"
/* The same when it was asked whether it would, and so was not asked to look. */
#define CLIENT_NOT_SEEN "client.proof-hindered"

typedef void (*client_result_fn)(void *arg, const struct client_result *result);

struct client_want {
    const struct str *dns; /* canonical; "*." in front is allowed */
    const struct addr *ips;
    size_t n_dns, n_ips;
    struct crypto_key *key; /* the certificate's, with its private half; shared */
    struct str profile;     /* empty: the server's choice; else it must offer that */
    struct str replaces; /* client_certid of the one before, or empty; sent where ARI is offered */
    int64_t timeout;     /* microseconds; 0: CLIENT_RUN_SECONDS */
    int64_t decide; /* microseconds for a server that has all it needs and is still "processing":
                       a person may have to decide; 0: as long as the run */
    /* Which of several chains (RFC 8555 section 7.4.2): common name of the issuer at its end or of
     * a CA in it, or SHA-256 of a certificate in it, in hexadecimal with or without colons; empty:
     * the server's first. Where none is so, the first is taken. */
    struct str chain_choice;
    /* An order of before, by its URL, that is looked at in place of a new one; its key is `key`.
     * Where it came to nothing, or is not there, the run ends with that. Empty: none. */
    struct str order;
    /* Called, once, before an order is finalized, with its URL: what it is for should be on disk
     * then, or a certificate may be issued that nobody has. An error ends the run. NULL: nobody
     * asks. */
    enum rc (*keep)(void *arg, struct str order, struct err *err);
    void *keep_arg;
};

/* Obtains a certificate: account, order, authorizations (those that are valid already need
 * nothing), finalize, download, check. Where the server offers to say what it would see
 * ("preflight" in the directory's meta), a challenge is answered only once it would be won; when it
 * would not, for CLIENT_PREFLIGHTS_MAX looks with pauses between them, the run ends with
 * RC_CONFLICT and what is in the way, and the order is left as it is. All of `want` is copied. The
 * callback comes once, never from inside; *out is valid until then. RC_NOMEM, RC_TOOBIG, RC_INVAL
 * without names or private key. */
enum rc client_obtain(struct client *c, const struct client_want *want, client_result_fn fn,
                      void *arg, struct client_run **out);
/* Finds the account, or makes it, and no more. Otherwise as client_obtain. */
enum rc client_sign_up(struct client *c, client_result_fn fn, void *arg, struct client_run **out);
/* Asks when the certificate should be renewed (RFC 9773 section 4); RC_UNSUPPORTED in the result
 * where the server does not say. Otherwise as client_obtain. */
enum rc client_look(struct client *c, struct str certid, client_result_fn fn, void *arg,
                    struct client_run **out);
/* The server is there again, as far as the caller knows: requests that wait because nobody answered
 * are sent at once instead of after their pause. */
void client_hurry(struct client *c);
/* Gives up; the callback does not come. An order that was begun is left to expire. */
void client_cancel(struct client_run *run);

/* ---- what can be asked without a server */

struct client_check {
    struct str chain; /* PEM, leaf first */
    const struct crypto_key *key;
    const struct str *dns;
    const struct addr *ips;
    size_t n_dns, n_ips;
    const struct str *roots; /* DER */
    size_t n_roots;
    when_t now;
    bool *trusted; /* not NULL: set to whether it ends in a root, which is then no failure */
};

/* The chain is for this key, names exactly these, holds together in its order, is one that a server
 * can show (no CA's, serverAuth, signed by algorithms known here), ends in one of the roots and is
 * valid now (or within CLIENT_SKEW_SECONDS). RC_CRYPTO and what is wrong; RC_PARSE,
 * RC_TOOBIG, RC_NOMEM. */
enum rc client_chain_check(struct arena *a, const struct client_check *in, struct x509_cert **out,
                           size_t *out_n, struct err *err);
/* RFC 9773 section 4.1: key id of the issuer and serial number. RC_NOTFOUND without a key id. */
enum rc client_certid(const struct x509_cert *c, struct buf *out);
