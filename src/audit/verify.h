/* SPDX-License-Identifier: Apache-2.0 */
/* An export of the audit log held against its signed heads: offline, with the public key alone, in
 * one pass and bounded memory. Nothing that the files hold is believed but what a signature covers.
 */
#pragma once

#include "audit/note.h"

enum { AUDIT_SPANS_MAX = 64, AUDIT_KEYS_MAX = 64 };

/* Between two signed heads, in which something is not as it was signed. */
struct audit_span {
    uint64_t from, to;   /* records from + 1 to `to` */
    when_t after, until; /* when the two heads were signed; `after` 0: the beginning */
    bool missing;        /* the export ends before `to` */
};

struct audit_verdict {
    uint64_t records; /* in the files */
    uint64_t heads;   /* signed ones that could be held against them */
    uint64_t covered; /* records under the last of these */
    when_t covered_at;
    uint64_t unsigned_heads; /* that are none of the keys', or no heads; they prove nothing */
    bool tail_damaged;       /* behind the last head records are missing, or there twice */
    struct audit_span spans[AUDIT_SPANS_MAX]; /* in order; neighbours are one */
    size_t n_spans;
    bool more_spans;    /* and some without room */
    uint64_t witnessed; /* size of the largest head of in->heads; 0: none */
};

struct audit_verify {
    int dir;                     /* the export, open */
    const char *name;            /* for messages */
    const struct note_key *keys; /* of the log: one of them has to have signed a head */
    size_t n_keys;
    int heads; /* more heads, kept elsewhere, as in heads.txt; -1: none */
    const char *heads_name;
    const struct note_key *witness; /* NULL: `heads` need no other signature than the log's */
};

/* RC_OK: `out` is the judgement, good or bad. RC_NOTFOUND when it is no export; RC_DENIED when one
 * of in->heads is not signed as it has to be; RC_IO. */
enum rc audit_verify(const struct audit_verify *in, struct audit_verdict *out, struct err *err);
/* All is as it was signed. */
bool audit_verdict_good(const struct audit_verdict *v);
