/* SPDX-License-Identifier: Apache-2.0 */
/* Making an RSA key of 4096 bits takes seconds, and a hundred programs have a ceremony. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "crypto/pem.h"
#include "world.h"

enum { KEY_FILE_MAX = 8192, PATH_MAX_HERE = 4096 };

/* RC_NOTFOUND: there is none for this one. */
static enum rc made_before(const char *name, struct crypto_key **out)
{
    CLEANUP(buf_done) struct buf pem = BUF_INIT(KEY_FILE_MAX);
    const char *tests = getenv("AUTARKY_TESTS");
    char path[PATH_MAX_HERE];

    if (!tests)
        return RC_NOTFOUND;
    snprintf(path, sizeof(path), "%s/keys/%s.key", tests, name);
    TRY(file_read(AT_FDCWD, path, &pem, NULL));
    return crypto_pem_read(buf_str(&pem), NULL, out, NULL);
}

enum rc world_make_key(void *arg, const struct ca_ref *ref, struct ceremony_files *files,
                       struct crypto_key **out, struct err *)
{
    char name[CA_REF_MAX + 1];
    enum rc rc = made_before(ca_ref_text(ref, name), out);

    if (rc == RC_NOTFOUND)
        rc = crypto_key_generate(ceremony_key_spec(ref), out);
    TRY(rc);
    return crypto_pem_put(
        *out, arg, ceremony_files_add(files, ref->root ? "root" : "ca", name, ".key", 0600));
}
