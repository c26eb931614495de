/* SPDX-License-Identifier: Apache-2.0 */
/* `autarky issuer revoke`: by the list of the root that signed it, made here, or asked for on media
 * where the root's key is. */
#include <stdio.h>

#include "base/fd.h"
#include "base/file.h"
#include "cmd/issuer_int.h"
#include "cmd/root_int.h"

static int check(const struct issuer_session *s, const struct store_issuer *row)
{
    const struct cmd_args *args = s->args;

    if (!row->parent.z[0])
        return cmd_failf("%s is a root, which nobody can revoke: take it from every machine, and "
                         "from trust/",
                         args->operand);
    if (row->state == STORE_ISSUER_REVOKED)
        return cmd_failf("%s is revoked already", args->operand);
    if (!issuer_session_root_of(s, row))
        return cmd_failf("the register has no root of %s", args->operand);
    if (!args->values[CMD_OPT_YES] && !args->values[CMD_OPT_DRY_RUN])
        return cmd_usagef("revoking %s makes every certificate it signed worthless at once, and "
                          "cannot be taken back; say so with --yes",
                          args->operand);
    return CMD_DONE;
}

/* The words may be one of RFC 5280's; what the list says is that, or that the key is not the
 * issuer's alone any more. */
static int reason_of(const struct cmd_args *args)
{
    const char *words = args->values[CMD_OPT_REASON];
    int reason;

    if (words && x509_reason_parse(str_of(words), &reason) == RC_OK && reason != X509_REASON_HOLD &&
        reason != X509_REASON_REMOVE)
        return reason;
    return X509_REASON_CA_COMPROMISE;
}

static enum rc write_request(struct issuer_session *s, int media, const struct store_issuer *row,
                             struct err *err)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(CEREMONY_REVOCATION_MAX);
    struct ceremony_revocation r = {.reason = reason_of(s->args)};
    const char *words = s->args->values[CMD_OPT_REASON];
    char name[128];

    if (words && str_printable(str_of(words)))
        r.words = str_head(str_of(words), CEREMONY_WORDS_MAX);
    TRY(x509_cert_parse(&s->arena, row->certificate, &r.cert, err));
    TRY(ceremony_revocation_put(&r, &text));
    root_media_name(ROOT_MEDIA_REVOKE, s->args->operand, name);
    TRY(file_write(media, name, buf_str(&text), 0644, FILE_OWNER_SELF, err));
    printf("%s: %s\n", name, x509_reason_text(r.reason));
    return issuer_lists_export(s->args, media, err);
}

static int request(struct issuer_session *s, const struct store_issuer *row)
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
    err.rc = write_request(s, media, row, &err);
    if (err.rc != RC_OK)
        return cmd_fail(&err);
    printf("%s is not revoked yet, and signs until it is; `autarky issuer retire %s` ends that "
           "now.\n"
           "Now, on the machine of the root: autarky root sign --media DIR\n"
           "Then, here: autarky issuer import --media DIR\n",
           s->args->operand, s->args->operand);
    return CMD_DONE;
}

int cmd_issuer_revoke(const struct cmd_args *args)
{
    CLEANUP(issuer_session_done) struct issuer_session s = {.data = -1};
    struct ceremony_also also = {.reason = reason_of(args)};
    int status = issuer_session_open(&s, args);

    if (status == CMD_DONE) {
        also.issuer = issuer_session_find(&s, args->operand);
        status = also.issuer ? check(&s, also.issuer) : CMD_FAILED;
    }
    if (status != CMD_DONE)
        return status;
    if (args->values[CMD_OPT_MEDIA])
        return request(&s, also.issuer);
    s.change.revoke[0] = also.issuer->id;
    s.change.n_revoke = 1;
    issuer_session_keys(&s);
    if (!args->values[CMD_OPT_DRY_RUN])
        status = issuer_session_crl(&s, issuer_session_root_of(&s, also.issuer)->name, &also);
    return status == CMD_DONE ? issuer_session_commit_or_tell(&s, "revoke", args->operand) : status;
}
