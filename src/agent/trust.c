/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>

#include "agent/place.h"
#include "base/file.h"
#include "base/text.h"

MSG(msg_file, "agent.ca-file",
    "the roots in {0} cannot be used: {1}; the file holds certificates in PEM, as trust/roots.pem "
    "of an Autarky does");
MSG(msg_missing, "agent.file-missing", "{0} cannot be opened: {1}");

/* Where distributions keep the bundle of trusted roots; the first that is there counts. */
static const char *const bundles[] = {
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
};

enum { ARENA_MAX = 16 << 20, DER_MAX = 64 * 1024 };

enum rc agent_file_read(struct str path, struct buf *out, struct err *err)
{
    char given[AGENT_PATH_MAX], real[PATH_MAX];

    TRY(str_copyz(path, given, sizeof(given)));
    if (realpath(given, real))
        return file_read(AT_FDCWD, real, out, err);
    return ERR(err, errno == ENOENT || errno == ENOTDIR ? RC_NOTFOUND : RC_IO, msg_missing, path,
               str_of(strerrordesc_np(errno)));
}

static enum rc add(struct agent_trust *t, struct str pem, size_t *added)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(DER_MAX);

    TRY(tls_trust_add(t->tls, pem, added));
    while (t->n_roots < AGENT_TRUST_ROOTS_MAX) {
        enum rc rc;

        buf_reset(&der);
        rc = text_unpem(&pem, STR("CERTIFICATE"), NULL, &der);
        if (rc == RC_NOTFOUND)
            return RC_OK;
        TRY(rc);
        TRY(arena_str(&t->arena, buf_str(&der), &t->roots[t->n_roots]));
        t->n_roots++;
    }
    return RC_TOOBIG;
}

enum rc agent_trust_machine(struct buf *out)
{
    for (size_t i = 0; i < sizeof(bundles) / sizeof(bundles[0]); i++) {
        enum rc rc;

        buf_reset(out);
        rc = agent_file_read(str_of(bundles[i]), out, NULL);
        if (rc == RC_OK || rc == RC_NOMEM)
            return rc;
    }
    buf_reset(out);
    return RC_OK;
}

/* A bundle that cannot be used is as good as none. */
static enum rc add_system(struct agent_trust *t)
{
    CLEANUP(buf_done) struct buf pem = BUF_INIT(AGENT_TRUST_FILE_MAX);
    size_t added;

    TRY(agent_trust_machine(&pem));
    return add(t, buf_str(&pem), &added) == RC_NOMEM ? RC_NOMEM : RC_OK;
}

static enum rc add_file(struct agent_trust *t, struct str path, struct err *err)
{
    CLEANUP(buf_done) struct buf pem = BUF_INIT(AGENT_TRUST_FILE_MAX);
    struct err why = ERR_INIT;
    char line[512];
    size_t added = 0;
    enum rc rc = agent_file_read(path, &pem, err);

    if (rc != RC_OK)
        return rc;
    rc = add(t, buf_str(&pem), &added);
    if (rc == RC_NOMEM)
        return rc;
    why.rc = rc == RC_OK && added == 0 ? RC_PARSE : rc;
    if (why.rc == RC_OK)
        return RC_OK;
    return ERR(err, why.rc, msg_file, path,
               rc == RC_OK ? STR("there is no certificate in it")
                           : str_of(err_textz(&why, line, sizeof(line))));
}

enum rc agent_trust_load(struct agent_trust *t, struct str ca_file, struct str pinned,
                         struct err *err)
{
    size_t added;

    *t = (struct agent_trust){.arena = ARENA_INIT(ARENA_MAX)};
    t->roots = ARENA_ARRAY(&t->arena, struct str, AGENT_TRUST_ROOTS_MAX);
    if (!t->roots)
        return RC_NOMEM;
    TRY(tls_trust_new(&t->tls));
    if (pinned.n)
        return add(t, pinned, &added);
    TRY(add_system(t));
    return ca_file.n ? add_file(t, ca_file, err) : RC_OK;
}

void agent_trust_done(struct agent_trust *t)
{
    tls_trust_free(t->tls);
    arena_done(&t->arena);
    *t = (struct agent_trust){};
}
