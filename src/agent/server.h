/* SPDX-License-Identifier: Apache-2.0 */
/* A server that a certificate may come from: who is trusted to be it, our account there and the
 * client. There may be a second one, with trust and an account of its own, for when the first one
 * fails. */
#pragma once

#include "agent/pin.h"
#include "client/client.h"

/* For a new account. */
struct agent_binding {
    struct str eab_kid, eab_key;                   /* empty: none */
    struct str fallback_eab_kid, fallback_eab_key; /* at the second server */
    bool agree_terms;
};

struct agent_server {
    struct agent_ca ca;
    struct agent_trust trust;
    struct client_transport *transport;
    struct crypto_key *account;
    struct client *client;
};

struct agent_server_conf {
    struct agent_pin pin; /* the world, the place */
    const struct agent_plan *plan;
    const struct agent_binding *binding; /* NULL: the account is there already */
    const struct agent_solver *solver;
};

/* Trust and transport, in an empty *s, which is to be given to agent_server_done whatever comes.
 * As agent_pin_trust. */
enum rc agent_server_reach(struct agent_server *s, const struct agent_server_conf *conf,
                           bool fallback, struct err *err);
/* Account and client, too; nothing where they are there already. As agent_place_account
 * and agent_token_account. */
enum rc agent_server_open(struct agent_server *s, const struct agent_server_conf *conf,
                          bool fallback, struct err *err);
void agent_server_done(struct agent_server *s);
