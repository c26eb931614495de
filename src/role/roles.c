/* SPDX-License-Identifier: Apache-2.0 */
#include "role/roles_int.h"

#include <stddef.h>

/* Who is asked before who asks: so a first start finds its peers sooner. */
const struct role_def *const role_defs[] = {&role_signer, &role_prober,  &role_core,
                                            &role_front,  &role_gateway, NULL};

const struct role_def *role_def_find(enum role role)
{
    for (size_t i = 0; role_defs[i]; i++)
        if (role_defs[i]->role == role)
            return role_defs[i];
    return NULL;
}
