/* SPDX-License-Identifier: Apache-2.0 */
/* Issuers whose root is elsewhere: `autarky issuer create --csr` makes a key and a request for it
 * on the media, `autarky issuer import` takes what the root has signed. In between the key waits in
 * ca/REF.key or ca/REF.uri, and its request in ca/REF.csr; the signer takes no notice of a key
 * without a certificate. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "ca/bounds.h"
#include "ca/passphrase.h"
#include "ceremony/authority.h"
#include "ceremony/files.h"
#include "ceremony/show.h"
#include "cmd/issuer_int.h"
#include "cmd/root_int.h"
#include "conf/text.h"
#include "ev/clock.h"
#include "json/json.h"
#include "json/out.h"
#include "x509/csr.h"
#include "x509/name.h"

MSG(msg_not_ours, "cmd.import-other-key",
    "{0} is not for the key that waits here (ca/{1}.csr); the media are of another request");
MSG(msg_not_root, "cmd.import-root", "{0} is signed by no root that this server knows");
MSG(msg_not_issuer, "cmd.import-kind", "{0} is no certificate of an issuer: {1}");
MSG(msg_bounds, "cmd.import-bounds",
    "{0} is not made for the names of this configuration (domain, names.internal, names.single, "
    "ca.constraints): either these were changed since the request was made, or what the media had "
    "was; remove ca/REF.csr with its key, and make another request: `autarky issuer create --csr`");
MSG(msg_no_wait, "cmd.import-none",
    "nothing to import: no request waits here whose autarky-issuer-REF.crt is on the media");

enum {
    NUMBER_MAX = 999,
    CONFIG_MAX = 256 * 1024,
    ANSWER_MAX = 16 * 1024 * 1024,
    LOOKS = 30 /* a second apart: a server starts again in less */
};

/* ---- create --csr */

static bool taken(int ca, const char *ref)
{
    static const char *const endings[] = {".crt", ".key", ".uri", ".csr"};
    char name[CA_REF_MAX + 16];

    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        snprintf(name, sizeof(name), "%s%s", ref, endings[i]);
        if (faccessat(ca, name, F_OK, 0) == 0)
            return true;
    }
    return false;
}

static enum rc make_request(struct root_session *s, const struct ca_ref *ref, const char *name,
                            struct ceremony_files *files, struct err *err)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CSR_MAX), conf = BUF_INIT(CONFIG_MAX);
    CLEANUP(buf_done) struct buf pem = BUF_INIT(2 * X509_CSR_MAX), digest = BUF_INIT(256);
    struct ceremony_plan plan = {.ref = *ref, .conf = s->conf, .now = clock_now(clock_system())};
    struct x509_csr_in in = {.key = NULL};
    char file[128];

    TRY(root_key_make(s, ref, files, &key, err));
    in.key = key;
    TRY(ceremony_subject(&plan, &s->arena, &in.subject));
    TRY(x509_csr_build(&in, &der, err));
    text_pem(&pem, STR("CERTIFICATE REQUEST"), buf_str(&der));
    conf_dump(s->conf, &conf);
    TRY(buf_rc(&conf));
    TRY(buf_rc(&pem));
    buf_puts(ceremony_files_add(files, "ca", name, ".csr", 0644), buf_str(&pem));
    TRY(file_write(s->media, root_media_name(ROOT_MEDIA_CONFIG, name, file), buf_str(&conf), 0644,
                   FILE_OWNER_SELF, err));
    TRY(file_write(s->media, root_media_name(ROOT_MEDIA_REQUEST, name, file), buf_str(&pem), 0644,
                   FILE_OWNER_SELF, err));
    TRY(ceremony_digest_put(crypto_key_spki(key), &digest));
    printf("%s: %s\n  SHA-256 %.*s\n", file, crypto_key_text(key), STR_ARG(buf_str(&digest)));
    return RC_OK;
}

static enum rc request_all(struct root_session *s, unsigned kinds, struct err *err)
{
    CLEANUP(ceremony_files_done) struct ceremony_files files = {};
    CLEANUP(fd_closep) int ca = -1;
    bool dry = s->args->values[CMD_OPT_DRY_RUN] != NULL;

    if (!dry)
        TRY(file_mkdir(s->data, "ca", 0700, FILE_OWNER_SELF, err));
    if (!dry && !s->args->values[CMD_OPT_TOKEN])
        TRY(ca_passphrase_read(s->conf, s->data, &s->passphrase, err));
    ca = openat(s->data, "ca", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < CEREMONY_KINDS; i++) {
        struct ca_ref ref = {str_of(ceremony_kinds[i].algorithm), 1, false, cmd_hierarchy(s->args)};
        char name[CA_REF_MAX + 1];

        if (!(kinds & 1u << i))
            continue;
        while (taken(ca, ca_ref_text(&ref, name)) && ref.number < NUMBER_MAX)
            ref.number++;
        if (dry)
            printf("would make a key, and a request for %s\n", name);
        else
            TRY(make_request(s, &ref, name, &files, err));
    }
    return dry ? RC_OK : ceremony_files_write(&files, s->data, err);
}

int cmd_issuer_request(const struct cmd_args *args)
{
    CLEANUP(root_done) struct root_session s = {.data = -1, .media = -1};
    unsigned kinds = (1u << CEREMONY_KINDS) - 1;
    struct err err = ERR_INIT;
    char text[512];
    int status;

    umask(022);
    if (args->values[CMD_OPT_ALGORITHMS] &&
        ceremony_kinds_parse(str_of(args->values[CMD_OPT_ALGORITHMS]), &kinds, &err) != RC_OK)
        return cmd_usagef("--algorithms: %s", err_textz(&err, text, sizeof(text)));
    status = root_open(args, &s);
    if (status != CMD_DONE)
        return status;
    err.rc = request_all(&s, kinds, &err);
    if (err.rc != RC_OK)
        return cmd_fail(&err);
    if (!args->values[CMD_OPT_DRY_RUN])
        printf("Write the fingerprints of the keys down; `root sign` is to show the same.\n"
               "Now, on the machine of the root: autarky root sign --media DIR\n");
    return CMD_DONE;
}

/* ---- import */

struct import {
    struct root_session *s;
    char ref[CA_REF_MAX + 1], file[128];
    struct x509_cert cert;
    const struct root_entry *root;
};

static enum rc read_waiting(struct import *im, struct x509_csr *out, struct err *err)
{
    CLEANUP(buf_done) struct buf pem = BUF_INIT(ROOT_FILE_MAX), der = BUF_INIT(X509_CSR_MAX);
    struct str rest, kept;
    char path[CA_REF_MAX + 16];

    snprintf(path, sizeof(path), "ca/%s.csr", im->ref);
    TRY(file_read(im->s->data, path, &pem, err));
    rest = buf_str(&pem);
    TRY(text_unpem(&rest, STR("CERTIFICATE REQUEST"), NULL, &der));
    TRY(arena_str(&im->s->arena, buf_str(&der), &kept));
    return x509_csr_parse(&im->s->arena, kept, X509_CSR_LENIENT, out, err);
}

static enum rc read_issued(struct import *im, struct err *err)
{
    CLEANUP(buf_done) struct buf pem = BUF_INIT(ROOT_FILE_MAX);
    struct x509_cert *certs;
    size_t n;

    TRY(file_read(im->s->media, im->file, &pem, err));
    TRY(x509_cert_read_pem(&im->s->arena, buf_str(&pem), 1, &certs, &n, err));
    im->cert = certs[0];
    return RC_OK;
}

/* The media are not believed: what is taken is a certificate for the key that waits, under the name
 * that was asked for, by a root that is trusted here. */
static enum rc check(struct import *im, struct err *err)
{
    struct x509_csr csr;
    struct ca_ref ref;

    TRY(read_waiting(im, &csr, err));
    if (!str_eq(csr.spki, im->cert.spki) || !str_eq(csr.subject, im->cert.subject))
        return ERR(err, RC_DENIED, msg_not_ours, str_of(im->file), str_of(im->ref));
    if (!im->cert.is_ca || im->cert.pathlen != 0 || !(im->cert.key_usage & X509_KU_CERT_SIGN))
        return ERR(err, RC_DENIED, msg_not_issuer, str_of(im->file),
                   STR("it may not sign certificates, or authorities below it"));
    if (ca_ref_parse(str_of(im->ref), &ref) != RC_OK)
        return ERR(err, RC_INVAL, msg_not_issuer, str_of(im->file), STR("its name is none"));
    if (ref.hierarchy != CA_SPECIAL &&
        (!ca_bounds_same(im->s->conf, &im->cert) ||
         (im->s->conf->ca.constraints == CONF_CONSTRAINTS_CRITICAL) !=
             im->cert.constraints_critical))
        return ERR(err, RC_DENIED, msg_bounds, str_of(im->file));
    for (size_t i = 0; i < im->s->n; i++)
        if (x509_cert_check_issuer(&im->cert, &im->s->roots[i].cert, NULL) == RC_OK) {
            im->root = &im->s->roots[i];
            return RC_OK;
        }
    return ERR(err, RC_DENIED, msg_not_root, str_of(im->file));
}

static enum rc tell_core(const struct import *im, struct err *err)
{
    CLEANUP(buf_done) struct buf ask = BUF_INIT(ROOT_FILE_MAX);
    CLEANUP(buf_done) struct buf answer = BUF_INIT(ROOT_FILE_MAX);
    struct json_out o;

    json_out_init(&o, &ask, JSON_COMPACT);
    json_obj(&o);
    json_key(&o, "issuers");
    json_arr(&o);
    json_obj(&o);
    json_kv_z(&o, "ref", im->ref);
    json_kv_z(&o, "parent", im->root->ref);
    json_kv_b64url(&o, "certificate", im->cert.der);
    json_kv_bool(&o, "key", true);
    json_kv_when(&o, "activates", clock_now(clock_system()));
    json_end(&o);
    json_end(&o);
    json_end(&o);
    TRY(json_out_done(&o));
    return cmd_control(cmd_data(im->s->args), "issuer change", buf_str(&ask), &answer, err);
}

/* What an import that was interrupted has left is gone on with. */
static enum rc put_certificate(const struct import *im, const char *path, struct str pem,
                               struct err *err)
{
    CLEANUP(buf_done) struct buf there = BUF_INIT(ROOT_FILE_MAX);
    enum rc rc = file_create(im->s->data, path, pem, 0644, FILE_OWNER_SELF, err);

    if (rc != RC_EXISTS || file_read(im->s->data, path, &there, NULL) != RC_OK ||
        !str_eq(buf_str(&there), pem))
        return rc;
    *err = ERR_INIT;
    return RC_OK;
}

static bool is_in(const struct import *im, const struct json *root)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(ROOT_FILE_MAX);
    struct json_iter it = json_iter(json_get(root, "issuers"));
    const struct json *v;
    struct str text;

    text_b64url(&der, im->cert.der);
    while (json_next(&it, NULL, &v))
        if (json_str(json_get(v, "certificate"), &text) == RC_OK && str_eq(text, buf_str(&der)))
            return true;
    return false;
}

/* Whether the register has it, after an answer that was none; then the signer is to read it. Else
 * `rc` as it was. */
static enum rc look_again(const struct import *im, enum rc rc, struct err *err)
{
    const struct timespec pause = {.tv_sec = 1};

    for (int i = 0; i < LOOKS; i++) {
        CLEANUP(buf_done) struct buf answer = BUF_INIT(ANSWER_MAX);
        CLEANUP(json_freep) struct json_doc *doc = NULL;
        const char *data = cmd_data(im->s->args);
        struct err why = ERR_INIT;

        if (cmd_control(data, "issuer list", STR(""), &answer, &why) == RC_OK &&
            json_parse(buf_str(&answer), ANSWER_MAX, &doc, NULL) == RC_OK) {
            if (!is_in(im, json_root(doc)))
                return rc;
            buf_reset(&answer);
            return cmd_control(data, "signer restart", STR(""), &answer, err);
        }
        nanosleep(&pause, NULL);
    }
    return rc;
}

static enum rc take(struct import *im, struct err *err)
{
    CLEANUP(buf_done) struct buf pem = BUF_INIT(ROOT_FILE_MAX), shown = BUF_INIT(64 * 1024);
    char path[CA_REF_MAX + 16];
    enum rc rc;

    TRY(read_issued(im, err));
    TRY(check(im, err));
    TRY(ceremony_show(&im->cert, &shown));
    printf("\n%s:\n%.*s", im->ref, STR_ARG(buf_str(&shown)));
    x509_cert_put_pem(im->cert.der, &pem);
    TRY(buf_rc(&pem));
    snprintf(path, sizeof(path), "ca/%s.crt", im->ref);
    TRY(put_certificate(im, path, buf_str(&pem), err));
    rc = tell_core(im, err);
    /* One that had been taken before its file was there to be seen, or whose answer was lost. */
    if (rc == RC_EXISTS || rc == RC_CLOSED || rc == RC_TIMEOUT)
        rc = look_again(im, rc, err);
    if (rc != RC_OK) {
        if (rc != RC_CLOSED && rc != RC_TIMEOUT)
            unlinkat(im->s->data, path, 0);
        return rc;
    }
    snprintf(path, sizeof(path), "ca/%s.csr", im->ref);
    unlinkat(im->s->data, path, 0);
    printf("%s is in the register.\n", im->ref);
    return RC_OK;
}

static int is_waiting(const struct dirent *e)
{
    return str_ends(str_of(e->d_name), STR(".csr"));
}

static enum rc import_all(struct root_session *s, size_t *done, struct err *err)
{
    CLEANUP(fd_closep) int ca = openat(s->data, "ca", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct dirent **found = NULL;
    int n = ca < 0 ? 0 : scandirat(ca, ".", &found, is_waiting, alphasort);
    enum rc rc = RC_OK;

    for (int i = 0; found && i < n; i++) {
        struct import im = {.s = s};
        struct str file = str_of(found[i]->d_name);
        struct str ref = str_head(file, file.n - strlen(".csr"));

        if (rc == RC_OK && str_copyz(ref, im.ref, sizeof(im.ref)) == RC_OK &&
            faccessat(s->media, root_media_name(ROOT_MEDIA_ISSUER, im.ref, im.file), F_OK, 0) ==
                0) {
            rc = take(&im, err);
            *done += rc == RC_OK;
        }
        free(found[i]); /* checksrc: allow free: scandirat's own memory */
    }
    free(found); /* checksrc: allow free: scandirat's own memory */
    return rc;
}

int cmd_issuer_import(const struct cmd_args *args)
{
    CLEANUP(root_done) struct root_session s = {.data = -1, .media = -1};
    struct err err = ERR_INIT;
    size_t done = 0;
    int status;

    umask(022);
    status = root_open(args, &s);
    if (status != CMD_DONE)
        return status;
    err.rc = import_all(&s, &done, &err);
    if (err.rc == RC_OK && done == 0)
        err.rc = ERR(&err, RC_NOTFOUND, msg_no_wait);
    return err.rc == RC_OK ? CMD_DONE : cmd_fail(&err);
}
