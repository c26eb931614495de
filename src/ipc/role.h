/* SPDX-License-Identifier: Apache-2.0 */
/* The processes of Autarky, as ipc names them. */
#pragma once

#include "base/str.h"

enum role {
    ROLE_SUPERVISOR,
    ROLE_FRONT,
    ROLE_GATEWAY,
    ROLE_CORE,
    ROLE_SIGNER,
    ROLE_PROBER,
    ROLE_KEEPER,
    ROLE_RUNNER,
    ROLE_COURIER,
    ROLE_TXT,
    ROLE_EMISSARY,
    ROLE_REMOTE, /* a prober on another host, at the other end of a TLS connection of front */
    ROLE_ADMIN,  /* the `autarky` command at the other end of the control socket */
    ROLE_WAF,
    ROLE_COUNT,
};

/* "supervisor", "front" ...; "unknown" outside the enum. */
const char *role_name(enum role role);
/* RC_NOTFOUND when there is no such role. */
enum rc role_parse(struct str name, enum role *out);
