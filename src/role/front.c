/* SPDX-License-Identifier: Apache-2.0 */
/* front
 * owns     the clients' connections of the listeners api and plain, the key of the API's own
 * certificate may      speak TLS and HTTP with anybody; hand parsed requests to core may not  open
 * a file, connect, read the database, hold any other key */
#include "role/roles_int.h"

static const struct sandbox sandbox = {
    .user = "autarky-front",
    .promises = SB_STDIO | SB_FDPASS | SB_ACCEPT,
    .files = 65536,
};

const struct role_def role_front = {
    .role = ROLE_FRONT,
    .sandbox = &sandbox,
    .drain_order = 0,
    .overlaps = true,
};
