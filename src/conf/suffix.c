/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/suffix.h"

#include <libpsl.h>

bool conf_public_suffix(struct str name)
{
    const psl_ctx_t *list = psl_builtin();

    /* Without the rule "*", by which every unknown top-level domain would be public. */
    return list && psl_is_public_suffix2(list, name.p, PSL_TYPE_ANY | PSL_TYPE_NO_STAR_RULE) == 1;
}
