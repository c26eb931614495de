/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: conf_scrape_read. */
#include "conf/scrape.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

/* A target or what is left out, never both, never neither. */
static enum rc take(void *arg, const struct conf_scrape *one)
{
    size_t *count = arg;

    if ((one->target.n == 0) == (one->left.n == 0))
        __builtin_trap();
    return ++*count < 100'000 ? RC_OK : RC_QUOTA;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    struct err err = ERR_INIT;
    size_t count = 0;

    if (conf_scrape_read(STR("f.yml"), str_bytes(data, n), take, &count, &err) == RC_PARSE &&
        !err.msg)
        __builtin_trap();
    return 0;
}
