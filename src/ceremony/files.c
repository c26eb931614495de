/* SPDX-License-Identifier: Apache-2.0 */
#include "ceremony/files.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "ca/rules.h"
#include "crypto/pem.h"

MSG(msg_no_root_key, "ceremony.no-root-key",
    "the key of {0} is not here (root/{0}.key or .uri in the data directory): bring it back for "
    "the time of this command, or ask the machine where it is, by `--media DIR` with `autarky "
    "issuer create --csr`, `issuer rotate --csr`, `issuer cross-sign` or `issuer revoke`");
MSG(msg_root_passphrase, "ceremony.root-passphrase",
    "the passphrase does not open root/{0}.key; it is the one that the key was made with: "
    "--root-passphrase-file FILE, or root/passphrase in the data directory");

MSG(msg_room, "ceremony.no-room",
    "ca/ in the data directory has {0} issuers, and {1} is the most that the signer loads: nothing "
    "was made. Move some that have ended, each with its REF.crt and REF.key or REF.uri, to another "
    "directory");

enum { TRUST_MAX = 1024 * 1024 };

void ceremony_files_done(struct ceremony_files *f)
{
    for (size_t i = 0; i < f->n; i++)
        buf_wipe(&f->v[i].content);
    f->n = 0;
}

struct buf *ceremony_files_add(struct ceremony_files *f, const char *dir, const char *name,
                               const char *ending, mode_t mode)
{
    struct ceremony_file *file = &f->v[f->n++];

    assert(f->n <= CEREMONY_FILES_MAX);
    file->mode = mode;
    buf_init(&file->content, CRYPTO_PEM_MAX);
    if ((size_t)snprintf(file->path, sizeof(file->path), "%s/%s%s", dir, name, ending) >=
        sizeof(file->path))
        buf_fail(&file->content, RC_TOOBIG);
    return &file->content;
}

enum rc ceremony_files_write(struct ceremony_files *f, int data, struct err *err)
{
    static const struct {
        const char *name;
        mode_t mode;
    } dirs[] = {{"root", 0700}, {"ca", 0700}, {"trust", 0755}};
    enum rc rc = RC_OK;

    for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
        TRY(file_mkdir(data, dirs[i].name, dirs[i].mode, FILE_OWNER_SELF, err));
    for (size_t i = 0; i < f->n && rc == RC_OK; i++)
        rc = buf_rc(&f->v[i].content);
    while (f->written < f->n && rc == RC_OK) {
        const struct ceremony_file *file = &f->v[f->written];

        rc = file_create(data, file->path, buf_str(&file->content), file->mode, FILE_OWNER_SELF,
                         err);
        f->written += rc == RC_OK;
    }
    if (rc != RC_OK)
        ceremony_files_undo(f, data);
    return rc;
}

void ceremony_files_undo(struct ceremony_files *f, int data)
{
    while (f->written)
        unlinkat(data, f->v[--f->written].path, 0);
}

static int is_issuer(const struct dirent *e)
{
    struct str name = str_of(e->d_name);

    return str_ends(name, STR(".crt")) || str_ends(name, STR(".csr"));
}

enum rc ceremony_room(int data, size_t more, struct err *err)
{
    CLEANUP(fd_closep) int ca = openat(data, "ca", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct dirent **found = NULL;
    int n = ca < 0 ? 0 : scandirat(ca, ".", &found, is_issuer, NULL);
    char have[24], most[24];

    for (int i = 0; i < n; i++)
        free(found[i]); /* checksrc: allow free: scandirat's own memory */
    free(found);        /* checksrc: allow free: scandirat's own memory */
    if (n < 0 || (size_t)n + more <= CA_ISSUERS_MAX)
        return RC_OK; /* whoever is to write there finds out what is wrong with it */
    snprintf(have, sizeof(have), "%d", n);
    snprintf(most, sizeof(most), "%d", CA_ISSUERS_MAX);
    return ERR(err, RC_TOOBIG, msg_room, str_of(have), str_of(most));
}

enum rc ceremony_root_key(int data, struct str ref, struct secret *passphrase,
                          struct crypto_key **out, struct err *err)
{
    CLEANUP(buf_wipe) struct buf pem = BUF_INIT(CRYPTO_PEM_MAX);
    char path[CA_REF_MAX + 32];
    enum rc rc;

    snprintf(path, sizeof(path), "root/%.*s.key", STR_ARG(ref));
    rc = file_read(data, path, &pem, err);
    if (rc == RC_NOTFOUND)
        return ERR(err, rc, msg_no_root_key, ref);
    TRY(rc);
    rc = crypto_pem_read(buf_str(&pem), passphrase, out, err);
    return rc == RC_DENIED ? ERR(err, rc, msg_root_passphrase, ref) : rc;
}

/* ---- trust */

static bool trusted(const struct store_issuer *row, when_t now)
{
    return !row->parent.z[0] && row->state != STORE_ISSUER_REVOKED && row->not_after > now;
}

static enum rc write_one(int data, const struct store_issuer *row, struct err *err)
{
    CLEANUP(buf_done) struct buf pem = BUF_INIT(TRUST_MAX);
    char path[CA_REF_MAX + 32];

    snprintf(path, sizeof(path), "trust/%.*s.pem", STR_ARG(row->name));
    x509_cert_put_pem(row->certificate, &pem);
    TRY(buf_rc(&pem));
    return file_write(data, path, buf_str(&pem), 0644, FILE_OWNER_SELF, err);
}

/* What goes into trust/. */
struct rows {
    const struct store_issuer *v;
    size_t n;
    when_t now;
};

/* A file with those of a hierarchy; none when there are none. */
static enum rc write_set(int data, const struct rows *rows, enum ca_hierarchy which, bool all,
                         struct err *err)
{
    CLEANUP(buf_done) struct buf pem = BUF_INIT(TRUST_MAX);
    struct str hierarchy = ca_hierarchy_text(which);
    char path[64];

    for (size_t i = 0; i < rows->n; i++) {
        const struct store_issuer *row = &rows->v[i];
        bool classical = str_eq(row->algorithm, STR("rsa")) || str_eq(row->algorithm, STR("ecdsa"));

        if (trusted(row, rows->now) && str_eq(row->hierarchy, hierarchy) && (all || classical))
            x509_cert_put_pem(row->certificate, &pem);
    }
    TRY(buf_rc(&pem));
    if (!pem.n)
        return RC_OK;
    snprintf(path, sizeof(path), "trust/roots%s%s.pem", all ? "-all" : "",
             ca_hierarchy_ending(which));
    return file_write(data, path, buf_str(&pem), 0644, FILE_OWNER_SELF, err);
}

enum rc ceremony_trust_write(int data, const struct store_issuer *rows, size_t n, when_t now,
                             struct err *err)
{
    const struct rows all = {rows, n, now};

    TRY(file_mkdir(data, "trust", 0755, FILE_OWNER_SELF, err));
    for (size_t i = 0; i < n; i++)
        if (trusted(&rows[i], now))
            TRY(write_one(data, &rows[i], err));
    for (unsigned h = 0; h < CA_HIERARCHIES; h++) {
        TRY(write_set(data, &all, h, false, err));
        TRY(write_set(data, &all, h, true, err));
    }
    return RC_OK;
}

static enum rc read_rules(int data, struct ca_rules *out, bool *there, struct err *err)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(CA_RULES_FILE_MAX);
    enum rc rc = file_read(data, "ca/rules.json", &text, err);

    *there = rc == RC_OK;
    if (rc == RC_NOTFOUND) {
        if (err)
            *err = ERR_INIT;
        return RC_OK;
    }
    TRY(rc);
    return ca_rules_parse(buf_str(&text), out, err);
}

enum rc ceremony_rules_write(int data, const struct conf *conf, bool special, struct err *err)
{
    CLEANUP(ca_rules_done) struct ca_rules rules = {.per_hour = 0};
    CLEANUP(buf_done) struct buf text = BUF_INIT(CA_RULES_FILE_MAX);
    bool there;

    TRY(read_rules(data, &rules, &there, err));
    TRY(ca_rules_write(conf, there ? &rules : NULL, special, &text));
    return file_write(data, "ca/rules.json", buf_str(&text), 0644, FILE_OWNER_SELF, err);
}
