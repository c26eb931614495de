/* SPDX-License-Identifier: Apache-2.0 */
/* DATA/conf.d/sites.yaml, the one configuration file that a command edits: a header and one site a
 * line, each a JSON object, which is YAML too. Lines in another form are somebody's own and are
 * left alone. (site_file.c) */
#pragma once

#include "base/buf.h"
#include "base/err.h"

struct cmd_args;
struct conf_site;

#define SITE_FILE "sites.yaml"

struct site_file {
    int data;      /* DATA */
    int dir;       /* conf.d in it; -1: there is none yet */
    int lock;      /* one command at a time; -1: this one may only look */
    bool exists;   /* the file */
    struct buf is; /* its text */
    struct buf to; /* what it is to become */
};

#define SITE_FILE_INIT                                                                             \
    {                                                                                              \
        .data = -1, .dir = -1, .lock = -1                                                          \
    }

/* Opens, locks and reads; `to` is the same text. With `make`, conf.d is made where it is missing.
 * site_file_done also on failure. RC_DENIED, RC_IO ... with the reason. */
enum rc site_file_open(struct site_file *f, const struct cmd_args *args, bool make,
                       struct err *err);
void site_file_done(struct site_file *f);

struct site_line {
    struct str name;
    const char *const *backends;
    size_t n_backends;
    struct str algorithms; /* "rsa,ecdsa"; empty: the default */
    struct str profile;    /* empty: the default */
};

/* Adds a line to `to`. Nothing is checked but that it is text: the configuration's own checks come
 * after it. */
enum rc site_file_add(struct site_file *f, const struct site_line *line);
/* Takes the line of that canonical name out of `to`; RC_NOTFOUND when there is none. */
enum rc site_file_remove(struct site_file *f, struct str name);
/* Writes `to` where `from` was, each one of the two texts; a file that holds no site is removed.
 * RC_CONFLICT: somebody has edited it since. */
enum rc site_file_write(const struct site_file *f, const struct buf *from, const struct buf *to,
                        struct err *err);

/* ---- looking at servers, as a client would (site_look.c); these block, for SITE_LOOK_SECONDS at
 * most at each step */

enum { SITE_LOOK_SECONDS = 5 };

/* Looks `host` up and connects to the first of its addresses that answers. RC_NOTFOUND when it has
 * none, RC_NET, RC_TIMEOUT. */
enum rc site_connect(struct str host, uint16_t port, int *out_fd, struct err *err);
/* Asks the backend at that base URL (http, https) for `target`, a path, perhaps with a query, as
 * the gateway would on behalf of the site: over TLS with what the site demands of backends, and
 * behind a header of the PROXY protocol where it sends one. RC_OK and the status of its answer,
 * whatever that is; of h2, with which nothing is said but the handshake, 0. RC_CRYPTO, RC_DENIED:
 * it does not prove what the site demands. (site_ask.c) Needs crypto_init. */
enum rc site_ask_backend(const struct conf_site *site, struct str base, struct str target,
                         int *out_status, struct err *err);
