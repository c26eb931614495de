/* SPDX-License-Identifier: Apache-2.0 */
/* A token of SoftHSM's, which keeps it in files. For CHECK_TEST_ONCE tests; after check.h. */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "base/secret.h"
#include "tool.h"

#define TOKEN_MODULE "/usr/lib/softhsm/libsofthsm2.so"
#define TOKEN_PIN "token-pin-1"

[[maybe_unused]] static bool token_make_with(const char *label, const char *pin)
{
    char *argv[] = {(char *)"softhsm2-util",  (char *)"--init-token",
                    (char *)"--free",         (char *)"--label",
                    (char *)(uintptr_t)label, (char *)"--pin",
                    (char *)(uintptr_t)pin,   (char *)"--so-pin",
                    (char *)"officer-pin-1",  NULL};
    CLEANUP(buf_done) struct buf out = BUF_INIT(TOOL_OUT_MAX);

    return tool_run(argv, (struct str){"", 0}, &out) == 0;
}

[[maybe_unused]] static bool token_make(const char *label)
{
    return token_make_with(label, TOKEN_PIN);
}

/* Tokens of this process live in that directory from now on; none is there yet. */
[[maybe_unused]] static bool token_start(const struct check_dir *dir)
{
    char conf[96];
    FILE *f;

    snprintf(conf, sizeof(conf), "%s/softhsm2.conf", dir->path);
    f = fopen(conf, "we");
    if (!f)
        return false;
    fprintf(f, "directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n",
            dir->path);
    return fclose(f) == 0 && setenv("SOFTHSM2_CONF", conf, 1) == 0;
}

[[maybe_unused]] static struct secret *token_pin(const char *z)
{
    struct secret *s = NULL;

    if (secret_new(strlen(z), &s) == RC_OK)
        memcpy(secret_bytes(s), z, strlen(z));
    return s;
}
