/* SPDX-License-Identifier: Apache-2.0 */
/* `autarky root sign`: what lies on the media as requests, shown one after the other and signed
 * after a person has said yes. Names, times and limits are decided here, by the configuration that
 * came with the request, signed with its key, and is shown as what it makes of the certificate; of
 * the request itself nothing counts but its key. The lists of the roots go along (root_crl.c). */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "authority/root_int.h"
#include "base/file.h"
#include "base/text.h"
#include "ca/bounds.h"
#include "ceremony/certify.h"
#include "ceremony/show.h"
#include "conf/load.h"
#include "crypto/sign.h"
#include "ev/clock.h"
#include "x509/csr.h"
#include "x509/name.h"

MSG(msg_pem, "cmd.request-pem", "{0} is no certificate request in PEM");
MSG(msg_ref, "cmd.request-ref", "{0}: no issuer is called so; names are as in rsa-1 and ecdsa-2-s");
MSG(msg_config, "cmd.request-config", "{0}: {1}");
MSG(msg_other, "cmd.request-other",
    "{0} is of \"{1}\" for {2}, and this root is of \"{3}\" for {4}; nothing is signed for another "
    "organisation");
MSG(msg_constraints, "cmd.request-constraints",
    "{0} wants an issuer with `ca.constraints: {1}`, and the configuration of this machine has "
    "{2}: "
    "if that is meant, set it in autarky.yaml here as well");
MSG(msg_no_root, "cmd.request-no-root", "no root here signs {0}; `autarky root create` makes one");
MSG(msg_kind, "cmd.request-kind", "{0} asks for a key of the wrong kind: {1}");
MSG(msg_bound, "cmd.request-bound",
    "{0} and {1} do not belong together: the key of the request has not signed this configuration "
    "({2}), so it is not as the server wrote it, and `issuer import` would refuse what it makes. "
    "Nothing is signed. If nobody has changed the media, have the server write them anew with "
    "`autarky issuer create --csr`");
MSG(msg_subject, "cmd.request-subject",
    "{0} asks for \"{1}\", and the configuration beside it makes \"{2}\"; `issuer import` would "
    "refuse that. Nothing is signed: have the server write both anew");
MSG(msg_nothing, "cmd.request-none",
    "nothing to sign: the media have no autarky-request-REF.csr without its "
    "autarky-issuer-REF.crt, no autarky-cross-NAME.pem without its .crt, and no "
    "autarky-revoke-REF.pem that is not on a list; --crl makes the lists of the roots anew");

struct request {
    struct root_session *s;
    char ref[CA_REF_MAX + 1];
    struct ca_ref parts;
    char file[128];
    struct str pem;       /* as it lay there */
    struct str conf_text; /* the same of the configuration */
    struct x509_csr csr;
    const struct conf *conf;
    struct root_entry *root;
    struct x509_cert cert;
    struct buf said;
};

static void request_done(struct request *r)
{
    conf_unref(r->conf);
    buf_done(&r->said);
}

/* ---- reading */

static enum rc read_csr(struct request *r, struct err *err)
{
    CLEANUP(buf_done) struct buf pem = BUF_INIT(ROOT_FILE_MAX);
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CSR_MAX);
    struct arena *a = &r->s->arena;
    struct str rest, kept;

    root_media_name(ROOT_MEDIA_REQUEST, r->ref, r->file);
    TRY(file_read(r->s->media, r->file, &pem, err));
    TRY(arena_str(a, buf_str(&pem), &r->pem));
    rest = r->pem;
    if (text_unpem(&rest, STR("CERTIFICATE REQUEST"), NULL, &der) != RC_OK)
        return ERR(err, RC_PARSE, msg_pem, str_of(r->file));
    TRY(arena_str(a, buf_str(&der), &kept));
    return x509_csr_parse(a, kept, X509_CSR_LENIENT, &r->csr, err);
}

static enum rc read_conf(struct request *r, struct err *err)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(ROOT_FILE_MAX);
    CLEANUP(buf_done) struct buf said = BUF_INIT(16 * 1024);
    CLEANUP(conf_input_done) struct conf_input in = {};
    CLEANUP(conf_report_done) struct conf_report report = {};
    char name[128];
    enum rc rc;

    root_media_name(ROOT_MEDIA_CONFIG, r->ref, name);
    TRY(file_read(r->s->media, name, &text, err));
    TRY(arena_str(&r->s->arena, buf_str(&text), &r->conf_text));
    conf_input_init(&in);
    conf_report_init(&report);
    TRY(conf_input_add(&in, str_of(name), buf_str(&text)));
    rc = conf_load(&in, &r->conf, &report);
    if (rc == RC_OK)
        return RC_OK;
    conf_report_text(&report, &said);
    return ERR(err, rc, msg_config, str_of(name), buf_str(&said));
}

static struct str bounds_text(enum conf_constraints c)
{
    return c == CONF_CONSTRAINTS_NONE          ? STR("none")
           : c == CONF_CONSTRAINTS_NONCRITICAL ? STR("noncritical")
                                               : STR("critical");
}

static enum rc check(struct request *r, struct err *err)
{
    const struct conf *ours = r->s->conf, *theirs = r->conf;
    const struct crypto_key_spec wanted = ceremony_key_spec(&r->parts);

    if (!str_eq(ours->organization, theirs->organization) || !str_eq(ours->domain, theirs->domain))
        return ERR(err, RC_DENIED, msg_other, str_of(r->file), theirs->organization, theirs->domain,
                   ours->organization, ours->domain);
    /* Whoever carries the media could take the constraints away. */
    if (theirs->ca.constraints != ours->ca.constraints)
        return ERR(err, RC_DENIED, msg_constraints, str_of(r->file),
                   bounds_text(theirs->ca.constraints), bounds_text(ours->ca.constraints));
    if (r->csr.key_type != wanted.type || (wanted.bits && r->csr.key_bits != wanted.bits))
        return ERR(err, RC_DENIED, msg_kind, str_of(r->file),
                   str_of(crypto_key_type_text(r->csr.key_type)));
    r->root = root_for(r->s, &r->parts);
    return r->root ? RC_OK : ERR(err, RC_NOTFOUND, msg_no_root, str_of(r->ref));
}

/* Of the configuration nothing can be known here but this: who made the request made it, too. With
 * a key of his own whoever carries the media could make both, which the fingerprint shows and
 * import refuses. */
static enum rc check_bound(const struct request *r, struct err *err)
{
    CLEANUP(buf_done) struct buf sig = BUF_INIT(CRYPTO_SIG_MAX), text = BUF_INIT(ROOT_FILE_MAX);
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    char conf[128], name[128];
    enum rc rc;

    root_media_name(ROOT_MEDIA_CONFIG, r->ref, conf);
    rc = file_read(r->s->media, root_media_name(ROOT_MEDIA_SIG, r->ref, name), &sig, NULL);
    if (rc != RC_NOTFOUND) {
        TRY(rc);
        TRY(crypto_key_from_spki(r->csr.spki, &key, err));
        root_media_binding(str_of(r->ref), r->conf_text, &text);
        TRY(buf_rc(&text));
        rc = crypto_verify(key, crypto_sig_default(key), CRYPTO_SIG_DER, buf_str(&text),
                           buf_str(&sig));
    }
    return rc == RC_OK || rc == RC_NOMEM
               ? rc
               : ERR(err, RC_DENIED, msg_bound, str_of(r->file), str_of(conf), str_of(name));
}

/* ---- signing */

static bool ours(const struct x509_constraints *c, struct str name)
{
    for (size_t i = 0; i < c->n_permitted_dns; i++)
        if (str_eq(c->permitted_dns[i], name))
            return true;
    return false;
}

/* The server may well have names that nobody has told this machine, but a person is to see them. */
static enum rc put_differences(struct request *r, const struct x509_cert *tbs)
{
    const struct x509_constraints *c = &tbs->constraints;
    struct x509_constraints here;

    if (!tbs->has_constraints) {
        buf_printf(&r->said, "\n  !! UNBOUND: THIS ISSUER MAY CERTIFY EVERY NAME\n");
        return buf_rc(&r->said);
    }
    TRY(ca_bounds(r->s->conf, &r->s->arena, &here));
    for (size_t i = 0; i < c->n_permitted_dns; i++)
        if (!ours(&here, c->permitted_dns[i]))
            buf_printf(&r->said, "\n  !! NOT IN THE CONFIGURATION OF THIS MACHINE: %.*s\n",
                       STR_ARG(c->permitted_dns[i]));
    return buf_rc(&r->said);
}

/* Import compares the names of the two, so a certificate under another one would be of no use. */
static enum rc check_subject(const struct request *r, const struct x509_cert *tbs, struct err *err)
{
    CLEANUP(buf_done) struct buf asked = BUF_INIT(X509_NAME_MAX), made = BUF_INIT(X509_NAME_MAX);

    if (str_eq(tbs->subject, r->csr.subject))
        return RC_OK;
    x509_name_text(r->csr.subject, &asked);
    x509_name_text(tbs->subject, &made);
    return ERR(err, RC_DENIED, msg_subject, str_of(r->file), buf_str(&asked), buf_str(&made));
}

static enum rc ask(void *arg, const struct x509_cert *tbs, struct err *err)
{
    struct request *r = arg;
    char question[256];

    TRY(check_subject(r, tbs, err));
    TRY(ceremony_show(tbs, &r->said));
    TRY(put_differences(r, tbs));
    printf("\n%s, by %s:\n%.*s", r->ref, r->root->ref, STR_ARG(buf_str(&r->said)));
    fflush(stdout);
    snprintf(question, sizeof(question), "Sign this certificate for %s?", r->ref);
    return root_confirm(r->s->args, question, err);
}

static enum rc sign(struct request *r, struct err *err)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    CLEANUP(buf_done) struct buf pem = BUF_INIT(ROOT_FILE_MAX);
    struct ceremony_plan plan = {
        .ref = r->parts, .conf = r->conf, .now = clock_now(clock_system())};
    struct ceremony_signer signer = {.confirm = ask, .arg = r};
    char name[128];

    TRY(root_key(r->s, r->root->ref, &key, err));
    signer.ref = str_of(r->root->ref);
    signer.cert = &r->root->cert;
    signer.key = key;
    TRY(ceremony_certify_issuer(&plan, r->csr.spki, &signer, &r->s->arena, &r->cert, err));
    TRY(x509_cert_check_issuer(&r->cert, &r->root->cert, err));
    /* First on paper: what is out is also in the transcript. */
    TRY(root_transcribe(r->s,
                        &(struct root_signed){.file = str_of(r->file),
                                              .request = r->pem,
                                              .shown = buf_str(&r->said),
                                              .cert = r->cert.der,
                                              .root = str_of(r->root->ref)},
                        key, err));
    x509_cert_put_pem(r->cert.der, &pem);
    TRY(buf_rc(&pem));
    return file_create(r->s->media, root_media_name(ROOT_MEDIA_ISSUER, r->ref, name), buf_str(&pem),
                       0644, FILE_OWNER_SELF, err);
}

static enum rc handle(struct root_session *s, struct str ref, struct err *err)
{
    CLEANUP(request_done) struct request r = {.s = s};

    buf_init(&r.said, 64 * 1024);
    if (str_copyz(ref, r.ref, sizeof(r.ref)) != RC_OK || ca_ref_parse(ref, &r.parts) != RC_OK ||
        r.parts.root)
        return ERR(err, RC_INVAL, msg_ref, ref);
    TRY(read_csr(&r, err));
    TRY(read_conf(&r, err));
    TRY(check(&r, err));
    TRY(check_bound(&r, err));
    TRY(sign(&r, err));
    r.root->has_signed = true;
    printf("signed: autarky-issuer-%s.crt\n", r.ref);
    return RC_OK;
}

/* ---- what lies there */

static const struct str head = STR("autarky-request-"), tail = STR(".csr");

static int is_request(const struct dirent *e)
{
    struct str name = str_of(e->d_name);

    return str_starts(name, head) && str_ends(name, tail) && name.n > head.n + tail.n;
}

static enum rc sign_all(struct root_session *s, size_t *done, struct err *err)
{
    struct dirent **found = NULL;
    int n = scandirat(s->media, ".", &found, is_request, alphasort);
    enum rc rc = RC_OK;

    for (int i = 0; i < n; i++) {
        struct str ref = str_skip(str_of(found[i]->d_name), head.n);
        char issued[256];

        ref = str_head(ref, ref.n - tail.n);
        snprintf(issued, sizeof(issued), "autarky-issuer-%.*s.crt", STR_ARG(ref));
        if (rc == RC_OK && faccessat(s->media, issued, F_OK, 0) != 0) {
            rc = handle(s, ref, err);
            *done += rc == RC_OK;
        }
        free(found[i]); /* checksrc: allow free: scandirat's own memory */
    }
    free(found); /* checksrc: allow free: scandirat's own memory */
    return rc;
}

int cmd_root_sign(const struct cmd_args *args)
{
    CLEANUP(root_done) struct root_session s = {.data = -1, .media = -1};
    struct err err = ERR_INIT;
    size_t done = 0;
    int status = root_open(args, &s);

    if (status != CMD_DONE)
        return status;
    if (!args->values[CMD_OPT_CRL])
        err.rc = sign_all(&s, &done, &err);
    if (!args->values[CMD_OPT_CRL] && err.rc == RC_OK)
        err.rc = root_crosses(&s, &done, &err);
    if (err.rc == RC_OK)
        err.rc = root_lists(&s, &done, &err);
    if (err.rc == RC_OK && done == 0)
        err.rc = ERR(&err, RC_NOTFOUND, msg_nothing);
    if (err.rc != RC_OK)
        return cmd_fail(&err);
    printf("\nNow, on the server: autarky issuer import --media DIR\n");
    return CMD_DONE;
}
