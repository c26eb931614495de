/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/hierarchy.h"

#include <assert.h>
#include <unistd.h>

#include "audit/audit.h"
#include "base/text.h"
#include "ca/rules.h"
#include "conf/conf.h"
#include "crypto/pem.h"
#include "x509/lint.h"
#include "x509/name.h"

/* A root outlives what hangs below it by far: replacing it means visiting every machine.
 * Intermediates are rotated. */
enum { ROOT_YEARS = 20, INTERMEDIATE_YEARS = 8, FILES_MAX = 12 };
#define YEAR (365 * WHEN_DAY + WHEN_DAY / 4)

MSG(msg_lint, "ca.ceremony-lint", "the certificate of {0} would break a rule: {1}");

/* One authority of the hierarchy to be. */
struct authority {
    const char *ref;   /* "rsa-1"; also its file names */
    const char *label; /* behind the organisation in its name */
    const char *algorithm;
    struct crypto_key_spec spec;
    int years;
    bool root;
};

static const struct authority authorities[CA_HIERARCHY_MAX] = {
    {"root-rsa", "RSA Root CA 1", "rsa", {CRYPTO_KEY_RSA, 4096}, ROOT_YEARS, true},
    {"rsa-1", "RSA CA 1", "rsa", {CRYPTO_KEY_RSA, 3072}, INTERMEDIATE_YEARS, false},
    {"ecdsa-1", "ECDSA CA 1", "ecdsa", {CRYPTO_KEY_P256, 0}, INTERMEDIATE_YEARS, false},
};

/* A file that the ceremony will write. */
struct output {
    char path[64];
    mode_t mode;
    struct buf content;
};

struct work {
    const struct ca_ceremony *c;
    struct ca_hierarchy *h;
    struct crypto_key *keys[CA_HIERARCHY_MAX];
    struct x509_cert certs[CA_HIERARCHY_MAX];
    struct output files[FILES_MAX];
    size_t n_files;
};

static void work_done(struct work *w)
{
    for (size_t i = 0; i < CA_HIERARCHY_MAX; i++)
        crypto_key_unref(w->keys[i]);
    for (size_t i = 0; i < w->n_files; i++)
        buf_wipe(&w->files[i].content);
}

static struct buf *add_file(struct work *w, const char *dir, const char *name, const char *ending,
                            mode_t mode)
{
    struct output *f = &w->files[w->n_files++];
    CLEANUP(buf_done) struct buf path = {};

    assert(w->n_files <= FILES_MAX);
    f->mode = mode;
    buf_init(&f->content, CRYPTO_PEM_MAX);
    buf_init(&path, sizeof(f->path) - 1);
    buf_printf(&path, "%s/%s%s", dir, name, ending);
    buf_fail(&f->content, str_copyz(buf_str(&path), f->path, sizeof(f->path)));
    return &f->content;
}

/* "Example Hospital RSA CA 1", the organisation cut so that the whole fits RFC 5280's 64
 * characters. */
static enum rc common_name(struct arena *a, struct str organization, const char *label,
                           struct str *out)
{
    size_t room = X509_ATTR_MAX - strlen(label) - 1;
    struct str head = str_head(organization, room);

    while (head.n && !str_utf8(head))
        head.n--;
    head = str_trim(head);
    *out = arena_printf(a, "%.*s %s", STR_ARG(head), label);
    return out->p ? RC_OK : RC_NOMEM;
}

static enum rc lint(const struct work *w, size_t i, struct str tbs, struct arena *scratch,
                    struct err *err)
{
    struct x509_lint_in in = {
        .kind = authorities[i].root ? X509_LINT_ROOT : X509_LINT_CA,
        .issuer = authorities[i].root ? NULL : &w->certs[0],
        .issuer_key = w->keys[0],
        .spki = crypto_key_spki(w->keys[i]),
    };
    struct err why = ERR_INIT;
    char text[512];
    enum rc rc = x509_lint_tbs(scratch, tbs, &in, &why);

    if (rc != RC_OK)
        return ERR(err, rc, msg_lint, str_of(authorities[i].ref),
                   str_of(err_textz(&why, text, sizeof(text))));
    return RC_OK;
}

/* RFC 5280 section 4.2.1.9 and 4.2.1.12: an intermediate may sign leaves and nothing else, for TLS
 * and nothing else. */
static enum rc build_tbs(struct work *w, size_t i, struct buf *tbs, struct err *err)
{
    const struct authority *a = &authorities[i];
    CLEANUP(buf_done) struct buf name = BUF_INIT(X509_NAME_MAX);
    unsigned char root_id[X509_KEY_ID];
    struct x509_tbs_in in = {
        .sig_alg = crypto_sig_default(w->keys[0]),
        .not_before = w->c->now - WHEN_HOUR,
        .not_after = w->c->now + a->years * YEAR,
        .subject = {.country = w->c->conf->country, .organization = w->c->conf->organization},
        .spki = crypto_key_spki(w->keys[i]),
        .subject_key_id = true,
        .basic = X509_BASIC_CA,
        .pathlen = a->root ? -1 : 0,
        .key_usage = X509_KU_CERT_SIGN | X509_KU_CRL_SIGN,
        .eku = a->root ? 0 : X509_EKU_SERVER_AUTH | X509_EKU_CLIENT_AUTH,
    };

    TRY(x509_serial_random(&in.serial));
    TRY(common_name(&w->h->arena, w->c->conf->organization, a->label, &in.subject.common_name));
    TRY(x509_key_id(crypto_key_spki(w->keys[0]), root_id));
    in.issuer_key_id = str_bytes(root_id, sizeof(root_id));
    if (a->root) {
        TRY(x509_name_build(&in.subject, &name));
        in.issuer = buf_str(&name);
    } else {
        in.issuer = w->certs[0].subject;
    }
    return x509_tbs_build(&in, tbs, err);
}

static enum rc sign(struct work *w, size_t i, struct err *err)
{
    CLEANUP(buf_done) struct buf tbs = BUF_INIT(X509_TBS_MAX);
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CERT_MAX);
    CLEANUP(arena_done) struct arena scratch = ARENA_INIT(256 * 1024);
    struct str kept;

    TRY(build_tbs(w, i, &tbs, err));
    TRY(lint(w, i, buf_str(&tbs), &scratch, err));
    TRY(x509_sign_tbs(w->keys[0], buf_str(&tbs), &der));
    TRY(arena_str(&w->h->arena, buf_str(&der), &kept));
    return x509_cert_parse(&w->h->arena, kept, &w->certs[i], err);
}

static enum rc describe(struct work *w, size_t i)
{
    const struct authority *a = &authorities[i];
    struct store_issuer *row = &w->h->issuers[i];
    CLEANUP(buf_done) struct buf subject = BUF_INIT(4 * X509_NAME_MAX);

    x509_name_text(w->certs[i].subject, &subject);
    *row = (struct store_issuer){
        .name = str_of(a->ref),
        .hierarchy = STR("intranet"),
        .algorithm = str_of(a->algorithm),
        .certificate = w->certs[i].der,
        .chain = a->root ? (struct str){NULL, 0} : w->certs[0].der,
        .key_ref = a->root ? (struct str){NULL, 0} : str_of(a->ref),
        .key_id = w->certs[i].ski,
        .state = STORE_ISSUER_ACTIVE,
        .not_after = w->certs[i].not_after,
        .created = w->c->now,
    };
    TRY(id_new(&row->id));
    if (!a->root)
        row->parent = w->h->issuers[0].id;
    TRY(buf_rc(&subject));
    return arena_str(&w->h->arena, buf_str(&subject), &row->subject);
}

static enum rc make_authority(struct work *w, size_t i, struct err *err)
{
    const struct authority *a = &authorities[i];
    CLEANUP(buf_done) struct buf what = BUF_INIT(128);

    TRY(crypto_key_generate(a->spec, &w->keys[i]));
    buf_printf(&what, "%s: %s", a->root ? "root" : "intermediate", crypto_key_text(w->keys[i]));
    TRY(sign(w, i, err));
    TRY(describe(w, i));
    TRY(crypto_pem_put(w->keys[i], a->root ? w->c->root_passphrase : w->c->passphrase,
                       add_file(w, a->root ? "root" : "ca", a->ref, ".key", 0600)));
    if (!a->root)
        x509_cert_put_pem(w->certs[i].der, add_file(w, "ca", a->ref, ".crt", 0644));
    if (w->c->step)
        w->c->step(w->c->arg, buf_z(&what));
    w->h->n++;
    return RC_OK;
}

static enum rc fingerprint(struct work *w)
{
    CLEANUP(buf_done) struct buf hex = {};
    unsigned char digest[CRYPTO_SHA256_BYTES];

    buf_init(&hex, 2 * sizeof(digest));
    TRY(x509_cert_fingerprint(&w->certs[0], digest));
    text_hex(&hex, str_bytes(digest, sizeof(digest)));
    TRY(buf_rc(&hex));
    return str_copyz(buf_str(&hex), w->h->root_fingerprint, sizeof(w->h->root_fingerprint));
}

static enum rc make_all(struct work *w, struct err *err)
{
    const struct conf *conf = w->c->conf;

    for (size_t i = 0; i < CA_HIERARCHY_MAX; i++)
        TRY(make_authority(w, i, err));
    x509_cert_put_pem(w->certs[0].der, add_file(w, "trust", "roots", ".pem", 0644));
    x509_cert_put_pem(w->certs[0].der, add_file(w, "trust", "root-rsa", ".pem", 0644));
    TRY(ca_rules_default(conf->domain, conf->names.internal.p, conf->names.internal.n,
                         add_file(w, "ca", "rules", ".json", 0644)));
    return fingerprint(w);
}

static enum rc write_all(struct work *w, struct err *err)
{
    static const struct {
        const char *name;
        mode_t mode;
    } dirs[] = {{"root", 0700}, {"ca", 0700}, {"trust", 0755}};
    size_t written = 0;
    enum rc rc = RC_OK;

    for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
        TRY(file_mkdir(w->c->data, dirs[i].name, dirs[i].mode, FILE_OWNER_SELF, err));
    for (; written < w->n_files && rc == RC_OK; written++) {
        const struct output *f = &w->files[written];

        rc = buf_rc(&f->content);
        if (rc == RC_OK)
            rc = file_create(w->c->data, f->path, buf_str(&f->content), f->mode, FILE_OWNER_SELF,
                             err);
    }
    if (rc != RC_OK)
        for (size_t i = 0; i + 1 < written; i++)
            unlinkat(w->c->data, w->files[i].path, 0);
    return rc;
}

enum rc ca_hierarchy_make(const struct ca_ceremony *c, struct ca_hierarchy *out, struct err *err)
{
    CLEANUP(work_done) struct work w = {.c = c, .h = out};
    enum rc rc;

    *out = (struct ca_hierarchy){.n = 0};
    arena_init(&out->arena, 1024 * 1024);
    rc = make_all(&w, err);
    if (rc == RC_OK)
        rc = write_all(&w, err);
    if (rc != RC_OK)
        ca_hierarchy_done(out);
    return rc;
}

void ca_hierarchy_done(struct ca_hierarchy *h)
{
    arena_done(&h->arena);
    h->n = 0;
}

enum rc ca_hierarchy_register(struct store_txn *txn, void *hierarchy)
{
    const struct ca_hierarchy *h = hierarchy;

    for (size_t i = 0; i < h->n; i++) {
        const struct store_issuer *row = &h->issuers[i];
        struct audit_event event = {
            .at = row->created,
            .actor_kind = AUDIT_OPERATOR,
            .actor = STR("init"),
            .action = "issuer.created",
            .object_kind = "issuer",
            .object = id_str(&row->id),
        };

        TRY(store_issuer_add(txn, row));
        TRY(audit_append(txn, &event, NULL));
    }
    return RC_OK;
}
