/* SPDX-License-Identifier: Apache-2.0 */
/* Core with a register and a signer, and front played by the test: requests go in as messages. */
#pragma once

#include "world.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/operators.h"
#include "http/exchange.h"
#include "ipc/table.h"
#include "log/log.h"

#define HOST "ca.hospital.example:8555"
#define PASSWORD "correct horse battery"

enum { SPINS = 200 };

struct play {
    struct world w;
    struct role_env env;
    struct core core;
    struct ipc_chan *here, *there;
    struct str shown_sha256, shown_serial; /* of the connection that asks */
    const char *listener;                  /* NULL: api */
    struct core_answer {
        bool came;
        enum rc rc;
        int status;
        char code[64];
        char cookie[128], known[160];
        struct buf body;
    } got;
};

static void quiet(void *, enum log_level, struct str)
{
}

static void on_close(void *, enum rc, const struct err *)
{
}

static void answered(void *arg, const struct ipc_answer *a)
{
    struct core_answer *got = &((struct play *)arg)->got;
    const struct ipc_http_reply *reply = a->msg;

    got->came = true;
    got->rc = a->rc;
    got->status = a->rc == RC_OK ? reply->status : a->err ? a->err->status : 0;
    if (a->err && a->err->msg)
        snprintf(got->code, sizeof(got->code), "%s", a->err->msg->code);
    if (a->rc != RC_OK)
        return;
    buf_puts(&got->body, reply->body);
    for (size_t i = 0; i < reply->headers.n; i++) {
        struct str value = reply->headers.v[i].value;

        if (!str_eq(reply->headers.v[i].name, STR("Set-Cookie")))
            continue;
        if (str_starts(value, STR("__Host-autarky-known=")))
            IGNORE_RC(
                str_copyz(str_head(value, str_find(value, ';')), got->known, sizeof(got->known)));
        else
            IGNORE_RC(
                str_copyz(str_head(value, str_find(value, ';')), got->cookie, sizeof(got->cookie)));
    }
}

static void play_done(struct play *p)
{
    core_passwords_free(p->core.passwords);
    ipc_chan_free(p->there);
    ipc_chan_free(p->here);
    core_audit_stop(&p->core);
    core_audit_free(&p->core);
    buf_done(&p->got.body);
    world_done(&p->w);
}

static bool play_init(struct play *p)
{
    static const struct ipc_handler handlers[] = {{IPC_HTTP, core_on_http}};
    struct log_conf quietly = {.role = "test", .sink = quiet};
    struct ipc_chan_conf core = {ROLE_CORE, ROLE_FRONT, handlers, 1, on_close, &p->env};
    struct ipc_chan_conf front = {ROLE_FRONT, ROLE_CORE, NULL, 0, on_close, p};
    int fds[2];

    log_init(&quietly);
    buf_init(&p->got.body, 4 << 20);
    if (!world_start(&p->w, NULL))
        return false;
    p->core = (struct core){.ev = p->w.ev,
                            .store = p->w.store,
                            .ca = p->w.ca,
                            .acme = p->w.acme,
                            .conf = p->w.conf,
                            .policy = p->w.policy,
                            .revocation = p->w.revocation};
    list_init(&p->core.admins);
    list_init(&p->core.far);
    p->env = (struct role_env){.role = ROLE_CORE, .ev = p->w.ev, .conf = p->w.conf};
    p->env.state = &p->core;
    core_ui_init(&p->core);
    idempotency_init(&p->core.idempotency, p->w.store);
    return core_sign_in_init(&p->core) == RC_OK &&
           core_passwords_new(p->w.ev, &p->core.passwords) == RC_OK &&
           core_audit_new(&p->core) == RC_OK &&
           socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0 &&
           ipc_chan_new(p->w.ev, fds[0], &core, &p->here) == RC_OK &&
           ipc_chan_new(p->w.ev, fds[1], &front, &p->there) == RC_OK;
}

#define BEGIN(p)                                                                                   \
    CLEANUP(play_done) struct play p = {.w.dir.fd = -1};                                           \
    CHECK(play_init(&p))

/* A request; `header` as "name: value", or NULL. */
[[maybe_unused]] static int ask(struct play *p, const char *method, const char *target,
                                const char *const *headers, const char *body)
{
    struct ipc_pair pairs[8];
    struct ipc_http msg = {.listener = str_of(p->listener ? p->listener : "api"),
                           .method = str_of(method),
                           .target = str_of(target),
                           .host = STR(HOST),
                           .client = {4, {10, 1, 2, 3}},
                           .shown_sha256 = p->shown_sha256,
                           .shown_serial = p->shown_serial,
                           .content_type = str_starts(str_of(target), STR("/ui/"))
                                               ? STR("application/x-www-form-urlencoded")
                                               : STR("application/json"),
                           .headers = {pairs, 0},
                           .body = str_of(body)};
    struct ipc_ask question = {.type = IPC_HTTP, .msg = &msg, .fn = answered, .arg = p};

    for (; headers && *headers; headers++) {
        struct ipc_pair *pair = &pairs[msg.headers.n++];

        str_cut(str_of(*headers), ':', &pair->name, &pair->value);
        pair->value = str_trim(pair->value);
    }
    p->got.came = false;
    p->got.code[0] = p->got.cookie[0] = '\0';
    buf_reset(&p->got.body);
    if (ipc_call(p->there, &question, NULL) != RC_OK)
        return -1;
    for (int i = 0; i < SPINS && !p->got.came; i++) {
        world_spin(&p->w);
        if (core_passwords_pending(p->core.passwords))
            ev_run_once(p->w.ev, EV_WAIT); /* the thread wakes it */
    }
    return p->got.came ? p->got.status : -2;
}

[[maybe_unused]] static bool in_words(const struct play *p, const char *text)
{
    return memmem(p->got.body.p, p->got.body.n, text, strlen(text)) != NULL;
}

/* ---- users */

static enum rc add_user(struct store_txn *txn, void *arg)
{
    return store_user_add(txn, arg);
}

[[maybe_unused]] static const char totp_key[] = "12345678901234567890";

[[maybe_unused]] static bool has_user(struct play *p, const char *name)
{
    CLEANUP(buf_done) struct buf sealed = BUF_INIT(STORE_TOTP_MAX);
    unsigned char kept[CRYPTO_PASSWORD_BYTES];
    struct store_user u = {.name = str_of(name),
                           .roles = 1u << OPERATORS_OFFICER,
                           .host_user = -1,
                           .created = WORLD_NOW};

    if (id_new(&u.id) != RC_OK || crypto_password_make(STR(PASSWORD), kept) != RC_OK ||
        core_totp_seal(&p->core, &u.id, str_of(totp_key), &sealed) != RC_OK)
        return false;
    u.password = str_bytes(kept, sizeof(kept));
    u.totp = buf_str(&sealed);
    return store_write_now(p->w.store, add_user, &u) == RC_OK;
}
