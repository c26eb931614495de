/* SPDX-License-Identifier: Apache-2.0 */
/* The data directory while `autarky init` works in it (init_dir.c). A mark is made in it before
 * anything else and removed after autarky.yaml is there, so that what a killed init has left can be
 * told from an authority that somebody lost the configuration of: the one is removed by the next
 * init, the other never. */
#pragma once

#include <stdbool.h>

#include "ceremony/make.h"
#include "revocation/revocation.h"

struct init_dir {
    const char *path;
    int fd;
    int mark;        /* locked while this process works */
    bool made;       /* the directory itself */
    bool passphrase; /* ca.passphrase is among what init makes */
};

/* Exactly what init makes below DATA, besides autarky.yaml and ca.passphrase. */
enum { INIT_SUBDIRS = 5 };
extern const char *const init_subdirs[INIT_SUBDIRS];

/* Could init work there? Says why not; changes nothing. CMD_DONE or CMD_FAILED. */
int init_dir_check(const char *path);
/* Makes, opens and marks it; removes what an earlier init has left. `passphrase` as in the struct.
 * The same result. */
int init_dir_open(struct init_dir *d, const char *path, bool passphrase);
/* All is made: the mark goes. */
enum rc init_dir_finish(struct init_dir *d, struct err *err);
/* Removes everything that init makes, then the mark and, when init made it, the directory. */
void init_dir_undo(struct init_dir *d);
/* Closes; nothing for one that was never opened (zero but for fd and mark -1). */
void init_dir_done(struct init_dir *d);

/* init_offline.c: takes the certificates of roots from `path` (ROOT_MEDIA_ROOT) as what was made:
 * rows without keys. RC_NOTFOUND none, RC_DENIED no root or another organisation's. */
enum rc init_offline(const char *path, const struct conf *conf, when_t now,
                     struct ceremony_made *made, struct err *err);

/* init_crl.c: what goes into the register, in one transaction. */
struct init_register {
    struct ca_change change;
    struct revocation_given lists[CEREMONY_MADE_MAX];
    size_t n_lists;
    struct err err; /* why a list was refused */
};
/* Signs a list of each root that was made here, none for those whose key is elsewhere, keeps it in
 * root/REF.crl and adds it to what is registered. */
enum rc init_lists(const struct ceremony *c, struct ceremony_made *m, struct init_register *r,
                   struct err *err);
/* A store job; its argument is the above. */
enum rc init_register_fn(struct store_txn *txn, void *arg);
