/* SPDX-License-Identifier: Apache-2.0 */
#include "authority/root_int.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "ceremony/authority.h"
#include "ceremony/keys.h"
#include "ceremony/show.h"
#include "crypto/crypto.h"
#include "ev/clock.h"

MSG(msg_media, "cmd.media", "--media: the directory {0} cannot be opened: {1}");
MSG(msg_not_confirmed, "cmd.not-confirmed", "not confirmed: nothing was done");
MSG(msg_no_terminal, "cmd.confirm-terminal",
    "this asks a person, and there is no terminal; --yes stands for the answer");
MSG(msg_root_file, "cmd.root-file", "trust/{0}: {1}");

enum { ARENA_MAX = 8 * 1024 * 1024, CMDLINE_MAX = 16 * 1024, ARGS_MAX = 256 };

int root_media_open(const struct cmd_args *args, int *out)
{
    struct err err = ERR_INIT;
    const char *dir = args->values[CMD_OPT_MEDIA];

    if (!dir)
        return cmd_usagef("--media DIR is missing: the directory, on removable media, by which the "
                          "two machines talk");
    *out = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*out >= 0)
        return CMD_DONE;
    IGNORE_RC(ERR(&err, RC_IO, msg_media, str_of(dir), str_of(strerror(errno))));
    return cmd_fail(&err);
}

int root_open(const struct cmd_args *args, struct root_session *s)
{
    CLEANUP(buf_done) struct buf problems = BUF_INIT(64 * 1024);
    struct err err = ERR_INIT;

    *s = (struct root_session){.args = args, .data = -1, .media = -1};
    arena_init(&s->arena, ARENA_MAX);
    buf_init(&s->custody, 1024);
    if (crypto_init() != RC_OK)
        return cmd_failf("OpenSSL cannot be set up; `autarky version` shows which one is used");
    if (cmd_takes(args->row, CMD_OPT_MEDIA)) {
        int status = root_media_open(args, &s->media);

        if (status != CMD_DONE)
            return status;
    }
    err.rc = cmd_open_data(args, &s->data, &err);
    if (err.rc != RC_OK)
        return cmd_fail(&err);
    if (cmd_load_config(args, &s->conf, &problems) != RC_OK)
        return cmd_show_problems(buf_str(&problems));
    s->loader = (struct ca_key_loader){.data = s->data, .conf = s->conf};
    err.rc = root_read(s, &err);
    return err.rc == RC_OK ? CMD_DONE : cmd_fail(&err);
}

void root_done(struct root_session *s)
{
    ca_key_loader_done(&s->loader);
    secret_free(s->passphrase);
    conf_unref(s->conf);
    arena_done(&s->arena);
    buf_done(&s->custody);
    fd_close(&s->data);
    fd_close(&s->media);
}

/* ---- roots */

static int is_root(const struct dirent *e)
{
    struct str name = str_of(e->d_name);

    return str_starts(name, STR("root-")) && str_ends(name, STR(".pem"));
}

static enum rc read_one(struct root_session *s, int dir, const char *name, struct err *err)
{
    CLEANUP(buf_done) struct buf pem = BUF_INIT(ROOT_FILE_MAX);
    struct root_entry *r = &s->roots[s->n];
    struct str ref = str_head(str_of(name), strlen(name) - 4);
    struct x509_cert *certs;
    size_t n;

    if (s->n == ROOTS_MAX || str_copyz(ref, r->ref, sizeof(r->ref)) != RC_OK ||
        ca_ref_parse(str_of(r->ref), &r->parts) != RC_OK || !r->parts.root)
        return RC_OK; /* somebody's own file */
    TRY(file_read(dir, name, &pem, err));
    TRY(x509_cert_read_pem(&s->arena, buf_str(&pem), 1, &certs, &n, err));
    r->cert = certs[0];
    s->n++;
    return RC_OK;
}

enum rc root_read(struct root_session *s, struct err *err)
{
    CLEANUP(fd_closep) int dir = openat(s->data, "trust", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct dirent **found = NULL;
    enum rc rc = RC_OK;
    int n;

    s->n = 0;
    if (dir < 0)
        return RC_OK;
    n = scandirat(dir, ".", &found, is_root, alphasort);
    for (int i = 0; i < n; i++) {
        struct err why = ERR_INIT;
        char text[512];

        if (rc == RC_OK && (rc = read_one(s, dir, found[i]->d_name, &why)) != RC_OK)
            rc = ERR(err, rc, msg_root_file, str_of(found[i]->d_name),
                     str_of(err_textz(&why, text, sizeof(text))));
        free(found[i]); /* checksrc: allow free: scandirat's own memory */
    }
    free(found); /* checksrc: allow free: scandirat's own memory */
    return rc;
}

struct root_entry *root_for(struct root_session *s, const struct ca_ref *issuer)
{
    const struct ceremony_kind *kind = ceremony_kind_find(issuer->algorithm);
    struct root_entry *best = NULL;

    for (size_t i = 0; kind && i < s->n; i++)
        if (str_eq(s->roots[i].parts.algorithm, str_of(kind->root)) &&
            s->roots[i].parts.hierarchy == issuer->hierarchy &&
            (!best || s->roots[i].parts.number > best->parts.number))
            best = &s->roots[i];
    return best;
}

bool root_key_is_here(const struct root_session *s, const char *ref)
{
    static const char *const endings[] = {".key", ".uri"};
    char path[CA_REF_MAX + 32];

    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        snprintf(path, sizeof(path), "root/%s%s", ref, endings[i]);
        if (faccessat(s->data, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
            return true;
    }
    return false;
}

enum rc root_key(struct root_session *s, const char *ref, struct crypto_key **out, struct err *err)
{
    CLEANUP(fd_closep) int dir = openat(s->data, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char uri[CA_REF_MAX + 16];

    snprintf(uri, sizeof(uri), "%s.uri", ref);
    if (!s->passphrase && faccessat(dir, uri, F_OK, 0) != 0)
        TRY(custody_open(s->args, s->data, &s->passphrase, &s->custody, err));
    s->loader.passphrase = s->passphrase;
    return ca_key_load(&s->loader, dir, str_of(ref), out, err);
}

enum rc root_key_make(struct root_session *s, const struct ca_ref *ref,
                      struct ceremony_files *files, struct crypto_key **out, struct err *err)
{
    const struct ceremony_place place = {&s->loader, s->args->values[CMD_OPT_TOKEN], s->passphrase};

    return ceremony_key_make(&place, ref, files, out, err);
}

/* ---- what a person sees */

enum rc root_transcript(const struct root_session *s, struct ceremony_transcript *t,
                        struct err *err)
{
    CLEANUP(buf_done) struct buf line = BUF_INIT(CMDLINE_MAX);
    char *argv[ARGS_MAX + 1];
    size_t n = 0;

    TRY(file_read(AT_FDCWD, "/proc/self/cmdline", &line, err));
    buf_u8(&line, '\0');
    TRY(buf_rc(&line));
    for (size_t at = 0; at + 1 < line.n && n < ARGS_MAX; at += strlen(line.p + at) + 1)
        argv[n++] = line.p + at;
    argv[n] = NULL;
    return ceremony_transcript_begin(s->data, clock_now(clock_system()), argv, t, err);
}

enum rc root_transcribe(const struct root_session *s, const struct root_signed *what,
                        const struct crypto_key *key, struct err *err)
{
    CLEANUP(ceremony_transcript_done) struct ceremony_transcript t = {};
    CLEANUP(buf_done) struct buf digest = BUF_INIT(256);

    TRY(root_transcript(s, &t, err));
    ceremony_transcript_put(&t, "custody", buf_str(&s->custody));
    TRY(ceremony_digest_put(what->request, &digest));
    ceremony_transcript_put(&t, "request", what->file);
    ceremony_transcript_put(&t, "request SHA-256", buf_str(&digest));
    ceremony_transcript_put(&t, "shown and confirmed", what->shown);
    buf_reset(&digest);
    TRY(ceremony_digest_put(what->cert, &digest));
    ceremony_transcript_put(&t, "certificate SHA-256", buf_str(&digest));
    return ceremony_transcript_end(&t, s->data, what->root, key, err);
}

void root_tty_close(FILE **tty)
{
    if (*tty)
        fclose(*tty);
}

enum rc root_confirm(const struct cmd_args *args, const char *question, struct err *err)
{
    CLEANUP(root_tty_close) FILE *tty = NULL;
    char line[16] = "";

    if (args->values[CMD_OPT_YES])
        return RC_OK;
    tty = fopen("/dev/tty", "r+e");
    if (!tty)
        return ERR(err, RC_CANCELLED, msg_no_terminal);
    fprintf(tty, "%s Type yes: ", question);
    fflush(tty);
    if (fgets(line, sizeof(line), tty) && strcmp(line, "yes\n") == 0)
        return RC_OK;
    return ERR(err, RC_CANCELLED, msg_not_confirmed);
}

void root_media_binding(struct str ref, struct str conf, struct buf *out)
{
    buf_printf(out, "autarky request %.*s, made by this configuration:\n", STR_ARG(ref));
    buf_puts(out, conf);
}

const char *root_media_name(const char *form, const char *ref, char out[static 128])
{
    snprintf(out, 128, form, ref);
    return out;
}
