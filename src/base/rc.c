/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rc.h"

static const char *const texts[RC_COUNT] = {
    [RC_OK] = "ok",
    [RC_NOMEM] = "out of memory",
    [RC_INVAL] = "invalid value",
    [RC_PARSE] = "malformed input",
    [RC_TOOBIG] = "larger than the limit",
    [RC_NOTFOUND] = "not found",
    [RC_EXISTS] = "exists already",
    [RC_DENIED] = "refused",
    [RC_CONFLICT] = "in another state",
    [RC_QUOTA] = "limit reached",
    [RC_AGAIN] = "try again",
    [RC_TIMEOUT] = "timed out",
    [RC_CANCELLED] = "cancelled",
    [RC_CLOSED] = "closed by the other side",
    [RC_IO] = "input or output failed",
    [RC_NET] = "network failed",
    [RC_CRYPTO] = "cryptographic operation failed",
    [RC_CORRUPT] = "stored data is damaged",
    [RC_VERSION] = "version mismatch",
    [RC_UNSUPPORTED] = "not supported",
};

const char *rc_text(enum rc rc)
{
    return (unsigned)rc < RC_COUNT ? texts[rc] : "unknown";
}
