/* SPDX-License-Identifier: Apache-2.0 */
/* A whole certificate authority in one process, for the tests of ca/ and acme/: a data directory
 * made by the real ceremony, the real store, the real signer behind a real channel; only the prober
 * is played, and the clock stands still until told. */
#pragma once

#include "check.h"

#include "acme/acme.h"
#include "ca/issue.h"
#include "ca/signer.h"
#include "ceremony/make.h"
#include "conf/conf.h"
#include "ev/clock.h"
#include "ev/ev.h"
#include "http/exchange.h"
#include "ipc/chan.h"
#include "policy/policy.h"
#include "revocation/revocation.h"
#include "store/store.h"

#define WORLD_NOW (INT64_C(1'800'000'000) * WHEN_SECOND)

/* What world_start puts before `extra`. */
#define WORLD_CONFIG                                                                               \
    "organization: Example Hospital\n"                                                             \
    "country: DE\n"                                                                                \
    "domain: hospital.example\n"                                                                   \
    "urls: {api: \"https://ca.hospital.example:8555\"}\n"                                          \
    "policy:\n"                                                                                    \
    "  - name: all\n"                                                                              \
    "    allow: [hospital.example, \"*.hospital.example\"]\n"

/* Where the database is; the default is the system's files, not synchronised. */
struct world_disk {
    const char *vfs; /* of SQLite */
    enum store_sync sync;
};

struct world {
    struct world_disk disk;
    struct check_dir dir;
    char db[128];
    struct clock_fake clock;
    struct ev *ev;
    const struct conf *conf;
    struct ceremony_made made;
    struct store *store;
    struct ca *ca;
    struct ca_signer *signer;
    struct ipc_chan *to_signer;
    struct ipc_chan *at_signer;
    struct acme *acme;
    struct policy *policy;
    struct revocation *revocation;
    size_t forgotten; /* times that front was told to forget */
    char last_forgotten[160];
    size_t ocsp_signatures;
    struct ipc_req *held_ocsp; /* with signer_holds, the first request for an OCSP answer */
    const void *held_ocsp_msg;
    /* How the played prober answers; reset to RC_OK by world_start. */
    enum rc verdict;
    when_t until; /* of what it proves */
    size_t validations;
    /* What it has seen when it is asked what the CA sees; NULL: it cannot be asked. */
    const char *seen;
    enum rc seen_rc; /* or how that ends */
    size_t n_seen;
    char seen_challenge[64], seen_proof[256], seen_name[256]; /* of the last question */
    bool looks_held;                                          /* until world_looks_held */
    struct world_look {
        struct ev_defer defer;
        struct world *w;
        acme_seen_fn fn;
        void *arg;
    } * looks[8];
    size_t n_looks;
    bool private_listener; /* requests come by it, without a client's address */
    bool signer_silent;    /* takes requests and does not answer */
    /* What clients show, and whether it counts; nothing with n_serial 0. */
    struct http_shown shown;
    struct store_certificate shown_as;
    enum rc shown_rc;
    bool prober_holds; /* keeps them until world_probe_held; world_call_end lets ACME_SETTLE pass
                          for an answer that waits for one */
    struct world_probe {
        struct ev_defer defer;
        struct world *w;
        acme_validated_fn fn;
        void *arg;
        char name[64];
    } * probes[64]; /* the prober's, the oldest first */
    size_t n_probes;
    bool signer_holds; /* keeps requests until world_sign_held */
    struct world_held {
        struct ipc_req *req;
        const struct ipc_sign *msg;
    } held[64]; /* the signer's, the oldest first */
    size_t n_held;
    size_t signatures;
    /* Told of each answer at the moment it is given; may be NULL. */
    void (*on_answer)(void *arg, const struct http_exchange *x);
    void *on_answer_arg;
};

/* How worlds are configured before what is extra; another text is set before the program's first
 * world. */
extern const char *world_config;

/* The algorithms of its issuers, bits of ceremony_kinds: RSA and ECDSA unless another number is set
 * before the program's first world. */
void world_set_kinds(unsigned kinds);
/* With the staging hierarchy; before the program's first world. */
void world_set_staging(void);
/* What opens all of its keys; the caller's. */
bool world_passphrase(struct secret **out);
/* `make_key` of a ceremony whose `arg` is that passphrase: the keys are those of tests/keys, which
 * were made for nothing else with `openssl genpkey` and `openssl pkcs8 -scrypt_N 1024`, where there
 * is one of that name; others are generated. */
enum rc world_make_key(void *arg, const struct ca_ref *ref, struct ceremony_files *files,
                       struct crypto_key **out, struct err *err);
/* The key that signs the audit log's heads, from there, into the data directory `dir`. */
bool world_audit_key(int dir);
/* The signer reads its files anew, as after a restart. */
bool world_signer_again(struct world *w);

/* Makes the directory and runs the ceremony, once per program: later worlds get copies of its
 * files. `extra` is more configuration, or NULL. False when something failed. */
bool world_start(struct world *w, const char *extra);
/* The same on that disk, with a ceremony of its own: nothing is in its database that did not go
 * through it. */
bool world_start_on(struct world *w, const char *extra, const struct world_disk *disk);
void world_done(struct world *w);
/* As after a crash of core: store, ca and acme are thrown away, with what they had in memory, and
 * opened anew. */
bool world_restart(struct world *w);
/* Core ends and its store is closed. What may follow is world_visit, which starts core on another
 * store, as after a power loss with what the disk then held; that store stays the caller's, and
 * world_leave ends core before it is closed. */
void world_stop(struct world *w);
bool world_visit(struct world *w, struct store *s);
void world_leave(struct world *w);
/* All but the signer take another configuration: the whole text. */
bool world_reload(struct world *w, const char *text);
/* The signer goes away, comes back. */
void world_signer(struct world *w, bool there);
/* It answers the oldest that it holds, and everything happens that follows. */
void world_sign_held(struct world *w, size_t n);
/* The same for the request for an OCSP answer that is held. */
void world_ocsp_held(struct world *w);
/* It answers the looks that are held. */
void world_looks_held(struct world *w);
/* The same of the prober. */
void world_probe_held(struct world *w, size_t n);
/* Lets everything happen that can without the clock moving. */
void world_spin(struct world *w);

/* A request as front would hand it over, and its answer; the caller frees *out. NULL when out of
 * memory. */
struct http_exchange *world_request(struct world *w, const char *method, const char *path,
                                    struct str body);
/* The same in two parts, so that several can be under way. What was begun must be ended. */
struct world_call {
    struct world *w;
    struct http_exchange *x;
    bool done;
};
bool world_call(struct world *w, const char *method, const char *path, struct str body,
                struct world_call *call);
struct http_exchange *world_call_end(struct world_call *call);
/* A response header, or the empty str. */
struct str world_header(const struct http_exchange *x, const char *name);
