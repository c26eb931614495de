/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/token.h"

#include <stdio.h>
#include <string.h>

#include "agent/place.h"
#include "agent/plan.h"
#include "agent/sealed.h"
#include "base/text.h"
#include "crypto/token.h"
#include "x509/der.h"

MSG(msg_whole, "agent.token-uri",
    "--key-uri {0} names no single key: it takes the token and the key's label, as in "
    "pkcs11:token=Web;object=wiki");
MSG(msg_kind, "agent.token-kind",
    "keys in tokens are of RSA, EC P-256 and P-384, and Ed25519 where the token has it; --key is "
    "\"{0}\"");
MSG(msg_missing, "agent.token-no-key",
    "{0}; --key says of which kind it is to be made there, as in --key p256");

enum { VISIBLE_STRING = 0x1a, UTF8_STRING = 0x0c, SEQUENCE = 0x30 };

bool agent_in_token(const struct agent_plan *plan)
{
    return plan->key_uri.n > 0;
}

static enum rc read_uri(const struct agent_plan *plan, struct crypto_token_uri *out,
                        struct err *err)
{
    TRY(crypto_token_uri_parse(plan->key_uri, out, err));
    if ((!out->token[0] && !out->serial[0] && !out->has_slot) || (!out->object[0] && !out->id_n))
        return ERR(err, RC_INVAL, msg_whole, plan->key_uri);
    return RC_OK;
}

static bool may_be_made(enum crypto_key_type type)
{
    return type == CRYPTO_KEY_RSA || type == CRYPTO_KEY_P256 || type == CRYPTO_KEY_P384 ||
           type == CRYPTO_KEY_ED25519;
}

enum rc agent_token_check(const struct agent_plan *plan, struct err *err)
{
    struct crypto_token_uri uri;
    struct crypto_key_spec spec;

    if (!agent_in_token(plan))
        return RC_OK;
    TRY(read_uri(plan, &uri, err));
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

static enum rc open_token(const struct agent_plan *plan, const struct crypto_token_uri *uri,
                          struct crypto_token **out, struct err *err)
{
    CLEANUP(secret_freep) struct secret *pin = NULL;
    char module[AGENT_PATH_MAX];
    const struct crypto_token_at at = {.module = module, .uri = uri};

    TRY(str_copyz(plan->pkcs11_module, module, sizeof(module)));
    TRY(read_pin(plan->pin, &pin, err));
    return crypto_token_open(&at, pin, out, err);
}

static enum rc make(const struct agent_plan *plan, struct crypto_token *t,
                    const struct crypto_token_uri *uri, struct crypto_key **out, struct err *err)
{
    CLEANUP(buf_done) struct buf made = BUF_INIT(AGENT_REFERENCE_MAX);
    struct crypto_key_spec spec;

    if (crypto_key_spec_parse(plan->key, &spec) != RC_OK)
        return ERR(err, RC_UNSUPPORTED, msg_kind, plan->key);
    return crypto_token_generate(t, spec, str_of(uri->object), &made, out, err);
}

enum rc agent_token_key(const struct agent_plan *plan, struct crypto_key **out, struct err *err)
{
    CLEANUP(crypto_token_unrefp) struct crypto_token *t = NULL;
    struct crypto_token_uri uri = {};
    struct err why = ERR_INIT;
    char line[512];
    enum rc rc;

    TRY(read_uri(plan, &uri, err));
    TRY(open_token(plan, &uri, &t, err));
    rc = crypto_token_find(t, &uri, out, &why);
    if (rc == RC_NOTFOUND && plan->key.n)
        return make(plan, t, &uri, out, err);
    if (rc == RC_NOTFOUND)
        return ERR(err, rc, msg_missing, str_of(err_textz(&why, line, sizeof(line))));
    if (rc != RC_OK && err)
        *err = why;
    return rc;
}

/* The provider takes the URI of a private key alone. */
enum rc agent_token_reference(const struct agent_plan *plan, struct buf *out)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(AGENT_REFERENCE_MAX);
    CLEANUP(buf_done) struct buf der = BUF_INIT(AGENT_REFERENCE_MAX);
    struct x509_der w = x509_der_of(&der);
    struct crypto_token_uri uri = {};

    TRY(read_uri(plan, &uri, NULL));
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
