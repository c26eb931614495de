/* SPDX-License-Identifier: Apache-2.0 */
/* Both ends of TLCP for fuzz_tlcp_conn.c; what they have in common is made once. */
#pragma once

#include "crypto/crypto.h"
#include "crypto/pem.h"
#include "ev/clock.h"
#include "fuzz_tlcp_clear.h"
#include "fuzz_tlcp_keys.h"
#include "tlcp/conn.h"
#include "tlcp/identity.h"

enum { NOW = 1'000 };

static struct tlcp_identity *identity;
static bool asks; /* for certificates, and then gives no tickets */

static enum rc choose(void *, const struct tlcp_hello *, struct tlcp_shown *out, struct err *)
{
    *out = (struct tlcp_shown){.identity = identity, .ask = asks ? TLCP_ASK : TLCP_ASK_NOBODY};
    return RC_OK;
}

/* Once; an abort when it does not work. */
static void prepare(void)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *sign = NULL, *encrypt = NULL;
    struct tlcp_identity_in in = {.sign_pem = str_of(tlcp_sign_cert),
                                  .encrypt_pem = str_of(tlcp_encrypt_cert)};

    if (identity)
        return;
    if (crypto_init() != RC_OK ||
        crypto_pem_read(str_of(tlcp_sign_key), NULL, &sign, NULL) != RC_OK ||
        crypto_pem_read(str_of(tlcp_encrypt_key), NULL, &encrypt, NULL) != RC_OK)
        __builtin_trap();
    in.sign_key = sign;
    in.encrypt_key = encrypt;
    if (tlcp_identity_new(&in, &identity, NULL) != RC_OK)
        __builtin_trap();
}

static struct tlcp_conn *begin(char who)
{
    bool server = who == 's' || who == 't';

    static struct clock_fake clock; /* tickets of the corpus stay what they are */
    static struct tlcp_tickets tickets = {.seal = as_it_is, .open = opened};
    static struct tlcp_server_conf conf = {
        .tickets = &tickets, .alpn = STR("h2 http/1.1"), .raw_verify = true, .choose = choose};
    struct tlcp_client_conf client = {.alpn = STR("h2"), .identity = identity, .tickets = true};
    struct tlcp_conn *c = NULL;

    prepare();
    asks = who == 's';
    clock_fake_init(&clock, NOW);
    tickets.clock = &clock.clock;
    if ((server ? tlcp_server_new(&conf, NULL, &c) : tlcp_client_new(&client, &c)) != RC_OK)
        __builtin_trap();
    return c;
}
