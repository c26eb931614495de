/* SPDX-License-Identifier: Apache-2.0 */
/* What an agent keeps of its enrolment, in a directory of its own (0700):
 *
 *     identity.pem   its key and, once it has it, its certificate and their chain; 0600, exchanged
 *                    as a whole, so that a crash leaves a pair
 *     roots.pem      who is trusted to be the server; not there: this machine's roots
 *     agent.json     the server's URL, what the agent is called, whether it lets itself be told to
 *                    renew, and which wish to do so it has heard of last */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/when.h"
#include "crypto/key.h"

enum {
    AGENTD_IDENTITY_MAX = 256 * 1024,
    AGENTD_ROOTS_MAX = 256 * 1024,
    AGENTD_SETTINGS_MAX = 16 * 1024,
};

struct agentd_home {
    int dir;
    struct arena arena;
    struct crypto_key *key; /* NULL: there is none yet */
    struct buf chain;       /* PEM, leaf first; empty: not enrolled */
    struct buf roots;       /* PEM; empty: this machine's */
    when_t not_before, not_after;
    struct str server, id, name; /* in the arena */
    bool renews;
    int64_t heard;
};
#define AGENTD_HOME_INIT ((struct agentd_home){.dir = -1})

/* Opens what is in `path`, which is made (`make`) if it is not there. Nothing in it is no error.
 * RC_NOTFOUND without `make`; RC_PARSE and which file is broken; RC_IO, RC_DENIED. */
enum rc agentd_home_open(const char *path, bool make, struct agentd_home *out, struct err *err);
/* Allowed on AGENTD_HOME_INIT. */
void agentd_home_done(struct agentd_home *h);
bool agentd_home_enrolled(const struct agentd_home *h);

/* The key, and the chain (may be empty), to the disk and into *h. */
enum rc agentd_home_put_identity(struct agentd_home *h, struct crypto_key *key, struct str chain,
                                 struct err *err);
enum rc agentd_home_put_roots(struct agentd_home *h, struct str pem, struct err *err);
/* server, id, name, renews and heard of *h. */
enum rc agentd_home_put_settings(const struct agentd_home *h, struct err *err);
