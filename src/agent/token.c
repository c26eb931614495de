/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/token.h"

#include <stdio.h>
#include <string.h>

#include "agent/place.h"
#include "agent/plan.h"
#include "agent/sealed.h"
#include "agent/solver.h"
#include "base/text.h"
#include "crypto/token_mark.h"
#include "x509/der.h"

#define MARK AGENT_HOME "/pin.refused"

MSG(msg_whole, "agent.token-uri",
    "{0} names no single key: it takes the token and the key's label, as in "
    "pkcs11:token=Web;object=wiki");
MSG(msg_kind, "agent.token-kind",
    "keys in tokens are of RSA, EC P-256 and P-384, and Ed25519 where the token has it; --key is "
    "\"{0}\"");
MSG(msg_missing, "agent.token-no-key",
    "{0}; --key says of which kind it is to be made there, as in --key p256");

MSG(msg_no_account, "agent.token-no-account",
    "{0}; it is the account's: `autarky obtain` with the same --out makes one there, of a new "
    "account");
MSG(msg_account, "agent.account-token", "the account's key {0} cannot be used: {1}");
MSG(msg_refused, "agent.pin-refused",
    "the token refused this very PIN in an earlier run, and it is not tried again: tokens lock "
    "after a few mistakes; set it right where --pin-file says, or, if the token has it now, remove "
    "{0}/" MARK);

enum { VISIBLE_STRING = 0x1a, UTF8_STRING = 0x0c, SEQUENCE = 0x30, LINE = 512 };

bool agent_in_token(const struct agent_plan *plan)
{
    return plan->key_uri.n > 0;
}

bool agent_names_token(struct str where)
{
    return str_starts(where, STR("pkcs11:"));
}

bool agent_needs_token(const struct agent_plan *plan)
{
    return agent_in_token(plan) || agent_names_token(plan->account_key) ||
           agent_names_token(plan->fallback_account_key);
}

static enum rc read_uri(struct str text, struct crypto_token_uri *out, struct err *err)
{
    TRY(crypto_token_uri_parse(text, out, err));
    if ((!out->token[0] && !out->serial[0] && !out->has_slot) || (!out->object[0] && !out->id_n))
        return ERR(err, RC_INVAL, msg_whole, text);
    return RC_OK;
}

static bool may_be_made(enum crypto_key_type type)
{
    return type == CRYPTO_KEY_RSA || type == CRYPTO_KEY_P256 || type == CRYPTO_KEY_P384 ||
           type == CRYPTO_KEY_ED25519;
}

static enum rc check_account(struct str where, struct err *err)
{
    struct crypto_token_uri uri;

    return agent_names_token(where) ? read_uri(where, &uri, err) : RC_OK;
}

enum rc agent_token_check(const struct agent_plan *plan, struct err *err)
{
    struct crypto_token_uri uri;
    struct crypto_key_spec spec;

    TRY(check_account(plan->account_key, err));
    TRY(check_account(plan->fallback_account_key, err));
    if (!agent_in_token(plan))
        return RC_OK;
    TRY(read_uri(plan->key_uri, &uri, err));
    if (plan->key.n == 0)
        return RC_OK;
    if (!uri.object[0])
        return ERR(err, RC_INVAL, msg_whole, plan->key_uri);
    return crypto_key_spec_parse(plan->key, &spec) == RC_OK && may_be_made(spec.type)
               ? RC_OK
               : ERR(err, RC_UNSUPPORTED, msg_kind, plan->key);
}

static enum rc read_pin(struct str where, struct secret **out, struct err *err)
{
    CLEANUP(buf_wipe) struct buf line = BUF_INIT(CRYPTO_PIN_MAX);
    CLEANUP(secret_freep) struct secret *pin = NULL;

    if (!buf_reserve(&line, CRYPTO_PIN_MAX))
        return RC_NOMEM;
    TRY(agent_sealed_line(where, &line, err));
    TRY(secret_new(line.n, &pin));
    memcpy(secret_bytes(pin), line.p, line.n);
    *out = MOVE(pin);
    return RC_OK;
}

void agent_tokens_done(struct agent_tokens *t)
{
    for (size_t i = 0; i < t->n; i++)
        crypto_token_unref(t->of[i]);
    t->n = 0;
}

/* What is looked for, and by whom. */
struct look {
    const struct agent_world *w;
    const struct agent_place *place;
    const struct agent_plan *plan;
    struct crypto_token_uri uri;
    bool missing; /* the token was open, and has no such key */
};

static enum rc open_anew(const struct look *l, struct crypto_token **out, struct err *err)
{
    const struct crypto_pin_mark mark = {l->place->dir, MARK};
    CLEANUP(secret_freep) struct secret *pin = NULL;
    char module[AGENT_PATH_MAX];
    const struct crypto_token_at at = {.module = module, .uri = &l->uri};
    enum rc rc;

    TRY(str_copyz(l->plan->pkcs11_module, module, sizeof(module)));
    TRY(read_pin(l->plan->pin, &pin, err));
    rc = crypto_token_open_marked(&at, pin, &mark, out, err);
    return rc == RC_EXISTS ? ERR(err, RC_DENIED, msg_refused, str_of(l->place->path)) : rc;
}

static enum rc open_token(const struct look *l, struct crypto_token **out, struct err *err)
{
    struct agent_tokens *all = l->w->tokens;
    size_t n = all ? all->n : 0;

    for (size_t i = 0; i < n; i++)
        if (crypto_token_uri_same_token(&all->uris[i], &l->uri)) {
            *out = crypto_token_ref(all->of[i]);
            return RC_OK;
        }
    TRY(open_anew(l, out, err));
    if (!all || n == AGENT_TOKENS_MAX)
        return RC_OK;
    all->uris[n] = l->uri;
    all->of[all->n++] = crypto_token_ref(*out);
    return RC_OK;
}

/* Made where there is a kind to make. */
static enum rc find_or_make(struct look *l, const struct crypto_key_spec *kind,
                            struct crypto_key **out, struct err *err)
{
    CLEANUP(crypto_token_unrefp) struct crypto_token *t = NULL;
    CLEANUP(buf_done) struct buf made = BUF_INIT(AGENT_REFERENCE_MAX);
    enum rc rc;

    TRY(open_token(l, &t, err));
    rc = crypto_token_find(t, &l->uri, out, err);
    l->missing = rc == RC_NOTFOUND;
    if (!l->missing || !kind)
        return rc;
    if (err)
        *err = ERR_INIT;
    return crypto_token_generate(t, *kind, str_of(l->uri.object), &made, out, err);
}

enum rc agent_token_key(const struct agent_world *w, const struct agent_place *p,
                        const struct agent_plan *plan, struct crypto_key **out, struct err *err)
{
    struct look l = {.w = w, .place = p, .plan = plan};
    struct crypto_key_spec kind;
    struct err why = ERR_INIT;
    char line[LINE];
    enum rc rc;

    TRY(read_uri(plan->key_uri, &l.uri, err));
    if (plan->key.n && crypto_key_spec_parse(plan->key, &kind) != RC_OK)
        return ERR(err, RC_UNSUPPORTED, msg_kind, plan->key);
    rc = find_or_make(&l, plan->key.n ? &kind : NULL, out, &why);
    if (rc == RC_NOTFOUND && l.missing)
        return ERR(err, rc, msg_missing, str_of(err_textz(&why, line, sizeof(line))));
    if (rc != RC_OK && err)
        *err = why;
    return rc;
}

enum rc agent_token_account(const struct agent_world *w, const struct agent_place *p,
                            const struct agent_plan *plan, const struct agent_token_account *which,
                            struct crypto_key **out, struct err *err)
{
    static const struct crypto_key_spec usual = {.type = CRYPTO_KEY_P256};
    struct look l = {.w = w, .place = p, .plan = plan};
    struct err why = ERR_INIT;
    char line[LINE];
    enum rc rc;

    TRY(read_uri(which->uri, &l.uri, err));
    rc = find_or_make(&l, which->make && l.uri.object[0] ? &usual : NULL, out, &why);
    if (rc == RC_OK || rc == RC_NOMEM)
        return rc;
    if (rc == RC_NOTFOUND && l.missing)
        return ERR(err, rc, msg_no_account, str_of(err_textz(&why, line, sizeof(line))));
    return ERR(err, rc, msg_account, which->uri, str_of(err_textz(&why, line, sizeof(line))));
}

/* The provider takes the URI of a private key alone. */
enum rc agent_token_reference(const struct agent_plan *plan, struct buf *out)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(AGENT_REFERENCE_MAX);
    CLEANUP(buf_done) struct buf der = BUF_INIT(AGENT_REFERENCE_MAX);
    struct x509_der w = x509_der_of(&der);
    struct crypto_token_uri uri = {};

    TRY(read_uri(plan->key_uri, &uri, NULL));
    crypto_token_uri_put(&uri, &text);
    buf_putz(&text, ";type=private");
    TRY(buf_rc(&text));
    x509_der_open(&w, SEQUENCE);
    x509_der_put(&w, VISIBLE_STRING, STR("PKCS#11 Provider URI v1.0"));
    x509_der_put(&w, UTF8_STRING, buf_str(&text));
    x509_der_close(&w);
    TRY(x509_der_end(&w));
    text_pem(out, STR("PKCS#11 PROVIDER URI"), buf_str(&der));
    return buf_rc(out);
}
