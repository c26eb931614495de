/* SPDX-License-Identifier: Apache-2.0 */
/* Agents on other hosts, the tokens by which they enrol, and the newest report of each. A token is
 * a digest, good once and until its end. Rows of agents stay when they are removed, for they are
 * the record; the name is then free again. */
#pragma once

#include "store/types.h"

enum {
    STORE_AGENTS_MAX = 20000,       /* that are not removed */
    STORE_AGENT_TOKENS_MAX = 10000, /* that can still be used */
    STORE_AGENT_TOKENS_LIST = 1000,
    STORE_REPORT_MAX = 128 * 1024, /* bytes of a report, as it is kept */
};

struct store_agent_token {
    int64_t n; /* given by the store */
    struct id id;
    struct store_hash digest;
    struct str name; /* of the host that it is for; empty: the host says */
    when_t created;
    struct str created_by;
    when_t expires;
    when_t used;    /* 0: not yet */
    when_t revoked; /* 0: not */
};

/* RC_QUOTA: STORE_AGENT_TOKENS_MAX can still be used. What ended more than 30 days before
 * token->created, and enrolled nobody, is forgotten. */
enum rc store_agent_token_add(struct store_txn *txn, const struct store_agent_token *token);
enum rc store_agent_token_find(struct store_txn *txn, struct arena *a,
                               const struct store_hash *digest, struct store_agent_token *out);
enum rc store_agent_token_get(struct store_txn *txn, struct arena *a, const struct id *id,
                              struct store_agent_token *out);
/* Those that can still be used, the newest first, STORE_AGENT_TOKENS_LIST of them. */
enum rc store_agent_token_list(struct store_txn *txn, struct arena *a, when_t now,
                               struct store_agent_token **out, size_t *out_n);
struct store_agent_token_filter {
    when_t now; /* they can be used then */
    unsigned limit;
};
/* A page of them, the newest first. */
enum rc store_agent_token_page(struct store_txn *txn, struct arena *a,
                               const struct store_agent_token_filter *filter,
                               struct store_cursor *at, struct store_agent_token **out,
                               size_t *out_n);
/* RC_CONFLICT: it was used, was revoked or has ended. */
enum rc store_agent_token_use(struct store_txn *txn, const struct id *id, when_t now);
enum rc store_agent_token_revoke(struct store_txn *txn, const struct id *id, when_t now);

/* What a report comes to, beside its text. */
struct store_agent_summary {
    struct str program; /* version */
    uint64_t certificates, failing, unproven;
    when_t next;  /* the earliest renewal; 0: none is planned */
    int64_t skew; /* its clock is so far ahead, microseconds */
};

struct store_agent {
    int64_t n; /* given by the store, in the order of enrolment */
    struct id id;
    struct str name;        /* unique among those that are not removed */
    struct store_hash spki; /* of the key that was certified last */
    struct id token;        /* by which it enrolled */
    when_t enrolled;
    struct str enrolled_by; /* who made the token */
    when_t certified;       /* the last time that a certificate was begun for it */
    when_t removed;
    struct id certificate; /* that it showed with its last report */
    struct addr address;   /* from which that came */
    when_t reported;       /* 0: never */
    struct store_agent_summary summary;
    struct str report; /* JSON; empty in lists */
    when_t asked;      /* it was asked to renew all at once; 0: not, or it has heard */
};

/* RC_EXISTS: another one has the name; RC_QUOTA: STORE_AGENTS_MAX. */
enum rc store_agent_add(struct store_txn *txn, const struct store_agent *agent);
/* Also of one that was removed. */
enum rc store_agent_get(struct store_txn *txn, struct arena *a, const struct id *id,
                        struct store_agent *out);
enum rc store_agent_by_token(struct store_txn *txn, struct arena *a, const struct id *token,
                             struct store_agent *out);
/* By its name, of those that are not removed. */
enum rc store_agent_find(struct store_txn *txn, struct arena *a, struct str name,
                         struct store_agent *out);
/* Each of these changes one that is not removed: RC_CONFLICT when it is, RC_NOTFOUND. */
enum rc store_agent_remove(struct store_txn *txn, const struct id *id, when_t now);
/* RC_AGAIN: the last one was begun less than `pause` before. */
enum rc store_agent_certify(struct store_txn *txn, const struct id *id,
                            const struct store_hash *spki, when_t now, when_t pause);
enum rc store_agent_ask(struct store_txn *txn, const struct id *id, when_t now);
/* The newest report, in place of the one before. agent: id, certificate, address, reported,
 * summary, report; `heard` is the time of the last wish to renew that it has heard of, 0: none. */
enum rc store_agent_report(struct store_txn *txn, const struct store_agent *agent, when_t heard);

/* Not removed, in the order of enrolment. */
enum rc store_agent_list(struct store_txn *txn, struct arena *a, struct store_cursor *at,
                         unsigned limit, struct store_agent **out, size_t *out_n);
/* Those that have said nothing since `before` (from enrolment on), the longest silence first. */
enum rc store_agent_silent(struct store_txn *txn, struct arena *a, when_t before, unsigned limit,
                           struct store_agent **out, size_t *out_n);
#define STORE_AGENT_STUCK WHEN_DAY
/* Those whose last report tells of certificates that fail, are not seen to be served, or were due
 * STORE_AGENT_STUCK before it, or whose clock is off by more than `skew`; in the order of
 * enrolment, with their reports. */
enum rc store_agent_troubled(struct store_txn *txn, struct arena *a, int64_t skew, unsigned limit,
                             struct store_agent **out, size_t *out_n);
struct store_agent_counts {
    uint64_t agents, silent, failing; /* failing: of their certificates, some are */
};
enum rc store_agent_count(struct store_txn *txn, when_t before, struct store_agent_counts *out);
/* The texts of reports of those that were heard since `since`, the newest `limit` of them. */
enum rc store_agent_reports(struct store_txn *txn, when_t since, unsigned limit,
                            enum rc (*fn)(void *arg, struct str report), void *arg);
