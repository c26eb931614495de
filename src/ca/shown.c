/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/shown.h"

#include "base/text.h"

enum rc ca_shown_texts(const struct store_certificate *c, struct arena *a, struct policy_shown *out)
{
    CLEANUP(buf_done) struct buf hex = BUF_INIT(2 * STORE_SHA256 + 1);

    text_hex(&hex, str_bytes(c->fingerprint.b, STORE_SHA256));
    TRY(buf_rc(&hex));
    TRY(policy_shown_add(out, a, "sha256:", buf_str(&hex)));
    TRY(policy_shown_add(out, a, "team:", c->team));
    TRY(policy_shown_add(out, a, "owner:", c->owner));
    for (size_t i = 0; i < c->n_names; i++)
        if (c->names[i].type == STORE_NAME_DNS)
            TRY(policy_shown_add(out, a, "", c->names[i].value));
    return RC_OK;
}
