/* SPDX-License-Identifier: Apache-2.0 */
/* Issuers whose root is elsewhere: `autarky issuer create --csr` and `issuer rotate --csr` make
 * keys and requests for it on the media; issuer_import.c takes what the root has signed. In between
 * the key waits in ca/REF.key or ca/REF.uri, and its request in ca/REF.csr, under a line that says
 * whom it replaces; the signer takes no notice of a key without a certificate. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "authority/issuer_int.h"
#include "authority/root_int.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "ca/passphrase.h"
#include "ceremony/keys.h"
#include "ceremony/show.h"
#include "cmd/ask.h"
#include "conf/text.h"
#include "crypto/sign.h"
#include "ev/clock.h"
#include "json/json.h"
#include "x509/csr.h"

MSG(msg_waits, "cmd.request-waits",
    "ca/{0}.csr waits for its root already, and is to replace {1}: bring it there and import what "
    "comes of it, or remove it together with its key");

enum { NUMBER_MAX = 999, CONFIG_MAX = 256 * 1024, ANSWER_MAX = 16 * 1024 * 1024 };

static const struct str replaces = STR("Replaces: "), at_once_word = STR(" at once");

/* ---- a request */

/* All of one command. */
struct requests {
    struct root_session s;
    struct ceremony_files files;
    int ca;
};

static void requests_done(struct requests *q)
{
    ceremony_files_done(&q->files);
    fd_close(&q->ca);
    root_done(&q->s);
}

static bool taken(const struct requests *q, const char *ref)
{
    static const char *const endings[] = {".crt", ".key", ".uri", ".csr"};
    char name[CA_REF_MAX + 16];

    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        snprintf(name, sizeof(name), "%s%s", ref, endings[i]);
        if (faccessat(q->ca, name, F_OK, 0) == 0)
            return true;
    }
    return false;
}

/* The first number from there on that no file here has. */
static const char *free_ref(const struct requests *q, struct ca_ref *ref,
                            char name[static CA_REF_MAX + 1])
{
    while (taken(q, ca_ref_text(ref, name)) && ref->number < NUMBER_MAX)
        ref->number++;
    return name;
}

/* With --token there, or in the token of the one that it replaces, or in a file. */
static enum rc make_key(struct requests *q, const struct ca_ref *ref, const struct ca_ref *old,
                        struct crypto_key **out, struct err *err)
{
    CLEANUP(buf_done) struct buf like = BUF_INIT(2 * CRYPTO_TOKEN_URI_MAX);
    struct ceremony_place place = {&q->s.loader, q->s.args->values[CMD_OPT_TOKEN], NULL};

    if (!place.token && old) {
        enum rc rc = ceremony_token_of(q->s.data, old, &like, err);

        if (rc != RC_NOTFOUND)
            TRY(rc);
        else if (err)
            *err = ERR_INIT;
        place.token = rc == RC_OK ? buf_z(&like) : NULL;
    }
    if (!place.token && !q->s.passphrase)
        TRY(ca_passphrase_read(q->s.conf, q->s.data, &q->s.passphrase, err));
    place.passphrase = q->s.passphrase;
    return ceremony_key_make(&place, ref, &q->files, out, err);
}

static enum rc put(const struct requests *q, const char *form, const char *ref, struct str content,
                   struct err *err)
{
    char file[128];

    return file_write(q->s.media, root_media_name(form, ref, file), content, 0644, FILE_OWNER_SELF,
                      err);
}

/* The configuration, and that whoever has the request's key has written it. */
static enum rc put_config(const struct requests *q, const char *ref, const struct crypto_key *key,
                          struct err *err)
{
    CLEANUP(buf_done) struct buf conf = BUF_INIT(CONFIG_MAX), text = BUF_INIT(2 * CONFIG_MAX);
    CLEANUP(buf_done) struct buf sig = BUF_INIT(CRYPTO_SIG_MAX);

    conf_dump(q->s.conf, &conf);
    TRY(buf_rc(&conf));
    root_media_binding(str_of(ref), buf_str(&conf), &text);
    TRY(buf_rc(&text));
    TRY(crypto_sign(key, crypto_sig_default(key), CRYPTO_SIG_DER, buf_str(&text), &sig));
    TRY(put(q, ROOT_MEDIA_CONFIG, ref, buf_str(&conf), err));
    return put(q, ROOT_MEDIA_SIG, ref, buf_str(&sig), err);
}

static enum rc make_csr(struct requests *q, const struct ca_ref *ref, const struct crypto_key *key,
                        struct buf *pem, struct err *err)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CSR_MAX);
    struct ceremony_plan plan = {.ref = *ref, .conf = q->s.conf};
    struct x509_csr_in in = {.key = key};

    TRY(ceremony_subject(&plan, &q->s.arena, &in.subject));
    TRY(x509_csr_build(&in, &der, err));
    text_pem(pem, STR("CERTIFICATE REQUEST"), buf_str(&der));
    return buf_rc(pem);
}

/* `old` (NULL: none) is what it replaces. */
static enum rc make_request(struct requests *q, const struct ca_ref *ref, const struct ca_ref *old,
                            struct err *err)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    CLEANUP(buf_done) struct buf pem = BUF_INIT(2 * X509_CSR_MAX), digest = BUF_INIT(256);
    char name[CA_REF_MAX + 1], of[CA_REF_MAX + 1];
    struct buf *waits;

    ca_ref_text(ref, name);
    TRY(make_key(q, ref, old, &key, err));
    TRY(make_csr(q, ref, key, &pem, err));
    waits = ceremony_files_add(&q->files, "ca", name, ".csr", 0644);
    if (old)
        buf_printf(waits, "%s%s%s\n", replaces.p, ca_ref_text(old, of),
                   q->s.args->values[CMD_OPT_NOW] ? at_once_word.p : "");
    buf_puts(waits, buf_str(&pem));
    TRY(put_config(q, name, key, err));
    TRY(put(q, ROOT_MEDIA_REQUEST, name, buf_str(&pem), err));
    TRY(ceremony_digest_put(crypto_key_spki(key), &digest));
    printf("autarky-request-%s.csr: %s\n  SHA-256 %.*s\n", name, crypto_key_text(key),
           STR_ARG(buf_str(&digest)));
    return RC_OK;
}

/* Once the session is open. */
static enum rc begin(struct requests *q, size_t n, struct err *err)
{
    TRY(ceremony_room(q->s.data, n, err));
    TRY(file_mkdir(q->s.data, "ca", 0700, FILE_OWNER_SELF, err));
    q->ca = openat(q->s.data, "ca", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return RC_OK;
}

static enum rc finish(struct requests *q, struct err *err)
{
    TRY(ceremony_files_write(&q->files, q->s.data, err));
    TRY(issuer_lists_export(q->s.args, q->s.media, err));
    printf("Write the fingerprints of the keys down; `root sign` is to show the same.\n"
           "Now, on the machine of the root: autarky root sign --media DIR\n"
           "Then, here: autarky issuer import --media DIR\n");
    return RC_OK;
}

/* ---- create --csr */

static enum rc request_all(struct requests *q, unsigned kinds, struct err *err)
{
    bool dry = q->s.args->values[CMD_OPT_DRY_RUN] != NULL;

    if (!dry)
        TRY(begin(q, (size_t)__builtin_popcount(kinds), err));
    for (size_t i = 0; i < CEREMONY_KINDS; i++) {
        struct ca_ref ref = {str_of(ceremony_kinds[i].algorithm), 1, false,
                             cmd_hierarchy(q->s.args)};
        char name[CA_REF_MAX + 1];

        if (!(kinds & 1u << i))
            continue;
        free_ref(q, &ref, name);
        if (dry)
            printf("would make a key, and a request for %s\n", name);
        else
            TRY(make_request(q, &ref, NULL, err));
    }
    return dry ? RC_OK : finish(q, err);
}

int cmd_issuer_request(const struct cmd_args *args)
{
    CLEANUP(requests_done) struct requests q = {.s = {.data = -1, .media = -1}, .ca = -1};
    unsigned kinds = (1u << CEREMONY_KINDS) - 1;
    struct err err = ERR_INIT;
    char text[512];
    int status;

    umask(022);
    if (args->values[CMD_OPT_ALGORITHMS] &&
        ceremony_kinds_parse(str_of(args->values[CMD_OPT_ALGORITHMS]), &kinds, &err) != RC_OK)
        return cmd_usagef("--algorithms: %s", err_textz(&err, text, sizeof(text)));
    status = root_open(args, &q.s);
    if (status != CMD_DONE)
        return status;
    q.ca = openat(q.s.data, "ca", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    err.rc = request_all(&q, kinds, &err);
    return err.rc == RC_OK ? CMD_DONE : cmd_fail(&err);
}

/* ---- rotate --csr */

bool issuer_request_replaces(struct str csr, char ref[static CA_REF_MAX + 1], bool *at_once)
{
    struct str line;

    if (!str_next(&csr, '\n', &line) || !str_starts(line, replaces))
        return false;
    line = str_skip(line, replaces.n);
    *at_once = str_ends(line, at_once_word);
    if (*at_once)
        line = str_head(line, line.n - at_once_word.n);
    return str_copyz(line, ref, CA_REF_MAX + 1) == RC_OK;
}

/* RC_EXISTS when the request for another one waits here already, as a timer would make one a day.
 */
static enum rc check_waiting(const struct requests *q, const struct ca_ref *old, struct err *err)
{
    char name[CA_REF_MAX + 1], path[CA_REF_MAX + 16], of[CA_REF_MAX + 1], mine[CA_REF_MAX + 1];
    struct ca_ref ref = *old;

    ca_ref_text(old, mine);
    for (ref.number = 1; ref.number <= NUMBER_MAX; ref.number++) {
        CLEANUP(buf_done) struct buf csr = BUF_INIT(ROOT_FILE_MAX);
        bool at_once;

        snprintf(path, sizeof(path), "%s.csr", ca_ref_text(&ref, name));
        if (faccessat(q->ca, path, F_OK, 0) != 0)
            continue;
        TRY(file_read(q->ca, path, &csr, err));
        if (issuer_request_replaces(buf_str(&csr), of, &at_once) &&
            str_eq(str_of(of), str_of(mine)))
            return ERR(err, RC_EXISTS, msg_waits, str_of(name), str_of(mine));
    }
    return RC_OK;
}

static enum rc request_next(struct requests *q, const struct issuer_session *s,
                            const struct store_issuer *old, struct err *err)
{
    struct ca_ref ref, of;
    char name[CA_REF_MAX + 1];

    TRY(ceremony_replaceable(old, s->ceremony.now, &of, err));
    TRY(check_waiting(q, &of, err));
    ref = of;
    ref.number = ceremony_next_number(s->rows, s->n, &of);
    free_ref(q, &ref, name);
    return make_request(q, &ref, &of, err);
}

int issuer_request_rotation(struct issuer_session *s, const struct store_issuer *const *old,
                            size_t n)
{
    CLEANUP(requests_done) struct requests q = {.s = {.data = -1, .media = -1}, .ca = -1};
    struct err err = ERR_INIT;
    int status = root_open(s->args, &q.s);

    if (status != CMD_DONE)
        return status;
    err.rc = begin(&q, n, &err);
    for (size_t i = 0; i < n && err.rc == RC_OK; i++)
        err.rc = request_next(&q, s, old[i], &err);
    if (err.rc == RC_OK)
        err.rc = finish(&q, &err);
    return err.rc == RC_OK ? CMD_DONE : cmd_fail(&err);
}

/* ---- lists that are served */

/* What waits on the media to be imported is not to be lost; what lacks something that is served
 * came from a root that has forgotten it. */
static bool is_ahead(struct str media, struct str served)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1024 * 1024);
    struct x509_crl theirs, ours;

    if (x509_crl_parse(&a, media, &theirs, NULL) != RC_OK ||
        x509_crl_parse(&a, served, &ours, NULL) != RC_OK || theirs.number <= ours.number)
        return false;
    for (size_t i = 0; i < ours.n; i++)
        if (!x509_crl_find(&theirs, &ours.entries[i].serial))
            return false;
    return true;
}

/* Whether it is one is for the root to say, by its signature. */
static enum rc export_one(int media, const struct json *v, struct err *err)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(CEREMONY_CRL_FILE_MAX);
    CLEANUP(buf_done) struct buf there = BUF_INIT(CEREMONY_CRL_FILE_MAX);
    char ref[CA_REF_MAX + 1], name[128];

    if (text_unb64url(json_shown(json_get(v, "crl"), "der"), &der) != RC_OK || !der.n ||
        str_copyz(json_shown(v, "ref"), ref, sizeof(ref)) != RC_OK)
        return RC_OK;
    root_media_name(ROOT_MEDIA_CRL, ref, name);
    if (file_read(media, name, &there, NULL) == RC_OK && is_ahead(buf_str(&there), buf_str(&der)))
        return RC_OK;
    return file_write(media, name, buf_str(&der), 0644, FILE_OWNER_SELF, err);
}

enum rc issuer_lists_export(const struct cmd_args *args, int media, struct err *err)
{
    CLEANUP(buf_done) struct buf answer = BUF_INIT(ANSWER_MAX);
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct json_iter it;
    const struct json *v;

    if (cmd_control_list(cmd_data(args), "issuer list", STR(""), &answer, NULL) != RC_OK ||
        json_parse(buf_str(&answer), ANSWER_MAX, &doc, NULL) != RC_OK)
        return RC_OK;
    it = json_iter(json_get(json_root(doc), "issuers"));
    while (json_next(&it, NULL, &v))
        TRY(export_one(media, v, err));
    return RC_OK;
}
