/* SPDX-License-Identifier: Apache-2.0 */
/* Records of DNS that were set and removed, for the audit log: core is told of one after the other,
 * and again when it was away. Neither the value of a record nor a key is told. */
#include "emissary/emissary_int.h"
#include "ev/clock.h"
#include "log/log.h"

enum { REASON_BYTES = 1024, SERVER_BYTES = 256 };

struct change {
    struct list link;
    bool removed;
    char site[DNS_NAME_MAX + 1], zone[DNS_NAME_MAX + 1], name[DNS_NAME_MAX + 1];
    char server[SERVER_BYTES], reason[REASON_BYTES];
    when_t at;
};

/* There is one. */
static struct change *first_of(struct emissary *e)
{
    return LIST_ENTRY(e->changes.next, struct change, link);
}

static void drop_first(struct emissary *e)
{
    struct change *c = first_of(e);

    list_remove(&c->link);
    e->n_changes--;
    mem_free(c);
}

static void lose_first(struct emissary *e)
{
    log_error("emissary.change-lost", LOG_Z("site", first_of(e)->site),
              LOG_Z("record", first_of(e)->name));
    drop_first(e);
}

static void tell(struct emissary *e);

static void on_told(void *arg, const struct ipc_answer *a)
{
    struct emissary *e = arg;

    e->telling = NULL;
    if (a->rc == RC_CLOSED || a->rc == RC_CANCELLED)
        return; /* the next core is told */
    if (a->rc == RC_OK || a->rc == RC_INVAL) {
        if (a->rc == RC_OK)
            drop_first(e);
        else
            lose_first(e);
        tell(e);
        emissary_look_drained(e);
    } else {
        ev_timer_start(&e->tell_again, EMISSARY_CHANGE_AGAIN_SECONDS * WHEN_SECOND, 0);
    }
}

static void tell(struct emissary *e)
{
    const struct change *c;
    struct ipc_changed msg;
    struct ipc_ask ask = {.type = IPC_CHANGED,
                          .msg = &msg,
                          .timeout = EMISSARY_CHANGE_SECONDS * WHEN_SECOND,
                          .fn = on_told,
                          .arg = e};

    if (list_empty(&e->changes) || !e->core || e->telling)
        return;
    c = first_of(e);
    msg = (struct ipc_changed){.removed = c->removed,
                               .site = str_of(c->site),
                               .zone = str_of(c->zone),
                               .name = str_of(c->name),
                               .server = str_of(c->server),
                               .at = c->at,
                               .reason = str_of(c->reason)};
    if (ipc_call(e->core, &ask, &e->telling) != RC_OK)
        ev_timer_start(&e->tell_again, EMISSARY_CHANGE_AGAIN_SECONDS * WHEN_SECOND, 0);
}

static void on_again(void *arg)
{
    tell(arg);
}

void emissary_changes_init(struct emissary *e)
{
    list_init(&e->changes);
    ev_timer_init(&e->tell_again, e->env->ev, on_again, e);
}

void emissary_changes_core(struct emissary *e, struct ipc_chan *core)
{
    e->core = core;
    tell(e);
    emissary_look_drained(e);
}

void emissary_change(struct emissary *e, const char *site, const struct agent_record *record)
{
    struct change *c;

    if (e->n_changes >= EMISSARY_CHANGES_MAX && !e->telling)
        lose_first(e);
    c = e->n_changes < EMISSARY_CHANGES_MAX ? MEM_NEW(struct change) : NULL;
    if (!c) {
        log_error("emissary.change-lost", LOG_Z("site", site), LOG_Z("record", record->name));
        return;
    }
    c->removed = record->removed;
    c->at = clock_now(e->env->clock);
    IGNORE_RC(str_copyz(str_of(site), c->site, sizeof(c->site)));
    IGNORE_RC(str_copyz(str_of(record->zone), c->zone, sizeof(c->zone)));
    IGNORE_RC(str_copyz(str_of(record->name), c->name, sizeof(c->name)));
    IGNORE_RC(str_copyz(str_of(record->server), c->server, sizeof(c->server)));
    if (record->why && record->why->rc != RC_OK)
        err_textz(record->why, c->reason, sizeof(c->reason));
    list_push(&e->changes, &c->link);
    e->n_changes++;
    tell(e);
}

bool emissary_changes_told(const struct emissary *e)
{
    return list_empty(&e->changes);
}

void emissary_changes_stop(struct emissary *e)
{
    ev_timer_stop(&e->tell_again);
    if (e->telling)
        ipc_cancel(MOVE(e->telling));
    while (!list_empty(&e->changes))
        lose_first(e);
}
