/* SPDX-License-Identifier: Apache-2.0 */
/* Target: conf_foreign_read, and the walk through what it gives. */
#include "conf/foreign.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(64 << 20);
    const struct conf_node *root = NULL;
    struct err err = ERR_INIT;
    enum rc rc = conf_foreign_read(&a, STR(".lego.yml"), str_bytes(data, n), &root, &err);

    if (rc != RC_OK && rc != RC_NOMEM && !err.msg)
        __builtin_trap(); /* a person has to learn what is wrong */
    if (rc != RC_OK)
        return 0;
    for (const struct conf_node *one = conf_foreign_first(root); one; one = conf_foreign_next(one))
        if (conf_foreign_is_list(one) && conf_foreign_value(one).p)
            __builtin_trap();
    return 0;
}
