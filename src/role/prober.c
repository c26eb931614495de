/* SPDX-License-Identifier: Apache-2.0 */
/* prober
 * owns     nothing
 * may      resolve names and connect out: validation of challenges, CAA
 * may not  listen, write anything, read the database or the configuration's files, hold a key
 * asked by core, and nobody else; what it learns from strangers goes back as evidence, judged by
 * core */
#include "role/roles_int.h"

static const struct sandbox sandbox = {
    .user = "autarky-prober",
    .promises = SB_STDIO | SB_FDPASS | SB_INET_CONNECT | SB_RPATH,
    .files = 4096,
    .paths =
        {
            {"/etc/resolv.conf", SB_READ | SB_OPTIONAL},
            {"/etc/hosts", SB_READ | SB_OPTIONAL},
            /* Where resolv.conf often points to, and is replaced. */
            {"/run/systemd/resolve", SB_READ | SB_OPTIONAL},
            {"/run/NetworkManager", SB_READ | SB_OPTIONAL},
            {"/run/resolvconf", SB_READ | SB_OPTIONAL},
        },
};

const struct role_def role_prober = {
    .role = ROLE_PROBER,
    .sandbox = &sandbox,
    .drain_order = 2,
};
