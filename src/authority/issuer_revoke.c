/* SPDX-License-Identifier: Apache-2.0 */
/* `autarky issuer revoke`: by the list of the root that signed it, made here, or asked for on media
 * where the root's key is. */
#include <stdio.h>

#include "authority/issuer_int.h"
#include "authority/root_int.h"
#include "base/fd.h"
#include "base/file.h"
#include "ceremony/request.h"

/* What is to be revoked: one of the two. */
struct victim {
    const struct store_issuer *issuer;
    const struct store_cross *cross;
    struct ceremony_also also;
    const struct store_issuer *root; /* that signed it */
};

/* The words may be one of RFC 5280's. Else the list says that an issuer's key is not its alone any
 * more; who takes a cross certificate back says nothing of a key. */
static int reason_of(const struct cmd_args *args, const struct victim *v)
{
    const char *words = args->values[CMD_OPT_REASON];
    int reason;

    if (words && x509_reason_parse(str_of(words), &reason) == RC_OK && reason != X509_REASON_HOLD &&
        reason != X509_REASON_REMOVE)
        return reason;
    return v->cross ? X509_REASON_CESSATION : X509_REASON_CA_COMPROMISE;
}

static int find(const struct issuer_session *s, struct victim *v)
{
    const char *name = s->args->operand;

    v->cross = issuer_session_cross(s, str_of(name));
    v->issuer = v->cross ? NULL : issuer_session_find(s, name);
    if (!v->cross && !v->issuer)
        return CMD_FAILED;
    v->also.certificate = v->cross ? v->cross->certificate : v->issuer->certificate;
    v->also.reason = reason_of(s->args, v);
    v->root = issuer_session_row(s, v->cross ? &v->cross->signer : &v->issuer->parent);
    return CMD_DONE;
}

static int check(const struct issuer_session *s, const struct victim *v)
{
    const struct cmd_args *args = s->args;

    if (v->issuer && !v->issuer->parent.z[0])
        return cmd_failf("%s is a root, which nobody can revoke: take it from every machine, and "
                         "from trust/",
                         args->operand);
    if (v->cross ? v->cross->revoked != 0 : v->issuer->state == STORE_ISSUER_REVOKED)
        return cmd_failf("%s is revoked already", args->operand);
    if (!v->root)
        return cmd_failf("the register has no root of %s", args->operand);
    if (args->values[CMD_OPT_YES] || args->values[CMD_OPT_DRY_RUN])
        return CMD_DONE;
    if (v->cross)
        return cmd_usagef("revoking %s takes it from every chain: who trusts %.*s alone believes "
                          "nothing below the other root any more, and it cannot be taken back; "
                          "say so with --yes",
                          args->operand, STR_ARG(v->root->name));
    return cmd_usagef("revoking %s makes every certificate it signed worthless at once, and "
                      "cannot be taken back; say so with --yes",
                      args->operand);
}

static enum rc write_request(struct issuer_session *s, int media, const struct victim *v,
                             struct err *err)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(CEREMONY_REQUEST_MAX);
    struct ceremony_revocation r = {.reason = v->also.reason};
    const char *words = s->args->values[CMD_OPT_REASON];
    char name[128];

    if (words && str_printable(str_of(words)))
        r.words = str_head(str_of(words), CEREMONY_WORDS_MAX);
    TRY(x509_cert_parse(&s->arena, v->also.certificate, &r.cert, err));
    TRY(ceremony_revocation_put(&r, &text));
    root_media_name(ROOT_MEDIA_REVOKE, s->args->operand, name);
    TRY(file_write(media, name, buf_str(&text), 0644, FILE_OWNER_SELF, err));
    printf("%s: %s\n", name, x509_reason_text(r.reason));
    return issuer_lists_export(s->args, media, err);
}

static int request(struct issuer_session *s, const struct victim *v)
{
    CLEANUP(fd_closep) int media = -1;
    struct err err = ERR_INIT;
    int status = root_media_open(s->args, &media);

    if (status != CMD_DONE)
        return status;
    if (s->args->values[CMD_OPT_DRY_RUN]) {
        printf("would ask for the revocation of %s\n", s->args->operand);
        return CMD_DONE;
    }
    err.rc = write_request(s, media, v, &err);
    if (err.rc != RC_OK)
        return cmd_fail(&err);
    if (v->cross)
        printf("%s is not revoked yet, and stays in chains until it is.\n", s->args->operand);
    else
        printf("%s is not revoked yet, and signs until it is; `autarky issuer retire %s` ends that "
               "now.\n",
               s->args->operand, s->args->operand);
    printf("Now, on the machine of the root: autarky root sign --media DIR\n"
           "Then, here: autarky issuer import --media DIR\n");
    return CMD_DONE;
}

int cmd_issuer_revoke(const struct cmd_args *args)
{
    CLEANUP(issuer_session_done) struct issuer_session s = {.data = -1};
    struct victim v = {.issuer = NULL};
    int status = issuer_session_open(&s, args);

    if (status == CMD_DONE)
        status = find(&s, &v);
    if (status == CMD_DONE)
        status = check(&s, &v);
    if (status != CMD_DONE)
        return status;
    if (args->values[CMD_OPT_MEDIA])
        return request(&s, &v);
    if (v.cross) {
        s.change.revoke_cross[0].id = v.cross->id;
        s.change.revoke_cross[0].reason = v.also.reason;
        s.change.n_revoke_cross = 1;
    } else {
        s.change.revoke[0] = v.issuer->id;
        s.change.n_revoke = 1;
    }
    issuer_session_keys(&s);
    if (!args->values[CMD_OPT_DRY_RUN])
        status = issuer_session_crl(&s, v.root->name, &v.also);
    return status == CMD_DONE ? issuer_session_commit_or_tell(&s, "revoke", args->operand) : status;
}
