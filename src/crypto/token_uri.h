/* SPDX-License-Identifier: Apache-2.0 */
/* The names of tokens and of keys in them: the path part of PKCS #11 URIs (RFC 7512 section 2.3).
 * What the query part may say, where the PIN and the module are, is the configuration's alone and
 * refused here. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

/* Of the fixed fields of CK_TOKEN_INFO, and our own limits on labels and ids. */
enum {
    CRYPTO_TOKEN_LABEL = 32,
    CRYPTO_TOKEN_SERIAL = 16,
    CRYPTO_TOKEN_OBJECT = 64,
    CRYPTO_TOKEN_ID = 32,
    CRYPTO_TOKEN_URI_MAX = 1024,
};

/* Attributes that were not given are empty; what they do not name, they do not restrict. */
struct crypto_token_uri {
    char token[CRYPTO_TOKEN_LABEL + 1];
    char manufacturer[CRYPTO_TOKEN_LABEL + 1];
    char serial[CRYPTO_TOKEN_SERIAL + 1];
    char model[CRYPTO_TOKEN_SERIAL + 1];
    char object[CRYPTO_TOKEN_OBJECT + 1]; /* CKA_LABEL of the key */
    unsigned char id[CRYPTO_TOKEN_ID];    /* CKA_ID */
    size_t id_n;
    uint64_t slot;
    bool has_slot;
};

/* "pkcs11:token=CA;object=rsa-1". RC_PARSE for what is no such URI, RC_UNSUPPORTED for an attribute
 * that is not among those above or `type=private`, RC_INVAL for one that comes twice. */
enum rc crypto_token_uri_parse(struct str text, struct crypto_token_uri *out, struct err *err);
/* Appends the URI; attributes in a fixed order, so that equal names are equal texts. */
void crypto_token_uri_put(const struct crypto_token_uri *uri, struct buf *out);
/* They say the same of the token, whatever they say of the key. */
bool crypto_token_uri_same_token(const struct crypto_token_uri *a,
                                 const struct crypto_token_uri *b);
