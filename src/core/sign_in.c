/* SPDX-License-Identifier: Apache-2.0 */
/* Users who sign in. Whoever does not learns nothing from it: unknown users, wrong passwords and
 * wrong codes take the same time and get the same answer, and all of it is on record. */
#include "audit/audit.h"
#include "core/operators.h"
#include "crypto/crypto.h"
#include "ev/clock.h"
#include "http/exchange.h"
#include "log/log.h"

enum { TOTP_AAD_MAX = 64, LOOK_ARENA = 64 * 1024, LABEL_MAX = 32 };

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
    unsigned char random[CORE_TOKEN_BYTES];

    TRY(crypto_random(random, sizeof(random)));
    return crypto_password_make(str_bytes(random, sizeof(random)), core->nobody);
}

struct trying {
    struct core *core;
    struct ui_try *t;
    struct store_user user; /* "" while there is none */
    uint64_t step;
    const char *why; /* it was refused; NULL: it was not */
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

/* RC_OK also when it is refused; s->why tells. */
static enum rc check(struct trying *s, struct arena *a)
{
    struct str kept = str_bytes(s->core->nobody, CRYPTO_PASSWORD_BYTES);
    enum rc rc = store_user_find(store_read(s->core->store), a, s->t->user, &s->user);
    bool known = rc == RC_OK && !s->user.removed;

    if (rc != RC_OK && rc != RC_NOTFOUND)
        return rc;
    if (known)
        kept = s->user.password;
    else
        s->user = (struct store_user){};
    rc = crypto_password_check(kept, s->t->password);
    if (rc != RC_OK && rc != RC_DENIED)
        return rc;
    if (!known || rc == RC_DENIED) {
        s->why = known ? "password" : "user";
        return RC_OK;
    }
    rc = check_code(s, &s->step);
    if (rc == RC_DENIED)
        s->why = "code";
    return rc == RC_DENIED ? RC_OK : rc;
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
        .object = id_str(&s->user.id),
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
    rc = operators_throttle_failed(&s->core->throttle, s->t->user, &s->t->x->req.client, s->t->now);
    if (rc == RC_OK)
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

static void signed_in(enum rc rc, void *arg)
{
    struct trying *s = arg;

    if (rc == RC_CONFLICT) { /* somebody used the code, or changed the user, meanwhile */
        s->why = "code";
        refuse(s);
        return;
    }
    if (rc == RC_OK)
        rc = operators_throttle_right(&s->core->throttle, s->t->user);
    if (rc == RC_OK) {
        s->t->is = (struct ui_user){.n = s->user.n, .roles = s->user.roles};
        s->t->is.person = s->user.host_user >= 0 ? s->user.host_user : CORE_PERSONS + s->user.n;
        rc = str_copyz(s->user.name, s->t->is.name, sizeof(s->t->is.name));
    }
    if (rc == RC_OK)
        log_info("core.signed-in", LOG_STR("user", s->user.name));
    s->t->then(s->t, rc);
}

void core_sign_in(void *arg, struct ui_try *t)
{
    struct core *core = arg;
    struct trying *s = ARENA_NEW(&t->x->arena, struct trying);
    enum rc rc = s ? RC_OK : RC_NOMEM;
    char address[ADDR_TEXT];

    if (rc == RC_OK) {
        *s = (struct trying){.core = core, .t = t};
        rc = operators_throttle_ask(&core->throttle, t->user, &t->x->req.client, t->now, &t->until);
    }
    if (rc == RC_QUOTA)
        log_warn("core.sign-in-throttled", LOG_Z("client", addr_text(&t->x->req.client, address)));
    if (rc == RC_OK)
        rc = check(s, &t->x->arena);
    if (rc == RC_OK && s->why) {
        refuse(s);
        return;
    }
    if (rc == RC_OK)
        rc = store_write(core->store, append_signed_in, signed_in, s);
    if (rc != RC_OK)
        t->then(t, rc == RC_DENIED ? RC_CORRUPT : rc);
}
