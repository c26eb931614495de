/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/key.h"

#include "agent/token.h"
#include "crypto/key.h"

MSG(msg_kind, "agent.key-type", "there is no kind of key \"{0}\"");
MSG(msg_other, "agent.key-not-reused",
    "the key in {0} is {1}, and the certificate is to have one of the kind {2}, so it cannot be "
    "used again: leave --reuse-key out (of a renewal: `autarky renew --new-key {0}`), or have "
    "--key say what it is");
MSG(msg_token, "agent.key-new-in-token",
    "the key of {0} is in a token, which is not filled up with old ones: for a new one name "
    "another object, by `autarky obtain --key-uri` with the same --out");

/* More than was asked for is good as well. */
static bool fits(const struct crypto_key *key, const struct crypto_key_spec *spec)
{
    return crypto_key_type(key) == spec->type && crypto_key_bits(key) >= spec->bits;
}

static enum rc reuse(const struct agent_world *w, const struct agent_place *p,
                     const struct agent_plan *plan, const struct crypto_key_spec *spec,
                     struct agent_key *out, struct err *err)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    struct err why = ERR_INIT;
    enum rc rc = agent_place_key(p, p->live, &key, &why);

    if (rc == RC_NOMEM)
        return rc;
    if (rc != RC_OK) {
        why.rc = rc;
        agent_say_err(w, "the key in place cannot be used again, and a new one is made", &why);
        return RC_OK;
    }
    if (!fits(key, spec))
        return ERR(err, RC_CONFLICT, msg_other, str_of(p->path), str_of(crypto_key_text(key)),
                   plan->key);
    out->key = MOVE(key);
    out->reused = true;
    return RC_OK;
}

enum rc agent_key_choose(const struct agent_world *w, const struct agent_place *p,
                         const struct agent_plan *plan, enum agent_key_wish wish,
                         struct agent_key *out, struct err *err)
{
    bool again = wish == AGENT_KEY_REUSED || (wish == AGENT_KEY_AS_PLANNED && plan->reuse_key.n);
    struct crypto_key_spec spec;

    *out = (struct agent_key){};
    if (agent_in_token(plan))
        return wish == AGENT_KEY_NEW ? ERR(err, RC_UNSUPPORTED, msg_token, str_of(p->path))
                                     : agent_token_key(w, p, plan, &out->key, err);
    if (crypto_key_spec_parse(plan->key, &spec) != RC_OK)
        return ERR(err, RC_INVAL, msg_kind, plan->key);
    if (again && p->live)
        TRY(reuse(w, p, plan, &spec, out, err));
    return out->key ? RC_OK : crypto_key_generate(spec, &out->key);
}
