/* SPDX-License-Identifier: Apache-2.0 */
/* Ticket keys for fuzz_tlcp_ticket.c, and tickets that nothing seals. */
#pragma once

#include "crypto/crypto.h"
#include "ev/clock.h"
#include "fuzz_tlcp_clear.h"
#include "tlcp/ticket.h"
#include "tls/tls_int.h"

enum { KEYS = 3, NOW = 1'000, PLAIN_MAX = 4'000, SEALED_MAX = 8 * 1024 };

static struct tls_tickets *keys;
static struct clock_fake stopped;

static const struct tlcp_tickets in_the_clear = {
    .clock = &stopped.clock, .seal = as_it_is, .open = opened};

/* Once; an abort when it does not work. */
static void prepare(void)
{
    static char bytes[KEYS][TLS_TICKET_KEY];
    struct str list[KEYS];

    if (keys)
        return;
    clock_fake_init(&stopped, NOW);
    for (size_t i = 0; i < KEYS; i++) {
        memset(bytes[i], (int)i, TLS_TICKET_KEY);
        list[i] = str_bytes(bytes[i], TLS_TICKET_KEY);
    }
    if (crypto_init() != RC_OK || tls_tickets_new(list, KEYS, &keys) != RC_OK)
        __builtin_trap();
}
