/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: a client's connection and a backend's (exchange.c, pass.c, relay.c), which say what
 * stands before and behind the first byte 0xff of the input. */
#include "fuzz_gateway.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    static struct world w = {.speaker = &gateway_client_speaker};
    struct str client, answers = {NULL, 0};

    (void)str_cut(str_bytes(data, n), '\xff', &client, &answers);
    converse(&w, client, answers);
    return 0;
}
