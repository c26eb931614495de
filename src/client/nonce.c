/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 8555 section 6.5. */
#include "client/client_int.h"

static bool is_nonce(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_'))
            return false;
    }
    return s.n > 0 && s.n <= JOSE_NONCE_MAX;
}

void client_nonce_put(struct client_nonces *p, struct str nonce)
{
    if (!is_nonce(nonce))
        return;
    p->newest = (p->newest + 1) % CLIENT_NONCES_MAX;
    if (p->n < CLIENT_NONCES_MAX)
        p->n++;
    IGNORE_RC(str_copyz(nonce, p->z[p->newest], sizeof(p->z[0]))); /* its length was looked at */
}

bool client_nonce_take(struct client_nonces *p, char out[static JOSE_NONCE_MAX + 1])
{
    if (p->n == 0)
        return false;
    memcpy(out, p->z[p->newest], JOSE_NONCE_MAX + 1);
    p->newest = (p->newest + CLIENT_NONCES_MAX - 1) % CLIENT_NONCES_MAX;
    p->n--;
    return true;
}
