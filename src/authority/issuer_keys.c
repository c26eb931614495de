/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of authorities, for the commands beside a server: wherever a root's key is, and whatever
 * opens it. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "authority/issuer_int.h"
#include "authority/root_int.h"
#include "base/fd.h"
#include "ca/passphrase.h"
#include "ceremony/keys.h"

static void show_step(void *arg, const char *what)
{
    (void)arg;
    fprintf(stderr, "  %s\n", what);
}

enum rc issuer_session_root_passphrase(struct issuer_session *s, struct err *err)
{
    CLEANUP(buf_done) struct buf said = BUF_INIT(1024);

    if (!s->root_passphrase)
        TRY(custody_open(s->args, s->data, &s->root_passphrase, &said, err));
    s->ceremony.root_passphrase = s->root_passphrase;
    return RC_OK;
}

static bool is_there(int data, struct str ref, const char *ending)
{
    char path[CA_REF_MAX + 32];

    snprintf(path, sizeof(path), "root/%.*s%s", STR_ARG(ref), ending);
    return faccessat(data, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static enum rc open_root(void *arg, struct str ref, struct crypto_key **out, struct err *err)
{
    struct issuer_session *s = arg;
    CLEANUP(fd_closep) int dir = openat(s->data, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (is_there(s->data, ref, ".uri"))
        return ca_key_load(&s->loader, dir, ref, out, err);
    if (is_there(s->data, ref, ".key"))
        TRY(issuer_session_root_passphrase(s, err));
    return ceremony_root_key(s->data, ref, s->root_passphrase, out, err);
}

/* The token of the one that is replaced; what is in a file stays in files. */
static enum rc token_of_like(const struct issuer_session *s, const struct ca_ref *ref,
                             struct buf *out, struct err *err)
{
    struct ca_ref like;
    enum rc rc;

    if (!s->like || ca_ref_parse(str_of(s->like), &like) != RC_OK || like.root != ref->root)
        return RC_OK;
    rc = ceremony_token_of(s->data, &like, out, err);
    if (rc == RC_NOTFOUND && err)
        *err = ERR_INIT;
    return rc == RC_NOTFOUND ? RC_OK : rc;
}

static enum rc make_key(void *arg, const struct ca_ref *ref, struct ceremony_files *files,
                        struct crypto_key **out, struct err *err)
{
    struct issuer_session *s = arg;
    CLEANUP(buf_done) struct buf like = BUF_INIT(2 * CRYPTO_TOKEN_URI_MAX);
    struct ceremony_place place = {.loader = &s->loader};

    if (!ref->root)
        place.token = s->args->values[CMD_OPT_TOKEN];
    if (!place.token)
        TRY(token_of_like(s, ref, &like, err));
    if (!place.token && like.n)
        place.token = buf_z(&like);
    if (!place.token && ref->root)
        TRY(issuer_session_root_passphrase(s, err));
    if (!place.token && !ref->root && !s->passphrase)
        TRY(ca_passphrase_read(s->conf, s->data, &s->passphrase, err));
    place.passphrase = ref->root ? s->root_passphrase : s->passphrase;
    return ceremony_key_make(&place, ref, files, out, err);
}

void issuer_session_keys(struct issuer_session *s)
{
    s->ceremony.open_root = open_root;
    s->ceremony.make_key = make_key;
    s->ceremony.step = show_step;
    s->ceremony.arg = s;
}
