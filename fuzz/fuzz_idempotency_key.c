/* SPDX-License-Identifier: Apache-2.0 */
/* Target: idempotency_key_parse. */
#include "idempotency/key.h"

#include "base/arena.h"
#include "store/idempotency.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(4096);
    struct str key;
    enum rc rc = idempotency_key_parse(str_bytes(data, n), &a, &key, NULL);

    if (rc == RC_PARSE)
        return 0;
    if (rc != RC_OK || key.n == 0 || key.n > STORE_IDEMPOTENCY_KEY_MAX || key.n + 2 > n ||
        !str_printable(key))
        __builtin_trap();
    return 0;
}
