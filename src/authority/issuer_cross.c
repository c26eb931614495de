/* SPDX-License-Identifier: Apache-2.0 */
/* `autarky issuer cross-sign`: roots that certify each other, with both keys here; or with requests
 * on media, each the certificate of the one root for the other to certify, which root_cross.c signs
 * where that one's key is, and which come back by `issuer import`. */
#include <stdio.h>

#include "authority/issuer_int.h"
#include "authority/root_int.h"
#include "base/fd.h"
#include "base/file.h"
#include "ceremony/request.h"
#include "ceremony/show.h"

MSG(msg_name, "cmd.cross-name", "{0}: no cross certificate is called so; as in {1}");
MSG(msg_cert, "cmd.cross-refused", "{0} is not taken: {1}");
MSG(msg_unknown, "cmd.cross-unknown",
    "{0} is of a root that this server does not know; bring that root's certificate along: "
    "`autarky root export`");
MSG(msg_other, "cmd.cross-other",
    "{0} is another certificate than the one of that name in the register, which stays: remove it "
    "from the media");
MSG(msg_revoked, "cmd.cross-on-list",
    "{0} is revoked: it stands on the list of {1} that is served. Remove it from the media");

enum { LIST_ARENA = 1024 * 1024 };

/* ---- which */

struct pairs {
    struct {
        const struct store_issuer *subject, *signer;
    } v[CEREMONY_MADE_MAX];
    size_t n;
};

/* One that was revoked is there for good, and its name with it. */
static bool crossed(const struct issuer_session *s, const struct store_issuer *subject,
                    const struct store_issuer *signer)
{
    for (size_t i = 0; i < s->n_crosses; i++)
        if (str_eq(id_str(&s->crosses[i].subject), id_str(&subject->id)) &&
            str_eq(id_str(&s->crosses[i].signer), id_str(&signer->id)))
            return true;
    return false;
}

static void add(const struct issuer_session *s, const struct store_issuer *subject,
                const struct store_issuer *signer, struct pairs *out)
{
    if (crossed(s, subject, signer) || out->n == CEREMONY_MADE_MAX)
        return;
    out->v[out->n].subject = subject;
    out->v[out->n++].signer = signer;
}

/* Both ways, with every other root of its kind that clients may have. */
static void find(const struct issuer_session *s, const struct store_issuer *root, struct pairs *out)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct store_issuer *other = &s->rows[i];

        if (other == root || other->parent.z[0] || !str_eq(other->algorithm, root->algorithm) ||
            !str_eq(other->hierarchy, root->hierarchy) ||
            store_issuer_at(other, s->ceremony.now) != STORE_ISSUER_ACTIVE)
            continue;
        add(s, root, other, out);
        add(s, other, root, out);
    }
}

static const char *name_of(const struct pairs *p, size_t i, char name[static 2 * CA_REF_MAX + 8])
{
    snprintf(name, 2 * CA_REF_MAX + 8, "%.*s-by-%.*s", STR_ARG(p->v[i].subject->name),
             STR_ARG(p->v[i].signer->name));
    return name;
}

/* ---- asked for */

static enum rc put_request(const struct issuer_session *s, int media, const struct pairs *p,
                           size_t i, struct err *err)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(LIST_ARENA);
    CLEANUP(buf_done) struct buf text = BUF_INIT(CEREMONY_REQUEST_MAX), digest = BUF_INIT(256);
    struct ceremony_crossing r = {.plain = s->conf->urls.plain};
    char name[2 * CA_REF_MAX + 8], file[128];

    TRY(x509_cert_parse(&a, p->v[i].subject->certificate, &r.subject, err));
    TRY(ceremony_crossing_put(&r, &text));
    TRY(ceremony_digest_put(r.subject.der, &digest));
    root_media_name(ROOT_MEDIA_CROSS, name_of(p, i, name), file);
    TRY(file_write(media, file, buf_str(&text), 0644, FILE_OWNER_SELF, err));
    printf("%s: SHA-256 of %.*s %s\n", file, STR_ARG(p->v[i].subject->name), buf_z(&digest));
    return RC_OK;
}

static int request(const struct issuer_session *s, const struct pairs *p)
{
    CLEANUP(fd_closep) int media = -1;
    struct err err = ERR_INIT;
    int status = root_media_open(s->args, &media);

    if (status != CMD_DONE)
        return status;
    for (size_t i = 0; i < p->n && err.rc == RC_OK; i++)
        err.rc = put_request(s, media, p, i, &err);
    if (err.rc == RC_OK)
        err.rc = issuer_lists_export(s->args, media, &err);
    if (err.rc != RC_OK)
        return cmd_fail(&err);
    printf("Now, on the machine of each of these roots: autarky root sign --media DIR\n"
           "Then, here: autarky issuer import --media DIR\n");
    return CMD_DONE;
}

/* ---- made here */

static int make(struct issuer_session *s, const struct pairs *p)
{
    struct err err = ERR_INIT;

    issuer_session_keys(s);
    for (size_t i = 0; i < p->n && err.rc == RC_OK; i++)
        err.rc = ceremony_make_cross(&s->ceremony, p->v[i].subject->name, p->v[i].signer->name,
                                     &s->made, &err);
    return err.rc == RC_OK ? issuer_session_commit(s) : cmd_fail(&err);
}

int cmd_issuer_cross_sign(const struct cmd_args *args)
{
    CLEANUP(issuer_session_done) struct issuer_session s = {.data = -1};
    const struct store_issuer *root;
    char name[2 * CA_REF_MAX + 8];
    struct pairs pairs = {.n = 0};
    int status = issuer_session_open(&s, args);

    if (status != CMD_DONE)
        return status;
    root = issuer_session_find(&s, args->operand);
    if (!root)
        return CMD_FAILED;
    if (root->parent.z[0])
        return cmd_failf("%s is no root; roots are cross-signed, as in root-rsa-2", args->operand);
    find(&s, root, &pairs);
    if (pairs.n == 0)
        return cmd_failf("there is no other root of its kind that %s is not cross-signed with",
                         args->operand);
    if (!args->values[CMD_OPT_DRY_RUN])
        return args->values[CMD_OPT_MEDIA] ? request(&s, &pairs) : make(&s, &pairs);
    for (size_t i = 0; i < pairs.n; i++)
        printf("would %s %s\n", args->values[CMD_OPT_MEDIA] ? "ask for" : "make",
               name_of(&pairs, i, name));
    return CMD_DONE;
}

/* ---- brought back */

static const struct str head = STR("autarky-cross-"), tail = STR(".crt");

static enum rc say(struct err *err, const char *file, enum rc rc, const struct err *why)
{
    struct err e = *why;
    char text[512];

    e.rc = rc;
    return rc == RC_NOMEM ? rc
                          : ERR(err, RC_DENIED, msg_cert, str_of(file),
                                str_of(err_textz(&e, text, sizeof(text))));
}

static enum rc read_cert(struct issuer_session *s, int media, const char *file,
                         struct x509_cert *out, struct err *err)
{
    CLEANUP(buf_done) struct buf pem = BUF_INIT(ROOT_FILE_MAX);
    struct x509_cert *certs;
    size_t n;

    TRY(file_read(media, file, &pem, err));
    TRY(x509_cert_read_pem(&s->arena, buf_str(&pem), 1, &certs, &n, err));
    *out = certs[0];
    return RC_OK;
}

/* What was revoked and never came here must not come later, when only its name is new. */
static enum rc check_list(const struct issuer_session *s, struct str signer, const char *file,
                          const struct x509_cert *cert, struct err *err)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(LIST_ARENA);
    struct x509_crl crl;

    for (size_t i = 0; i < s->n; i++) {
        if (!str_eq(s->rows[i].name, signer) || !s->served[i].n)
            continue;
        TRY(x509_crl_parse(&a, s->served[i], &crl, err));
        if (x509_crl_find(&crl, &cert->serial))
            return ERR(err, RC_DENIED, msg_revoked, str_of(file), signer);
    }
    return RC_OK;
}

enum rc issuer_import_cross(struct issuer_session *s, int media, const char *file, struct err *err)
{
    CLEANUP(buf_done) struct buf shown = BUF_INIT(64 * 1024);
    struct str name = str_head(str_of(file), str_of(file).n - tail.n);
    char subject[CA_REF_MAX + 1], signer[CA_REF_MAX + 1];
    const struct store_cross *there;
    struct err why = ERR_INIT;
    struct x509_cert cert;
    enum rc rc;

    name = str_skip(name, head.n);
    if (!root_cross_name(name, subject, signer))
        return ERR(err, RC_INVAL, msg_name, str_of(file), STR("root-rsa-2-by-root-rsa"));
    rc = read_cert(s, media, file, &cert, &why);
    if (rc != RC_OK)
        return say(err, file, rc, &why);
    there = issuer_session_cross(s, name);
    if (there)
        return str_eq(there->certificate, cert.der) ? RC_EXISTS
                                                    : ERR(err, RC_DENIED, msg_other, str_of(file));
    TRY(check_list(s, str_of(signer), file, &cert, err));
    rc = ceremony_take_cross(&s->ceremony, str_of(subject), str_of(signer), &cert, &s->made, &why);
    if (rc == RC_NOTFOUND)
        return ERR(err, RC_DENIED, msg_unknown, str_of(file));
    if (rc != RC_OK)
        return say(err, file, rc, &why);
    TRY(ceremony_show(&cert, &shown));
    printf("\n%.*s:\n%.*s", STR_ARG(name), STR_ARG(buf_str(&shown)));
    return RC_OK;
}
