/* SPDX-License-Identifier: Apache-2.0 */
#include "ceremony/certify.h"

#include "ca/bounds.h"
#include "x509/lint.h"
#include "x509/name.h"

/* A root outlives what hangs below it by far: replacing it means visiting every machine. */
/* What authorities of SM2 say is what GmSSL verifies, too, which takes no authority that lasts
 * longer than 3653 days, and none with an extended key usage, which stands in leaves alone there.
 * What they can be made to sign is the same without: profiles have no other uses to allow. */
enum { ROOT_YEARS = 20, ROOT_YEARS_SM2 = 10, SCRATCH = 512 * 1024 };
#define YEAR (365 * WHEN_DAY + WHEN_DAY / 4)

MSG(msg_lint, "ceremony.lint", "the certificate of {0} would break a rule: {1}");
MSG(msg_over, "ceremony.root-over", "the root {0} ends at {1}, too soon to sign for others");
MSG(msg_many, "ceremony.constraints-many",
    "names.internal and names.single have more than {0} names together, which no issuer can list");

MSG(msg_early, "ceremony.cross-early",
    "it begins at {0}, and it is {1} here; set the clocks of both machines right");
MSG(msg_points, "ceremony.cross-points",
    "it says that the signer's list and certificate are elsewhere than `urls: plain:` of this "
    "configuration has them: either that was changed since the request was made, or what the media "
    "had was; have another one signed");
MSG(msg_otherwise, "ceremony.cross-otherwise",
    "it is not that root's name and key, for as long as both last and with nothing beside, as {0} "
    "would certify them");

/* ---- signing */

struct certify {
    struct x509_tbs_in in;
    struct x509_lint_in lint;
    struct x509_constraints bounds;
    unsigned char key_id[X509_KEY_ID];
    struct buf issuer_name; /* of a root */
    struct str urls[2];
    const struct ceremony_signer *asked; /* whose confirm decides */
};

static void certify_done(struct certify *c)
{
    buf_done(&c->issuer_name);
}

static enum rc confirm(const struct certify *c, struct str tbs, struct arena *a, struct err *err)
{
    struct x509_cert shown;

    if (!c->asked || !c->asked->confirm)
        return RC_OK;
    TRY(x509_tbs_parse(a, tbs, &shown, err));
    return c->asked->confirm(c->asked->arg, &shown, err);
}

static enum rc lint(struct certify *c, const struct crypto_key *key, struct str what,
                    struct str tbs, struct err *err)
{
    CLEANUP(arena_done) struct arena scratch = ARENA_INIT(SCRATCH);
    struct err why = ERR_INIT;
    char text[512];
    enum rc rc;

    c->lint.issuer_key = key;
    c->lint.spki = c->in.spki;
    c->lint.constraints_noncritical = c->in.constraints_noncritical;
    rc = x509_lint_tbs(&scratch, tbs, &c->lint, &why);
    return rc == RC_OK ? rc
                       : ERR(err, rc, msg_lint, what, str_of(err_textz(&why, text, sizeof(text))));
}

static enum rc sign(struct certify *c, const struct crypto_key *key, struct str what,
                    struct arena *a, struct x509_cert *out, struct err *err)
{
    CLEANUP(arena_done) struct arena scratch = ARENA_INIT(SCRATCH);
    CLEANUP(buf_done) struct buf tbs = BUF_INIT(X509_TBS_MAX);
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CERT_MAX);
    struct str kept;

    TRY(x509_serial_random(&c->in.serial));
    TRY(x509_tbs_build(&c->in, &tbs, err));
    TRY(lint(c, key, what, buf_str(&tbs), err));
    TRY(confirm(c, buf_str(&tbs), &scratch, err));
    TRY(x509_sign_tbs(key, buf_str(&tbs), &der));
    TRY(arena_str(a, buf_str(&der), &kept));
    return x509_cert_parse(a, kept, out, err);
}

/* All that authorities have in common. */
static void begin(struct certify *c, when_t now, const struct crypto_key *signer, struct str spki)
{
    buf_init(&c->issuer_name, X509_NAME_MAX);
    c->in = (struct x509_tbs_in){
        .sig_alg = crypto_sig_default(signer),
        .not_before = (now - WHEN_HOUR) / WHEN_SECOND * WHEN_SECOND,
        .spki = spki,
        .subject_key_id = true,
        .basic = X509_BASIC_CA,
        .pathlen = -1,
        .key_usage = X509_KU_CERT_SIGN | X509_KU_CRL_SIGN,
    };
    c->lint = (struct x509_lint_in){.kind = X509_LINT_CA};
}

static enum rc bound(struct certify *c, const struct ceremony_plan *plan, struct arena *a,
                     struct err *err)
{
    const struct conf *conf = plan->conf;

    if (plan->ref.hierarchy == CA_SPECIAL || conf->ca.constraints == CONF_CONSTRAINTS_NONE)
        return RC_OK;
    if (1 + conf->names.internal.n + conf->names.single.n > X509_CONSTRAINTS_MAX)
        return ERR(err, RC_TOOBIG, msg_many, STR("63"));
    TRY(ca_bounds(conf, a, &c->bounds));
    c->in.constraints = &c->bounds;
    c->in.constraints_noncritical = conf->ca.constraints == CONF_CONSTRAINTS_NONCRITICAL;
    return RC_OK;
}

/* What it can say of its signer, where that can be fetched. */
static enum rc point(struct certify *c, const struct conf *conf, struct str signer, struct arena *a)
{
    if (!conf->urls.plain.n)
        return RC_OK;
    c->urls[0] = arena_printf(a, "%.*s/crl/%.*s/0.crl", STR_ARG(conf->urls.plain), STR_ARG(signer));
    c->urls[1] =
        arena_printf(a, "%.*s/issuer/%.*s.cer", STR_ARG(conf->urls.plain), STR_ARG(signer));
    if (!c->urls[0].p || !c->urls[1].p)
        return RC_NOMEM;
    c->in.crl_urls = &c->urls[0];
    c->in.n_crl_urls = 1;
    c->in.issuer_urls = &c->urls[1];
    c->in.n_issuer_urls = 1;
    return RC_OK;
}

static enum rc under(struct certify *c, const struct ceremony_signer *signer, struct err *err)
{
    char until[WHEN_TEXT];

    c->asked = signer;
    c->in.issuer = signer->cert->subject;
    c->in.issuer_key_id = signer->cert->ski;
    c->lint.issuer = signer->cert;
    if (c->in.not_before < signer->cert->not_before)
        c->in.not_before = signer->cert->not_before;
    if (c->in.not_after > signer->cert->not_after)
        c->in.not_after = signer->cert->not_after;
    if (c->in.not_after <= c->in.not_before + WHEN_DAY)
        return ERR(err, RC_DENIED, msg_over, signer->ref,
                   str_of(when_text(signer->cert->not_after, until)));
    return RC_OK;
}

static struct str ref_in(const struct ceremony_plan *plan, struct arena *a)
{
    char text[CA_REF_MAX + 1];
    struct str kept = STR("it");

    IGNORE_RC(arena_str(a, str_of(ca_ref_text(&plan->ref, text)), &kept)); /* for a message */
    return kept;
}

static enum rc is_sm2(const struct certify *c, bool *out, struct err *err)
{
    struct crypto_public key;

    TRY(crypto_public_read(c->in.spki, &key, err));
    *out = key.type == CRYPTO_KEY_SM2;
    return RC_OK;
}

enum rc ceremony_certify_root(const struct ceremony_plan *plan, const struct crypto_key *key,
                              struct arena *a, struct x509_cert *out, struct err *err)
{
    CLEANUP(certify_done) struct certify c = {.in = {.pathlen = 0}};
    bool sm2;

    begin(&c, plan->now, key, crypto_key_spki(key));
    c.lint.kind = X509_LINT_ROOT;
    TRY(is_sm2(&c, &sm2, err));
    c.in.not_after =
        plan->not_after ? plan->not_after : plan->now + (sm2 ? ROOT_YEARS_SM2 : ROOT_YEARS) * YEAR;
    TRY(ceremony_subject(plan, a, &c.in.subject));
    if (plan->conf->ca.constrained_root)
        TRY(bound(&c, plan, a, err));
    TRY(x509_name_build(&c.in.subject, &c.issuer_name));
    c.in.issuer = buf_str(&c.issuer_name);
    TRY(x509_key_id(c.in.spki, c.key_id));
    c.in.issuer_key_id = str_bytes(c.key_id, sizeof(c.key_id));
    return sign(&c, key, ref_in(plan, a), a, out, err);
}

enum rc ceremony_certify_issuer(const struct ceremony_plan *plan, struct str spki,
                                const struct ceremony_signer *root, struct arena *a,
                                struct x509_cert *out, struct err *err)
{
    CLEANUP(certify_done) struct certify c = {.in = {.pathlen = 0}};
    bool sm2;

    begin(&c, plan->now, root->key, spki);
    c.in.pathlen = 0;
    TRY(is_sm2(&c, &sm2, err));
    if (!sm2)
        c.in.eku = X509_EKU_SERVER_AUTH | X509_EKU_CLIENT_AUTH;
    c.in.not_after =
        plan->not_after ? plan->not_after : plan->now + plan->conf->ca.rotation.lifetime;
    TRY(ceremony_subject(plan, a, &c.in.subject));
    TRY(bound(&c, plan, a, err));
    TRY(under(&c, root, err));
    TRY(point(&c, plan->conf, root->ref, a));
    return sign(&c, root->key, ref_in(plan, a), a, out, err);
}

/* ---- cross certificates */

static enum rc cross(struct certify *c, const struct ceremony_plan *plan,
                     const struct x509_cert *subject, const struct ceremony_signer *signer,
                     struct arena *a, struct err *err)
{
    begin(c, plan->now, signer->key, subject->spki);
    c->lint.kind = X509_LINT_CROSS;
    c->in.not_after = subject->not_after;
    TRY(x509_name_parse(subject->subject, &c->in.subject, NULL));
    if (subject->has_constraints) {
        c->bounds = subject->constraints;
        c->in.constraints = &c->bounds;
        c->in.constraints_noncritical = !subject->constraints_critical;
    }
    TRY(under(c, signer, err));
    return point(c, plan->conf, signer->ref, a);
}

enum rc ceremony_certify_cross(const struct ceremony_plan *plan, const struct x509_cert *subject,
                               const struct ceremony_signer *signer, struct arena *a,
                               struct x509_cert *out, struct err *err)
{
    CLEANUP(certify_done) struct certify c = {.in = {.pathlen = 0}};

    TRY(cross(&c, plan, subject, signer, a, err));
    return sign(&c, signer->key, signer->ref, a, out, err);
}

/* What differs most likely has a cure of its own. */
static bool points_elsewhere(const struct certify *c, const struct x509_cert *cert)
{
    return cert->n_crl_urls != c->in.n_crl_urls || cert->n_issuer_urls != c->in.n_issuer_urls ||
           (cert->n_crl_urls && !str_eq(cert->crl_urls[0], c->in.crl_urls[0])) ||
           (cert->n_issuer_urls && !str_eq(cert->issuer_urls[0], c->in.issuer_urls[0]));
}

enum rc ceremony_check_cross(const struct ceremony_plan *plan, const struct x509_cert *subject,
                             const struct ceremony_signer *signer, const struct x509_cert *cert,
                             struct err *err)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(SCRATCH);
    CLEANUP(certify_done) struct certify c = {.in = {.pathlen = 0}};
    CLEANUP(buf_done) struct buf tbs = BUF_INIT(X509_TBS_MAX);
    char from[WHEN_TEXT], here[WHEN_TEXT];

    TRY(cross(&c, plan, subject, signer, &a, err));
    TRY(x509_cert_check_issuer(cert, signer->cert, err));
    if (cert->not_before > plan->now)
        return ERR(err, RC_DENIED, msg_early, str_of(when_text(cert->not_before, from)),
                   str_of(when_text(plan->now, here)));
    if (points_elsewhere(&c, cert))
        return ERR(err, RC_DENIED, msg_points);
    c.in.serial = cert->serial;
    c.in.not_before = cert->not_before;
    TRY(x509_tbs_build(&c.in, &tbs, err));
    if (!str_eq(buf_str(&tbs), cert->tbs))
        return ERR(err, RC_DENIED, msg_otherwise, signer->ref);
    return lint(&c, signer->key, signer->ref, cert->tbs, err);
}
