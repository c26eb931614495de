/* SPDX-License-Identifier: Apache-2.0 */
/* The ceremony: an RSA root and the intermediates under it, made once by `autarky init`, as root or
 * as the one who will run Autarky. Everything is made in memory first and written at the end; a
 * ceremony that failed leaves no file of its own.
 *
 * Below DATA:  root/root-rsa.key (for nobody but root), trust/roots.pem and trust/root-rsa.pem (for
 * all), ca/rsa-1.crt, ca/rsa-1.key, ca/ecdsa-1.crt, ca/ecdsa-1.key, ca/rules.json (for root; the
 * signer reads them before it drops privileges). */
#pragma once

#include "base/file.h"
#include "base/secret.h"
#include "store/issuers.h"

struct conf;

enum { CA_HIERARCHY_MAX = 3 };

struct ca_ceremony {
    int data; /* DATA, open */
    const struct conf *conf;
    when_t now;
    struct secret *root_passphrase;            /* opens root/root-rsa.key */
    struct secret *passphrase;                 /* opens the keys of the intermediates */
    void (*step)(void *arg, const char *what); /* progress: "root key, RSA 4096"; may be NULL */
    void *arg;
};

/* What was made: rows for the register, strings in the arena; the root first. */
struct ca_hierarchy {
    struct arena arena;
    struct store_issuer issuers[CA_HIERARCHY_MAX];
    size_t n;
    char root_fingerprint[2 * STORE_SHA256 + 1]; /* SHA-256, lower-case hexadecimal */
};

/* RC_EXISTS when a file is there already (nothing is overwritten). *out is to be freed with
 * ca_hierarchy_done. */
enum rc ca_hierarchy_make(const struct ca_ceremony *c, struct ca_hierarchy *out, struct err *err);
void ca_hierarchy_done(struct ca_hierarchy *h);

/* Adds the rows; the argument of a store job. */
enum rc ca_hierarchy_register(struct store_txn *txn, void *hierarchy);
