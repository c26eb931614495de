/* SPDX-License-Identifier: Apache-2.0 */
/* What the engine's files share: engine.c (life, when lists are due, HTTP), crl.c (a list, from its
 * number to its publication), ocsp.c (requests, and answers being signed), answers.c (answers that
 * are kept), tally.c (how many were signed). */
#pragma once

#include "base/list.h"
#include "base/map.h"
#include "ca/issuer.h"
#include "ca/status.h"
#include "conf/conf.h"
#include "ev/clock.h"
#include "ev/ev.h"
#include "ipc/chan.h"
#include "revocation/revocation.h"
#include "store/store.h"

/* What HTTP is told about a list: it may change any time, so caches ask again soon. */
#define REVOCATION_CRL_FRESH (5 * WHEN_MINUTE)

/* ---- answers.c */

enum { REVOCATION_KEY_MAX = CA_REF_MAX + 2 * STORE_SERIAL_MAX + 8 };

/* "2 rsa-1 0A3F": hash, issuer, serial. */
struct revocation_key {
    char z[REVOCATION_KEY_MAX];
};
struct revocation_key revocation_key_of(enum x509_ocsp_hash hash, struct str ref,
                                        const struct x509_serial *serial);

struct revocation_answer {
    struct list link; /* the longest not asked for first */
    struct revocation_key key;
    when_t this_update, next_update;
    size_t n;
    char der[];
};

struct revocation_answers {
    struct map map;
    struct list list;
    size_t n, bytes;
};
void revocation_answers_init(struct revocation_answers *a);
void revocation_answers_done(struct revocation_answers *a);
/* Keeps a copy in the place of an older one; when there is no room, those that were asked for
 * longest ago go. Without memory nothing is kept. */
void revocation_answers_keep(struct revocation_answers *a, const struct revocation_key *key,
                             const struct x509_ocsp_single *single, struct str der);
/* NULL when there is none, or it has ended. */
const struct revocation_answer *
revocation_answers_find(struct revocation_answers *a, const struct revocation_key *key, when_t now);
/* True when there was one. */
bool revocation_answers_drop(struct revocation_answers *a, const struct revocation_key *key);
void revocation_answers_clear(struct revocation_answers *a);

/* ---- the engine */

struct revocation {
    struct ev *ev;
    struct store *store;
    struct ca *ca;
    const struct conf *conf;
    void (*forget)(void *arg, struct str tag);
    void *arg;
    struct ipc_chan *signer;
    struct ev_timer look; /* at what is due */
    struct list lists;    /* being made, struct crl_job */
    size_t n_lists;
    struct list asks; /* OCSP answers being signed, struct ocsp_ask */
    size_t n_asks;
    struct revocation_answers answers;
    int64_t tokens; /* of answers for one request, in millionths; as of `token_at` */
    int64_t token_at;
    when_t hasten_at;    /* for the job that makes all lists due */
    struct list tallies; /* of answers signed, by issuer, that no record has yet */
    struct ev_timer tally;
    bool stopping;
};

/* Soon, from the loop. */
void revocation_look_soon(struct revocation *r);

/* ---- crl.c */

/* Begins a list for a shard that is due; false when there is none to be made now. */
bool revocation_crl_begin(struct revocation *r, const struct store_shard *shard);
bool revocation_crl_under_way(const struct revocation *r, const struct store_shard *shard);
void revocation_crls_stop(struct revocation *r);
void revocation_crl_handle(struct revocation *r, struct http_exchange *x);
void revocation_crl_tag(struct str ref, unsigned shard, bool delta, char tag[static IPC_TAG_MAX]);

/* ---- publish.c */

/* store_crl_publish, with the record that its issuer's key signed it, of `now`. */
enum rc revocation_publish(struct store_txn *txn, const struct store_publication *p, when_t now);

/* ---- ocsp.c */

void revocation_ocsp_handle(struct revocation *r, struct http_exchange *x);
/* What is being signed about it must be looked up again; if it was kept it is signed anew. */
void revocation_ocsp_changed(struct revocation *r, const struct ca_issuer *issuer,
                             const struct x509_serial *serial);
/* Everything. */
void revocation_ocsp_changed_all(struct revocation *r);
void revocation_ocsp_stop(struct revocation *r);

/* ---- tally.c */

/* That issuer's key has signed an answer. */
void revocation_tally(struct revocation *r, const struct ca_issuer *issuer);
void revocation_tally_init(struct revocation *r);
/* What has no record yet is forgotten. */
void revocation_tally_done(struct revocation *r);
