/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: agent_pin_find, agent_pin_parse. */
#include "agent/pin.h"
#include "crypto/crypto.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    CLEANUP(buf_done) struct buf out = BUF_INIT(AGENT_PIN_FILE_MAX);
    unsigned char pin[AGENT_PIN_BYTES] = {0};
    struct str text = str_bytes(data, n);
    struct agent_pin_seen seen = {};

    if (crypto_init() != RC_OK || n > AGENT_PIN_FILE_MAX)
        return 0;
    IGNORE_RC(agent_pin_parse(text, pin)); /* any outcome is allowed */
    if (agent_pin_find(text, pin, &seen, &out) == RC_OK || out.n)
        __builtin_trap(); /* nothing has that fingerprint */
    buf_done(&seen.names);
    buf_done(&seen.issuer_at);
    return 0;
}
