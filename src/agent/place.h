/* SPDX-License-Identifier: Apache-2.0 */
/* The directory in which a service finds its certificate, and how a new one takes its place. What
 * the service reads are symbolic links, and one rename moves all of them at once:
 *
 *     DIR/cert.pem, chain.pem, fullchain.pem, privkey.pem -> .autarky/live/...
 *     DIR/.autarky/live -> 7        the generation in force
 *     DIR/.autarky/7/...            key (0600, unless it is to be another mode) and certificate, as
 *                                   client/pair.h writes them
 *     DIR/.autarky/account.pem      the account's key (0600), unless it is elsewhere
 *     DIR/.autarky/state.json       what was asked for, when to renew, what failed last (0600)
 *     DIR/.autarky/pin.refused      a PIN that a token refused (crypto/token_mark.h), in digest
 *     DIR/.autarky/lock             held by whoever changes any of it
 *
 * A generation is complete on disk before `live` points to it, so that at every moment, a crash
 * included, what is read belongs together. The one before stays, for going back. Other files in DIR
 * are nobody's business here. */
#pragma once

#include "agent/owner.h"
#include "base/err.h"
#include "crypto/key.h"

enum {
    AGENT_PATH_MAX = 1024,
    AGENT_STATE_MAX = 128 * 1024,
    AGENT_GENERATIONS_KEPT = 2, /* the one in force and the one before */
};

#define AGENT_HOME ".autarky"
/* Of DIR: the keys of its accounts, where the plan names no other file. */
#define AGENT_ACCOUNT AGENT_HOME "/account.pem"
#define AGENT_FALLBACK_ACCOUNT AGENT_HOME "/fallback-account.pem"

struct agent_place {
    int dir, lock;
    char path[AGENT_PATH_MAX]; /* of DIR, absolute, for messages and for hooks */
    unsigned long live;        /* generation in force; 0: none */
    struct agent_owner owner;  /* of files that are written from now on; set by the caller */
};
#define AGENT_PLACE_INIT ((struct agent_place){.dir = -1, .lock = -1, .owner = AGENT_OWNER_SELF})

/* Opens DIR, makes it and what is below if it is not there (`make`), and takes the lock; files that
 * a run which was cut off has begun there are removed. RC_AGAIN:
 * somebody else has it; RC_NOTFOUND without `make`: nothing was obtained there; RC_DENIED: others
 * than root and ourselves may write to DIR; RC_IO, RC_TOOBIG.
 */
enum rc agent_place_open(const char *dir, bool make, struct agent_place *out, struct err *err);
/* The same of one that is there, without the lock: for who only reads. */
enum rc agent_place_look(const char *dir, struct agent_place *out, struct err *err);
/* Gives the lock back. Allowed on AGENT_PLACE_INIT. */
void agent_place_done(struct agent_place *p);

/* Whether agent_place_install could put its links in place: RC_EXISTS and what is in the way. */
enum rc agent_place_check(const struct agent_place *p, struct err *err);
/* Whether files here can have the owner's label, before there is anything to be lost: as
 * agent_owner_label; RC_IO. */
enum rc agent_place_label(const struct agent_place *p, struct err *err);
/* Writes key and chain (PEM, leaf first) as a new generation and has the links point to it. Plain
 * files of these names that are a certificate and its key, of another program, become the
 * generation before; anything else in the way is RC_EXISTS. On failure everything is as it was. */
enum rc agent_place_install(struct agent_place *p, struct str chain, const struct crypto_key *key,
                            struct err *err);
/* The two halves of it, for those who have something to do in between. */
enum rc agent_place_write(struct agent_place *p, struct str chain, const struct crypto_key *key,
                          unsigned long *out_generation, struct err *err);
/* The first of them where the key is elsewhere, as `reference` says in privkey.pem. */
enum rc agent_place_refer(struct agent_place *p, struct str chain, struct str reference,
                          unsigned long *out_generation, struct err *err);
enum rc agent_place_switch(struct agent_place *p, unsigned long generation, struct err *err);
/* Puts right what a switch that was cut off has left undone: the links. */
enum rc agent_place_complete(const struct agent_place *p, struct err *err);
/* Back to the generation `to`, which agent_place_install has replaced. */
enum rc agent_place_return(struct agent_place *p, unsigned long to, struct err *err);
/* The pair that another program keeps under these names, in whatever files or links, as `chain` and
 * `key` were read from it: it becomes a generation, and the links take the place of what is there.
 * Where there are generations already only the links are put right. What is read under the names is
 * the same at every moment. */
enum rc agent_place_adopt(struct agent_place *p, struct str chain, const struct crypto_key *key,
                          struct err *err);
/* The chain of a generation, appended. RC_NOTFOUND when there is none, and for 0. */
enum rc agent_place_read(const struct agent_place *p, unsigned long generation, struct buf *chain,
                         struct err *err);
/* The key of a generation. As client_pair_read; RC_PARSE also where it is elsewhere. */
enum rc agent_place_key(const struct agent_place *p, unsigned long generation,
                        struct crypto_key **out, struct err *err);
/* Absolute path of one of the files, "cert.pem": of a generation, or (0) where the service finds
 * it. RC_TOOBIG. */
enum rc agent_place_file(const struct agent_place *p, unsigned long generation, const char *name,
                         char out[static AGENT_PATH_MAX]);

/* The account's key, in `path` or, if that is empty, in its place in DIR: read, or made (P-256) and
 * written, 0600; `path` may be a credential (agent/sealed.h), which is not made. RC_DENIED: others
 * may read it; RC_IO, RC_PARSE and what is wrong with the file. */
enum rc agent_place_account(const struct agent_place *p, struct str path, struct crypto_key **out,
                            struct err *err);
/* Another program's key as the account's, in its place in DIR. */
enum rc agent_place_put_account(const struct agent_place *p, const struct crypto_key *key,
                                struct err *err);
/* The state, as text. RC_NOTFOUND. */
enum rc agent_place_state(const struct agent_place *p, struct buf *out, struct err *err);
enum rc agent_place_put_state(const struct agent_place *p, struct str text, struct err *err);
