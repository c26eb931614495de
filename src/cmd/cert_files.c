/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate as files: PEM, DER, PKCS#12. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "ca/passphrase.h"
#include "cmd/cert_int.h"
#include "crypto/p12.h"
#include "crypto/pem.h"
#include "x509/cert.h"
#include "x509/envelope.h"

MSG(msg_answer, "cmd.cert-answer",
    "the server's answer holds no certificate; it may be another version: compare `autarky "
    "version` with the one that runs");
MSG(msg_no_chain, "cmd.cert-no-chain",
    "the issuers of this certificate are not kept any more, so it has no chain; take it from a "
    "backup");
MSG(msg_file, "cmd.cert-file", "{0}/{1} cannot be written: {2}");

enum {
    P12_CHAIN = CRYPTO_P12_CHAIN_MAX,
    P12_ARENA = 2 * 1024 * 1024,
    CHAIN_MAX = 256 * 1024,
    DIR_MODE = 0755,
    KEY_MODE = 0600,
    CERT_MODE = 0644
};

/* ---- what is wanted */

static int read_formats(const struct cmd_args *args, struct cert_out *o)
{
    const char *given = args->values[CMD_OPT_FORMAT];
    struct str rest = str_of(given ? given : "pem"), word;

    while (str_next(&rest, ',', &word)) {
        if (str_eq(word, STR("pem")))
            o->formats |= CERT_PEM;
        else if (str_eq(word, STR("der")))
            o->formats |= CERT_DER;
        else if (str_eq(word, STR("p12")))
            o->formats |= CERT_P12;
        else
            return cmd_usagef("--format has \"%.*s\"; it can be pem, der, p12, with commas between",
                              STR_ARG(str_head(word, 40)));
    }
    return CMD_DONE;
}

static int read_password(const struct cmd_args *args, struct cert_out *o)
{
    const char *file = args->values[CMD_OPT_P12_PASSWORD_FILE];
    struct err err = ERR_INIT;

    if (!(o->formats & CERT_P12))
        return file ? cmd_usagef("--p12-password-file is for --format p12") : CMD_DONE;
    if (!file)
        return cmd_usagef("--format p12 needs --p12-password-file: the file holds a private key");
    if (!o->has_key)
        return cmd_usagef("--format p12 needs the private key: --key-file says where it is");
    err.rc = ca_passphrase_file(AT_FDCWD, file, &o->password, &err);
    return err.rc == RC_OK ? CMD_DONE : cmd_fail(&err);
}

static void add_name(struct cert_out *o, const char *name)
{
    o->names[o->n++] = name;
}

static void list_names(struct cert_out *o)
{
    if (o->formats & CERT_PEM) {
        add_name(o, "cert.pem");
        add_name(o, "chain.pem");
        add_name(o, "fullchain.pem");
    }
    if (o->formats & CERT_PEM && o->has_key)
        add_name(o, "privkey.pem");
    if (o->formats & CERT_DER) {
        add_name(o, "cert.der");
        add_name(o, "issuer.der");
    }
    if (o->formats & CERT_DER && o->has_key)
        add_name(o, "privkey.der");
    if (o->formats & CERT_P12)
        add_name(o, "bundle.p12");
    if (o->enveloped && !o->has_key)
        add_name(o, "enveloped.der");
}

/* ---- the directory */

/* For this process alone, so that files of two are never mixed; and as an earlier one should have
 * left it. */
static int take_dir(const struct cert_out *o)
{
    struct err err = ERR_INIT;

    if (flock(o->dir, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        return cmd_failf("another autarky is writing to %s", o->path);
    err.rc = cert_set_recover(o->dir, &err);
    return err.rc == RC_OK ? CMD_DONE : cmd_fail(&err);
}

/* Made as it would be with mkdir(1), which leaves the mode to the umask; what is secret in it has a
 * mode of its own. */
static int open_dir(struct cert_out *o, bool make)
{
    struct stat st;

    o->made = make && mkdir(o->path, DIR_MODE) == 0;
    if (make && !o->made && errno != EEXIST)
        return cmd_failf("%s cannot be made: %s", o->path, strerror(errno));
    o->dir = open(o->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (o->dir < 0 && !make && errno == ENOENT)
        return CMD_DONE;
    if (o->dir < 0 || fstat(o->dir, &st) != 0)
        return cmd_failf("%s cannot be opened as a directory: %s", o->path, strerror(errno));
    if (faccessat(o->dir, ".", W_OK | X_OK, AT_EACCESS) != 0)
        return cmd_failf("%s cannot be written to: %s", o->path, strerror(errno));
    o->owner = FILE_OWNER_SELF;
    if (geteuid() == 0 && st.st_uid != 0)
        o->owner = (struct file_owner){st.st_uid, st.st_gid};
    return make ? take_dir(o) : CMD_DONE;
}

static int check_there(const struct cert_out *o)
{
    struct stat st;

    for (size_t i = 0; i < o->n && o->dir >= 0; i++) {
        if (fstatat(o->dir, o->names[i], &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        if (!S_ISREG(st.st_mode))
            return cmd_failf("%s/%s is there and is no regular file; nothing was asked for",
                             o->path, o->names[i]);
        if (!o->force)
            return cmd_failf("%s/%s is there already, and nothing was asked for; --force "
                             "overwrites it, another --out leaves it",
                             o->path, o->names[i]);
    }
    return CMD_DONE;
}

int cert_out_open(const struct cmd_args *args, bool has_key, struct cert_out *o)
{
    bool dry = args->values[CMD_OPT_DRY_RUN] != NULL;
    int status;

    *o = CERT_OUT_INIT;
    o->path = args->values[CMD_OPT_OUT];
    o->with_root = args->values[CMD_OPT_WITH_ROOT] != NULL;
    o->force = args->values[CMD_OPT_FORCE] != NULL;
    o->has_key = has_key;
    o->enveloped = args->values[CMD_OPT_KEY_BY_CA] != NULL;
    if (!o->path)
        return cmd_usagef("--out is missing: say into which directory the files go");
    status = read_formats(args, o);
    if (status == CMD_DONE)
        status = read_password(args, o);
    if (status != CMD_DONE)
        return status;
    list_names(o);
    status = open_dir(o, !dry);
    return status == CMD_DONE ? check_there(o) : status;
}

int cert_out_open_for_key(const struct cmd_args *args, struct cert_out *o)
{
    int status;

    *o = CERT_OUT_INIT;
    o->path = args->values[CMD_OPT_OUT];
    o->force = args->values[CMD_OPT_FORCE] != NULL;
    if (!o->path)
        return cmd_usagef("--out is missing: say into which directory the files go");
    o->formats = CERT_PEM;
    add_name(o, "privkey.pem");
    status = open_dir(o, true);
    return status == CMD_DONE ? check_there(o) : status;
}

void cert_out_done(struct cert_out *o)
{
    fd_closep(&o->dir);
    if (o->made)
        (void)rmdir(o->path); /* only when it is empty */
    secret_free(o->password);
}

/* ---- the files */

static enum rc put(const struct cert_out *o, const char *name, struct str content, mode_t mode,
                   struct err *err)
{
    struct err why = ERR_INIT;
    char text[256];
    enum rc rc = cert_set_stage(o, name, content, mode, &why);

    if (rc == RC_OK)
        return rc;
    why.rc = rc;
    return ERR(err, rc, msg_file, str_of(o->path), str_of(name),
               str_of(err_textz(&why, text, sizeof(text))));
}

static enum rc put_key(const struct cert_out *o, const struct crypto_key *key, struct err *err)
{
    CLEANUP(buf_wipe) struct buf pem = BUF_INIT(CRYPTO_PEM_MAX);
    CLEANUP(buf_wipe) struct buf der = BUF_INIT(CRYPTO_PEM_MAX);
    struct str rest;

    TRY(crypto_pem_put_clear(key, &pem));
    if (o->formats & CERT_PEM)
        TRY(put(o, "privkey.pem", buf_str(&pem), KEY_MODE, err));
    if (!(o->formats & CERT_DER))
        return RC_OK;
    rest = buf_str(&pem);
    TRY(text_unpem(&rest, STR("PRIVATE KEY"), NULL, &der));
    return put(o, "privkey.der", buf_str(&der), KEY_MODE, err);
}

struct texts {
    struct str cert, chain, root;
    struct str name;     /* for programs that show one */
    struct str envelope; /* of the key, DER; empty: none */
};

static enum rc put_pem(const struct cert_out *o, const struct texts *t, struct err *err)
{
    CLEANUP(buf_done) struct buf chain = BUF_INIT(CHAIN_MAX);
    CLEANUP(buf_done) struct buf full = BUF_INIT(CHAIN_MAX);

    buf_puts(&chain, t->chain);
    if (o->with_root)
        buf_puts(&chain, t->root);
    buf_puts(&full, t->cert);
    buf_puts(&full, buf_str(&chain));
    TRY(buf_rc(&full));
    TRY(put(o, "cert.pem", t->cert, CERT_MODE, err));
    TRY(put(o, "chain.pem", buf_str(&chain), CERT_MODE, err));
    return put(o, "fullchain.pem", buf_str(&full), CERT_MODE, err);
}

static enum rc put_der(const struct cert_out *o, const struct texts *t, struct err *err)
{
    CLEANUP(buf_done) struct buf cert = BUF_INIT(X509_CERT_MAX);
    CLEANUP(buf_done) struct buf issuer = BUF_INIT(X509_CERT_MAX);
    struct str rest = t->cert;

    TRY(text_unpem(&rest, STR("CERTIFICATE"), NULL, &cert));
    rest = t->chain;
    TRY(text_unpem(&rest, STR("CERTIFICATE"), NULL, &issuer));
    TRY(put(o, "cert.der", buf_str(&cert), CERT_MODE, err));
    return put(o, "issuer.der", buf_str(&issuer), CERT_MODE, err);
}

/* The certificates of a PEM text, as DER in the arena. */
static enum rc read_chain(struct arena *a, struct str pem, struct str out[static P12_CHAIN],
                          size_t *n, struct err *err)
{
    struct x509_cert *certs;
    size_t found;

    TRY(x509_cert_read_pem(a, pem, P12_CHAIN - *n, &certs, &found, err));
    for (size_t i = 0; i < found; i++)
        out[(*n)++] = certs[i].der;
    return RC_OK;
}

static enum rc put_p12(const struct cert_out *o, const struct texts *t,
                       const struct crypto_key *key, struct err *err)
{
    CLEANUP(arena_done) struct arena arena = ARENA_INIT(P12_ARENA);
    CLEANUP(buf_wipe) struct buf p12 = BUF_INIT(CRYPTO_P12_MAX);
    struct str chain[P12_CHAIN];
    struct crypto_p12_in in = {.key = key, .name = t->name, .password = o->password};
    struct x509_cert *leaf;
    size_t n;

    TRY(x509_cert_read_pem(&arena, t->cert, 1, &leaf, &n, err));
    in.leaf = leaf->der;
    TRY(read_chain(&arena, t->chain, chain, &in.n_chain, err));
    if (o->with_root)
        TRY(read_chain(&arena, t->root, chain, &in.n_chain, err));
    in.chain = chain;
    TRY(crypto_p12_put(&in, &p12, err));
    return put(o, "bundle.p12", buf_str(&p12), KEY_MODE, err);
}

/* The first of its names. */
static struct str first_name(const struct json *answer)
{
    struct json_iter it = json_iter(json_get(answer, "names"));
    const struct json *value;
    struct str text = {NULL, 0};

    if (json_next(&it, NULL, &value))
        IGNORE_RC(json_str(value, &text)); /* then it has none */
    return str_head(text, CRYPTO_P12_NAME_MAX);
}

static enum rc put_all(const struct cert_out *o, const struct texts *t,
                       const struct crypto_key *key, struct err *err)
{
    if (key)
        TRY(put_key(o, key, err));
    if (t->envelope.n)
        TRY(put(o, "enveloped.der", t->envelope, CERT_MODE, err));
    if (o->formats & CERT_P12)
        TRY(put_p12(o, t, key, err));
    if (o->formats & CERT_PEM)
        TRY(put_pem(o, t, err));
    return o->formats & CERT_DER ? put_der(o, t, err) : RC_OK;
}

/* All of the files get their names, or none is left. */
static enum rc finish(const struct cert_out *o, enum rc rc, struct err *err)
{
    if (rc == RC_OK)
        rc = cert_set_commit(o, err);
    if (rc != RC_OK)
        IGNORE_RC(cert_set_recover(o->dir, NULL)); /* or the next one does */
    return rc;
}

enum rc cert_out_write(const struct cert_out *o, const struct json *answer,
                       const struct crypto_key *key, struct err *err)
{
    CLEANUP(buf_done) struct buf envelope = BUF_INIT(X509_ENVELOPE_MAX);
    struct texts t = {.cert = json_shown(answer, "certificate"),
                      .chain = json_shown(answer, "chain"),
                      .root = json_shown(answer, "root"),
                      .name = first_name(answer)};

    if (t.cert.n == 0)
        return ERR(err, RC_PARSE, msg_answer);
    if (t.chain.n == 0 || (o->with_root && t.root.n == 0))
        return ERR(err, RC_NOTFOUND, msg_no_chain);
    if (o->enveloped && !key)
        TRY(cert_envelope_read(answer, &envelope, err));
    t.envelope = buf_str(&envelope);
    return finish(o, put_all(o, &t, key, err), err);
}

enum rc cert_out_write_key(const struct cert_out *o, const struct crypto_key *key, struct err *err)
{
    return finish(o, put_key(o, key, err), err);
}

void cert_out_put(const struct cert_out *o, struct json_out *j)
{
    CLEANUP(buf_done) struct buf path = BUF_INIT(8192);

    json_key(j, "files");
    json_arr(j);
    for (size_t i = 0; i < o->n; i++) {
        buf_reset(&path);
        buf_printf(&path, "%s/%s", o->path, o->names[i]);
        buf_fail(j->b, buf_rc(&path));
        json_put_str(j, buf_str(&path));
    }
    json_end(j);
}
