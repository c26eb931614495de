/* SPDX-License-Identifier: Apache-2.0 */
/* The engine behind revocation, in core: it sees to it that every shard of every issuer has a list
 * that is fresh, and answers /crl/ and /ocsp/.
 *
 * Lists: the store says when a shard is due; then a number is taken for good, the shard's entries
 * are read, the signer signs, core compares what comes back with what it wanted, and one
 * transaction puts it in the place of the one before. What it costs follows the shard, and no other
 * row is looked at. Without urls.plain there are no lists, as their place is written in them.
 *
 * OCSP (RFC 6960, RFC 5019, RFC 9654): an answer is signed when it is first asked for, kept, and
 * made anew after half of its life while it is being asked for. With a nonce, or about several
 * certificates, it is signed for this one request, as often as REVOCATION_LIVE_PER_SECOND allows.
 *
 * One per core process, on its loop's thread. */
#pragma once

#include "ca/issue.h"
#include "revocation/revoke.h"

struct http_exchange;
struct revocation;

enum {
    REVOCATION_CRLS_MAX = 2,            /* lists being made at a time */
    REVOCATION_DUE_MAX = 64,            /* shards looked at together */
    REVOCATION_SIGN_SECONDS = 30,       /* the signer's answer */
    REVOCATION_RETRY_SECONDS = 30,      /* until a list that failed is tried again */
    REVOCATION_LOOK_SECONDS = 60,       /* the longest between two looks at what is due */
    REVOCATION_ANSWERS_MAX = 20000,     /* kept */
    REVOCATION_ANSWER_BYTES = 64 << 20, /* of all of them */
    REVOCATION_ASKS_MAX = 256,          /* OCSP answers under way */
    REVOCATION_LIVE_PER_SECOND = 50,    /* signed for one request */
    REVOCATION_LIVE_BURST = 200,
    REVOCATION_TALLY_SECONDS = 600, /* from an answer by OCSP to the record that one was signed */
    REVOCATION_LATE_SECONDS = 300,  /* a shard that is due for so long is worth a word */
};

struct revocation_options {
    struct ev *ev;
    struct store *store;
    struct ca *ca;
    const struct conf *conf;
    /* Answers with that tag have changed; "" : all. */
    void (*forget)(void *arg, struct str tag);
    void *arg;
};

enum rc revocation_new(const struct revocation_options *options, struct revocation **out);
/* After store_close and before ca_free. */
void revocation_free(struct revocation *r);
DEFINE_FREEP(revocation_free, struct revocation)
/* Lists are made anew when what stands in them changed. */
void revocation_set_conf(struct revocation *r, const struct conf *conf);
/* NULL while there is none: lists wait, and so do OCSP answers that are not kept. */
void revocation_set_signer(struct revocation *r, struct ipc_chan *signer);
/* There may be more issuers, or roots: each gets its shards, and what is below /trust/ and /issuer/
 * is forgotten. */
void revocation_issuers_changed(struct revocation *r);

/* After a transaction with revocation_revoke has been committed: what was said about these
 * certificates is forgotten, here and by whoever was told, and their lists are made. */
void revocation_changed(struct revocation *r, const struct revocation_result *result);

/* `result` is borrowed for the callback; NULL when rc is not RC_OK and not RC_CONFLICT. */
typedef void (*revocation_done)(void *arg, enum rc rc, const struct revocation_result *result,
                                const struct err *err);
/* Both in one: queues the job, which copies what `ask` points to (`within` is filled in here), and
 * calls back once, when it is on disk. RC_QUOTA, RC_CLOSED, RC_NOMEM: it will not. */
enum rc revocation_submit(struct revocation *r, const struct revocation_ask *ask,
                          revocation_done done, void *arg);

/* A list that was signed elsewhere, by a root's key. */
struct revocation_given {
    struct str ref;  /* the root */
    struct id id;    /* its row in the register */
    struct str cert; /* its certificate, DER */
    struct str der;  /* the list */
};
/* How far ahead the clock may be where a root's list was made. */
#define REVOCATION_GIVEN_SKEW WHEN_HOUR
/* In a transaction: publishes it if the certificate verifies it, it is complete and good now, its
 * number is above the last, each issuer and each cross certificate that the register has as revoked
 * by that root is on it, so that none comes off again because two commands have each made a list of
 * their own, and so is all that the list before has; and the register has as revoked what it lists.
 * RC_DENIED, RC_CONFLICT, RC_INVAL, RC_PARSE ... and why. */
enum rc revocation_given_publish(struct store_txn *txn, const struct revocation_given *g,
                                 when_t now, struct err *err);
/* Afterwards, on the loop: forgets the one before. */
void revocation_given_done(struct revocation *r, const struct revocation_given *g);
/* Both in one, for a root of the register. RC_NOTFOUND no such issuer. Waits for the disk. */
enum rc revocation_crl_given(struct revocation *r, struct str ref, struct str der, struct err *err);

/* GET /crl/REF/SHARD.crl, /crl/REF/SHARD-delta.crl; GET /ocsp/REF/BASE64, POST /ocsp/REF. `x` is
 * the callee's until http_finish. */
void revocation_handle(struct revocation *r, struct http_exchange *x);

/* For /metrics, `status` and `doctor`. */
struct revocation_health {
    struct store_crl_summary crls;
    size_t answers; /* OCSP, kept */
};
enum rc revocation_health(struct revocation *r, struct revocation_health *out);
/* Sets the gauges, before they are read. */
void revocation_measure(struct revocation *r);
