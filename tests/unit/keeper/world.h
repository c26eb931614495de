/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper beside a core, workers of the gateway and an ACME server that a test plays. */
#pragma once

#include "check.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acme_fake.h"
#include "base/file.h"
#include "client/pair.h"
#include "ev/clock.h"
#include "ipc/site_messages.h"
#include "ipc/table.h"
#include "keeper/keeper_int.h"
#include "log/log.h"
#include "pushed.h"
#include "role/child_int.h"
#include "role/roles.h"

#define NOW (PKI_FROM + WHEN_DAY)
#define LIFE (90 * WHEN_DAY)

enum { WORKERS = 2, TURNS = 30, SEEN_MAX = 4096 };

struct worker {
    struct world *world;
    struct ipc_chan *here, *there;
    struct pushed pushed;
    struct buf seen; /* "site algorithm;" of each identity that was right */
    unsigned wrong, refuse, tickets, turned_away; /* turned_away: of this site, always: */
    const char *refused_site;
    char keys[3][KEEPER_TICKET_BYTES];
    struct buf staple; /* of the last identity */
    when_t staple_until;
    unsigned stapled, proofs; /* identities with one; what is shown to other CAs */
};

struct world {
    struct clock_fake clock;
    struct role_child child;
    struct role_env *env;
    struct conf conf[2];
    struct conf_site sites[8];
    struct check_dir dir;
    struct acme_fake fake;
    bool running, no_vouch;
    struct ipc_chan *here, *there; /* core */
    unsigned vouches;
    char thumbprint[64];
    struct worker workers[WORKERS];
    enum rc rc; /* of what core asked */
    char text[2048];
    struct buf told; /* "name algorithm state failures why;" */
    uint8_t staple;  /* of the last one told of, with its times */
    when_t staple_at, staple_until;
    bool answered;
};

static void quiet(void *, enum log_level, struct str)
{
}

[[maybe_unused]] static void turn(struct world *w)
{
    for (int i = 0; i < TURNS; i++)
        ev_run_once(w->env->ev, EV_NOWAIT);
}

[[maybe_unused]] static void pass(struct world *w, int64_t micros, int64_t piece)
{
    turn(w);
    for (int64_t done = 0; done < micros; done += piece) {
        clock_fake_advance(&w->clock, piece);
        turn(w);
    }
}

static void on_close(void *, enum rc, const struct err *)
{
}

/* ---- core */

MSG(msg_no, "test.no", "no");

static void on_vouch(void *arg, struct ipc_req *req, const void *msg, int)
{
    struct world *w = arg;
    const struct ipc_vouch *m = msg;
    struct err err = ERR_INIT;

    w->vouches++;
    IGNORE_RC(str_copyz(m->thumbprint, w->thumbprint, sizeof(w->thumbprint)));
    if (w->no_vouch) {
        IGNORE_RC(ERR(&err, RC_DENIED, msg_no));
        ipc_reply_err(req, &err);
    } else {
        IGNORE_RC(ipc_reply(req, NULL));
    }
}

[[maybe_unused]] static enum rc core_comes(struct world *w)
{
    static const struct ipc_handler handlers[] = {{IPC_VOUCH, on_vouch}};
    struct ipc_chan_conf keeper = {
        ROLE_KEEPER, ROLE_CORE, role_keeper.handlers, role_keeper.n_handlers, on_close, w->env};
    struct ipc_chan_conf core = {ROLE_CORE, ROLE_KEEPER, handlers, 1, on_close, w};
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
        return RC_IO;
    TRY(ipc_chan_new(w->env->ev, fds[0], &keeper, &w->here));
    TRY(ipc_chan_new(w->env->ev, fds[1], &core, &w->there));
    role_keeper.peer(w->env, ROLE_CORE, w->here);
    turn(w);
    return RC_OK;
}

[[maybe_unused]] static void core_dies(struct world *w)
{
    if (w->running)
        role_keeper.peer(w->env, ROLE_CORE, NULL);
    ipc_chan_free(MOVE(w->here));
    ipc_chan_free(MOVE(w->there));
}

static void on_sites(void *arg, const struct ipc_answer *answer)
{
    struct world *w = arg;
    const struct ipc_sites *m = answer->msg;
    char why[512];

    w->answered = true;
    w->rc = answer->rc;
    buf_reset(&w->told);
    if (answer->rc != RC_OK)
        return;
    for (size_t i = 0; i < m->sites.n; i++) {
        const struct ipc_site *s = &m->sites.v[i];

        buf_printf(&w->told, "%.*s %u %s %u%s%s%s;", STR_ARG(s->name), s->algorithm,
                   ipc_site_state_name(s->state), s->failures, s->serial.n ? " serial" : "",
                   s->failures ? " " : "", s->failures ? err_textz(&s->why, why, sizeof(why)) : "");
        w->staple = s->staple;
        w->staple_at = s->staple_at;
        w->staple_until = s->staple_until;
    }
}

[[maybe_unused]] static enum rc ask_sites(struct world *w, uint32_t from, uint32_t most)
{
    struct ipc_sites_ask msg = {from, most};
    struct ipc_ask ask = {IPC_SITES, &msg, 0, NULL, on_sites, w};

    w->answered = false;
    TRY(ipc_call(w->there, &ask, NULL));
    turn(w);
    return w->answered ? w->rc : RC_AGAIN;
}

static void on_renew(void *arg, const struct ipc_answer *answer)
{
    struct world *w = arg;

    w->answered = true;
    w->rc = answer->rc;
    if (answer->rc != RC_OK && answer->err)
        err_textz(answer->err, w->text, sizeof(w->text));
}

[[maybe_unused]] static enum rc ask_renew(struct world *w, const char *site)
{
    struct ipc_renew msg = {str_of(site)};
    struct ipc_ask ask = {IPC_RENEW, &msg, 0, NULL, on_renew, w};

    w->answered = false;
    TRY(ipc_call(w->there, &ask, NULL));
    turn(w);
    return w->answered ? w->rc : RC_AGAIN;
}

#include "workers.h"

/* ---- the keeper */

[[maybe_unused]] static void keeper_ends(struct world *w)
{
    for (unsigned i = 0; i < WORKERS; i++)
        worker_dies(w, (uint8_t)i);
    core_dies(w);
    if (w->env && w->env->state)
        role_keeper.close(w->env);
    IGNORE_RC(crypto_init()); /* the server's keys go on */
    w->running = false;
}

[[maybe_unused]] static enum rc keeper_starts(struct world *w, struct err *err)
{
    TRY(role_keeper.open(w->env, err));
    ((struct keeper *)w->env->state)->transport = &w->fake.transport;
    TRY(role_keeper.start(w->env, err));
    w->running = true;
    return RC_OK;
}

[[maybe_unused]] static enum rc keeper_starts_with_all(struct world *w)
{
    TRY(keeper_starts(w, NULL));
    TRY(core_comes(w));
    for (unsigned i = 0; i < WORKERS; i++)
        TRY(worker_comes(w, (uint8_t)i));
    return RC_OK;
}

static void world_done(struct world *w)
{
    if (!w->env)
        return;
    keeper_ends(w);
    acme_fake_done(&w->fake);
    if (w->env->ev)
        ev_timer_stop(&w->child.leave);
    ev_free(w->env->ev);
    for (size_t i = 0; i < WORKERS; i++) {
        pushed_done(&w->workers[i].pushed);
        buf_done(&w->workers[i].seen);
        buf_done(&w->workers[i].staple);
    }
    buf_done(&w->told);
    check_dir_done(&w->dir);
}

static void on_leave(void *)
{
}

static enum rc write_roots(struct world *w)
{
    CLEANUP(buf_done) struct buf pem = BUF_INIT(1 << 16);

    if (mkdirat(w->dir.fd, "trust", 0700) != 0)
        return RC_IO;
    x509_cert_put_pem(acme_fake_root(&w->fake), &pem);
    TRY(buf_rc(&pem));
    return file_write(w->dir.fd, "trust/roots-all.pem", buf_str(&pem), 0644, FILE_OWNER_SELF, NULL);
}

[[maybe_unused]] static void set_site(struct world *w, size_t i, const char *name,
                                      unsigned algorithms)
{
    w->sites[i] = (struct conf_site){
        .name = str_of(name), .algorithms = algorithms, .profile = STR("default")};
}

static enum rc world_init(struct world *w)
{
    struct log_conf quietly = {.role = "test", .sink = quiet};

    memset(w, 0, sizeof(*w));
    log_init(&quietly);
    check_dir_init(&w->dir);
    buf_init(&w->told, SEEN_MAX);
    for (size_t i = 0; i < WORKERS; i++) {
        buf_init(&w->workers[i].seen, SEEN_MAX);
        buf_init(&w->workers[i].staple, KEEPER_STAPLE_MAX);
    }
    clock_fake_init(&w->clock, NOW);
    w->env = &w->child.env;
    w->env->clock = &w->clock.clock;
    w->env->data = w->dir.fd;
    w->env->conf = &w->conf[0];
    set_site(w, 0, "wiki.hospital.example", 1u << CONF_KEY_ECDSA);
    set_site(w, 1, "lab.hospital.example", 1u << CONF_KEY_ECDSA);
    w->conf[0].gateway.sites = w->sites;
    w->conf[0].gateway.n_sites = 2;
    TRY(crypto_init());
    TRY(ev_new(&w->clock.clock, &w->env->ev));
    ev_timer_init(&w->child.leave, w->env->ev, on_leave, w);
    if (!acme_fake_start(&w->fake, w->env->ev))
        return RC_NOMEM;
    w->fake.now = NOW;
    w->fake.life = LIFE;
    return write_roots(w);
}

#define BEGIN(w)                                                                                   \
    CLEANUP(world_done) struct world w = {};                                                       \
    CHECK_OK(world_init(&w))

[[maybe_unused]] static enum rc add_sm2_root(struct world *w)
{
    CLEANUP(pki_done) struct pki p = {};
    CLEANUP(buf_done) struct buf pem = BUF_INIT(1 << 16);

    TRY(pki_init_root(&p, key_load(key_sm2)));
    TRY(file_read(w->dir.fd, "trust/roots-all.pem", &pem, NULL));
    x509_cert_put_pem(buf_str(&p.root_der), &pem);
    TRY(buf_rc(&pem));
    return file_write(w->dir.fd, "trust/roots-all.pem", buf_str(&pem), 0644, FILE_OWNER_SELF, NULL);
}

[[maybe_unused]] static struct keeper_slot *slot_of(struct world *w, const char *name)
{
    return keeper_slot_find(w->env->state, str_of(name), CONF_KEY_ECDSA);
}

[[maybe_unused]] static size_t count(const struct buf *seen, const char *what)
{
    CLEANUP(buf_done) struct buf copy = BUF_INIT(SEEN_MAX + 1);
    size_t n = 0;

    buf_puts(&copy, buf_str(seen));
    for (const char *p = buf_z(&copy); (p = strstr(p, what)); p++)
        n++;
    return n;
}
