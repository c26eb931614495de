/* SPDX-License-Identifier: Apache-2.0 */
/* A PKCS#11 module with one token, which says of itself and of PINs what the environment wants:
 * FAKE_TOKEN_LABEL is its label, FAKE_TOKEN_FLAGS are those of CK_TOKEN_INFO, FAKE_TOKEN_LOGIN is
 * what C_Login answers, and the length of FAKE_TOKEN_LOGINS how often it was asked. */
#include <stdlib.h>
#include <string.h>

#include "crypto/cryptoki_int.h"

enum { LOGINS = 64 };

static ck_ulong number(const char *name)
{
    const char *z = getenv(name);

    return z ? strtoul(z, NULL, 0) : 0;
}

static ck_ulong initialize(struct ck_initialize_args *)
{
    return CK_OK;
}

static ck_ulong finalize(void *)
{
    return CK_OK;
}

static ck_ulong get_slot_list(unsigned char, ck_ulong *slots, ck_ulong *n)
{
    slots[0] = 0;
    *n = 1;
    return CK_OK;
}

static ck_ulong get_token_info(ck_ulong, struct ck_token_info *info)
{
    const char *label = getenv("FAKE_TOKEN_LABEL");

    memset(info, 0, sizeof(*info));
    memset(info->label, ' ', sizeof(info->label));
    if (label)
        memcpy(info->label, label, strnlen(label, sizeof(info->label)));
    info->flags = CK_FLAG_TOKEN_INITIALIZED | number("FAKE_TOKEN_FLAGS");
    return CK_OK;
}

static ck_ulong open_session(ck_ulong, ck_ulong, void *, void *, ck_ulong *out)
{
    *out = 1;
    return CK_OK;
}

static ck_ulong close_session(ck_ulong)
{
    return CK_OK;
}

static ck_ulong login(ck_ulong, ck_ulong, const unsigned char *, ck_ulong)
{
    const char *before = getenv("FAKE_TOKEN_LOGINS");
    char count[LOGINS + 1] = "";
    size_t n = before ? strlen(before) : 0;

    memset(count, 'x', n < LOGINS ? n + 1 : LOGINS);
    setenv("FAKE_TOKEN_LOGINS", count, 1);
    return number("FAKE_TOKEN_LOGIN");
}

static struct ck_functions functions = {.version = {2, 40},
                                        .initialize = initialize,
                                        .finalize = finalize,
                                        .get_slot_list = get_slot_list,
                                        .get_token_info = get_token_info,
                                        .open_session = open_session,
                                        .close_session = close_session,
                                        .login = login};

/* NOLINTNEXTLINE(readability-identifier-naming): PKCS #11 v2.40, section 5.2, has named it */
ck_ulong C_GetFunctionList(struct ck_functions **out);

/* NOLINTNEXTLINE(readability-identifier-naming): as above */
__attribute__((visibility("default"))) ck_ulong C_GetFunctionList(struct ck_functions **out)
{
    *out = &functions;
    return CK_OK;
}
