/* SPDX-License-Identifier: Apache-2.0 */
/* Identities and ticket keys on their way to every worker of the gateway. Identities have a version
 * that rises with each one; a worker has all up to one version, and gets the next higher until
 * there is none. What a worker refuses (it may not have the configuration yet) it is sent again
 * after a pause, with all that came after it, which does no harm, and given up in the end. What is
 * newer does not wait for that: no certificate of one site keeps those of others from a worker. */
#include "keeper/keeper_int.h"

#include "base/secret.h"
#include "crypto/crypto.h"
#include "log/log.h"

static void push(struct keeper_worker *w);

static struct keeper_worker *worker_at(struct list *link)
{
    return LIST_ENTRY(link, struct keeper_worker, link);
}

/* ---- identities */

struct push {
    struct keeper_worker *worker; /* NULL: it is gone */
    struct list link;
    uint64_t version;
};

static void again(struct keeper_worker *w)
{
    if (ev_timer_running(&w->again))
        return;
    w->refusals++;
    ev_timer_start(&w->again,
                   client_backoff(w->refusals, KEEPER_PUSH_SECONDS_FIRST * WHEN_SECOND,
                                  KEEPER_PUSH_SECONDS_LAST * WHEN_SECOND),
                   0);
}

static void refused(struct keeper_worker *w, uint64_t version, const struct ipc_answer *answer)
{
    const struct err plain = {.rc = answer->rc};

    log_warn("keeper.identity-refused", LOG_INT("instance", w->instance),
             LOG_ERR(answer->err ? answer->err : &plain));
    if (!w->back || version < w->back)
        w->back = version;
    again(w);
}

static void on_identity(void *arg, const struct ipc_answer *answer)
{
    struct push *p = arg;
    struct keeper_worker *w = p->worker;
    uint64_t version = p->version;

    list_remove(&p->link);
    mem_free(p);
    if (!w || answer->rc == RC_CLOSED || answer->rc == RC_CANCELLED)
        return;
    w->pushing--;
    if (answer->rc != RC_OK)
        refused(w, version, answer);
    else
        push(w);
}

static enum rc send(struct keeper_worker *w, const struct keeper_slot *slot, struct push *p)
{
    CLEANUP(buf_done) struct buf encrypt_chain = BUF_INIT(IPC_IDENTITY_CHAIN_MAX);
    const struct keeper_pairs *pairs = &w->keeper->pairs;
    const struct keeper_slot *other = slot->other;
    const struct keeper_pair *pair = slot->pair;
    bool with_key = other || w->keeper->env->conf->gateway.keys == CONF_KEYS_WORKERS;
    struct ipc_identity msg = {.site = str_of(slot->name), .algorithm = (uint8_t)slot->algorithm};
    struct ipc_ask ask = {.type = IPC_IDENTITY,
                          .msg = &msg,
                          .timeout = KEEPER_PUSH_SECONDS * WHEN_SECOND,
                          .fn = on_identity,
                          .arg = p};

    msg.issuers = shared_str(pair->issuers);
    if (!other && keeper_pair_shared(pairs, pair) && with_key == pairs->with_keys) {
        msg.segment = w->keeper->segment;
        msg.at = segment_at(pairs->segment, pair->leaf);
        msg.leaf_n = pair->leaf_n;
        msg.key_n = with_key ? pair->key_n : 0;
    } else {
        msg.leaf = keeper_pair_leaf(pair);
        msg.key = with_key ? keeper_pair_key_der(pair) : STR("");
    }
    msg.staple = buf_str(&slot->staple.der);
    msg.staple_until = slot->staple.said.until;
    if (other) {
        TRY(keeper_pair_chain(other->pair, &encrypt_chain));
        msg.encrypt_chain = buf_str(&encrypt_chain);
        msg.encrypt_key = keeper_pair_key_der(other->pair);
    }
    return ipc_call(w->chan, &ask, NULL);
}

static enum rc push_one(struct keeper_worker *w, const struct keeper_slot *slot)
{
    struct push *p = MEM_NEW(struct push);
    enum rc rc;

    if (!p)
        return RC_NOMEM;
    *p = (struct push){.worker = w, .version = keeper_slot_version(slot)};
    list_push(&w->pushes, &p->link);
    rc = send(w, slot, p);
    if (rc == RC_OK) {
        w->sent = keeper_slot_version(slot);
        w->pushing++;
        return RC_OK;
    }
    list_remove(&p->link);
    mem_free(p);
    if (rc != RC_TOOBIG && rc != RC_INVAL)
        return rc;
    log_error("keeper.identity-not-sendable", LOG_Z("site", slot->name),
              LOG_Z("algorithm", keeper_slot_text(slot)), LOG_INT("instance", w->instance),
              LOG_RC(rc));
    w->sent = keeper_slot_version(slot); /* the others are not to wait for it */
    return RC_OK;
}

/* ---- the segment that they share with this process (pair_int.h): what is in it stays. So every
 * time that half of it is of certificates that were replaced, or that there are more sites than it
 * has room for, all that are in force go into another, and each worker is told of them anew. */

static void move_all(struct keeper *k, struct list *slots)
{
    LIST_FOREACH (it, slots) {
        struct keeper_slot *slot = LIST_ENTRY(it, struct keeper_slot, link);

        /* What found no memory stays in the old one, and goes to workers as bytes. */
        IGNORE_RC(keeper_pair_move(&k->pairs, &slot->pair));
        IGNORE_RC(keeper_pair_move(&k->pairs, &slot->before));
    }
}

void keeper_segment_renew(struct keeper *k)
{
    keeper_pairs_share(&k->pairs, k->index.n, k->env->conf->gateway.keys == CONF_KEYS_WORKERS);
    k->segment++;
    if (!k->pairs.segment)
        log_warn("keeper.no-segment",
                 LOG_TEXT("the system has no memory that could be shared: each worker of the "
                          "gateway has a copy of all certificates, until the next reload"));
    move_all(k, &k->slots);
    LIST_FOREACH (it, &k->workers)
        LIST_ENTRY(it, struct keeper_worker, link)->sent = 0;
}

static void look_at_segment(struct keeper *k)
{
    bool with_keys = k->env->conf->gateway.keys == CONF_KEYS_WORKERS;

    if (keeper_pairs_wasteful(&k->pairs, k->index.n) || k->pairs.with_keys != with_keys)
        keeper_segment_renew(k);
}

static enum rc push_segment(struct keeper_worker *w)
{
    struct keeper *k = w->keeper;
    struct ipc_segment msg = {.number = k->segment};

    if (w->segment == k->segment || !k->pairs.segment)
        return RC_OK;
    TRY(ipc_notify(w->chan, IPC_SEGMENT, &msg, segment_fd(k->pairs.segment)));
    w->segment = k->segment;
    return RC_OK;
}

/* ---- ticket keys */

static void on_tickets(void *arg, const struct ipc_answer *answer)
{
    struct keeper_worker *w = arg;

    if (answer->rc == RC_CLOSED || answer->rc == RC_CANCELLED)
        return;
    w->ticketing = false;
    if (answer->rc == RC_OK) {
        push(w);
        return;
    }
    log_warn("keeper.tickets-refused", LOG_INT("instance", w->instance), LOG_RC(answer->rc));
    w->tickets = 0;
    again(w);
}

static enum rc push_tickets(struct keeper_worker *w)
{
    struct keeper *k = w->keeper;
    struct str keys[KEEPER_TICKETS];
    struct ipc_tickets msg = {.keys = {keys, KEEPER_TICKETS}};
    struct ipc_ask ask = {.type = IPC_TICKETS,
                          .msg = &msg,
                          .timeout = KEEPER_PUSH_SECONDS * WHEN_SECOND,
                          .fn = on_tickets,
                          .arg = w};

    for (size_t i = 0; i < KEEPER_TICKETS; i++)
        keys[i] =
            str_bytes(secret_bytes(k->tickets) + i * KEEPER_TICKET_BYTES, KEEPER_TICKET_BYTES);
    TRY(ipc_call(w->chan, &ask, NULL));
    w->tickets = k->tickets_made;
    w->ticketing = true;
    return RC_OK;
}

static void push(struct keeper_worker *w)
{
    enum rc rc = RC_OK;

    if (!w->chan)
        return;
    rc = push_segment(w);
    if (rc == RC_OK && w->tickets != w->keeper->tickets_made && !w->ticketing &&
        !ev_timer_running(&w->again))
        rc = push_tickets(w);
    while (rc == RC_OK && w->pushing < KEEPER_PUSHES_MAX) {
        const struct keeper_slot *slot = keeper_fresh_after(w->keeper, w->sent);

        if (!slot && w->pushing == 0 && !ev_timer_running(&w->again))
            w->refusals = 0;
        if (!slot)
            return;
        rc = push_one(w, slot);
    }
    if (rc != RC_OK && rc != RC_CLOSED)
        again(w);
}

/* Back to the oldest one that was refused; past it, when that was the last try. */
static void go_back(struct keeper_worker *w)
{
    uint64_t back = w->back;

    w->back = 0;
    if (back != w->stuck) {
        w->stuck = back;
        w->tries = 0;
    }
    if (back == 0)
        return;
    if (++w->tries >= KEEPER_PUSH_TRIES_MAX) {
        log_error("keeper.identity-given-up", LOG_INT("instance", w->instance),
                  LOG_INT("tries", w->tries),
                  LOG_TEXT("this worker of the gateway goes on with what it has for that site; it "
                           "is asked again with the next certificate"));
        w->stuck = 0;
    } else {
        back--;
    }
    if (back < w->sent)
        w->sent = back;
}

static void on_again(void *arg)
{
    struct keeper_worker *w = arg;

    go_back(w);
    push(w);
}

void keeper_push_look(struct keeper *k)
{
    look_at_segment(k);
    LIST_FOREACH (it, &k->workers)
        push(worker_at(it));
}

/* A key decrypts before it encrypts, and after: a worker that learns of a rotation later than
 * another can read its tickets. */
static void on_rotate(void *arg)
{
    struct keeper *k = arg;
    unsigned char *keys = secret_bytes(k->tickets);

    memmove(keys + KEEPER_TICKET_BYTES, keys, (size_t)(KEEPER_TICKETS - 1) * KEEPER_TICKET_BYTES);
    if (crypto_random(keys, KEEPER_TICKET_BYTES) != RC_OK) {
        role_fail(k->env, &(struct err){.rc = RC_CRYPTO});
        return;
    }
    k->tickets_made++;
    keeper_push_look(k);
}

/* ---- workers */

static void worker_free(struct keeper_worker *w)
{
    LIST_FOREACH (it, &w->pushes)
        LIST_ENTRY(it, struct push, link)->worker = NULL;
    LIST_FOREACH (it, &w->pushes)
        list_remove(it);
    ev_timer_stop(&w->again);
    list_remove(&w->link);
    mem_free(w);
}

void keeper_push_peer(struct keeper *k, uint8_t instance, struct ipc_chan *chan)
{
    struct keeper_worker *w;

    LIST_FOREACH (it, &k->workers)
        if (worker_at(it)->instance == instance)
            worker_free(worker_at(it));
    if (!chan)
        return;
    w = MEM_NEW(struct keeper_worker);
    if (!w) {
        /* Without it that worker would have no certificate; a new keeper knows all of them. */
        role_fail(k->env, &(struct err){.rc = RC_NOMEM});
        return;
    }
    w->keeper = k;
    w->instance = instance;
    w->chan = chan;
    list_init(&w->pushes);
    ev_timer_init(&w->again, k->env->ev, on_again, w);
    list_push(&k->workers, &w->link);
    push(w);
}

enum rc keeper_push_init(struct keeper *k)
{
    int64_t every = KEEPER_TICKET_HOURS * WHEN_HOUR;

    ev_timer_init(&k->rotate, k->env->ev, on_rotate, k);
    TRY(secret_new((size_t)KEEPER_TICKETS * KEEPER_TICKET_BYTES, &k->tickets));
    TRY(crypto_random(secret_bytes(k->tickets), secret_len(k->tickets)));
    k->tickets_made = 1;
    ev_timer_start(&k->rotate, every, every);
    return RC_OK;
}

void keeper_push_done(struct keeper *k)
{
    LIST_FOREACH (it, &k->workers)
        worker_free(worker_at(it));
    ev_timer_stop(&k->rotate);
    secret_free(MOVE(k->tickets));
}
