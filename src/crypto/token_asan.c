/* SPDX-License-Identifier: Apache-2.0 */
/* Only in builds with AddressSanitizer: its runtime ends a process that loads a library with
 * RTLD_DEEPBIND, as OpenSSL's provider for PKCS#11 loads the module. This dlopen stands before that
 * of the runtime and leaves the flag out. Beside it in token_plain.c is what other builds have. */
#include <dlfcn.h>

#include "crypto/token_int.h"

typedef void *(*dlopen_fn)(const char *path, int flags);

/* NOLINTNEXTLINE(readability-identifier-naming): takes the place of the C library's */
__attribute__((visibility("default"))) void *dlopen(const char *path, int flags)
{
    dlopen_fn next;

    *(void **)&next = dlsym(RTLD_NEXT, "dlopen");
    return next ? next(path, flags & ~RTLD_DEEPBIND) : NULL;
}

bool crypto_token_prepare(void)
{
    return true;
}
