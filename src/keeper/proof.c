/* SPDX-License-Identifier: Apache-2.0 */
/* Proofs of control, shown by others: http-01 by front at its plain listener and by every worker of
 * the gateway, tls-alpn-01 by every worker, dns-01 by the emissary or, by a hook, the runner. The
 * CA is answered once all of them show it, for nobody knows which worker it will meet; one that
 * comes later is told at once.
 */
#include "keeper/keeper_int.h"

#include <stdio.h>

#include "log/log.h"

MSG(msg_nobody, "keeper.proof-nobody",
    "no process is there that could show the proof of {0} by {1}; `autarky status` says how they "
    "are");
MSG(msg_stranger, "keeper.proof-stranger",
    "{0} is no site that has an order at this CA: nothing is shown for it");
MSG(msg_many, "keeper.proofs-many", "{0} proofs are shown already");

enum { TOKEN_BYTES = 1024 };

struct proof {
    struct list link;
    struct keeper *keeper;
    uint8_t challenge;
    bool hooked; /* of dns-01: a program sets the record */
    char site[NAME_MAX_BYTES + 1], token[TOKEN_BYTES], authorization[TOKEN_BYTES];
    unsigned waiting; /* for so many answers */
    enum rc rc;       /* of one that failed */
    struct err why;
    client_presented_fn fn; /* NULL: it was called, or must not be */
    void *arg;
    bool gone; /* freed with the last answer */
};

static void proof_free(struct proof *p)
{
    list_remove(&p->link);
    p->keeper->n_proofs--;
    mem_free(p);
}

/* ---- told */

static void look(struct proof *p)
{
    client_presented_fn fn = p->fn;

    if (p->waiting)
        return;
    if (p->gone) {
        proof_free(p);
        return;
    }
    p->fn = NULL;
    if (fn)
        fn(p->arg, p->rc, p->rc == RC_OK || !p->why.msg ? NULL : &p->why);
}

/* A process that ended shows nothing, and its successor is told when it comes. */
static void on_shown(void *arg, const struct ipc_answer *a)
{
    struct proof *p = arg;

    p->waiting--;
    /* A record may be there or not: the emissary that comes is asked to set it, and answers. */
    if (p->challenge == CONF_SITE_DNS_01 && !p->gone &&
        (a->rc == RC_CLOSED || a->rc == RC_CANCELLED))
        return;
    if (a->rc != RC_OK && a->rc != RC_CLOSED && a->rc != RC_CANCELLED) {
        p->rc = a->rc;
        if (a->err)
            p->why = *a->err;
        log_warn("keeper.proof-not-shown", LOG_Z("site", p->site),
                 LOG_Z("challenge", conf_site_challenge_name(p->challenge)), LOG_RC(a->rc),
                 LOG_ERR(a->err));
    }
    look(p);
}

static enum ipc_type message_to(enum role role)
{
    return role == ROLE_GATEWAY  ? IPC_PROOF
           : role == ROLE_FRONT  ? IPC_PLAIN_PROOF
           : role == ROLE_RUNNER ? IPC_HOOK_RECORD
                                 : IPC_RECORD;
}

static bool concerns(const struct proof *p, enum role role)
{
    switch ((enum conf_site_challenge)p->challenge) {
    case CONF_SITE_HTTP_01:
        return role == ROLE_FRONT || role == ROLE_GATEWAY;
    case CONF_SITE_TLS_ALPN_01:
        return role == ROLE_GATEWAY;
    case CONF_SITE_DNS_01:
        return role == (p->hooked ? ROLE_RUNNER : ROLE_EMISSARY);
    case CONF_SITE_CHALLENGES:
        break;
    }
    return false;
}

static void tell(struct proof *p, struct ipc_chan *chan, bool shown)
{
    bool record = p->challenge == CONF_SITE_DNS_01;
    const struct ipc_proof msg = {.shown = shown,
                                  .challenge = p->challenge,
                                  .site = str_of(p->site),
                                  .token = str_of(p->token),
                                  .key_authorization = str_of(p->authorization)};
    const struct ipc_ask ask = {.type = message_to(ipc_chan_peer(chan)),
                                .msg = &msg,
                                .timeout = (record ? KEEPER_RECORD_SECONDS : KEEPER_PROOF_SECONDS) *
                                           WHEN_SECOND,
                                .fn = on_shown,
                                .arg = p};
    enum rc rc;

    if (!concerns(p, ipc_chan_peer(chan)))
        return;
    p->waiting++;
    rc = ipc_call(chan, &ask, NULL);
    if (rc != RC_OK) {
        p->waiting--;
        if (rc != RC_CLOSED)
            p->rc = rc;
    }
}

static unsigned tell_all(struct proof *p, bool shown)
{
    struct keeper *k = p->keeper;
    unsigned before = p->waiting;

    p->waiting++; /* until all are told */
    if (k->front)
        tell(p, k->front, shown);
    if (k->emissary)
        tell(p, k->emissary, shown);
    if (k->runner)
        tell(p, k->runner, shown);
    LIST_FOREACH (it, &k->workers)
        tell(p, LIST_ENTRY(it, struct keeper_worker, link)->chan, shown);
    p->waiting--;
    return p->waiting - before;
}

/* ---- the client's solver */

static struct proof *find(struct keeper *k, const struct keeper_ca *ca,
                          const struct client_proof *proof)
{
    LIST_FOREACH (it, &k->proofs) {
        struct proof *p = LIST_ENTRY(it, struct proof, link);

        if (!p->gone && p->challenge == ca->challenge &&
            str_eq(str_of(p->site), proof->identifier) &&
            str_eq(str_of(p->authorization), proof->key_authorization))
            return p;
    }
    return NULL;
}

/* Whatever a CA asks, nothing is shown for a site that has no order there just now. */
static bool has_order(const struct keeper_ca *ca, struct str name)
{
    static const enum conf_key_algorithm both[] = {CONF_KEY_ECDSA, CONF_KEY_RSA};

    for (size_t i = 0; i < sizeof(both) / sizeof(both[0]); i++) {
        const struct keeper_slot *slot = keeper_slot_find(ca->keeper, name, both[i]);

        if (slot && slot->at == ca)
            return true;
    }
    return false;
}

static bool has_hook(const struct keeper *k, struct str name)
{
    const struct conf_site *s = conf_site_find(k->env->conf, name);

    return s && conf_hook_find(k->env->conf, s->dns);
}

static enum rc add(struct keeper_ca *ca, const struct client_proof *proof, struct proof **out,
                   struct err *err)
{
    struct keeper *k = ca->keeper;
    CLEANUP(mem_freep) struct proof *p = NULL;
    char digits[24];

    if (!has_order(ca, proof->identifier))
        return ERR(err, RC_DENIED, msg_stranger, proof->identifier);
    if (k->n_proofs >= KEEPER_PROOFS_MAX) {
        snprintf(digits, sizeof(digits), "%d", KEEPER_PROOFS_MAX);
        return ERR(err, RC_QUOTA, msg_many, str_of(digits));
    }
    p = MEM_NEW(struct proof);
    if (!p)
        return RC_NOMEM;
    p->keeper = k;
    p->challenge = (uint8_t)ca->challenge;
    p->hooked = has_hook(k, proof->identifier);
    TRY(str_copyz(proof->identifier, p->site, sizeof(p->site)));
    TRY(str_copyz(proof->token, p->token, sizeof(p->token)));
    TRY(str_copyz(proof->key_authorization, p->authorization, sizeof(p->authorization)));
    list_push(&k->proofs, &p->link);
    k->n_proofs++;
    *out = MOVE(p);
    return RC_OK;
}

static void present(void *arg, const struct client_proof *proof, client_presented_fn fn,
                    void *fn_arg)
{
    struct keeper_ca *ca = arg;
    struct proof *p = NULL;
    struct err err = ERR_INIT;

    err.rc = add(ca, proof, &p, &err);
    if (err.rc != RC_OK) {
        fn(fn_arg, err.rc, err.msg ? &err : NULL);
        return;
    }
    p->fn = fn;
    p->arg = fn_arg;
    if (tell_all(p, true) == 0) {
        p->rc = ERR(&p->why, RC_AGAIN, msg_nobody, proof->identifier,
                    str_of(conf_site_challenge_name(ca->challenge)));
        look(p);
    }
}

static void cleanup(void *arg, const struct client_proof *proof)
{
    struct keeper_ca *ca = arg;
    struct proof *p = find(ca->keeper, ca, proof);

    if (!p)
        return;
    p->fn = NULL;
    p->gone = true;
    tell_all(p, false);
    look(p);
}

void keeper_proof_solver(struct keeper_ca *ca)
{
    ca->solver = (struct client_solver){.type = conf_site_challenge_name(ca->challenge),
                                        .present = present,
                                        .cleanup = cleanup,
                                        .arg = ca};
}

/* ---- those who show them */

void keeper_proof_peer(struct keeper *k, struct ipc_chan *chan)
{
    LIST_FOREACH (it, &k->proofs) {
        struct proof *p = LIST_ENTRY(it, struct proof, link);

        if (!p->gone)
            tell(p, chan, true);
    }
}

void keeper_proof_free(struct keeper *k)
{
    while (!list_empty(&k->proofs))
        proof_free(LIST_ENTRY(k->proofs.next, struct proof, link));
}
