/* SPDX-License-Identifier: Apache-2.0 */
/* Two more small roles, for tests of roles that have several processes, or none. Who connects to
 * the gateway is told which process it met. The keeper hands each worker one identity, and the log
 * says to whom. */
#pragma once

#include "service_roles.h"

#include "ipc/site_messages.h"

/* gateway */

enum { GATEWAY_LISTENERS = 4 };

static struct gateway {
    struct role_env *env;
    struct ev_fd *listeners[GATEWAY_LISTENERS];
    unsigned identities;
} gateway;

static void gateway_on_identity(void *, struct ipc_req *req, const void *, int)
{
    gateway.identities++;
    IGNORE_RC(ipc_reply(req, NULL)); /* the test sees it missing */
}

static void gateway_on_accept(void *arg, unsigned)
{
    const struct role_listener *l = arg;
    int fd;

    while (net_accept(l->fd, &fd, NULL) == RC_OK) {
        char text[SERVICE_LINE];
        int n = snprintf(text, sizeof(text), "gateway pid=%d identities=%u", getpid(),
                         gateway.identities);

        if (write(fd, text, (size_t)n) < 0)
            log_warn("test.write");
        fd_close(&fd);
    }
}

static enum rc gateway_start(struct role_env *env, struct err *)
{
    gateway.env = env;
    for (size_t i = 0; i < env->n_listeners && i < GATEWAY_LISTENERS; i++) {
        TRY(ev_fd_new(env->ev, env->listeners[i].fd, gateway_on_accept, &env->listeners[i],
                      &gateway.listeners[i]));
        ev_fd_watch(gateway.listeners[i], EV_READ);
    }
    log_info("test.gateway", LOG_INT("pid", getpid()), LOG_INT("instance", env->instance),
             LOG_INT("listeners", (int64_t)env->n_listeners));
    return RC_OK;
}

/* workers: 13 in the configuration is refused, by each. */
static enum rc gateway_prepare(struct role_env *, const struct conf *next, struct err *)
{
    return next->gateway.workers == 13 ? RC_UNSUPPORTED : RC_OK;
}

static void gateway_drain(struct role_env *env)
{
    for (size_t i = 0; i < env->n_listeners && i < GATEWAY_LISTENERS; i++)
        gateway_on_accept(&env->listeners[i], EV_READ); /* who waits already */
    role_drained(env);
}

static void gateway_close(struct role_env *)
{
    for (size_t i = 0; i < GATEWAY_LISTENERS; i++)
        ev_fd_free(MOVE(gateway.listeners[i]));
}

static const struct ipc_handler gateway_handlers[] = {{IPC_IDENTITY, gateway_on_identity}};

static const struct role_def service_gateway = {
    .role = ROLE_GATEWAY,
    .sandbox = &service_sandbox,
    .wanted = role_wanted_workers,
    .handlers = gateway_handlers,
    .n_handlers = 1,
    .overlaps = true,
    .start = gateway_start,
    .prepare = gateway_prepare,
    .drain = gateway_drain,
    .close = gateway_close,
};

/* keeper */

static unsigned keeper_workers;

static void keeper_count(void *, uint8_t, struct ipc_chan *)
{
    keeper_workers++;
}

static void keeper_on_stored(void *arg, const struct ipc_answer *a)
{
    keeper_workers = 0;
    role_peers_each(arg, ROLE_GATEWAY, keeper_count, NULL);
    log_info("test.keeper-pushed", LOG_Z("rc", rc_text(a->rc)), LOG_INT("workers", keeper_workers));
}

static void keeper_each_peer(struct role_env *env, enum role role, uint8_t instance,
                             struct ipc_chan *chan)
{
    const struct ipc_identity m = {
        .site = STR("wiki.hospital.example"), .leaf = STR("leaf"), .key = STR("key")};
    const struct ipc_ask ask = {
        .type = IPC_IDENTITY, .msg = &m, .fn = keeper_on_stored, .arg = env};

    if (role != ROLE_GATEWAY)
        return;
    log_info("test.keeper-peer", LOG_INT("instance", instance), LOG_BOOL("there", chan != NULL));
    if (chan && ipc_call(chan, &ask, NULL) != RC_OK)
        log_warn("test.call");
}

/* It asks front which process it is, by the way that is its own. */

static struct ev_fd *keeper_watch;
static int keeper_fd = -1;

static void keeper_on_answer(void *, unsigned)
{
    char text[SERVICE_LINE];
    ssize_t n = read(keeper_fd, text, sizeof(text));

    if (n < 0)
        return;
    if (n > 0)
        log_info("test.keeper-private", LOG_STR("answer", str_bytes(text, (size_t)n)));
    ev_fd_watch(keeper_watch, 0);
}

static enum rc keeper_open(struct role_env *env, struct err *)
{
    return fchdir(env->data) == 0 ? RC_OK : RC_IO;
}

static enum rc keeper_start(struct role_env *env, struct err *err)
{
    TRY(net_connect_unix(ROLE_PRIVATE_SOCKET, &keeper_fd, err));
    if (write(keeper_fd, "front\n", 6) != 6)
        return RC_IO;
    TRY(ev_fd_new(env->ev, keeper_fd, keeper_on_answer, NULL, &keeper_watch));
    ev_fd_watch(keeper_watch, EV_READ);
    return RC_OK;
}

static void keeper_close(struct role_env *)
{
    ev_fd_free(MOVE(keeper_watch));
    fd_close(&keeper_fd);
}

static const struct sandbox keeper_sandbox = {
    .user = "nobody",
    .promises = SB_STDIO | SB_FDPASS | SB_UNIX,
};

static const struct role_def service_keeper = {
    .role = ROLE_KEEPER,
    .sandbox = &keeper_sandbox,
    .open = keeper_open,
    .start = keeper_start,
    .close = keeper_close,
    .wanted = role_wanted_with_sites,
    .drain_order = 1,
    .each_peer = keeper_each_peer,
};

static const struct role_def *const service_defs[] = {
    &service_signer, &service_core, &service_front, &service_keeper, &service_gateway, NULL};
