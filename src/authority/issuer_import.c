/* SPDX-License-Identifier: Apache-2.0 */
/* `autarky issuer import`: what a root elsewhere has signed, from media, in one change of the
 * register: certificates for the keys whose requests wait here, lists with what they revoke, and
 * roots that are new. The media are not believed: of a root a person says that it is the one whose
 * fingerprint was written down, and all else hangs on roots. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "authority/issuer_int.h"
#include "authority/root_int.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "ca/bounds.h"
#include "ceremony/show.h"
#include "cmd/ask.h"
#include "x509/csr.h"

MSG(msg_not_ours, "cmd.import-other-key",
    "{0} is not for the key that waits here (ca/{1}.csr); the media are of another request");
MSG(msg_not_root, "cmd.import-root",
    "{0} is signed by no root that this server knows; bring the root's certificate along: "
    "`autarky root export`");
MSG(msg_not_issuer, "cmd.import-kind", "{0} is no certificate of an issuer: {1}");
MSG(msg_bounds, "cmd.import-bounds",
    "{0} is not made for the names of this configuration (domain, names.internal, names.single, "
    "ca.constraints): either these were changed since the request was made, or what the media had "
    "was; remove ca/REF.csr with its key, and make another request: `autarky issuer create --csr`");
MSG(msg_other_root, "cmd.import-other-root",
    "{0} is not the root of that name which this server knows: nothing is taken from these media");
MSG(msg_list, "cmd.import-list", "{0}: {1}");
MSG(msg_stale, "cmd.import-list-old",
    "{0} is older than the list that is served (number {1}, and the one served has {2}): an old "
    "list "
    "would take revocations back. Have another one made: `autarky root sign --crl`");
MSG(msg_many, "cmd.import-many", "the media bring more at a time than the {0} that can be taken");
MSG(msg_none, "cmd.import-none",
    "nothing to import: no request waits here whose autarky-issuer-REF.crt is on the media, and "
    "there are no cross certificate and no list of a root that are not here already");

enum { LIST_ARENA = 1024 * 1024 };

struct import {
    struct issuer_session s;
    int media;
    size_t again; /* certificates that were taken already, by an import that was interrupted */
    size_t same;  /* lists that are served already, cross certificates that are there */
};

static void import_done(struct import *im)
{
    issuer_session_done(&im->s);
    fd_close(&im->media);
}

static const struct store_issuer *at(const struct import *im, size_t i)
{
    const struct issuer_session *s = &im->s;

    if (i < s->n)
        return &s->rows[i];
    return i - s->n < s->made.n ? &s->made.rows[i - s->n] : NULL;
}

static const struct store_issuer *named(const struct import *im, struct str ref)
{
    const struct store_issuer *row;

    for (size_t i = 0; (row = at(im, i)); i++)
        if (str_eq(row->name, ref))
            return row;
    return NULL;
}

/* Calls `take` with each file below `dir` that `which` takes; to be ordered so that a change that
 * waits for a second person is the same the next time. */
static enum rc each(struct import *im, int dir, int (*which)(const struct dirent *),
                    enum rc (*take)(struct import *, const char *, struct err *), struct err *err)
{
    struct dirent **found = NULL;
    int n = dir < 0 ? 0 : scandirat(dir, ".", &found, which, alphasort);
    enum rc rc = RC_OK;

    for (int i = 0; i < n; i++) {
        if (rc == RC_OK)
            rc = take(im, found[i]->d_name, err);
        free(found[i]); /* checksrc: allow free: scandirat's own memory */
    }
    free(found); /* checksrc: allow free: scandirat's own memory */
    return rc;
}

/* ---- roots */

static int is_root(const struct dirent *e)
{
    struct str name = str_of(e->d_name);

    return str_starts(name, STR("autarky-root-")) && str_ends(name, STR(".pem"));
}

static void taking_done(struct root_taking *t)
{
    buf_done(&t->said);
}

static enum rc take_root(struct import *im, const char *name, struct err *err)
{
    struct issuer_session *s = &im->s;
    CLEANUP(taking_done)
    struct root_taking t = {im->media, s->conf, s->ceremony.now, BUF_INIT(1024)};
    const struct store_issuer *there, *fresh;

    TRY(root_take(&t, name, &s->made, err));
    fresh = &s->made.rows[s->made.n - 1];
    there = named(im, fresh->name);
    if (there != fresh) {
        s->made.n--;
        return str_eq(there->certificate, s->made.rows[s->made.n].certificate)
                   ? RC_OK
                   : ERR(err, RC_DENIED, msg_other_root, str_of(name));
    }
    printf("A root that is new here:\n%.*s", STR_ARG(buf_str(&t.said)));
    fflush(stdout);
    return root_confirm(s->args,
                        "Is this the fingerprint that was written down where the root was made? "
                        "Machines will be told to trust it.",
                        err);
}

/* ---- issuers */

struct issued {
    char ref[CA_REF_MAX + 1], file[128];
    struct ca_ref parts;
    struct x509_cert cert;
    struct x509_csr csr;
    struct str waiting; /* ca/REF.csr */
    const struct store_issuer *root;
};

static enum rc read_waiting(struct import *im, struct issued *is, struct err *err)
{
    CLEANUP(buf_done) struct buf pem = BUF_INIT(ROOT_FILE_MAX), der = BUF_INIT(X509_CSR_MAX);
    struct str rest, kept;
    char path[CA_REF_MAX + 16];

    snprintf(path, sizeof(path), "ca/%s.csr", is->ref);
    TRY(file_read(im->s.data, path, &pem, err));
    TRY(arena_str(&im->s.arena, buf_str(&pem), &is->waiting));
    rest = is->waiting;
    TRY(text_unpem(&rest, STR("CERTIFICATE REQUEST"), NULL, &der));
    TRY(arena_str(&im->s.arena, buf_str(&der), &kept));
    return x509_csr_parse(&im->s.arena, kept, X509_CSR_LENIENT, &is->csr, err);
}

static enum rc read_issued(struct import *im, struct issued *is, struct err *err)
{
    CLEANUP(buf_done) struct buf pem = BUF_INIT(ROOT_FILE_MAX);
    struct x509_cert *certs;
    size_t n;

    TRY(file_read(im->media, is->file, &pem, err));
    TRY(x509_cert_read_pem(&im->s.arena, buf_str(&pem), 1, &certs, &n, err));
    is->cert = certs[0];
    return RC_OK;
}

static enum rc find_root(const struct import *im, struct issued *is, struct err *err)
{
    const struct store_issuer *row;

    for (size_t i = 0; (row = at(im, i)); i++) {
        CLEANUP(arena_done) struct arena a = ARENA_INIT(LIST_ARENA);
        struct x509_cert root;

        if (!row->parent.z[0] && row->state != STORE_ISSUER_REVOKED &&
            x509_cert_parse(&a, row->certificate, &root, NULL) == RC_OK &&
            x509_cert_check_issuer(&is->cert, &root, NULL) == RC_OK) {
            is->root = row;
            return RC_OK;
        }
    }
    return ERR(err, RC_DENIED, msg_not_root, str_of(is->file));
}

/* What is taken is a certificate for the key that waits, under the name that was asked for, by a
 * root that is trusted here. */
static enum rc check(const struct import *im, struct issued *is, struct err *err)
{
    const struct conf *conf = im->s.conf;
    const struct x509_cert *cert = &is->cert;

    if (!str_eq(is->csr.spki, cert->spki) || !str_eq(is->csr.subject, cert->subject))
        return ERR(err, RC_DENIED, msg_not_ours, str_of(is->file), str_of(is->ref));
    if (!cert->is_ca || cert->pathlen != 0 || !(cert->key_usage & X509_KU_CERT_SIGN))
        return ERR(err, RC_DENIED, msg_not_issuer, str_of(is->file),
                   STR("it may not sign certificates, or authorities below it"));
    if (ca_ref_parse(str_of(is->ref), &is->parts) != RC_OK || is->parts.root)
        return ERR(err, RC_INVAL, msg_not_issuer, str_of(is->file), STR("its name is none"));
    if (is->parts.hierarchy != CA_SPECIAL &&
        (!ca_bounds_same(conf, cert) ||
         (conf->ca.constraints == CONF_CONSTRAINTS_CRITICAL) != cert->constraints_critical))
        return ERR(err, RC_DENIED, msg_bounds, str_of(is->file));
    return find_root(im, is, err);
}

/* The file of one that was taken but for the register is there already. */
static enum rc add_file(struct import *im, const struct issued *is, struct err *err)
{
    CLEANUP(buf_done) struct buf there = BUF_INIT(ROOT_FILE_MAX), pem = BUF_INIT(ROOT_FILE_MAX);
    char path[CA_REF_MAX + 16];
    enum rc rc;

    x509_cert_put_pem(is->cert.der, &pem);
    TRY(buf_rc(&pem));
    snprintf(path, sizeof(path), "ca/%s.crt", is->ref);
    rc = file_read(im->s.data, path, &there, NULL);
    if (rc == RC_OK && str_eq(buf_str(&there), buf_str(&pem)))
        return RC_OK;
    if (rc != RC_OK && rc != RC_NOTFOUND)
        return rc;
    TRY(ceremony_room(im->s.data, 0, err));
    buf_puts(ceremony_files_add(&im->s.made.files, "ca", is->ref, ".crt", 0644), buf_str(&pem));
    return RC_OK;
}

/* The one that it replaces stops when it begins, unless that has happened by another way since. */
static void replace(struct import *im, const struct issued *is, struct store_issuer *row)
{
    struct issuer_session *s = &im->s;
    const struct store_issuer *old;
    char of[CA_REF_MAX + 1];
    bool at_once;

    if (!issuer_request_replaces(is->waiting, of, &at_once))
        return;
    old = named(im, str_of(of));
    if (!old || old->retires || store_issuer_at(old, s->ceremony.now) != STORE_ISSUER_ACTIVE)
        return;
    row->activates = ceremony_takes_over(s->conf, old, at_once, s->ceremony.now);
    s->change.retire[s->change.n_retire].id = old->id;
    s->change.retire[s->change.n_retire].at = row->activates;
    s->change.n_retire++;
}

static enum rc add(struct import *im, const struct issued *is, struct err *err)
{
    struct ceremony_made *made = &im->s.made;
    struct store_issuer *row = &made->rows[made->n];

    if (made->n == CEREMONY_MADE_MAX)
        return ERR(err, RC_TOOBIG, msg_many, STR("16"));
    TRY(add_file(im, is, err));
    made->certs[made->n] = is->cert;
    TRY(ca_register_row(&(struct ca_register_in){.ref = &is->parts,
                                                 .cert = &is->cert,
                                                 .parent = is->root,
                                                 .key_here = true,
                                                 .now = im->s.ceremony.now},
                        &made->arena, row));
    made->n++;
    replace(im, is, row);
    im->s.rules = true;
    im->s.special |= is->parts.hierarchy == CA_SPECIAL;
    return RC_OK;
}

static int is_waiting(const struct dirent *e)
{
    return str_ends(str_of(e->d_name), STR(".csr"));
}

static void forget_request(const struct import *im, const char *ref)
{
    char path[CA_REF_MAX + 16];

    snprintf(path, sizeof(path), "ca/%s.csr", ref);
    unlinkat(im->s.data, path, 0);
}

static enum rc take_issuer(struct import *im, const char *name, struct err *err)
{
    CLEANUP(buf_done) struct buf shown = BUF_INIT(64 * 1024);
    struct issued is = {.root = NULL};
    const struct store_issuer *there;
    struct str ref = str_head(str_of(name), strlen(name) - strlen(".csr"));

    if (str_copyz(ref, is.ref, sizeof(is.ref)) != RC_OK ||
        faccessat(im->media, root_media_name(ROOT_MEDIA_ISSUER, is.ref, is.file), F_OK, 0) != 0)
        return RC_OK;
    TRY(read_waiting(im, &is, err));
    TRY(read_issued(im, &is, err));
    there = named(im, ref);
    if (there && str_eq(there->certificate, is.cert.der)) {
        forget_request(im, is.ref);
        im->again++;
        return RC_OK;
    }
    TRY(check(im, &is, err));
    TRY(ceremony_show(&is.cert, &shown));
    printf("\n%s:\n%.*s", is.ref, STR_ARG(buf_str(&shown)));
    return add(im, &is, err);
}

/* ---- cross certificates */

static int is_cross(const struct dirent *e)
{
    struct str name = str_of(e->d_name);

    return str_starts(name, STR("autarky-cross-")) && str_ends(name, STR(".crt"));
}

static enum rc take_cross(struct import *im, const char *name, struct err *err)
{
    enum rc rc;

    if (im->s.made.n_crosses == CEREMONY_MADE_MAX)
        return ERR(err, RC_TOOBIG, msg_many, STR("24"));
    rc = issuer_import_cross(&im->s, im->media, name, err);
    im->same += rc == RC_EXISTS;
    return rc == RC_EXISTS ? RC_OK : rc;
}

/* ---- lists */

static enum rc say(struct err *err, const char *file, enum rc rc, const struct err *why)
{
    struct err e = *why;
    char text[512];

    e.rc = rc;
    return rc == RC_NOMEM
               ? rc
               : ERR(err, rc, msg_list, str_of(file), str_of(err_textz(&e, text, sizeof(text))));
}

static bool is_revoked_here(const struct import *im, const struct store_issuer *row)
{
    for (size_t i = 0; i < im->s.change.n_revoke; i++)
        if (str_eq(id_str(&im->s.change.revoke[i]), id_str(&row->id)))
            return true;
    return row->state == STORE_ISSUER_REVOKED;
}

static enum rc revoke_crosses(struct import *im, const struct store_issuer *root,
                              const struct x509_crl *crl, struct err *err)
{
    struct ca_change *c = &im->s.change;

    for (size_t i = 0; i < im->s.n_crosses; i++) {
        const struct store_cross *row = &im->s.crosses[i];
        const struct x509_crl_entry *entry;
        struct x509_cert cert;

        if (!str_eq(id_str(&row->signer), id_str(&root->id)) || row->revoked ||
            row->not_after <= im->s.ceremony.now)
            continue;
        TRY(x509_cert_parse(&im->s.arena, row->certificate, &cert, err));
        entry = x509_crl_find(crl, &cert.serial);
        if (!entry)
            continue;
        if (c->n_revoke_cross == CA_CHANGES_MAX)
            return ERR(err, RC_TOOBIG, msg_many, STR("32"));
        c->revoke_cross[c->n_revoke_cross].id = row->id;
        c->revoke_cross[c->n_revoke_cross++].reason = entry->reason;
    }
    return RC_OK;
}

/* The issuers and cross certificates that it lists are revoked here as well. */
static enum rc revoke_listed(struct import *im, const struct store_issuer *root,
                             const struct x509_crl *crl, struct err *err)
{
    struct ca_change *c = &im->s.change;
    const struct store_issuer *row;

    for (size_t i = 0; (row = at(im, i)); i++) {
        struct x509_cert cert;

        if (!str_eq(id_str(&row->parent), id_str(&root->id)) || is_revoked_here(im, row) ||
            row->not_after <= im->s.ceremony.now)
            continue;
        TRY(x509_cert_parse(&im->s.arena, row->certificate, &cert, err));
        if (!x509_crl_find(crl, &cert.serial))
            continue;
        if (c->n_revoke == CA_CHANGES_MAX)
            return ERR(err, RC_TOOBIG, msg_many, STR("32"));
        c->revoke[c->n_revoke++] = row->id;
    }
    return revoke_crosses(im, root, crl, err);
}

/* RC_EXISTS when it is the one that is served. Whether it may be is core's to say, once more. */
static enum rc check_served(const struct import *im, const struct store_issuer *root,
                            const char *file, const struct x509_crl *crl, struct err *err)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(LIST_ARENA);
    size_t i = (size_t)(root - im->s.rows);
    char ours[24], theirs[24];
    struct x509_crl served;

    if (root < im->s.rows || i >= im->s.n || !im->s.served[i].n ||
        x509_crl_parse(&a, im->s.served[i], &served, NULL) != RC_OK)
        return RC_OK;
    if (str_eq(served.der, crl->der))
        return RC_EXISTS;
    if (crl->number > served.number)
        return RC_OK;
    snprintf(ours, sizeof(ours), "%llu", (unsigned long long)crl->number);
    snprintf(theirs, sizeof(theirs), "%llu", (unsigned long long)served.number);
    return ERR(err, RC_CONFLICT, msg_stale, str_of(file), str_of(ours), str_of(theirs));
}

static enum rc check_list(struct import *im, const struct store_issuer *root, const char *file,
                          struct str der, struct x509_crl *out, struct err *err)
{
    struct arena *a = &im->s.arena;
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    struct err why = ERR_INIT;
    struct x509_cert cert;
    enum rc rc = x509_cert_parse(a, root->certificate, &cert, &why);

    if (rc == RC_OK)
        rc = x509_cert_key(&cert, &key, &why);
    if (rc == RC_OK)
        rc = x509_crl_parse(a, der, out, &why);
    if (rc == RC_OK)
        rc = x509_crl_check(out, &cert, key, &why);
    return rc == RC_OK ? check_served(im, root, file, out, err) : say(err, file, rc, &why);
}

static int is_list(const struct dirent *e)
{
    struct str name = str_of(e->d_name);

    return str_starts(name, STR("autarky-root-")) && str_ends(name, STR(".crl"));
}

static enum rc take_list(struct import *im, const char *name, struct err *err)
{
    CLEANUP(buf_done) struct buf file = BUF_INIT(CEREMONY_CRL_FILE_MAX);
    struct issuer_session *s = &im->s;
    struct str ref = str_skip(str_of(name), strlen("autarky-")), der;
    const struct store_issuer *root;
    struct x509_crl crl;
    enum rc rc;

    root = named(im, str_head(ref, ref.n - strlen(".crl")));
    if (!root || root->parent.z[0])
        return RC_OK; /* of another hierarchy, or of a root that is to come later */
    if (s->n_crls == ISSUER_CRLS_MAX)
        return ERR(err, RC_TOOBIG, msg_many, STR("8"));
    TRY(file_read(im->media, name, &file, err));
    TRY(arena_str(&s->arena, buf_str(&file), &der));
    rc = check_list(im, root, name, der, &crl, err);
    im->same += rc == RC_EXISTS;
    if (rc == RC_EXISTS)
        return RC_OK;
    TRY(rc);
    TRY(revoke_listed(im, root, &crl, err));
    s->crls[s->n_crls].root = root->name;
    buf_init(&s->crls[s->n_crls].der, CEREMONY_CRL_FILE_MAX);
    buf_puts(&s->crls[s->n_crls].der, der);
    return buf_rc(&s->crls[s->n_crls++].der);
}

/* ---- all of it */

static bool brings(const struct import *im)
{
    return im->s.made.n || im->s.made.n_crosses || im->s.n_crls;
}

static enum rc gather(struct import *im, struct err *err)
{
    CLEANUP(fd_closep) int ca = openat(im->s.data, "ca", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    TRY(each(im, im->media, is_root, take_root, err));
    TRY(each(im, ca, is_waiting, take_issuer, err));
    TRY(each(im, im->media, is_cross, take_cross, err));
    TRY(each(im, im->media, is_list, take_list, err));
    if (!brings(im) && !im->again && !im->same)
        return ERR(err, RC_NOTFOUND, msg_none);
    return RC_OK;
}

/* The answer to the one that was interrupted may not have reached the signer either. */
static int finish_again(const struct import *im)
{
    CLEANUP(buf_done) struct buf answer = BUF_INIT(64 * 1024);
    struct err err = ERR_INIT;

    if (!im->again)
        return CMD_DONE;
    err.rc = ask_signer_restart(im->s.args, &answer, &err);
    return err.rc == RC_OK ? CMD_DONE : cmd_fail(&err);
}

static bool list_of(const struct import *im, const struct store_issuer *root)
{
    size_t i = (size_t)(root - im->s.rows);

    for (size_t k = 0; k < im->s.n_crls; k++)
        if (str_eq(im->s.crls[k].root, root->name))
            return true;
    return root >= im->s.rows && i < im->s.n && im->s.served[i].n;
}

static void after(struct import *im)
{
    for (size_t i = 0; i < im->s.made.n; i++) {
        const struct store_issuer *row = &im->s.made.rows[i], *root;
        char ref[CA_REF_MAX + 1];

        if (!row->parent.z[0] || str_copyz(row->name, ref, sizeof(ref)) != RC_OK)
            continue;
        forget_request(im, ref);
        printf("%s is in the register.\n", ref);
        root = issuer_session_row(&im->s, &row->parent);
        if (root && !list_of(im, root))
            fprintf(stderr,
                    "autarky: warning: there is no list of %.*s, to which %s points; `autarky root "
                    "sign --crl` makes one\n",
                    STR_ARG(root->name), ref);
    }
    if (im->same && !brings(im))
        printf("What is on the media is in the register already.\n");
}

int cmd_issuer_import(const struct cmd_args *args)
{
    CLEANUP(import_done) struct import im = {.s = {.data = -1}, .media = -1};
    struct err err = ERR_INIT;
    int status;

    umask(022);
    status = root_media_open(args, &im.media);
    if (status == CMD_DONE)
        status = issuer_session_open(&im.s, args);
    if (status != CMD_DONE)
        return status;
    im.s.given = true;
    err.rc = gather(&im, &err);
    if (err.rc != RC_OK)
        return cmd_fail(&err);
    if (brings(&im))
        status = issuer_session_commit(&im.s);
    if (status != CMD_DONE)
        return status;
    after(&im);
    return finish_again(&im);
}
