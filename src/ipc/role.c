/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/role.h"

static const char *const names[ROLE_COUNT] = {
    [ROLE_SUPERVISOR] = "supervisor", [ROLE_FRONT] = "front",
    [ROLE_GATEWAY] = "gateway",       [ROLE_CORE] = "core",
    [ROLE_SIGNER] = "signer",         [ROLE_PROBER] = "prober",
    [ROLE_KEEPER] = "keeper",         [ROLE_RUNNER] = "runner",
    [ROLE_COURIER] = "courier",       [ROLE_REMOTE] = "remote prober",
    [ROLE_ADMIN] = "admin",           [ROLE_TXT] = "txt",
    [ROLE_EMISSARY] = "emissary",     [ROLE_WAF] = "waf",
};

const char *role_name(enum role role)
{
    return (unsigned)role < ROLE_COUNT ? names[role] : "unknown";
}

enum rc role_parse(struct str name, enum role *out)
{
    for (unsigned i = 0; i < ROLE_COUNT; i++)
        if (str_eq(name, str_of(names[i]))) {
            *out = (enum role)i;
            return RC_OK;
        }
    return RC_NOTFOUND;
}
