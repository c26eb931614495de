/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/keeper_int.h"

MSG(msg_no_site, "keeper.no-site",
    "{0} is not a site of the gateway; `autarky config show` lists those under gateway.sites");

MSG(msg_no_root, "keeper.no-root",
    "this CA has no root for {0}: `autarky root create` and `autarky issuer create` make root and "
    "issuer, and the server has to start again; or leave {0} out of the site's `algorithms`");

enum { SITES_MAX = 256 /* certificates in one answer, as ipc/site_messages.c has it */ };

static enum ipc_site_state state_of(const struct keeper_slot *slot)
{
    if (slot->run && slot->fresh && !(slot->pair && slot->first && !slot->directory))
        return IPC_SITE_OBTAINING;
    if (slot->pair && slot->first && !slot->directory)
        return IPC_SITE_MEANWHILE;
    return slot->pair && slot->failures + slot->public.failures == 0 ? IPC_SITE_VALID
                                                                     : IPC_SITE_WAITING;
}

/* The worse one of two that are one. */
static const struct keeper_slot *worse(const struct keeper_slot *slot)
{
    const struct keeper_slot *other = slot->other;

    if (!other || state_of(slot) == IPC_SITE_OBTAINING)
        return slot;
    if (state_of(other) != state_of(slot))
        return state_of(other) == IPC_SITE_VALID ? slot : other;
    return other->not_after < slot->not_after ? other : slot;
}

static enum rc describe(struct arena *a, const struct keeper_slot *slot, struct ipc_site *out)
{
    const struct keeper_slot *signs = slot->encrypts && slot->other ? slot->other : slot;
    char serial[X509_SERIAL_TEXT];

    *out = (struct ipc_site){
        .name = str_of(slot->name),
        .algorithm = (uint8_t)slot->algorithm,
        .state = (uint8_t)state_of(slot),
        .not_after = slot->not_after,
        .next_at = keeper_issue_due(slot),
        .failures = slot->public.failures ? slot->public.failures : slot->failures,
        .why = *keeper_why(slot->public.failures ? slot->public.why : slot->why),
        .staple = (uint8_t)keeper_staple_state(signs),
    };
    if (slot->directory)
        out->directory = str_of(slot->directory);
    if (signs->staple.der.n) {
        out->staple_at = signs->staple.said.since;
        out->staple_until = signs->staple.said.until;
    }
    if (slot->serial.n == 0)
        return RC_OK;
    return arena_str(a, str_of(x509_serial_text(&slot->serial, serial)), &out->serial);
}

/* A certificate that is configured, by default even, and cannot be had. */
static void describe_none(const struct conf_site *site, enum conf_key_algorithm algorithm,
                          struct ipc_site *out)
{
    *out = (struct ipc_site){
        .name = site->name, .algorithm = (uint8_t)algorithm, .state = IPC_SITE_UNAVAILABLE};
    IGNORE_RC(ERR(&out->why, RC_UNSUPPORTED, msg_no_root, str_of(conf_site_key_name(algorithm))));
}

static enum rc describe_site(struct keeper *k, struct arena *a, const struct conf_site *site,
                             struct ipc_site *out, size_t *n)
{
    for (unsigned i = 0; i < CONF_SITE_KEYS && *n < SITES_MAX; i++) {
        enum conf_key_algorithm algorithm = (enum conf_key_algorithm)i;
        const struct keeper_slot *slot =
            site->algorithms & 1u << i ? keeper_slot_find(k, site->name, algorithm) : NULL;

        if (slot)
            TRY(describe(a, worse(slot), &out[(*n)++]));
        else if (site->algorithms & ~k->possible & 1u << i)
            describe_none(site, algorithm, &out[(*n)++]);
    }
    return RC_OK;
}

static enum rc tell(struct keeper *k, struct ipc_req *req, const struct ipc_sites_ask *m,
                    struct ipc_sites *out)
{
    struct arena *a = ipc_req_arena(req);
    const struct conf *conf = k->env->conf;
    struct ipc_site *sites = ARENA_ARRAY(a, struct ipc_site, SITES_MAX);
    size_t n = 0;

    if (!sites)
        return RC_NOMEM;
    for (size_t i = m->from; i < conf->gateway.n_sites && i - m->from < m->most; i++)
        TRY(describe_site(k, a, &conf->gateway.sites[i], sites, &n));
    out->sites.v = sites;
    out->sites.n = n;
    return RC_OK;
}

void keeper_on_sites(void *arg, struct ipc_req *req, const void *msg, int)
{
    struct role_env *env = arg;
    struct ipc_sites reply = {};
    enum rc rc = tell(env->state, req, msg, &reply);

    if (rc == RC_OK)
        IGNORE_RC(ipc_reply(req, &reply)); /* the asker is told */
    else
        ipc_reply_err(req, &(struct err){.rc = rc});
}

void keeper_on_renew(void *arg, struct ipc_req *req, const void *msg, int)
{
    struct role_env *env = arg;
    struct keeper *k = env->state;
    const struct ipc_renew *m = msg;
    struct err err = ERR_INIT;
    size_t n = 0;

    for (unsigned i = 0; i < CONF_SITE_KEYS; i++) {
        struct keeper_slot *slot = keeper_slot_find(k, m->site, (enum conf_key_algorithm)i);

        if (slot) {
            keeper_issue_force(slot);
            if (slot->other)
                keeper_issue_force(slot->other);
            n++;
        }
    }
    if (n) {
        IGNORE_RC(ipc_reply(req, NULL)); /* it is under way, heard or not */
        return;
    }
    IGNORE_RC(ERR(&err, RC_NOTFOUND, msg_no_site, m->site));
    ipc_reply_err(req, &err);
}
