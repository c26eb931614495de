/* SPDX-License-Identifier: Apache-2.0 */
/* Cross certificates, signed where the key of a root is: part of `autarky root sign`. What one root
 * says of another is unbound, so the other has to be one that somebody has put into trust/ of this
 * machine: no file on media makes it one. Where its lists are to be found comes with the request,
 * and is shown. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "authority/root_int.h"
#include "base/file.h"
#include "ceremony/certify.h"
#include "ceremony/request.h"
#include "ceremony/show.h"
#include "conf/conf.h"
#include "ev/clock.h"

MSG(msg_name, "cmd.cross-request-name", "{0}: no cross certificate is called so; as in {1}");
MSG(msg_request, "cmd.cross-request", "{0}: {1}");
MSG(msg_stranger, "cmd.cross-stranger",
    "{0} wants a certificate of {1}, and trust/{1}.pem on this machine is {2}. Who has such a "
    "certificate is believed wherever {3} is, so nothing is signed. If the key of {1} is on "
    "another machine: compare the fingerprint of autarky-{1}.pem with the one that was written "
    "down there, and copy that file to trust/{1}.pem here");
MSG(msg_kinds, "cmd.cross-request-kinds",
    "{0}: {1} and {2} are not two roots of one algorithm and hierarchy; nothing is signed");

struct crossing {
    struct root_session *s;
    char name[2 * CA_REF_MAX + 8], file[128];
    struct root_entry *subject, *signer;
    struct str text; /* as it lay there */
    struct ceremony_crossing asked;
    struct x509_cert cert;
    struct buf said;
};

static void crossing_done(struct crossing *x)
{
    buf_done(&x->said);
}

static const struct str head = STR("autarky-cross-"), tail = STR(".pem"), between = STR("-by-");

bool root_cross_name(struct str name, char subject[static CA_REF_MAX + 1],
                     char signer[static CA_REF_MAX + 1])
{
    const char *by = memmem(name.p, name.n, between.p, between.n);
    struct ca_ref parts;
    size_t n = by ? (size_t)(by - name.p) : name.n;

    return by && str_copyz(str_head(name, n), subject, CA_REF_MAX + 1) == RC_OK &&
           str_copyz(str_skip(name, n + between.n), signer, CA_REF_MAX + 1) == RC_OK &&
           ca_ref_parse(str_of(subject), &parts) == RC_OK && parts.root &&
           ca_ref_parse(str_of(signer), &parts) == RC_OK && parts.root;
}

/* ---- reading */

static struct root_entry *find(struct root_session *s, const char *ref)
{
    for (size_t i = 0; i < s->n; i++)
        if (str_eq(str_of(s->roots[i].ref), str_of(ref)))
            return &s->roots[i];
    return NULL;
}

static enum rc read_request(struct crossing *x, struct err *err)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(CEREMONY_REQUEST_MAX);
    struct err why = ERR_INIT;
    char said[512];
    enum rc rc = file_read(x->s->media, x->file, &text, &why);

    if (rc == RC_OK)
        rc = arena_str(&x->s->arena, buf_str(&text), &x->text);
    if (rc == RC_OK)
        rc = ceremony_crossing_parse(&x->s->arena, x->text, &x->asked, &why);
    why.rc = rc;
    return rc == RC_OK || rc == RC_NOMEM ? rc
                                         : ERR(err, rc, msg_request, str_of(x->file),
                                               str_of(err_textz(&why, said, sizeof(said))));
}

static enum rc check(const struct crossing *x, const char *subject, struct err *err)
{
    const struct ca_ref *of, *by = &x->signer->parts;

    if (!x->subject || !str_eq(x->subject->cert.der, x->asked.subject.der))
        return ERR(err, RC_DENIED, msg_stranger, str_of(x->file), str_of(subject),
                   x->subject ? STR("another") : STR("not there"), str_of(x->signer->ref));
    of = &x->subject->parts;
    if (x->subject == x->signer || !str_eq(of->algorithm, by->algorithm) ||
        of->hierarchy != by->hierarchy)
        return ERR(err, RC_DENIED, msg_kinds, str_of(x->file), str_of(subject),
                   str_of(x->signer->ref));
    return x509_cert_check_issuer(&x->subject->cert, &x->subject->cert, err);
}

/* ---- signing */

static enum rc put_meaning(struct crossing *x)
{
    struct str ours = x->s->conf->urls.plain, theirs = x->asked.plain;

    buf_printf(&x->said, "  The root      %s, SHA-256 ", x->subject->ref);
    TRY(ceremony_digest_put(x->subject->cert.der, &x->said));
    buf_printf(&x->said, "\n  !! WHOEVER TRUSTS %s WILL TRUST %s, AND ALL THAT IT SIGNS\n",
               x->signer->ref, x->subject->ref);
    if (theirs.n && !str_eq(ours, theirs))
        buf_printf(&x->said, "  !! NOT IN THE CONFIGURATION OF THIS MACHINE: %.*s\n",
                   STR_ARG(theirs));
    return buf_rc(&x->said);
}

static enum rc ask(void *arg, const struct x509_cert *tbs, struct err *err)
{
    struct crossing *x = arg;
    char question[3 * CA_REF_MAX];

    TRY(ceremony_show(tbs, &x->said));
    TRY(put_meaning(x));
    printf("\n%s:\n%.*s", x->name, STR_ARG(buf_str(&x->said)));
    fflush(stdout);
    snprintf(question, sizeof(question), "Sign this certificate of %s by %s?", x->subject->ref,
             x->signer->ref);
    return root_confirm(x->s->args, question, err);
}

static enum rc sign(struct crossing *x, struct err *err)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    CLEANUP(buf_done) struct buf pem = BUF_INIT(ROOT_FILE_MAX);
    struct conf conf = *x->s->conf;
    struct ceremony_plan plan = {.conf = &conf, .now = clock_now(clock_system())};
    struct ceremony_signer signer = {
        .ref = str_of(x->signer->ref), .cert = &x->signer->cert, .confirm = ask, .arg = x};
    char name[128];

    conf.urls.plain = x->asked.plain;
    TRY(root_key(x->s, x->signer->ref, &key, err));
    signer.key = key;
    TRY(ceremony_certify_cross(&plan, &x->subject->cert, &signer, &x->s->arena, &x->cert, err));
    TRY(x509_cert_check_issuer(&x->cert, &x->signer->cert, err));
    /* First on paper: what is out is also in the transcript. */
    TRY(root_transcribe(x->s,
                        &(struct root_signed){.file = str_of(x->file),
                                              .request = x->text,
                                              .shown = buf_str(&x->said),
                                              .cert = x->cert.der,
                                              .root = str_of(x->signer->ref)},
                        key, err));
    x509_cert_put_pem(x->cert.der, &pem);
    TRY(buf_rc(&pem));
    root_media_name(ROOT_MEDIA_CROSSED, x->name, name);
    TRY(file_create(x->s->media, name, buf_str(&pem), 0644, FILE_OWNER_SELF, err));
    x->signer->has_signed = true;
    printf("signed: %s\n", name);
    return RC_OK;
}

/* The other direction is for another machine, where the keys are not all on one. */
static enum rc handle(struct root_session *s, const char *file, size_t *done, struct err *err)
{
    CLEANUP(crossing_done) struct crossing x = {.s = s};
    struct str name = str_skip(str_of(file), head.n);
    char subject[CA_REF_MAX + 1], signer[CA_REF_MAX + 1], made[128];

    buf_init(&x.said, 64 * 1024);
    name = str_head(name, name.n - tail.n);
    if (!root_cross_name(name, subject, signer))
        return ERR(err, RC_INVAL, msg_name, str_of(file), STR("root-rsa-2-by-root-rsa"));
    TRY(str_copyz(name, x.name, sizeof(x.name)));
    TRY(str_copyz(str_of(file), x.file, sizeof(x.file)));
    if (faccessat(s->media, root_media_name(ROOT_MEDIA_CROSSED, x.name, made), F_OK, 0) == 0)
        return RC_OK;
    x.signer = find(s, signer);
    if (!x.signer || !root_key_is_here(s, signer)) {
        fprintf(stderr, "autarky: the key of %s is not here: %s is left as it is\n", signer, file);
        return RC_OK;
    }
    x.subject = find(s, subject);
    TRY(read_request(&x, err));
    TRY(check(&x, subject, err));
    TRY(sign(&x, err));
    ++*done;
    return RC_OK;
}

static int is_request(const struct dirent *e)
{
    struct str name = str_of(e->d_name);

    return str_starts(name, head) && str_ends(name, tail) && name.n > head.n + tail.n;
}

enum rc root_crosses(struct root_session *s, size_t *done, struct err *err)
{
    struct dirent **found = NULL;
    int n = scandirat(s->media, ".", &found, is_request, alphasort);
    enum rc rc = RC_OK;

    for (int i = 0; i < n; i++) {
        if (rc == RC_OK)
            rc = handle(s, found[i]->d_name, done, err);
        free(found[i]); /* checksrc: allow free: scandirat's own memory */
    }
    free(found); /* checksrc: allow free: scandirat's own memory */
    return rc;
}
