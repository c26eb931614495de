/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/acme.h"

#include "acme/acme_int.h"
#include "acme/parts_int.h"
#include "acme/star.h"
#include "ev/clock.h"

enum rc acme_new(const struct acme_options *options, struct acme **out)
{
    CLEANUP(acme_freep) struct acme *a = MEM_NEW(struct acme);
    const struct store_node *node = store_node(options->store);

    if (!a)
        return RC_NOMEM;
    list_init(&a->validations);
    list_init(&a->renewals);
    acme_keys_init(&a->keys);
    store_known_init(&a->known);
    acme_open_init(&a->open, clock_now(ev_clock(options->ev)));
    ev_timer_init(&a->due, options->ev, acme_validation_due_cb, a);
    arena_init(&a->hosts_arena, 64 * 1024);
    a->options = *options;
    a->ev = options->ev;
    a->store = options->store;
    a->ca = options->ca;
    a->conf = conf_ref(options->conf);
    a->policy = policy_ref(options->policy);
    a->binds = options->eab_key.n == ACME_EAB_KEY;
    if (a->binds)
        memcpy(a->eab_key, options->eab_key.p, ACME_EAB_KEY);
    TRY(acme_prune_start(a));
    TRY(acme_nonces_init(&a->nonces, &node->id, node->boot));
    TRY(acme_nonces_init(&a->staging_nonces, &node->id, node->boot));
    ev_timer_start(&a->due, 0, 0);
    acme_star_start(a);
    approval_watch_start(&a->approvals, a->ev, a->store);
    *out = MOVE(a);
    return RC_OK;
}

void acme_free(struct acme *a)
{
    if (!a)
        return;
    acme_validations_stop(a);
    acme_star_stop(a);
    approval_watch_stop(&a->approvals);
    acme_prune_stop(a);
    acme_open_done(&a->open);
    explicit_bzero(a->eab_key, sizeof(a->eab_key));
    conf_unref(a->conf);
    policy_unref(a->policy);
    acme_keys_done(&a->keys);
    store_known_done(&a->known);
    arena_done(&a->hosts_arena);
    acme_nonces_done(&a->nonces);
    acme_nonces_done(&a->staging_nonces);
    mem_free(a);
}

void acme_set_conf(struct acme *a, const struct conf *conf, struct policy *policy)
{
    const struct conf *old = a->conf;
    struct policy *old_policy = a->policy;

    a->conf = conf_ref(conf);
    a->policy = policy_ref(policy);
    conf_unref(old);
    policy_unref(old_policy);
}

enum rc acme_set_hosts(struct acme *a, const struct str *hosts, size_t n)
{
    struct str *copy;

    if (n > ACME_HOSTS_MAX)
        return RC_TOOBIG;
    arena_done(&a->hosts_arena);
    a->n_hosts = 0;
    copy = ARENA_ARRAY(&a->hosts_arena, struct str, n);
    if (!copy)
        return RC_NOMEM;
    for (size_t i = 0; i < n; i++)
        TRY(arena_str(&a->hosts_arena, hosts[i], &copy[i]));
    a->hosts = copy;
    a->n_hosts = n;
    return RC_OK;
}

void acme_approvals_look(struct acme *a)
{
    approval_watch_look(&a->approvals);
}

void acme_handle(struct acme *a, struct http_exchange *x)
{
    acme_request_run(a, x);
}
