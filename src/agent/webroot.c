/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/solver.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"

#define WELL_KNOWN ".well-known/acme-challenge"

MSG(msg_no_root, "agent.webroot-missing",
    "the web server's directory {0} cannot be opened: {1}; --webroot names the directory that the "
    "web server serves / from");
MSG(msg_no_place, "agent.webroot-place",
    "{0}/.well-known/acme-challenge cannot be made: {1}; the web server's directory has to be "
    "writable for this user");

struct webroot {
    struct agent_solver s; /* first */
    int root;
    bool bare;
    char path[sizeof(WELL_KNOWN) + CLIENT_TOKEN_MAX + 1]; /* "": nothing is there */
};

/* Others read it, whatever the umask of this process is. */
static enum rc make_directory(int root, const char *path)
{
    if (mkdirat(root, path, 0755) == 0)
        return fchmodat(root, path, 0755, 0) == 0 ? RC_OK : RC_IO;
    return errno == EEXIST ? RC_OK : RC_IO;
}

static enum rc make_place(int root, const char *dir, struct err *err)
{
    if (make_directory(root, ".well-known") == RC_OK && make_directory(root, WELL_KNOWN) == RC_OK)
        return RC_OK;
    return ERR(err, RC_IO, msg_no_place, str_of(dir), str_of(strerrordesc_np(errno)));
}

static void drop(struct webroot *w)
{
    if (w->path[0])
        unlinkat(w->root, w->path, 0);
    w->path[0] = '\0';
}

static enum rc put(struct webroot *w, const struct client_proof *proof, struct err *err)
{
    char path[sizeof(w->path)];

    if (!text_is_b64url(proof->token) || proof->token.n > CLIENT_TOKEN_MAX)
        return RC_PARSE;
    snprintf(path, sizeof(path), "%s%.*s", w->bare ? "" : WELL_KNOWN "/", STR_ARG(proof->token));
    TRY(file_write(w->root, path, proof->key_authorization, 0644, FILE_OWNER_SELF, err));
    memcpy(w->path, path, sizeof(w->path));
    return RC_OK;
}

static void present(void *arg, const struct client_proof *proof, client_presented_fn fn,
                    void *fn_arg)
{
    struct webroot *w = arg;
    struct err err = ERR_INIT;

    drop(w);
    err.rc = put(w, proof, &err);
    fn(fn_arg, err.rc, err.msg ? &err : NULL);
}

static void cleanup(void *arg, const struct client_proof *)
{
    drop(arg);
}

static void webroot_free(struct agent_solver *s)
{
    struct webroot *w = (void *)s;

    drop(w);
    fd_close(&w->root);
    mem_free(w);
}

enum rc agent_webroot_new(const struct agent_world *, const char *dir, bool bare,
                          struct agent_solver **out, struct err *err)
{
    static const struct agent_solver_ops ops = {.free = webroot_free};
    CLEANUP(fd_closep) int root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct webroot *w;

    if (root < 0)
        return ERR(err, errno == ENOENT ? RC_NOTFOUND : RC_IO, msg_no_root, str_of(dir),
                   str_of(strerrordesc_np(errno)));
    if (!bare)
        TRY(make_place(root, dir, err));
    w = MEM_NEW(struct webroot);
    if (!w)
        return RC_NOMEM;
    w->root = fd_move(&root);
    w->bare = bare;
    w->s = (struct agent_solver){{"http-01", present, cleanup, w}, &ops};
    *out = &w->s;
    return RC_OK;
}
