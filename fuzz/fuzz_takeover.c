/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: takeover_shell_read, takeover_ini_read, takeover_key_read; the first byte says which. */
#include "crypto/crypto.h"
#include "takeover/ini.h"
#include "takeover/key.h"
#include "takeover/shell.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(16 << 20);
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    struct takeover_vars vars = {.arena = &a};
    struct str text = str_bytes(data + 1, n ? n - 1 : 0);
    struct takeover_ini ini = {};
    struct err err = ERR_INIT;

    if (n == 0 || crypto_init() != RC_OK)
        return 0;
    if (data[0] == 's') {
        IGNORE_RC(takeover_shell_read(&vars, text)); /* any outcome is allowed */
        for (size_t i = 0; i < vars.n; i++)
            if (vars.list[i].name.n && !vars.list[i].known && vars.list[i].value.n)
                __builtin_trap();
    } else if (data[0] == 'i') {
        if (takeover_ini_read(&a, text, &ini) == RC_OK && ini.n > TAKEOVER_INI_ENTRIES_MAX)
            __builtin_trap();
    } else if (takeover_key_read(text, &key, &err) == RC_OK && !crypto_key_has_private(key)) {
        __builtin_trap();
    }
    return 0;
}
