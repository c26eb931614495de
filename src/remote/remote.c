/* SPDX-License-Identifier: Apache-2.0 */
#include "remote/remote.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/fd.h"
#include "crypto/crypto.h"
#include "dns/zones.h"
#include "ev/clock.h"
#include "log/log.h"
#include "remote/remote_int.h"
#include "role/resolv.h"
#include "sandbox/sandbox.h"
#include "sandbox/users.h"

#define USER "autarky-prober"

static const struct sandbox sandbox = {
    .user = USER,
    .promises = SB_STDIO | SB_FDPASS | SB_INET_CONNECT,
    .files = 4096,
};

static void begin(void *arg)
{
    remote_reach(arg);
}

/* Half of it to all of it, so that probers that lost one CA do not come back as one. */
static int64_t pause_of(unsigned failures)
{
    int64_t most = WHEN_SECOND << (failures < 6 ? failures : 6), half;
    uint32_t random = 0;

    if (most > REMOTE_BACKOFF_SECONDS * WHEN_SECOND)
        most = REMOTE_BACKOFF_SECONDS * WHEN_SECOND;
    if (crypto_random(&random, sizeof(random)) != RC_OK)
        random = UINT32_MAX;
    half = most / 2;
    return half + half * random / UINT32_MAX;
}

void remote_failed(struct remote *r, const struct err *err)
{
    int64_t wait = pause_of(r->failures);

    if (r->failures < UINT32_MAX)
        r->failures++;
    log_warn("remote.not-connected", LOG_STR("server", r->options->host), LOG_ERR(err),
             LOG_INT("again_in_ms", wait / 1000));
    ev_timer_start(&r->again, wait, 0);
}

void remote_reached(struct remote *r, int fd)
{
    struct err err = ERR_INIT;

    err.rc = remote_uplink_new(r, fd, &r->uplink);
    if (err.rc != RC_OK)
        remote_failed(r, &err);
}

void remote_lost(struct remote *r, bool steady, const struct err *err)
{
    remote_uplink_free(MOVE(r->uplink));
    if (steady)
        r->failures = 0;
    remote_failed(r, err);
}

static void on_signal(void *arg, int)
{
    ev_stop(arg);
}

static when_t log_now(void *)
{
    return clock_now(clock_system());
}

/* As the prober of the CA's host is. A user that `autarky init` makes is not always there. */
static enum rc confine(struct err *err)
{
    CLEANUP(fd_closep) int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(buf_done) struct buf text = BUF_INIT(SANDBOX_MECHANISMS * 2 * SANDBOX_REPORT_TEXT);
    struct sandbox_at at = {.dir = root};
    struct sandbox_report report;

    if (geteuid() == 0)
        TRY(sandbox_user_find(USER, &at.uid, &at.gid, err));
    TRY(sandbox_enter(&sandbox, &at, &report, err));
    sandbox_report_text(&report, &text);
    log_info("remote.confined", LOG_STR("by", buf_str(&text)));
    return RC_OK;
}

static enum rc start(struct remote *r, struct err *err)
{
    CLEANUP(dns_zones_unrefp) struct dns_zones *zones = NULL;
    const struct dns_zone all = {
        .name = STR("."), .servers = r->servers, .n_servers = r->n_servers};

    TRY(confine(err));
    TRY(dns_zones_new(&all, 1, &zones));
    TRY(net_system(r->ev, &r->net));
    TRY(dns_resolver_new(r->ev, r->net, zones, &r->resolver));
    remote_reach(r);
    return RC_OK;
}

static void done(struct remote *r)
{
    ev_timer_stop(&r->again);
    remote_reach_stop(r);
    remote_uplink_free(r->uplink);
    dns_resolver_free(r->resolver);
    net_free(r->net);
}

static enum rc run(struct remote *r, struct err *err)
{
    CLEANUP(ev_signal_freep) struct ev_signal *term = NULL, *interrupt = NULL;
    enum rc rc;

    TRY(ev_signal_new(r->ev, SIGTERM, on_signal, r->ev, &term));
    TRY(ev_signal_new(r->ev, SIGINT, on_signal, r->ev, &interrupt));
    ev_timer_init(&r->again, r->ev, begin, r);
    rc = start(r, err);
    if (rc == RC_OK)
        ev_run(r->ev);
    done(r);
    return rc;
}

enum rc remote_run(const struct remote_options *options, struct err *err)
{
    CLEANUP(ev_freep) struct ev *ev = NULL;
    struct remote r = {.options = options};

    log_init(&(struct log_conf){.role = "prober", .level = LOG_LEVEL_INFO, .now = log_now});
    signal(SIGPIPE, SIG_IGN);
    r.n_servers = role_resolv_conf("validation", r.servers);
    TRY(ev_new(clock_system(), &ev));
    r.ev = ev;
    return run(&r, err);
}
