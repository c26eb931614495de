/* SPDX-License-Identifier: Apache-2.0 */
/* Probers on other hosts, as core sees them: which of them may take part, validates what, and is
 * there (docs/internals/validation.md). Front holds their connections. */
#pragma once

#include "acme/acme.h"
#include "api/admin.h"
#include "conf/conf.h"
#include "ipc/chan.h"
#include "ipc/probe_messages.h"

struct core;

enum { CORE_REMOTE_SHARE = 24 /* attempts that one remote prober may have unanswered */ };
#define CORE_REMOTE_SILENCE (60 * WHEN_SECOND) /* after which it is taken for gone */
/* Behind the prober's own limit, which has a share of its own for CAA. */
#define CORE_PROBE_SLACK (8 * WHEN_SECOND)

/* A prober on another host, found by its name in the configuration. */
struct core_remote {
    char name[65]; /* "": a free place */
    char program[65];
    bool here;
    int64_t heard; /* monotonic: front spoke of it last */
    when_t since, seen, expires;
    struct addr address;
    size_t under_way;
    uint64_t attempts;
};

/* Handler of IPC_PROBER, which by ipc's table only front can send. */
void core_on_prober(void *arg, struct ipc_req *req, const void *msg, int fd);
/* As acme_options.validate, for what is that prober's; while it is away `fn` gets RC_CLOSED and a
 * message that names it. */
enum rc core_remote_validate(struct core *core, const struct conf_prober *prober,
                             const struct ipc_validate *what, acme_validated_fn fn, void *arg);
/* Asks for a look; `ask` has time, callback and its argument. RC_CLOSED while it is away, RC_QUOTA;
 * otherwise as ipc_call. */
enum rc core_remote_look(struct core *core, const struct conf_prober *prober,
                         const struct ipc_preflight *what, struct ipc_ask *ask);
/* RC_CLOSED and the words for it. */
enum rc core_remote_away(const struct conf_prober *prober, struct str identifier, struct err *err);
size_t core_remotes_show(const struct core *core, struct api_prober out[static CONF_PROBERS_MAX]);
void core_remotes_measure(const struct core *core);
/* At the end: nobody is told any more. */
void core_remotes_stop(struct core *core);
