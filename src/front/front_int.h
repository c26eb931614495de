/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of front: front.c (life), http.c (what goes where), relay.c (requests on their way to
 * core and back), keep.c (answers that are given again), cert.c (the API's own certificate),
 * prober.c (probers on other hosts). */
#pragma once

#include "base/list.h"
#include "base/map.h"
#include "ev/ev.h"
#include "http/proofs.h"
#include "http/server.h"
#include "http/share.h"
#include "ipc/table.h"
#include "role/role.h"
#include "tls/context.h"
#include "x509/cert.h"

enum {
    FRONT_HELD_MAX = 256, /* requests that wait for core to come back */
    FRONT_ASKED_MAX = IPC_HTTP_CREDITS,
    FRONT_CLIENT_MAX = 128,    /* requests of one client that wait or that core has: half of its
                                  credits; more get 503 */
    FRONT_HOLD_SECONDS = 5,    /* and how long */
    FRONT_CORE_SECONDS = 30,   /* what core may take for an answer */
    FRONT_READY_SECONDS = 20,  /* the first certificate may take before front is ready without it */
    FRONT_CERT_SECONDS = 60,   /* core and signer may take for a certificate */
    FRONT_CHAIN_MAX = 10,      /* certificates */
    FRONT_METRICS_SECONDS = 5, /* core may take for its numbers */
    FRONT_FILE_MAX = 64 * 1024,        /* of a file in DATA/front */
    FRONT_PRIVATE_MAX = 32,            /* connections of the private listener */
    FRONT_KEPT_MAX = 20000,            /* answers that are kept */
    FRONT_KEPT_BYTES = 96 << 20,       /* of all of them, with what is around them */
    FRONT_PROBERS_MAX = 64,            /* connections that speak as a remote prober, or begin to */
    FRONT_PROBER_JOIN_SECONDS = 10,    /* it may take to join */
    FRONT_PROBER_PING_SECONDS = 15,    /* between two pings, and two words to core */
    FRONT_PROBER_PONG_SECONDS = 20,    /* it may take for the answer; else it is cut */
    FRONT_PROBER_CORE_SECONDS = 10,    /* core may take to say whether it may join */
    FRONT_PROBER_LINGER_SECONDS = 2,   /* for its last words, once it is cut */
    FRONT_PROBER_ERRAND_SECONDS = 120, /* of what it is asked, at most */
    FRONT_KEPT_REQUEST_MAX = 1024,     /* body of a request whose answer is kept */
};

#define FRONT_KEY_FILE "front/key.pem"
#define FRONT_CHAIN_FILE "front/chain.pem"

struct front;

/* ---- requests on their way to core */

struct front_relay {
    struct front *front;
    struct list waiting; /* for core */
    struct list asked;   /* core has them */
    size_t n_waiting;
    struct http_shares clients; /* of both */
    struct ev_timer expire;
};

void front_relay_init(struct front_relay *all, struct front *f);
/* Answers all that wait with 503 and gives up what core has. */
void front_relay_done(struct front_relay *all);
/* Sends the request to core, now or as soon as there is one, and answers it with what core says. */
void front_relay_send(struct front_relay *all, struct http_exchange *x);
/* Gives up those that core holds until something happens: who waits for events comes again. */
void front_relay_hurry(struct front_relay *all);
/* Requests that core has; linear. */
size_t front_relay_asked(const struct front_relay *all);
/* There is a new core: what waits is sent. */
void front_relay_resume(struct front_relay *all);

/* ---- answers that are kept */

struct front_keep {
    struct front *front;
    struct map by_key, by_tag;
    struct list list;
    size_t n, bytes;
};

void front_keep_init(struct front_keep *k, struct front *f);
void front_keep_done(struct front_keep *k);
/* Answers, if it can: true. */
bool front_keep_answer(struct front_keep *k, struct http_exchange *x);
/* Keeps a copy of a finished answer, if core allowed it: res.keep_until and res.tag. */
void front_keep_add(struct front_keep *k, const struct http_exchange *x);
/* "": all. */
void front_keep_forget(struct front_keep *k, struct str tag);
/* The client has this answer already (RFC 9110 section 13): 304. */
bool front_keep_unchanged(const struct http_exchange *x);
void front_keep_measure(const struct front_keep *k);

/* ---- the certificate of the API */

struct front_cert {
    struct front *front;
    struct ev_timer timer; /* look again whether it is time to renew; or try again */
    int64_t backoff;       /* 0: the last attempt succeeded */
    bool settled;          /* core issued the one in force under this configuration */
    struct ipc_call *call;
    struct crypto_key *next_key; /* while core is asked */
    struct arena arena;          /* of `leaf` */
    struct x509_cert leaf;       /* in force; der.n == 0: none */
};

enum rc front_cert_open(struct front_cert *c, struct front *f, struct err *err);
/* Looks whether one is needed, and asks for it: at the start, when there is a new core, when the
 * configuration changed. */
void front_cert_check(struct front_cert *c);
/* Asks for another one at once; the one in force serves until it is here. */
void front_cert_renew(struct front_cert *c);
/* True when the certificate names this host, a name or an address as text. */
bool front_cert_names(const struct front_cert *c, struct str host);
void front_cert_done(struct front_cert *c);

/* ---- probers on other hosts */

#define FRONT_PROBER_ALPN "autarky-prober"
/* HTTP/1.1 by a client that shows its certificate: agents, while agents.enabled says so. */
#define FRONT_AGENT_ALPN "autarky-agent"

extern const struct http_server_speaker front_prober_speaker;
/* Core is new here and knows of none. */
void front_probers_tell(struct front *f);
/* The configuration is another one: whose key is not in it is cut, and so is who has been told
 * other settings, to join anew. */
void front_probers_commit(struct front *f);
/* Handlers of the channel to core; `arg` is the role_env. */
void front_prober_on_validate(void *arg, struct ipc_req *req, const void *msg, int fd);
void front_prober_on_preflight(void *arg, struct ipc_req *req, const void *msg, int fd);

/* ---- what goes where */

/* Somebody came to the private listener: the keeper, or nobody. */
bool front_admits(void *front, int fd);

void front_http_request(struct front *f, struct http_exchange *x);
void front_http_answered(const struct http_exchange *x, const struct http_answered *how);

/* ---- all of it */

struct front {
    struct role_env *env;
    struct ipc_chan *core; /* NULL: none just now */
    struct tls_context *tls;
    struct http_server *servers[ROLE_LISTENERS_MAX];
    bool secure[ROLE_LISTENERS_MAX]; /* waits for the certificate before it accepts */
    size_t n_servers, draining;
    uint16_t api_port; /* of the first api listener; 0: none */
    uid_t keeper;      /* who may use the private listener */
    bool started, ready;
    struct ev_timer patience; /* until ready without a certificate */
    struct front_relay relay;
    struct front_keep keep;
    struct front_cert cert;
    struct http_proofs proofs; /* of sites' names, for other CAs */
    struct list probers;       /* on other hosts */
    size_t n_probers;
    bool leaving;
    uint64_t accepted, refused; /* connections, as counted in metrics already */
};

/* There is a certificate: the api listeners accept from now on. */
void front_certified(struct front *f);
