/* SPDX-License-Identifier: Apache-2.0 */
/* New keys of authorities, in an encrypted file or in a PKCS#11 token. Runs in commands. */
#pragma once

#include "ca/key_load.h"
#include "ca/ref.h"
#include "ceremony/files.h"

/* Where a key is to be made. */
struct ceremony_place {
    struct ca_key_loader *loader; /* opens tokens */
    const char *token;            /* a URI, as in pkcs11:token=CA; NULL: in a file, */
    struct secret *passphrase;    /* which this encrypts */
};

/* A new key for `ref`, its file added to `files`: DIR/REF.key, or with a token DIR/REF.uri, DIR
 * being root for roots, else ca. A key that was made in a token stays there, whatever becomes of
 * the files. */
enum rc ceremony_key_make(const struct ceremony_place *place, const struct ca_ref *ref,
                          struct ceremony_files *files, struct crypto_key **out, struct err *err);

/* The token in which the key of `ref` is, as its URI, appended; RC_NOTFOUND when it is in none. */
enum rc ceremony_token_of(int data, const struct ca_ref *ref, struct buf *out, struct err *err);
