/* SPDX-License-Identifier: Apache-2.0 */
/* emissary: carries the keeper's requests to other CAs, and sets the records of the gateway's sites
 * that prove their names there.
 *
 * owns     the settings of dynamic updates (RFC 2136) with their TSIG keys; no other key
 * may      look up names, connect out
 * may not  open a file (roots, settings, resolv.conf are read before confinement), listen, execute,
 *          hold or see a key of a site or an account
 * asked by keeper, and nobody else: FETCH, a request that the keeper has signed, over TLS to a
 * server that shows a certificate from the roots of that directory; RECORD, a record set or removed
 * asks     core, to write into the audit log which records it has set and removed: CHANGED
 *
 * It is a process of its own because neither of the others may be it: the keeper has the keys and
 * must reach no network; the courier speaks to configured addresses alone, and a CA may name any
 * host in its directory; the prober looks for whom strangers name and holds nothing. */
#include "agent/trust.h"
#include "client/http.h"
#include "crypto/crypto.h"
#include "emissary/emissary_int.h"
#include "log/log.h"
#include "net/net.h"
#include "role/resolv.h"
#include "role/roles.h"
#include "tls/trust.h"

static const struct sandbox sandbox = {
    .user = "autarky-emissary",
    .promises = SB_STDIO | SB_FDPASS | SB_INET_CONNECT,
    .files = 256,
};

static void on_tidy(void *arg)
{
    struct emissary *e = arg;

    if (!emissary_records_tidy(e))
        ev_timer_start(&e->tidy, WHEN_SECOND, 0);
    emissary_look_drained(e);
}

static void out_of_patience(void *arg)
{
    struct emissary *e = arg;

    emissary_fetch_stop(e);
    emissary_records_stop(e);
    emissary_changes_stop(e);
    emissary_look_drained(e);
}

static void say(void *, bool warn, const char *line)
{
    if (warn)
        log_warn("emissary.dns", LOG_Z("text", line));
    else
        log_info("emissary.dns", LOG_Z("text", line));
}

static enum rc emissary_open(struct role_env *env, struct err *err)
{
    struct emissary *e = MEM_NEW(struct emissary);

    (void)err;
    if (!e)
        return RC_NOMEM;
    env->state = e;
    e->env = env;
    e->conf = conf_ref(env->conf);
    buf_init(&e->bundle, AGENT_TRUST_FILE_MAX);
    list_init(&e->ways);
    list_init(&e->next_ways);
    list_init(&e->fetches);
    list_init(&e->records);
    emissary_changes_init(e);
    ev_timer_init(&e->tidy, env->ev, on_tidy, e);
    ev_timer_init(&e->patience, env->ev, out_of_patience, e);
    e->world = (struct agent_world){.ev = env->ev, .say = say, .arg = e, .confined = true};
    e->n_servers = role_resolv_conf("other CAs", e->servers);
    TRY(crypto_init());
    TRY(agent_trust_machine(&e->bundle)); /* before confinement, as the settings */
    return emissary_records_open(e);
}

/* ---- the directories */

static void way_free(struct emissary_way *w)
{
    list_remove(&w->link);
    client_transport_free(w->transport);
    tls_trust_free(w->trust);
    mem_free(w);
}

static void free_all(struct list *from)
{
    while (!list_empty(from))
        way_free(LIST_ENTRY(from->next, struct emissary_way, link));
}

struct emissary_way *emissary_way_find(struct emissary *e, struct str url)
{
    LIST_FOREACH (it, &e->ways) {
        struct emissary_way *w = LIST_ENTRY(it, struct emissary_way, link);

        if (str_eq(str_of(w->url), url))
            return w;
    }
    return NULL;
}

static enum rc add_way(struct emissary *e, const struct conf_directory *d)
{
    struct client_reach_conf reach = {
        .ev = e->env->ev, .net = e->net, .names = emissary_names_known, .names_arg = e};
    struct emissary_way *w = MEM_NEW(struct emissary_way);
    size_t n = 0;

    if (!w)
        return RC_NOMEM;
    list_push(&e->next_ways, &w->link);
    TRY(str_copyz(d->url, w->url, sizeof(w->url)));
    TRY(tls_trust_new(&w->trust));
    TRY(tls_trust_add(w->trust, d->trust.n ? d->roots : buf_str(&e->bundle), &n));
    if (n == 0)
        log_warn("emissary.no-roots", LOG_Z("directory", w->url),
                 LOG_TEXT("no CA certificate to hold it against: name a file of roots, `trust`"));
    reach.trust = w->trust;
    return client_http_net(&reach, &w->transport);
}

static void emissary_abort(struct role_env *env)
{
    struct emissary *e = env->state;

    free_all(&e->next_ways);
    dns_zones_unref(MOVE(e->next_zones));
}

/* What can fail is done here, so that commit cannot. */
static enum rc emissary_prepare(struct role_env *env, const struct conf *next, struct err *err)
{
    struct emissary *e = env->state;

    (void)err;
    emissary_abort(env);
    for (size_t i = 0; i < next->gateway.others.n_directories; i++)
        TRY(add_way(e, &next->gateway.others.directories[i]));
    return dns_zones_of_conf(next, e->servers, e->n_servers, &e->next_zones);
}

/* What is under way over the old ones is given up; the keeper sends it again. */
static void emissary_commit(struct role_env *env)
{
    struct emissary *e = env->state;

    emissary_fetch_stop(e);
    free_all(&e->ways);
    list_splice(&e->ways, &e->next_ways);
    dns_resolver_set_zones(e->resolver, e->next_zones);
    dns_zones_unref(MOVE(e->next_zones));
}

/* ---- life */

static enum rc emissary_start(struct role_env *env, struct err *err)
{
    struct emissary *e = env->state;

    if (!e->net) /* a test brings its own */
        TRY(net_system(env->ev, &e->net));
    e->world.net = e->net;
    TRY(emissary_prepare(env, env->conf, err));
    TRY(dns_resolver_new(env->ev, e->net, e->next_zones, &e->resolver));
    emissary_commit(env);
    return RC_OK;
}

/* Another keeper knows nothing of what the one before it had set. */
static void emissary_peer(struct role_env *env, enum role role, struct ipc_chan *chan)
{
    if (role == ROLE_CORE)
        emissary_changes_core(env->state, chan);
    if (role == ROLE_KEEPER)
        emissary_records_orphaned(env->state);
}

void emissary_look_drained(struct emissary *e)
{
    if (e->draining && e->n_fetches == 0 && emissary_records_tidy(e) && emissary_changes_told(e)) {
        e->draining = false; /* once */
        role_drained(e->env);
    }
}

/* Records that are being removed, and requests under way, get a moment. */
static void emissary_drain(struct role_env *env)
{
    struct emissary *e = env->state;

    e->draining = true;
    ev_timer_start(&e->patience, EMISSARY_DRAIN_SECONDS * WHEN_SECOND, 0);
    emissary_look_drained(e);
}

static void emissary_close(struct role_env *env)
{
    struct emissary *e = env->state;

    if (!e)
        return;
    e->draining = false; /* nobody is told any more */
    emissary_fetch_stop(e);
    emissary_records_stop(e);
    emissary_changes_stop(e);
    emissary_abort(env);
    free_all(&e->ways);
    ev_timer_stop(&e->tidy);
    ev_timer_stop(&e->patience);
    dns_resolver_free(e->resolver);
    net_free(e->net);
    for (size_t i = 0; i < e->n_zones; i++)
        agent_dns_conf_done(&e->zones[i].conf);
    buf_done(&e->bundle);
    conf_unref(e->conf);
    mem_free(e);
    env->state = NULL;
    crypto_done();
}

static const struct ipc_handler handlers[] = {{IPC_FETCH, emissary_on_fetch},
                                              {IPC_RECORD, emissary_on_record}};

/* Secrets of dynamic updates may be credentials of systemd. */
static const char *const environment[] = {"CREDENTIALS_DIRECTORY", NULL};

const struct role_def role_emissary = {
    .role = ROLE_EMISSARY,
    .sites = true,
    .sandbox = &sandbox,
    .handlers = handlers,
    .n_handlers = sizeof(handlers) / sizeof(handlers[0]),
    .wanted = role_wanted_emissary,
    .environment = environment,
    .drain_order = 1, /* the keeper asks it, and it core */
    .open = emissary_open,
    .start = emissary_start,
    .peer = emissary_peer,
    .prepare = emissary_prepare,
    .commit = emissary_commit,
    .abort = emissary_abort,
    .drain = emissary_drain,
    .close = emissary_close,
};
