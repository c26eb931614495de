/* SPDX-License-Identifier: Apache-2.0 */
/* Making an RSA key of 4096 bits takes seconds, opening a file that scrypt protects as it should a
 * fifth of one, and a hundred programs have worlds. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "crypto/pem.h"
#include "world.h"

enum { PATH_BYTES = 4096 };

/* RC_NOTFOUND: there is none of that name. */
static enum rc made_before(const char *name, struct buf *out)
{
    const char *tests = getenv("AUTARKY_TESTS");
    char path[PATH_BYTES];

    if (!tests)
        return RC_NOTFOUND;
    snprintf(path, sizeof(path), "%s/keys/%s.key", tests, name);
    return file_read(AT_FDCWD, path, out, NULL);
}

enum rc world_make_key(void *arg, const struct ca_ref *ref, struct ceremony_files *files,
                       struct crypto_key **out, struct err *err)
{
    char name[CA_REF_MAX + 1];
    struct buf *file =
        ceremony_files_add(files, ref->root ? "root" : "ca", ca_ref_text(ref, name), ".key", 0600);
    enum rc rc = made_before(name, file);

    if (rc == RC_OK)
        return crypto_pem_read(buf_str(file), arg, out, err);
    if (rc != RC_NOTFOUND)
        return rc;
    TRY(crypto_key_generate(ceremony_key_spec(ref), out));
    return crypto_pem_put(*out, arg, file);
}

bool world_audit_key(int dir)
{
    CLEANUP(buf_done) struct buf pem = BUF_INIT(CRYPTO_PEM_MAX);
    enum rc rc = made_before("audit", &pem);

    return rc == RC_NOTFOUND || (rc == RC_OK && file_write(dir, "ca/audit.key", buf_str(&pem), 0600,
                                                           FILE_OWNER_SELF, NULL) == RC_OK);
}
