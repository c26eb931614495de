/* SPDX-License-Identifier: Apache-2.0 */
/* `autarky init --offline-root DIR`: the roots are elsewhere, and what `autarky root export` wrote
 * is in DIR. They are registered without keys; issuers come with `autarky issuer import`. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authority/init_int.h"
#include "authority/root_int.h"
#include "base/fd.h"
#include "base/file.h"
#include "ceremony/show.h"
#include "x509/name.h"

MSG(msg_dir, "cmd.offline-dir", "--offline-root: the directory {0} cannot be opened: {1}");
MSG(msg_none, "cmd.offline-none",
    "--offline-root: {0} has no autarky-root-*.pem; `autarky root export` writes them, on the "
    "machine of the root");
MSG(msg_root, "cmd.offline-not-root", "{0} is no certificate of a root: {1}");
MSG(msg_other, "cmd.offline-other",
    "{0} is of \"{1}\", and this is \"{2}\"; give both the same --organization");

static const struct str head = STR("autarky-"), tail = STR(".pem");
enum { PEM_MAX = 256 * 1024 };

static int is_root(const struct dirent *e)
{
    struct str name = str_of(e->d_name);

    return str_starts(name, STR("autarky-root-")) && str_ends(name, tail);
}

static enum rc check(const char *name, const struct x509_cert *cert, const struct conf *conf,
                     struct err *err)
{
    struct x509_subject subject = {};
    struct err why = ERR_INIT;
    char text[512] = "it may not sign certificates";
    enum rc rc = x509_cert_check_issuer(cert, cert, &why);

    if (rc != RC_OK || !cert->is_ca) {
        if (rc != RC_OK)
            err_textz(&why, text, sizeof(text));
        return ERR(err, RC_DENIED, msg_root, str_of(name), str_of(text));
    }
    TRY(x509_name_parse(cert->subject, &subject, NULL));
    if (!str_eq(subject.organization, conf->organization))
        return ERR(err, RC_DENIED, msg_other, str_of(name), subject.organization,
                   conf->organization);
    return RC_OK;
}

enum rc root_take(struct root_taking *t, const char *name, struct ceremony_made *made,
                  struct err *err)
{
    CLEANUP(buf_done) struct buf pem = BUF_INIT(PEM_MAX);
    struct str ref = str_skip(str_of(name), head.n);
    struct x509_cert *certs;
    struct ca_ref parts;
    size_t n;

    ref = str_head(ref, ref.n - tail.n);
    if (made->n == CEREMONY_MADE_MAX || ca_ref_parse(ref, &parts) != RC_OK || !parts.root)
        return ERR(err, RC_INVAL, msg_root, str_of(name), STR("no root is called so"));
    TRY(file_read(t->dir, name, &pem, err));
    TRY(x509_cert_read_pem(&made->arena, buf_str(&pem), 1, &certs, &n, err));
    TRY(check(name, &certs[0], t->conf, err));
    made->certs[made->n] = certs[0];
    TRY(ca_register_row(&(struct ca_register_in){.ref = &parts, .cert = &certs[0], .now = t->now},
                        &made->arena, &made->rows[made->n]));
    made->n++;
    buf_printf(&t->said, "  %.*s\n    SHA-256 ", STR_ARG(ref));
    TRY(ceremony_digest_put(certs[0].der, &t->said));
    buf_putz(&t->said, "\n");
    return buf_rc(&t->said);
}

/* The first one's fingerprint is what init shows, beside a file of those that everybody can check.
 */
static void rsa_first(struct ceremony_made *made)
{
    for (size_t i = 1; i < made->n; i++)
        if (str_eq(made->rows[i].algorithm, STR("rsa"))) {
            struct store_issuer row = made->rows[i];
            struct x509_cert cert = made->certs[i];

            made->rows[i] = made->rows[0];
            made->certs[i] = made->certs[0];
            made->rows[0] = row;
            made->certs[0] = cert;
            return;
        }
}

enum rc init_offline(const char *path, const struct conf *conf, when_t now,
                     struct ceremony_made *made, struct err *err)
{
    CLEANUP(fd_closep) int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct root_taking t = {dir, conf, now, BUF_INIT(16 * 1024)};
    struct dirent **found = NULL;
    enum rc rc = RC_OK;
    int n;

    if (dir < 0)
        return ERR(err, RC_IO, msg_dir, str_of(path), str_of(strerror(errno)));
    n = scandirat(dir, ".", &found, is_root, alphasort);
    for (int i = 0; i < n; i++) {
        if (rc == RC_OK)
            rc = root_take(&t, found[i]->d_name, made, err);
        free(found[i]); /* checksrc: allow free: scandirat's own memory */
    }
    free(found); /* checksrc: allow free: scandirat's own memory */
    fputs(buf_z(&t.said), stderr);
    buf_done(&t.said);
    if (rc == RC_OK && made->n == 0)
        return ERR(err, RC_NOTFOUND, msg_none, str_of(path));
    if (rc == RC_OK)
        rsa_first(made);
    return rc;
}
