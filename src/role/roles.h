/* SPDX-License-Identifier: Apache-2.0 */
/* The contracts, each defined in the file of its name: role/NAME.c, or NAME/NAME.c. */
#pragma once

#include "role/role.h"

extern const struct role_def role_signer, role_prober, role_runner, role_core, role_front,
    role_keeper, role_gateway, role_courier, role_txt, role_emissary, role_waf;
