/* SPDX-License-Identifier: Apache-2.0 */
#include "remote/remote_int.h"

MSG(msg_no_address, "remote.no-address", "{0} has no address");

enum { LOOKUP_ARENA = 256 * 1024 };

static void on_dialled(void *arg, enum rc rc, int fd, const struct err *err);

static void dial_next(struct remote *r)
{
    struct net_target target = {.timeout = REMOTE_DIAL_SECONDS * WHEN_SECOND};

    if (r->next_addr == r->n_addrs) {
        remote_failed(r, &r->why);
        return;
    }
    target.to = (struct addr_port){r->addrs[r->next_addr++], r->options->port};
    r->why.rc = net_dial(r->net, &target, on_dialled, r, &r->dial);
    if (r->why.rc != RC_OK)
        remote_failed(r, &r->why);
}

static void on_dialled(void *arg, enum rc rc, int fd, const struct err *err)
{
    struct remote *r = arg;

    r->dial = NULL;
    if (rc == RC_OK) {
        remote_reached(r, fd);
        return;
    }
    r->why = err ? *err : (struct err){.rc = rc};
    dial_next(r);
}

static void take(struct remote *r, enum rc rc, const struct dns_answer *answer)
{
    if (rc == RC_OK && answer->status != DNS_FOUND)
        rc = dns_answer_err(answer, &r->why);
    r->why.rc = rc;
    for (size_t i = 0; rc == RC_OK && i < answer->n && r->n_addrs < REMOTE_ADDRESSES_MAX; i++)
        r->addrs[r->n_addrs++] = answer->records[i].addr;
}

static void looked_up(struct remote *r)
{
    if (r->lookups[0] || r->lookups[1])
        return;
    if (r->n_addrs == 0 && !r->why.msg)
        IGNORE_RC(ERR(&r->why, RC_NOTFOUND, msg_no_address, r->options->host));
    dial_next(r);
}

static void on_a(void *arg, enum rc rc, const struct dns_answer *answer)
{
    struct remote *r = arg;

    r->lookups[0] = NULL;
    take(r, rc, answer);
    looked_up(r);
}

static void on_aaaa(void *arg, enum rc rc, const struct dns_answer *answer)
{
    struct remote *r = arg;

    r->lookups[1] = NULL;
    take(r, rc, answer);
    looked_up(r);
}

static enum rc look_up(struct remote *r)
{
    struct dns_question q = {.name = r->options->host,
                             .timeout = REMOTE_RESOLVE_SECONDS * WHEN_SECOND,
                             .arena = &r->arena};

    q.type = DNS_A;
    TRY(dns_lookup_start(r->resolver, &q, on_a, r, &r->lookups[0]));
    q.type = DNS_AAAA;
    return dns_lookup_start(r->resolver, &q, on_aaaa, r, &r->lookups[1]);
}

void remote_reach(struct remote *r)
{
    remote_reach_stop(r);
    arena_init(&r->arena, LOOKUP_ARENA);
    r->n_addrs = r->next_addr = 0;
    r->why = (struct err)ERR_INIT;
    if (addr_parse(r->options->host, &r->addrs[0]) == RC_OK) {
        r->n_addrs = 1;
        dial_next(r);
        return;
    }
    r->why.rc = look_up(r);
    if (r->why.rc != RC_OK)
        remote_failed(r, &r->why);
}

void remote_reach_stop(struct remote *r)
{
    for (size_t i = 0; i < 2; i++)
        if (r->lookups[i])
            dns_lookup_cancel(r->lookups[i]);
    r->lookups[0] = r->lookups[1] = NULL;
    if (r->dial)
        net_cancel(r->net, r->dial);
    r->dial = NULL;
    arena_done(&r->arena);
}
