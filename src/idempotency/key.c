/* SPDX-License-Identifier: Apache-2.0 */
#include "idempotency/key.h"

#include "base/arena.h"
#include "base/buf.h"
#include "store/idempotency.h"

MSG(msg_form, "idempotency.key",
    "Idempotency-Key has to be one text of 1 to {0} printable ASCII characters in double quotes, "
    "as in \"8e03978e-40d5-43e8-bc93-6894a57f9324\"");

enum rc idempotency_key_parse(struct str field, struct arena *a, struct str *out, struct err *err)
{
    CLEANUP(buf_done) struct buf key = BUF_INIT(STORE_IDEMPOTENCY_KEY_MAX);
    bool good = field.n >= 2 && field.p[0] == '"' && field.p[field.n - 1] == '"';
    size_t end = field.n - 1;

    for (size_t i = 1; good && i < end; i++) {
        if (field.p[i] == '\\') /* of a quote or a backslash, which is not the last quote */
            good = ++i < end && (field.p[i] == '"' || field.p[i] == '\\');
        else
            good = field.p[i] >= ' ' && field.p[i] <= '~' && field.p[i] != '"';
        if (good)
            buf_put(&key, &field.p[i], 1);
    }
    if (buf_rc(&key) == RC_NOMEM)
        return RC_NOMEM;
    if (!good || buf_rc(&key) != RC_OK || key.n == 0)
        return ERR(err, RC_PARSE, msg_form, STR("255"));
    return arena_str(a, buf_str(&key), out);
}
