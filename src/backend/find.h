/* SPDX-License-Identifier: Apache-2.0 */
/* The search for a connection to one of a pool's backends: a kept one, or a new one to the first
 * that can be reached. Part of an exchange, or of a check. */
#pragma once

#include "backend/backend.h"
#include "backend/pool.h"

struct net_dial;
struct tls_client;

struct backend_find {
    struct backend_pool *pool;     /* borrowed */
    struct backend_member *member; /* being tried */
    struct str wish;               /* the member that is tried first; borrowed */
    struct backend *backend;       /* being tried */
    uint64_t tried;                /* bit 1 << index in the pool */
    size_t addr;                   /* how many of its addresses were tried */
    int64_t youngest;              /* of a kept connection; 0: none will do */
    struct net_dial *dial;
    struct str preface;        /* sent first on a new connection, even before TLS; borrowed */
    struct tls_client *shakes; /* hands with the backend */
    struct ev_timer timer;     /* for that */
    bool unproven;             /* one was reached that could not prove who it is */
    struct list waiting;       /* for a lookup, or for a connection that another one makes */
    bool makes;                /* it is that other one */
    struct err why;            /* the last failure */
    void (*done)(void *arg, struct backend_link *l);
    void *arg;
};

void backend_find_init(struct backend_find *f, struct ev *ev,
                       void (*done)(void *arg, struct backend_link *l), void *arg);
/* RC_OK: *out is the caller's. RC_AGAIN: `done` comes, with NULL when no backend could be reached.
 * Otherwise none can, and f->why tells. The pool must outlive the search, as what is wished for
 * must. */
enum rc backend_find_start(struct backend_find *f, struct backend_pool *pool, int64_t youngest,
                           struct backend_link **out);
/* After one has been found and was of no use: some were not tried, and the same with them. */
bool backend_find_has_more(const struct backend_find *f);
enum rc backend_find_more(struct backend_find *f, struct backend_link **out);
void backend_find_stop(struct backend_find *f);
/* For backend.c: those who wait for a connection of HTTP/2 to it look again. */
void backend_find_wake(struct backend *b);
/* For resolve.c: the addresses are there; `err`: there are none. */
void backend_find_resolved(struct backend_find *f, const struct err *err);
