/* SPDX-License-Identifier: Apache-2.0 */
#include "ceremony/keys.h"

#include <stdio.h>

#include "base/file.h"
#include "crypto/pem.h"

static const char *dir_of(const struct ca_ref *ref)
{
    return ref->root ? "root" : "ca";
}

enum rc ceremony_key_make(const struct ceremony_place *place, const struct ca_ref *ref,
                          struct ceremony_files *files, struct crypto_key **out, struct err *err)
{
    char name[CA_REF_MAX + 1];
    struct crypto_token_uri uri;
    struct crypto_token *token;
    struct buf *file;

    ca_ref_text(ref, name);
    if (!place->token) {
        TRY(crypto_key_generate(ceremony_key_spec(ref), out));
        return crypto_pem_put(*out, place->passphrase,
                              ceremony_files_add(files, dir_of(ref), name, ".key", 0600));
    }
    TRY(crypto_token_uri_parse(str_of(place->token), &uri, err));
    TRY(ca_key_token(place->loader, &uri, &token, err));
    file = ceremony_files_add(files, dir_of(ref), name, ".uri", 0600);
    TRY(crypto_token_generate(token, ceremony_key_spec(ref), str_of(name), file, out, err));
    buf_putz(file, "\n");
    return buf_rc(file);
}

enum rc ceremony_token_of(int data, const struct ca_ref *ref, struct buf *out, struct err *err)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(2 * CRYPTO_TOKEN_URI_MAX);
    char name[CA_REF_MAX + 1], path[CA_REF_MAX + 32];
    struct crypto_token_uri uri;

    snprintf(path, sizeof(path), "%s/%s.uri", dir_of(ref), ca_ref_text(ref, name));
    TRY(file_read(data, path, &text, err));
    TRY(crypto_token_uri_parse(str_trim(buf_str(&text)), &uri, err));
    uri.object[0] = '\0';
    uri.id_n = 0;
    crypto_token_uri_put(&uri, out);
    return buf_rc(out);
}
