/* SPDX-License-Identifier: Apache-2.0 */
/* prober
 * owns     nothing
 * may      ask name servers and connect out, for the validation of challenges
 * may not  listen, open a file (resolv.conf is read before confinement), read the database or the
 *          configuration's files, hold a key
 * asked by core, and nobody else; what it learns from strangers goes back as evidence, judged by
 * core. Where it connects to is chosen by strangers too: validate/reach.h says where it never does.
 */
#include "crypto/crypto.h"
#include "dns/zones.h"
#include "ev/ev.h"
#include "ipc/probe_messages.h"
#include "net/net.h"
#include "role/probing.h"
#include "role/resolv.h"
#include "role/roles.h"

static const struct sandbox sandbox = {
    .user = "autarky-prober",
    .promises = SB_STDIO | SB_FDPASS | SB_INET_CONNECT,
    .files = 4096,
};

struct prober {
    struct role_env *env;
    struct net *net;
    struct probing probing;
    struct dns_zones *next; /* of the configuration that was prepared */
    struct addr_port servers[DNS_RESOLV_CONF_MAX];
    size_t n_servers;
};

/* ---- life */

static void look_drained(void *arg)
{
    const struct prober *p = arg;

    if (p->probing.closed && validator_count(p->probing.validator) == 0)
        role_drained(p->env);
}

static enum rc prober_open(struct role_env *env, struct err *err)
{
    struct prober *p = MEM_NEW(struct prober);

    (void)err;
    if (!p)
        return RC_NOMEM;
    env->state = p;
    p->env = env;
    p->probing = (struct probing){.on_end = look_drained, .arg = p};
    p->n_servers = role_resolv_conf("validation", p->servers);
    return crypto_init();
}

static enum rc prober_start(struct role_env *env, struct err *err)
{
    CLEANUP(dns_zones_unrefp) struct dns_zones *zones = NULL;
    struct prober *p = env->state;

    (void)err;
    TRY(dns_zones_of_conf(env->conf, p->servers, p->n_servers, &zones));
    TRY(net_system(env->ev, &p->net));
    return validator_new(env->ev, p->net, env->conf, zones, &p->probing.validator);
}

static void prober_abort(struct role_env *env)
{
    struct prober *p = env->state;

    dns_zones_unref(MOVE(p->next));
}

/* What can fail is done here, so that commit cannot. */
static enum rc prober_prepare(struct role_env *env, const struct conf *next, struct err *err)
{
    struct prober *p = env->state;

    (void)err;
    prober_abort(env);
    return dns_zones_of_conf(next, p->servers, p->n_servers, &p->next);
}

static void prober_commit(struct role_env *env)
{
    struct prober *p = env->state;

    validator_set(p->probing.validator, env->conf, p->next);
    prober_abort(env);
}

static void prober_drain(struct role_env *env)
{
    struct prober *p = env->state;

    p->probing.closed = true;
    look_drained(p);
}

static void prober_close(struct role_env *env)
{
    struct prober *p = env->state;

    if (!p)
        return;
    prober_abort(env);
    validator_free(p->probing.validator);
    net_free(p->net);
    mem_free(p);
    env->state = NULL;
}

/* ---- requests */

static void on_validate(void *arg, struct ipc_req *req, const void *msg, int)
{
    const struct role_env *env = arg;
    struct prober *p = env->state;

    probing_validate(&p->probing, req, msg);
}

static void on_preflight(void *arg, struct ipc_req *req, const void *msg, int)
{
    const struct role_env *env = arg;
    struct prober *p = env->state;

    probing_look(&p->probing, req, msg);
}

static const struct ipc_handler handlers[] = {{IPC_VALIDATE, on_validate},
                                              {IPC_PREFLIGHT, on_preflight}};

const struct role_def role_prober = {
    .role = ROLE_PROBER,
    .sandbox = &sandbox,
    .handlers = handlers,
    .n_handlers = sizeof(handlers) / sizeof(handlers[0]),
    .drain_order = 3,
    .open = prober_open,
    .start = prober_start,
    .prepare = prober_prepare,
    .commit = prober_commit,
    .abort = prober_abort,
    .drain = prober_drain,
    .close = prober_close,
};
