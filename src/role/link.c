/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"
#include "log/log.h"
#include "role/child_int.h"

/* A process beside this one, from PEER to PEER_GONE. */
struct role_link {
    struct list link;
    struct role_child *child;
    enum role role;
    uint8_t instance;
    int fd; /* until this process has started: then its messages may come */
    struct ipc_chan *chan;
};

static struct role_link *link_at(struct list *link)
{
    return LIST_ENTRY(link, struct role_link, link);
}

struct ipc_chan *role_peer(struct role_env *env, enum role role)
{
    LIST_FOREACH (it, &role_child_of(env)->links)
        if (link_at(it)->role == role && link_at(it)->chan)
            return link_at(it)->chan;
    return NULL;
}

void role_peers_each(struct role_env *env, enum role role,
                     void (*fn)(void *arg, uint8_t instance, struct ipc_chan *chan), void *arg)
{
    LIST_FOREACH (it, &role_child_of(env)->links)
        if (link_at(it)->role == role && link_at(it)->chan)
            fn(arg, link_at(it)->instance, link_at(it)->chan);
}

static void tell_of(const struct role_link *l, struct ipc_chan *chan)
{
    struct role_child *c = l->child;

    if (c->phase >= PHASE_STARTED && c->def->each_peer)
        c->def->each_peer(&c->env, l->role, l->instance, chan);
}

static void tell(struct role_child *c, enum role role)
{
    if (c->phase >= PHASE_STARTED && c->def->peer)
        c->def->peer(&c->env, role, role_peer(&c->env, role));
}

/* The role is told first, so that what it does when its calls end uses another channel, or none. */
static void lose(struct role_link *l)
{
    list_remove(&l->link);
    l->child->n_links--;
    if (l->chan)
        tell_of(l, NULL);
    tell(l->child, l->role);
    ipc_chan_free(l->chan);
    fd_close(&l->fd);
    mem_free(l);
}

/* A peer that ended will be followed by another, and the supervisor tells. One that broke the rules
 * or read nothing for too long still lives: without a fresh channel the two would never meet again.
 */
static void on_close(void *arg, enum rc why, const struct err *err)
{
    struct role_link *l = arg;
    const struct role_child *c = l->child;
    const struct ipc_peer m = {(uint8_t)l->role, l->instance};

    if (why != RC_CLOSED)
        log_error("role.peer-lost", LOG_Z("peer", role_name(l->role)), LOG_ERR(err));
    lose(l);
    /* If this fails, the supervisor's own channel is broken, which ends this process. */
    if (why != RC_CLOSED && c->env.supervisor)
        IGNORE_RC(ipc_notify(c->env.supervisor, IPC_PEER_LOST, &m, -1));
}

static enum rc connect_one(struct role_link *l)
{
    struct role_child *c = l->child;
    const struct ipc_chan_conf conf = {.self = c->env.role,
                                       .peer = l->role,
                                       .handlers = c->def->handlers,
                                       .n_handlers = c->def->n_handlers,
                                       .on_close = on_close,
                                       .arg = &c->env,
                                       .close_arg = l};

    return ipc_chan_new(c->env.ev, fd_move(&l->fd), &conf, &l->chan);
}

static enum rc add(struct role_child *c, const struct ipc_peer *m, int fd)
{
    struct role_link *l = c->n_links < ROLE_PEERS_MAX ? MEM_NEW(struct role_link) : NULL;

    if (!l) {
        fd_close(&fd);
        return RC_NOMEM;
    }
    *l = (struct role_link){
        .child = c, .role = (enum role)m->role, .instance = m->instance, .fd = fd};
    c->n_links++;
    list_insert(c->links.next, &l->link);
    if (c->phase < PHASE_STARTED)
        return RC_OK;
    TRY(connect_one(l));
    tell_of(l, l->chan);
    tell(c, l->role);
    return RC_OK;
}

/* The fresh channel to one that is known takes the place of the old one. */
void role_link_on_peer(void *arg, struct ipc_req *, const void *msg, int fd)
{
    struct role_child *c = arg;
    enum rc rc;

    role_link_on_gone(arg, NULL, msg, -1);
    rc = add(c, msg, fd);
    if (rc != RC_OK)
        role_child_fail(c, ROLE_EXIT_FAILED, &(struct err){.rc = rc});
}

/* The channel usually says so itself, sooner; but a copy of its end may live on in a descendant. */
void role_link_on_gone(void *arg, struct ipc_req *, const void *msg, int)
{
    struct role_child *c = arg;
    const struct ipc_peer *m = msg;

    LIST_FOREACH (it, &c->links) {
        struct role_link *l = link_at(it);

        if (l->role == (enum role)m->role && l->instance == m->instance) {
            lose(l);
            return;
        }
    }
}

enum rc role_links_connect(struct role_child *c)
{
    LIST_FOREACH (it, &c->links)
        TRY(connect_one(link_at(it)));
    return RC_OK;
}

void role_links_tell(struct role_child *c)
{
    LIST_FOREACH (it, &c->links)
        tell_of(link_at(it), link_at(it)->chan);
    for (unsigned r = 0; r < ROLE_COUNT; r++)
        if (role_peer(&c->env, r))
            tell(c, r);
}

bool role_links_idle(const struct role_child *c)
{
    LIST_FOREACH (it, &c->links)
        if (link_at(it)->chan && !ipc_chan_idle(link_at(it)->chan))
            return false;
    return true;
}

void role_links_free(struct role_child *c)
{
    LIST_FOREACH (it, &c->links)
        lose(link_at(it));
}
