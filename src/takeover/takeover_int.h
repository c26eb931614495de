/* SPDX-License-Identifier: Apache-2.0 */
/* What the readers of the different clients share. */
#pragma once

#include "base/err.h"
#include "takeover/shell.h"
#include "takeover/takeover.h"

struct takeover_finder {
    struct takeover *t;
    const struct takeover_wish *wish;
    struct err *err;
};

/* Each finds all that its client keeps in t->home, which is absolute. */
enum rc takeover_dehydrated(struct takeover_finder *f);
enum rc takeover_certbot(struct takeover_finder *f);
enum rc takeover_acme_sh(struct takeover_finder *f);
enum rc takeover_lego(struct takeover_finder *f);

/* ---- results */

/* A new one; RC_TOOBIG after TAKEOVER_CERTS_MAX. *out is NULL when autarky keeps `dir` already. */
enum rc takeover_cert_add(struct takeover_finder *f, struct str name, struct str dir,
                          struct takeover_cert **out);
/* `c` NULL: it concerns all of them. What there is no room for is left out. */
void takeover_note(struct takeover_finder *f, struct takeover_cert *c, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The reason why it cannot be taken over; the first one stays. */
void takeover_cannot(struct takeover_finder *f, struct takeover_cert *c, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The same with what f->err says of a failure; RC_NOMEM goes on, all else is RC_OK. */
enum rc takeover_cannot_err(struct takeover_finder *f, struct takeover_cert *c, enum rc rc);
/* One more file that shows it: `how` "link" or "copy", `what` "fullchain" ... */
enum rc takeover_also(struct takeover_finder *f, struct takeover_cert *c, const char *how,
                      const char *what, struct str path);
/* The way that the administrator named, if one was. */
bool takeover_wished(const struct takeover_finder *f, struct takeover_cert *c);
/* Nobody knows the way: `how` says what the client did. */
void takeover_no_way(struct takeover_finder *f, struct takeover_cert *c, const char *how);
/* http-01 with a listener of our own at `port`, 80 if it is empty. */
enum rc takeover_way_listen(struct takeover_finder *f, struct takeover_cert *c, enum agent_way way,
                            struct str address, struct str port);
/* http-01 by files in `dir`, which is served as /.well-known/acme-challenge/ (`bare`) or as /. */
void takeover_way_webroot(struct takeover_cert *c, struct str dir, bool bare);
/* The last step: reads the pair and holds it together, takes kind of key, owner and mode from it,
 * and, where the plan has none, its names. Whatever is wrong becomes the reason why it cannot be.
 */
enum rc takeover_pair(struct takeover_finder *f, struct takeover_cert *c, struct str fullchain,
                      struct str rest, struct str key);
/* The account's key, from `path` or the file of the wish; without one a new account will be made,
 * which is noted. */
enum rc takeover_account(struct takeover_finder *f, struct takeover_cert *c, struct str path);
/* Names in canonical form, DNS and addresses, with blanks or commas between; `c->why` otherwise. */
enum rc takeover_names(struct takeover_finder *f, struct takeover_cert *c, struct str list);

bool takeover_has_wildcard(const struct agent_plan *plan);

/* ---- files */

/* Through symbolic links, into the arena. RC_NOTFOUND; RC_DENIED: others than root and we may
 * write to it; RC_TOOBIG, RC_INVAL (no regular file), RC_IO. */
enum rc takeover_file(struct takeover_finder *f, struct str path, struct str *out);
/* A private key in any form; as takeover_file, and as takeover_key_read. */
enum rc takeover_key_file(struct takeover_finder *f, struct str path, struct crypto_key **out);
bool takeover_is_file(struct str path);
bool takeover_is_dir(struct str path);
/* "DIR/NAME" in the arena, of the names in DIR that end in `suffix` and do not begin with a dot,
 * sorted. No such directory: none. */
enum rc takeover_list(struct takeover_finder *f, struct str dir, const char *suffix,
                      struct str **out, size_t *out_n);
/* "A/B" in the arena; B itself when it is absolute. */
enum rc takeover_join(struct takeover_finder *f, struct str a, struct str b, struct str *out);
/* A path's last step, without `suffix`. */
struct str takeover_base(struct str path, const char *suffix);
