/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket: who comes is known by the kernel's word (SO_PEERCRED). */
#include <unistd.h>

#include "core/core_int.h"
#include "core/operators.h"
#include "log/log.h"
#include "net/net.h"

struct admin {
    struct list link;
    struct core *core;
    struct ipc_chan *chan;
    struct core_who who;
};

static void on_admin(void *arg, struct ipc_req *req, const void *msg, int fd)
{
    const struct admin *admin = arg;

    (void)fd;
    core_admin_command(admin->core, req, &admin->who, msg);
}

static void free_admin(struct admin *a)
{
    list_remove(&a->link);
    a->core->n_admins--;
    ipc_chan_free(a->chan);
    mem_free(a);
}

static void on_close(void *arg, enum rc why, const struct err *err)
{
    (void)why;
    (void)err;
    free_admin(arg);
}

static const struct ipc_handler handlers[] = {{IPC_ADMIN, on_admin}};

static bool has_place(const struct core *core, const struct core_who *who)
{
    size_t others = 0;

    LIST_FOREACH (link, &core->admins)
        others += !core_is_admin(core, &LIST_ENTRY(link, struct admin, link)->who);
    return core->n_admins < CORE_ADMINS_MAX &&
           (core_is_admin(core, who) || others < CORE_PEOPLE_CONVERSATIONS_MAX);
}

static enum rc add_admin(struct core *core, int fd, const struct core_who *who)
{
    struct admin *a = has_place(core, who) ? MEM_NEW(struct admin) : NULL;
    struct ipc_chan_conf conf = {
        .self = ROLE_CORE,
        .peer = ROLE_ADMIN,
        .handlers = handlers,
        .n_handlers = sizeof(handlers) / sizeof(handlers[0]),
        .on_close = on_close,
        .arg = a,
    };
    enum rc rc;

    if (!a) {
        close(fd);
        return RC_QUOTA;
    }
    a->core = core;
    a->who = *who;
    list_init(&a->link);
    list_push(&core->admins, &a->link);
    core->n_admins++;
    rc = ipc_chan_new(core->ev, fd, &conf, &a->chan);
    if (rc != RC_OK)
        free_admin(a);
    return rc;
}

static void on_control(void *arg, unsigned events)
{
    struct core *core = arg;
    struct net_cred cred;
    struct core_who who;
    int fd;

    (void)events;
    if (net_accept(core->control, &fd, NULL) != RC_OK)
        return;
    if (net_peer_cred(fd, &cred) != RC_OK) {
        close(fd);
        return;
    }
    who = core_who_of(&cred);
    who.roles = core_operators_roles(core, fd, &cred);
    if (!core_is_admin(core, &who) && !who.roles) {
        log_warn("core.admin-refused", LOG_INT("uid", cred.uid), LOG_INT("pid", cred.pid));
        close(fd);
        return;
    }
    if (add_admin(core, fd, &who) != RC_OK)
        log_warn("core.admin-too-many", LOG_INT("open", core->n_admins));
}

enum rc core_admin_start(struct core *core)
{
    TRY(ev_fd_new(core->ev, core->control, on_control, core, &core->control_fd));
    ev_fd_watch(core->control_fd, EV_READ);
    return RC_OK;
}

void core_admin_stop(struct core *core)
{
    ev_fd_free(core->control_fd);
    core->control_fd = NULL;
    LIST_FOREACH (link, &core->admins)
        free_admin(LIST_ENTRY(link, struct admin, link));
}
