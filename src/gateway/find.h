/* SPDX-License-Identifier: Apache-2.0 */
/* The search for a connection to one of a pool's backends: a kept one, or a new one to the first
 * that can be reached. Part of an exchange, or of a check. */
#pragma once

#include "gateway/backend.h"
#include "gateway/pool.h"

struct net_dial;

struct gateway_find {
    struct gateway_pool *pool;       /* borrowed */
    struct gateway_member *member;   /* being tried */
    struct str wish;                 /* the member that is tried first; borrowed */
    struct gateway_backend *backend; /* being tried */
    uint64_t tried;                  /* bit 1 << index in the pool */
    size_t addr;                     /* how many of its addresses were tried */
    int64_t youngest;                /* of a kept connection; 0: none will do */
    struct net_dial *dial;
    struct list waiting; /* for a lookup */
    struct err why;      /* the last failure */
    void (*done)(void *arg, struct gateway_link *l);
    void *arg;
};

void gateway_find_init(struct gateway_find *f, void (*done)(void *arg, struct gateway_link *l),
                       void *arg);
/* RC_OK: *out is the caller's. RC_AGAIN: `done` comes, with NULL when no backend could be reached.
 * Otherwise none can, and f->why tells. The pool must outlive the search, as what is wished for
 * must. */
enum rc gateway_find_start(struct gateway_find *f, struct gateway_pool *pool, int64_t youngest,
                           struct gateway_link **out);
/* After one has been found and was of no use: some were not tried, and the same with them. */
bool gateway_find_has_more(const struct gateway_find *f);
enum rc gateway_find_more(struct gateway_find *f, struct gateway_link **out);
void gateway_find_stop(struct gateway_find *f);
/* For resolve.c: the addresses are there; `err`: there are none. */
void gateway_find_resolved(struct gateway_find *f, const struct err *err);
