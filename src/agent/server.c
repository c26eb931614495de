/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/server.h"

#include "agent/token.h"
#include "client/http.h"

enum rc agent_server_reach(struct agent_server *s, const struct agent_server_conf *conf,
                           bool fallback, struct err *err)
{
    const struct agent_world *w = conf->pin.w;
    struct client_reach_conf reach = {.ev = w->ev, .net = w->net, .proxies = w->proxies};

    s->ca = agent_plan_ca(conf->plan, fallback);
    TRY(agent_pin_trust(&conf->pin, &s->ca, &s->trust, err));
    reach.trust = s->trust.tls;
    return client_http_net(&reach, &s->transport);
}

static enum rc make_client(struct agent_server *s, const struct agent_server_conf *conf,
                           struct err *err)
{
    const struct agent_binding *b = conf->binding;
    struct client_conf c = {.ev = conf->pin.w->ev,
                            .transport = s->transport,
                            .directory = s->ca.server,
                            .key = s->account,
                            .roots = s->trust.roots,
                            .n_roots = s->trust.n_roots,
                            .any_root = true,
                            .solvers = &conf->solver->solver,
                            .n_solvers = 1,
                            .contacts = &conf->plan->contact,
                            .n_contacts = conf->plan->contact.n ? 1 : 0,
                            .agree_terms = b ? b->agree_terms : true};

    if (b) {
        c.eab_kid = s->ca.fallback ? b->fallback_eab_kid : b->eab_kid;
        c.eab_key = s->ca.fallback ? b->fallback_eab_key : b->eab_key;
    }
    return client_new(&c, &s->client, err);
}

/* What a renewal finds is what `obtain` has registered. */
static enum rc find_account(struct agent_server *s, const struct agent_server_conf *conf,
                            struct str where, struct err *err)
{
    const struct agent_token_account in_token = {where, conf->binding != NULL};

    return agent_names_token(where) ? agent_token_account(conf->pin.w, conf->pin.place, conf->plan,
                                                          &in_token, &s->account, err)
                                    : agent_place_account(conf->pin.place, where, &s->account, err);
}

enum rc agent_server_open(struct agent_server *s, const struct agent_server_conf *conf,
                          bool fallback, struct err *err)
{
    struct str path;

    if (s->client)
        return RC_OK;
    TRY(agent_server_reach(s, conf, fallback, err));
    path = s->ca.account_key;
    if (fallback && path.n == 0)
        path = STR(AGENT_FALLBACK_ACCOUNT);
    TRY(find_account(s, conf, path, err));
    return make_client(s, conf, err);
}

void agent_server_done(struct agent_server *s)
{
    client_free(s->client);
    client_transport_free(s->transport);
    agent_trust_done(&s->trust);
    crypto_key_unref(s->account);
    *s = (struct agent_server){};
}
