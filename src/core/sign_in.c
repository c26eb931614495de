/* SPDX-License-Identifier: Apache-2.0 */
/* Users who sign in. Whoever does not learns nothing from it: unknown users, wrong passwords and
 * wrong codes take the same time and get the same answer, and all of it is on record. */
#include "audit/audit.h"
#include "core/operators.h"
#include "crypto/crypto.h"
#include "ev/clock.h"
#include "http/exchange.h"
#include "log/log.h"
#include "operators/known.h"

enum { TOTP_AAD_MAX = 64, LOOK_ARENA = 64 * 1024, LABEL_MAX = 80 };

/* ---- keys of one-time codes */

/* Its own use of the key that is outside of the database. */
static enum rc aead(const struct core *core, struct crypto_aead **out)
{
    unsigned char key[CRYPTO_SHA256_BYTES];
    enum rc rc = crypto_hmac_sha256(str_bytes(core->eab_key, sizeof(core->eab_key)),
                                    STR("autarky: keys of one-time codes"), key);

    if (rc == RC_OK)
        rc = crypto_aead_new(key, out);
    explicit_bzero(key, sizeof(key));
    return rc;
}

enum rc core_totp_seal(const struct core *core, const struct id *user, struct str key,
                       struct buf *out)
{
    CLEANUP(crypto_aead_freep) struct crypto_aead *a = NULL;
    unsigned char nonce[CRYPTO_AEAD_NONCE];

    TRY(aead(core, &a));
    TRY(crypto_random(nonce, sizeof(nonce)));
    buf_puts(out, str_bytes(nonce, sizeof(nonce)));
    return crypto_aead_seal(a, nonce, id_str(user), key, out);
}

enum rc core_totp_open(const struct core *core, const struct store_user *user, struct buf *out)
{
    CLEANUP(crypto_aead_freep) struct crypto_aead *a = NULL;

    if (user->totp.n < CRYPTO_AEAD_NONCE)
        return RC_CORRUPT;
    TRY(aead(core, &a));
    return crypto_aead_open(a, (const unsigned char *)user->totp.p, id_str(&user->id),
                            str_skip(user->totp, CRYPTO_AEAD_NONCE), out);
}

/* ---- who it is */

enum rc core_sign_in_init(struct core *core)
{
    struct core_nobody *nobody = &core->nobody;
    CLEANUP(buf_done) struct buf sealed = BUF_INIT(sizeof(nobody->totp));
    unsigned char random[CORE_TOKEN_BYTES];

    TRY(crypto_random(random, sizeof(random)));
    TRY(crypto_password_make(str_bytes(random, sizeof(random)), nobody->password));
    TRY(id_new(&nobody->id));
    TRY(core_totp_seal(core, &nobody->id, str_bytes(random, OPERATORS_TOTP_KEY), &sealed));
    for (size_t i = 0; i < sealed.n; i++)
        nobody->totp[i] = (unsigned char)sealed.p[i];
    return sealed.n == sizeof(nobody->totp) ? RC_OK : RC_CORRUPT;
}

struct trying {
    struct core *core;
    struct ui_try *t;
    struct operators_try who;
    unsigned char browser[OPERATORS_KNOWN_ID];
    struct store_user user; /* what unknown users are compared with, while `known` is not set */
    bool known;
    struct core_password password;
    uint64_t step;
    const char *why; /* it was refused; NULL: it was not */
    struct str by;   /* the serial number of the certificate; empty: without */
};

static enum rc check_code(const struct trying *s, uint64_t *out_step)
{
    CLEANUP(buf_done) struct buf key = BUF_INIT(STORE_TOTP_MAX);
    enum rc rc = core_totp_open(s->core, &s->user, &key);

    if (rc == RC_OK)
        rc =
            operators_totp_check(buf_str(&key), s->t->code, s->t->now, s->user.totp_step, out_step);
    if (key.p)
        explicit_bzero(key.p, key.n);
    return rc;
}

/* The user, or what is compared with in place of one. */
static enum rc find(struct trying *s, struct arena *a)
{
    struct core *core = s->core;
    enum rc rc = store_user_find(store_read(core->store), a, s->t->user, &s->user);

    if (rc != RC_OK && rc != RC_NOTFOUND)
        return rc;
    s->known = rc == RC_OK && !s->user.removed;
    if (!s->known)
        s->user = (struct store_user){
            .id = core->nobody.id,
            .password = str_bytes(core->nobody.password, sizeof(core->nobody.password)),
            .totp = str_bytes(core->nobody.totp, sizeof(core->nobody.totp)),
        };
    if (s->user.password.n != CRYPTO_PASSWORD_BYTES)
        return RC_CORRUPT;
    memcpy(s->password.kept, s->user.password.p, CRYPTO_PASSWORD_BYTES);
    return RC_OK;
}

/* The code is looked at whatever the password is, so that nobody learns from the time it takes
 * which of the two was right. */
static enum rc judge(struct trying *s, enum rc password)
{
    enum rc code = check_code(s, &s->step);

    if (password != RC_OK && password != RC_DENIED)
        return password;
    if (code != RC_OK && code != RC_DENIED)
        return code;
    if (!s->known)
        s->why = "user";
    else if (password == RC_DENIED)
        s->why = "password";
    else if (code == RC_DENIED)
        s->why = "code";
    return RC_OK;
}

/* ---- on record */

static enum rc append(struct store_txn *txn, const struct trying *s, const char *action)
{
    CLEANUP(buf_done) struct buf detail = BUF_INIT(LABEL_MAX);
    CLEANUP(buf_done) struct buf actor = BUF_INIT(OPERATORS_NAME_MAX + LABEL_MAX);
    struct audit_event event = {
        .at = s->t->now,
        .actor_kind = AUDIT_OPERATOR,
        .action = action,
        .object_kind = "user",
        .object = s->known ? id_str(&s->user.id) : STR(""),
        .request = id_str(&s->t->x->id),
        .address = s->t->x->req.client,
    };

    /* A name that nobody has may be a password that went into the wrong field. */
    if (s->user.name.n)
        buf_printf(&actor, "user %.*s", STR_ARG(s->user.name));
    else
        buf_putz(&actor, "unknown");
    event.actor = buf_str(&actor);
    if (s->why) {
        buf_printf(&detail, "{\"wrong\":\"%s\"}", s->why);
        event.detail = buf_str(&detail);
    } else if (s->by.n) {
        buf_printf(&detail, "{\"certificate\":\"%.*s\"}", STR_ARG(s->by));
        event.detail = buf_str(&detail);
    }
    TRY(buf_rc(&actor));
    TRY(buf_rc(&detail));
    return audit_append(txn, &event, NULL);
}

static enum rc append_refused(struct store_txn *txn, void *arg)
{
    return append(txn, arg, "operator.sign-in-refused");
}

static void refused(enum rc rc, void *arg)
{
    struct trying *s = arg;

    s->t->then(s->t, rc == RC_OK ? RC_DENIED : rc);
}

static void refuse(struct trying *s)
{
    char address[ADDR_TEXT];
    enum rc rc;

    log_warn("core.sign-in-refused", LOG_STR("user", s->user.name), LOG_Z("wrong", s->why),
             LOG_Z("client", addr_text(&s->t->x->req.client, address)));
    rc = store_write(s->core->store, append_refused, refused, s);
    if (rc != RC_OK)
        s->t->then(s->t, rc);
}

/* The code is used up with the session's record, or neither. */
static enum rc append_signed_in(struct store_txn *txn, void *arg)
{
    const struct trying *s = arg;

    TRY(store_user_sign_in(txn, &s->user, s->step, s->t->now));
    return append(txn, s, "operator.signed-in");
}

/* ---- browsers in which a user has signed in before */

static enum rc known_key(const struct core *core, unsigned char out[static CRYPTO_SHA256_BYTES])
{
    return crypto_hmac_sha256(str_bytes(core->eab_key, sizeof(core->eab_key)),
                              STR("autarky: browsers that are known"), out);
}

/* From now on it is one. */
static enum rc known_browser(struct trying *s)
{
    unsigned char key[CRYPTO_SHA256_BYTES];
    enum rc rc = known_key(s->core, key);

    if (rc == RC_OK)
        rc =
            operators_known_make(str_bytes(key, sizeof(key)), s->user.name, s->t->now, s->t->knows);
    explicit_bzero(key, sizeof(key));
    return rc;
}

static enum rc read_who(struct trying *s)
{
    unsigned char key[CRYPTO_SHA256_BYTES];
    enum rc rc = known_key(s->core, key);

    s->who = (struct operators_try){.name = s->t->user, .from = s->t->x->req.client};
    if (rc == RC_OK)
        rc = operators_known_check(str_bytes(key, sizeof(key)), s->t->user, s->t->known, s->t->now,
                                   s->browser);
    explicit_bzero(key, sizeof(key));
    if (rc == RC_OK)
        s->who.browser = str_bytes(s->browser, sizeof(s->browser));
    return rc == RC_DENIED ? RC_OK : rc;
}

/* ---- one try */

static void signed_in(enum rc rc, void *arg)
{
    struct trying *s = arg;

    if (rc == RC_CONFLICT) { /* somebody used the code, or changed the user, meanwhile */
        s->why = "code";
        refuse(s);
        return;
    }
    if (rc == RC_OK)
        rc = operators_throttle_right(&s->core->throttle, &s->who);
    if (rc == RC_OK)
        rc = known_browser(s);
    if (rc == RC_OK) {
        s->t->is = (struct ui_user){
            .n = s->user.n, .roles = s->user.roles, .person = core_person_of(&s->user)};
        rc = str_copyz(s->user.name, s->t->is.name, sizeof(s->t->is.name));
    }
    if (rc == RC_OK)
        log_info("core.signed-in", LOG_STR("user", s->user.name));
    s->t->then(s->t, rc);
}

static void hashed(void *arg, enum rc rc)
{
    struct trying *s = arg;

    rc = judge(s, rc);
    if (rc == RC_OK && s->why) {
        refuse(s);
        return;
    }
    if (rc == RC_OK)
        rc = store_write(s->core->store, append_signed_in, signed_in, s);
    if (rc != RC_OK)
        s->t->then(s->t, rc == RC_DENIED ? RC_CORRUPT : rc);
}

static enum rc begin(struct trying *s)
{
    char address[ADDR_TEXT];
    enum rc rc;

    TRY(read_who(s));
    TRY(find(s, &s->t->x->arena));
    rc = operators_throttle_ask(&s->core->throttle, &s->who, s->t->now, &s->t->until);
    if (rc == RC_QUOTA)
        log_warn("core.sign-in-throttled",
                 LOG_Z("client", addr_text(&s->t->x->req.client, address)));
    TRY(rc);
    s->password.done = hashed;
    s->password.arg = s;
    core_password_put(&s->password, s->t->password);
    rc = core_password_run(s->core->passwords, &s->password);
    return rc == RC_QUOTA ? RC_AGAIN : rc;
}

/* ---- with a certificate, by which nothing can be guessed: no pause, no browser to be known */

static enum rc append_shown(struct store_txn *txn, void *arg)
{
    const struct trying *s = arg;

    TRY(store_user_sign_in_shown(txn, &s->user, &s->t->is.certificate, s->t->now));
    return append(txn, s, "operator.signed-in");
}

static void shown_signed_in(enum rc rc, void *arg)
{
    struct trying *s = arg;

    if (rc == RC_OK)
        log_info("core.signed-in", LOG_STR("user", s->user.name), LOG_STR("by", s->by));
    s->t->then(s->t, rc == RC_CONFLICT ? RC_DENIED : rc); /* changed meanwhile */
}

static enum rc begin_shown(struct trying *s)
{
    struct core_shown found;
    char address[ADDR_TEXT], serial[X509_SERIAL_TEXT];
    struct err err = ERR_INIT;
    enum rc rc = core_shown_user(s->core, &s->t->x->req.shown, &s->t->x->arena, &found, &err);

    if (rc == RC_DENIED)
        log_warn("core.sign-in-refused", LOG_ERR(&err),
                 LOG_Z("client", addr_text(&s->t->x->req.client, address)));
    TRY(rc);
    s->user = found.user;
    s->known = true;
    TRY(arena_str(&s->t->x->arena, str_of(core_shown_serial(&found.certificate, serial)), &s->by));
    s->t->is = (struct ui_user){.n = s->user.n,
                                .roles = s->user.roles,
                                .person = core_person_of(&s->user),
                                .certificate = found.certificate.id};
    TRY(str_copyz(s->user.name, s->t->is.name, sizeof(s->t->is.name)));
    return store_write(s->core->store, append_shown, shown_signed_in, s);
}

void core_sign_in(void *arg, struct ui_try *t)
{
    struct trying *s = ARENA_NEW(&t->x->arena, struct trying);
    enum rc rc = RC_NOMEM;

    if (s) {
        *s = (struct trying){.core = arg, .t = t};
        rc = t->shown ? begin_shown(s) : begin(s);
    }
    if (rc == RC_DENIED && t->shown) {
        t->then(t, rc);
        return;
    }
    if (rc != RC_OK)
        t->then(t, rc == RC_DENIED ? RC_CORRUPT : rc);
}
