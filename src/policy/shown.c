/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/shown.h"

#include "base/text.h"

enum rc policy_shown_add(struct policy_shown *s, struct arena *a, const char *kind, struct str what)
{
    if (what.n == 0 || s->n == POLICY_SHOWN_MAX)
        return RC_OK;
    s->texts[s->n] = arena_printf(a, "%s%.*s", kind, STR_ARG(what));
    return s->texts[s->n++].p ? RC_OK : RC_NOMEM;
}

enum rc policy_shown_take(struct policy_shown *s, const struct store_certificate *c,
                          struct arena *a)
{
    CLEANUP(buf_done) struct buf hex = BUF_INIT(2 * STORE_SHA256 + 1);

    text_hex(&hex, str_bytes(c->fingerprint.b, STORE_SHA256));
    TRY(buf_rc(&hex));
    s->id = c->id;
    TRY(policy_shown_add(s, a, "sha256:", buf_str(&hex)));
    TRY(policy_shown_add(s, a, "team:", c->team));
    TRY(policy_shown_add(s, a, "owner:", c->owner));
    for (size_t i = 0; i < c->n_names; i++)
        if (c->names[i].type == STORE_NAME_DNS)
            TRY(policy_shown_add(s, a, "", c->names[i].value));
    return RC_OK;
}
