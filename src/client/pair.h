/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate and its key as files, where other programs look for them: a directory with
 * cert.pem, chain.pem, fullchain.pem and privkey.pem (0600), replaced as a whole by exchanging it
 * with a new one (renameat2), so that at every moment, a crash included, they belong together. The
 * owner is the caller. */
#pragma once

#include "base/err.h"
#include "crypto/key.h"

enum { CLIENT_PAIR_MAX = 256 * 1024 /* bytes of fullchain.pem */, CLIENT_PAIR_PATH_MAX = 1024 };

/* Writes the pair as `path`, of which all but the last step exists; `dir` is an open directory.
 * `chain` is PEM, the leaf first. RC_EXISTS when something else than a directory is there. On
 * failure the old pair is what it was; what a crash left behind is removed first. */
enum rc client_pair_write(int dir, const char *path, struct str chain, const struct crypto_key *key,
                          struct err *err);
/* The same with that text in privkey.pem, which says where the key is. */
enum rc client_pair_write_reference(int dir, const char *path, struct str chain,
                                    struct str reference, struct err *err);
/* Appends fullchain.pem and reads the key. RC_NOTFOUND, RC_PARSE, RC_TOOBIG, RC_IO; whether the two
 * belong together is for client_chain_check to say. */
enum rc client_pair_read(int dir, const char *path, struct buf *chain, struct crypto_key **key,
                         struct err *err);
/* fullchain.pem alone, appended. */
enum rc client_pair_chain(int dir, const char *path, struct buf *chain, struct err *err);
/* As client_pair_read, but the key is appended as it is, PKCS#8 in DER, in one write. */
enum rc client_pair_read_der(int dir, const char *path, struct buf *chain, struct buf *key,
                             struct err *err);
