/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/signer.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "ca/head.h"
#include "ca/key_load.h"
#include "ca/status.h"
#include "ipc/messages.h"
#include "x509/lint.h"

enum { SIGN_ARENA = 512 * 1024, CA_TRUST_MAX = 1024 * 1024 };

MSG(msg_no_dir, "ca.no-issuer-directory",
    "{0}: cannot be read; this data directory has no certificate authority: run `autarky init`");
MSG(msg_no_issuers, "ca.no-issuers",
    "ca/ in the data directory holds no certificate of an issuer (REF.crt); restore them from the "
    "backup");
MSG(msg_too_many, "ca.too-many-issuers",
    "ca/ in the data directory holds more than {0} issuers (REF.crt), which is the most that are "
    "loaded; move some that have ended, each with REF.crt and REF.key or REF.uri, to another "
    "directory");
MSG(msg_file, "ca.issuer-file", "{0}: {1}");
MSG(msg_key_mismatch, "ca.key-mismatch",
    "{0} is not the key of {1}; restore the pair that belongs together from the backup");
MSG(msg_token, "ca.token-does-not-sign",
    "the token with the key of {0} does not sign at the moment; signing goes on when it does");
MSG(msg_unknown_issuer, "ca.unknown-issuer", "the signer has no issuer \"{0}\"");
MSG(msg_revoked, "ca.signer-revoked",
    "issuer {0} was revoked (ca/{0}.revoked is there): it certifies nothing any more");
MSG(msg_not_a_ref, "ca.not-a-ref",
    "ca/{0}.crt: no issuer is called so; names are as in rsa-1 and ecdsa-2-s");
MSG(msg_unknown_profile, "ca.unknown-profile", "the configuration has no profile \"{0}\"");
MSG(msg_clock, "ca.signer-clock",
    "notBefore {0} does not fit the signer's clock, which says {1}; set the clocks of the machines "
    "right");
MSG(msg_validity, "ca.signer-validity",
    "notAfter {0} does not lie behind notBefore {1}, or no certificate can say it");
MSG(msg_profile_lifetime, "ca.profile-lifetime",
    "the certificate would live longer than profile \"{0}\" allows");
MSG(msg_authority_key, "ca.authority-key",
    "the certificate is asked for the key of an authority; nothing but the ceremony certifies one");

struct ca_signer {
    struct arena arena; /* certificates and file names */
    struct ca_rules rules;
    struct ca_rate rate, staging_rate; /* who tries things out takes nothing from the others */
    const struct conf *conf;
    struct ca_issuer issuers[CA_ISSUERS_MAX];
    size_t n;
    struct x509_cert *roots; /* those whose certificates are in trust/ */
    size_t n_roots;
    struct ca_status *status;
};

/* Reads DIR/name into `out`. */
static enum rc read_part(int dir, struct str ref, const char *ending, struct buf *out,
                         struct err *err)
{
    CLEANUP(buf_done) struct buf name = BUF_INIT(CA_REF_MAX + 16);

    buf_printf(&name, "%.*s%s", STR_ARG(ref), ending);
    TRY(buf_rc(&name));
    return file_read(dir, buf_z(&name), out, err);
}

static enum rc load_certificate(struct ca_signer *s, int dir, struct ca_issuer *issuer,
                                struct err *err)
{
    CLEANUP(buf_done) struct buf pem = BUF_INIT(CA_FILE_MAX);
    struct x509_cert *certs;
    size_t n;

    TRY(read_part(dir, issuer->ref, ".crt", &pem, err));
    TRY(x509_cert_read_pem(&s->arena, buf_str(&pem), 1, &certs, &n, err));
    issuer->cert = certs[0];
    return RC_OK;
}

static enum rc load_key(int dir, struct ca_key_loader *loader, struct ca_issuer *issuer,
                        struct err *err)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;

    TRY(ca_key_load(loader, dir, issuer->ref, &key, err));
    if (!str_eq(crypto_key_spki(key), issuer->cert.spki))
        return ERR(err, RC_CORRUPT, msg_key_mismatch, issuer->ref, issuer->ref);
    issuer->key = MOVE(key);
    return RC_OK;
}

/* An empty file that root makes: the signer is not to believe core in this. */
static bool marked_revoked(int dir, struct str ref)
{
    char name[CA_REF_MAX + 16];

    snprintf(name, sizeof(name), "%.*s.revoked", STR_ARG(ref));
    return faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static enum rc load_issuer(struct ca_signer *s, int dir, struct str ref,
                           struct ca_key_loader *loader, struct err *err)
{
    struct ca_issuer *issuer = &s->issuers[s->n];
    struct ca_ref parts;
    char why[512];
    enum rc rc;

    *issuer = (struct ca_issuer){.crl_shards = CA_CRL_SHARDS};
    TRY(arena_str(&s->arena, ref, &issuer->ref));
    if (ca_ref_parse(ref, &parts) != RC_OK || parts.root)
        return ERR(err, RC_INVAL, msg_not_a_ref, ref);
    issuer->hierarchy = ca_ref_hierarchy(&parts);
    issuer->algorithm = parts.algorithm;
    if (marked_revoked(dir, ref))
        issuer->state = STORE_ISSUER_REVOKED;
    rc = load_certificate(s, dir, issuer, err);
    if (rc == RC_OK)
        rc = load_key(dir, loader, issuer, err);
    if (rc != RC_OK && err)
        return ERR(err, rc, msg_file, issuer->ref, str_of(err_textz(err, why, sizeof(why))));
    TRY(rc);
    s->n++;
    return RC_OK;
}

static int is_certificate(const struct dirent *e)
{
    struct str name = str_of(e->d_name);

    return name.p[0] != '.' && str_ends(name, STR(".crt")) && name.n <= CA_REF_MAX;
}

static enum rc load_issuers(struct ca_signer *s, int dir, struct ca_key_loader *loader,
                            struct err *err)
{
    struct dirent **found = NULL;
    int n = scandirat(dir, ".", &found, is_certificate, alphasort);
    enum rc rc = RC_OK;

    for (int i = 0; i < n; i++) {
        struct str name = str_of(found[i]->d_name);

        if (rc == RC_OK)
            rc = s->n == CA_ISSUERS_MAX
                     ? ERR(err, RC_TOOBIG, msg_too_many, STR("256"))
                     : load_issuer(s, dir, str_head(name, name.n - 4), loader, err);
        free(found[i]); /* checksrc: allow free: scandirat's own memory */
    }
    free(found); /* checksrc: allow free: scandirat's own memory */
    /* With roots that are known and kept elsewhere, issuers may be on their way. */
    if (rc == RC_OK && s->n == 0 && s->n_roots == 0)
        return ERR(err, RC_NOTFOUND, msg_no_issuers);
    return rc;
}

/* Their keys are not certified either. */
static enum rc load_roots(struct ca_signer *s, int data, struct err *err)
{
    static const char *const files[] = {"trust/roots-all.pem", "trust/roots-all-special.pem",
                                        "trust/roots-all-staging.pem", "trust/roots.pem"};
    CLEANUP(buf_done) struct buf pem = BUF_INIT(CA_TRUST_MAX);

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        enum rc rc = file_read(data, files[i], &pem, err);

        if (rc != RC_NOTFOUND)
            TRY(rc);
        else if (err)
            *err = ERR_INIT;
    }
    if (buf_str(&pem).n == 0)
        return RC_OK;
    return x509_cert_read_pem(&s->arena, buf_str(&pem), 4 * CA_ISSUERS_MAX, &s->roots, &s->n_roots,
                              err);
}

static enum rc load(struct ca_signer *s, struct ca_key_loader *loader, struct err *err)
{
    CLEANUP(fd_closep) int dir = openat(loader->data, "ca", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(buf_done) struct buf rules = BUF_INIT(CA_RULES_FILE_MAX);

    if (dir < 0)
        return ERR(err, RC_NOTFOUND, msg_no_dir, STR("ca/"));
    TRY(file_read(dir, "rules.json", &rules, err));
    TRY(ca_rules_parse(buf_str(&rules), &s->rules, err));
    TRY(load_roots(s, loader->data, err));
    return load_issuers(s, dir, loader, err);
}

static enum rc open_signer(struct ca_key_loader *loader, struct ca_signer **out, struct err *err)
{
    CLEANUP(ca_signer_freep) struct ca_signer *s = MEM_NEW(struct ca_signer);

    if (!s)
        return RC_NOMEM;
    arena_init(&s->arena, CA_ISSUERS_MAX * CA_FILE_MAX);
    s->conf = conf_ref(loader->conf);
    TRY(ca_status_new(&s->status));
    TRY(load(s, loader, err));
    *out = MOVE(s);
    return RC_OK;
}

enum rc ca_signer_open(int data, struct secret *passphrase, const struct conf *conf,
                       struct ca_signer **out, struct err *err)
{
    CLEANUP(ca_key_loader_done)
    struct ca_key_loader loader = {.data = data, .conf = conf, .passphrase = passphrase};

    return open_signer(&loader, out, err);
}

enum rc ca_signer_open_all(int data, const struct conf *conf, struct ca_signer **out,
                           struct ca_head **out_head, struct err *head_err, struct err *err)
{
    CLEANUP(ca_key_loader_done) struct ca_key_loader loader = {.data = data, .conf = conf};

    *out_head = NULL;
    TRY(open_signer(&loader, out, err));
    head_err->rc = ca_head_open(&loader, out_head, head_err);
    return RC_OK;
}

void ca_signer_free(struct ca_signer *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n; i++)
        crypto_key_unref(s->issuers[i].key);
    ca_status_free(s->status);
    ca_rules_done(&s->rules);
    conf_unref(s->conf);
    arena_done(&s->arena);
    mem_free(s);
}

enum rc ca_signer_check_conf(const struct ca_signer *s, const struct conf *conf, struct err *err)
{
    return ca_rules_check_profiles(&s->rules, conf, err);
}

void ca_signer_set_conf(struct ca_signer *s, const struct conf *conf)
{
    const struct conf *old = s->conf;

    s->conf = conf_ref(conf);
    conf_unref(old);
}

size_t ca_signer_count(const struct ca_signer *s)
{
    return s->n;
}

const struct ca_issuer *ca_signer_issuer(const struct ca_signer *s, size_t i)
{
    return &s->issuers[i];
}

const struct conf *ca_signer_conf(const struct ca_signer *s)
{
    return s->conf;
}

struct ca_status *ca_signer_status(const struct ca_signer *s)
{
    return s->status;
}

static const struct ca_issuer *find_issuer(const struct ca_signer *s, struct str ref)
{
    for (size_t i = 0; i < s->n; i++)
        if (str_eq(s->issuers[i].ref, ref))
            return &s->issuers[i];
    return NULL;
}

static enum rc check_times(const struct ca_leaf *leaf, const struct conf_profile *profile,
                           when_t now, struct err *err)
{
    char begin[WHEN_TEXT], mine[WHEN_TEXT], end[WHEN_TEXT];

    if (leaf->not_before > now + CA_SKEW_MAX ||
        leaf->not_before < now - profile->backdate - CA_RESERVED_MAX)
        return ERR(err, RC_DENIED, msg_clock, str_of(when_text(leaf->not_before, begin)),
                   str_of(when_text(now, mine)));
    /* Core's numbers: before they are compared, their difference might not be one. */
    if (leaf->not_after <= leaf->not_before || leaf->not_after > WHEN_MAX)
        return ERR(err, RC_DENIED, msg_validity, str_of(when_text(leaf->not_after, end)),
                   str_of(when_text(leaf->not_before, begin)));
    if (leaf->not_after - leaf->not_before >= profile->lifetime)
        return ERR(err, RC_DENIED, msg_profile_lifetime, profile->name);
    return RC_OK;
}

static bool is_authority(const struct ca_signer *s, struct str spki)
{
    for (size_t i = 0; i < s->n; i++)
        if (str_eq(s->issuers[i].cert.spki, spki))
            return true;
    for (size_t i = 0; i < s->n_roots; i++)
        if (str_eq(s->roots[i].spki, spki))
            return true;
    return false;
}

static enum rc check_key(const struct ca_signer *s, const struct crypto_public *key,
                         const struct conf_profile *profile, struct err *err)
{
    if (is_authority(s, key->spki))
        return ERR(err, RC_DENIED, msg_authority_key);
    return ca_leaf_check_key(profile, key->type, key->bits, err);
}

/* One signature: what was asked for, and what it is looked at with. */
struct work {
    const struct ca_leaf *leaf;
    const struct ca_issuer *issuer;
    const struct conf_profile *profile;
    const struct crypto_public *key; /* of the leaf */
};

/* What the linter is told comes from the profile and not from what was built. */
static enum rc lint(const struct ca_signer *s, const struct work *w, struct str tbs,
                    struct arena *arena, struct err *err)
{
    const struct ca_leaf *leaf = w->leaf;
    struct x509_lint_in in = {
        .kind = X509_LINT_LEAF,
        .issuer = &w->issuer->cert,
        .issuer_key = w->issuer->key,
        .spki = leaf->spki,
        .key = w->key,
        .dns = leaf->dns,
        .ips = leaf->ips,
        .emails = leaf->emails,
        .uris = leaf->uris,
        .n_dns = leaf->n_dns,
        .n_ips = leaf->n_ips,
        .n_emails = leaf->n_emails,
        .n_uris = leaf->n_uris,
        .key_usage = (uint16_t)w->profile->key_usage,
        .eku = (uint16_t)w->profile->extended_usage,
        .no_revocation = w->profile->revocation == CONF_REVOCATION_NONE,
        .max_lifetime = ca_rules_lifetime(&s->rules, w->profile),
    };

    if (w->profile->common_name == CONF_CN_TEXT)
        in.common_name = leaf->common_name;
    return x509_lint_tbs(arena, tbs, &in, err);
}

/* It has signed when it was loaded: what it refuses now, it may not refuse later. */
enum rc ca_signer_signed(const struct ca_issuer *issuer, enum rc rc, struct err *err)
{
    if (rc != RC_OK && rc != RC_NOMEM && crypto_key_in_token(issuer->key))
        return ERR(err, RC_AGAIN, msg_token, issuer->ref);
    return rc;
}

enum rc ca_signer_sign(struct ca_signer *s, const struct ca_sign_ask *ask, struct arena *arena,
                       struct buf *out, struct err *err)
{
    const struct ca_leaf *leaf = &ask->leaf;
    const struct ca_issuer *issuer = find_issuer(s, ask->issuer);
    const struct conf_profile *profile = conf_profile_find(s->conf, leaf->profile);
    CLEANUP(buf_done) struct buf tbs = BUF_INIT(X509_TBS_MAX);
    struct crypto_public key;

    if (!issuer)
        return ERR(err, RC_NOTFOUND, msg_unknown_issuer, ask->issuer);
    if (issuer->state == STORE_ISSUER_REVOKED)
        return ERR(err, RC_DENIED, msg_revoked, issuer->ref);
    if (!profile)
        return ERR(err, RC_NOTFOUND, msg_unknown_profile, leaf->profile);
    TRY(check_times(leaf, profile, ask->now, err));
    TRY(crypto_public_read(leaf->spki, &key, err));
    TRY(check_key(s, &key, profile, err));
    TRY(ca_leaf_check_names(leaf, profile, err));
    TRY(ca_rules_check(&s->rules, str_eq(issuer->hierarchy, STR("special")), profile, leaf, err));
    TRY(ca_leaf_tbs(leaf, issuer, key.type, s->conf, &tbs, err));
    TRY(lint(s, &(struct work){leaf, issuer, profile, &key}, buf_str(&tbs), arena, err));
    TRY(ca_rate_take(str_eq(issuer->hierarchy, STR("staging")) ? &s->staging_rate : &s->rate,
                     &s->rules, ask->now, err));
    return ca_signer_signed(issuer, x509_sign_tbs(issuer->key, buf_str(&tbs), out), err);
}

static enum rc fill_leaf(const struct ipc_sign *msg, struct arena *a, struct ca_leaf *leaf)
{
    struct addr *ips = ARENA_ARRAY(a, struct addr, msg->addresses.n);

    if (!ips)
        return RC_NOMEM;
    for (size_t i = 0; i < msg->addresses.n; i++)
        ips[i] = msg->addresses.v[i].addr;
    *leaf = (struct ca_leaf){
        .profile = msg->profile,
        .spki = msg->spki,
        .dns = msg->names.v,
        .n_dns = msg->names.n,
        .ips = ips,
        .n_ips = msg->addresses.n,
        .emails = msg->emails.v,
        .n_emails = msg->emails.n,
        .uris = msg->uris.v,
        .n_uris = msg->uris.n,
        .common_name = msg->common_name,
        .not_before = msg->not_before,
        .not_after = msg->not_after,
    };
    return x509_serial_from_bytes(msg->serial, &leaf->serial);
}

enum rc ca_signer_answer(struct ca_signer *s, const struct ipc_sign *msg, when_t now,
                         struct buf *out, struct err *err)
{
    CLEANUP(arena_done) struct arena arena = ARENA_INIT(SIGN_ARENA);
    struct ca_sign_ask ask = {.issuer = msg->issuer, .now = now};

    TRY(fill_leaf(msg, &arena, &ask.leaf));
    return ca_signer_sign(s, &ask, &arena, out, err);
}
