/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the core role share: core.c (life and reload), core_http.c (front's requests),
 * core_cert.c (the API's own certificate), core_names.c (what this host is called), core_admin.c
 * (the control socket), core_probe.c (the prober). */
#pragma once

#include "acme/acme.h"
#include "base/list.h"
#include "ca/issue.h"
#include "conf/conf.h"
#include "ev/ev.h"
#include "ipc/chan.h"
#include "role/role.h"
#include "store/store.h"

enum { CORE_NAMES_MAX = 32, CORE_ADMINS_MAX = 16 };

/* What this host is called: for the API's certificate, and the hosts under which clients may reach
 * the API. */
struct core_names {
    struct arena arena;
    struct str dns[CORE_NAMES_MAX]; /* sorted */
    struct addr ips[CORE_NAMES_MAX];
    size_t n_dns, n_ips;
    struct str left_out; /* ", "-joined: outside of what the hierarchy covers */
};

struct core {
    struct ev *ev;
    const struct conf *conf;
    struct store *store;
    struct ev_wake *wake;
    struct ca *ca;
    struct acme *acme;
    struct core_names names;
    struct ipc_chan *supervisor; /* borrowed, as the next two; NULL while away */
    struct ipc_chan *signer;
    struct ipc_chan *prober;
    int control; /* listening; borrowed */
    struct ev_fd *control_fd;
    struct ev_hook drain;
    struct list admins;
    size_t n_admins;
    uid_t admin_uid; /* who may use the control socket besides root */
};

/* Reads host name and addresses; before confinement. */
enum rc core_names_read(struct core_names *names, const struct conf *conf);
void core_names_done(struct core_names *names);
/* Tells acme. */
enum rc core_names_apply(struct core *core);

/* Handlers of the channel to front; `arg` is the role_env. */
void core_on_http(void *arg, struct ipc_req *req, const void *msg, int fd);
void core_on_api_cert(void *arg, struct ipc_req *req, const void *msg, int fd);

/* For acme_options. */
enum rc core_validate(void *arg, const struct acme_validation *v, acme_validated_fn fn,
                      void *fn_arg);

/* Begins to accept on core->control; ends all conversations. */
enum rc core_admin_start(struct core *core);
void core_admin_stop(struct core *core);
