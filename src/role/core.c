/* SPDX-License-Identifier: Apache-2.0 */
/* core
 * owns     the database, every decision, the control socket
 * may      answer front and administrators; ask signer and prober
 * may not  parse TLS or HTTP, hold a CA key, open a connection, execute anything, write
 * configuration */
#include "role/roles_int.h"

/* The directory is opened again after confinement: SQLite opens its files by name, more than once.
 */
static const struct sandbox sandbox = {
    .user = "autarky-core",
    .promises = SB_STDIO | SB_FDPASS | SB_ACCEPT | SB_RPATH | SB_WPATH | SB_THREADS,
    .files = 4096,
    .paths =
        {
            {"store", SB_READ | SB_WRITE},
            {"trust", SB_READ},
        },
};

const struct role_def role_core = {
    .role = ROLE_CORE,
    .sandbox = &sandbox,
    .drain_order = 1,
};
