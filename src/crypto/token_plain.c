/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/token_int.h"

bool crypto_token_prepare(void)
{
    return true;
}
