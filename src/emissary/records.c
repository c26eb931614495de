/* SPDX-License-Identifier: Apache-2.0 */
/* Records that prove names (dns-01), set and removed by dynamic updates. Each proof has a solver of
 * its own, which lives until its record is gone; whoever asks to remove one that this process never
 * set, for the one before it did, gets that, too. */
#include "emissary/emissary_int.h"

#include <stdio.h>

#include "log/log.h"

MSG(msg_site, "emissary.no-settings",
    "the settings of the site {0} for `dns` were not read: they are not in the configuration that "
    "this process began with");
MSG(msg_many, "emissary.records-many", "{0} records are being set already");
MSG(msg_twice, "emissary.record-twice", "that record of {0} is being set already");
MSG(msg_settings, "emissary.settings", "the file {0} of the site {1}: {2}");

enum { TEXT_BYTES = 400, TOKEN_BYTES = 1024 };

struct record {
    struct list link;
    struct emissary *e;
    struct agent_world world; /* of this solver: says of which site a change is */
    struct agent_solver *solver;
    char name[DNS_NAME_MAX + 1], token[TOKEN_BYTES], authorization[TOKEN_BYTES];
    struct client_proof proof;
    struct ipc_req *req; /* waits until it can be seen */
    bool gone;           /* it is being removed */
};

/* ---- settings */

enum rc emissary_records_open(struct emissary *e)
{
    for (size_t i = 0; i < e->conf->gateway.others.n_updates && i < CONF_UPDATES_MAX; i++) {
        const struct conf_update *u = &e->conf->gateway.others.updates[i];
        struct emissary_zone *z = &e->zones[e->n_zones++];

        z->of = u;
        z->why.rc = agent_dns_conf_load(u->file, &z->conf, &z->why);
        z->usable = z->why.rc == RC_OK;
        if (z->why.rc == RC_NOMEM)
            return RC_NOMEM;
        if (!z->usable)
            log_error("emissary.settings-unusable", LOG_STR("name", u->name),
                      LOG_STR("file", u->file), LOG_ERR(&z->why));
    }
    return RC_OK;
}

static const struct emissary_zone *zone_of(const struct emissary *e, struct str site)
{
    const struct conf_site *s = conf_site_find(e->env->conf, site);

    for (size_t i = 0; s && s->dns.n && i < e->n_zones; i++)
        if (str_eq(e->zones[i].of->name, s->dns))
            return &e->zones[i];
    return NULL;
}

/* ---- one record */

static void record_free(struct record *r)
{
    agent_solver_free(r->solver);
    list_remove(&r->link);
    r->e->n_records--;
    mem_free(r);
}

static struct record *find(struct emissary *e, const struct ipc_proof *m)
{
    LIST_FOREACH (it, &e->records) {
        struct record *r = LIST_ENTRY(it, struct record, link);

        if (!r->gone && str_eq(str_of(r->name), m->site) &&
            str_eq(str_of(r->authorization), m->key_authorization))
            return r;
    }
    return NULL;
}

static void on_changed(void *arg, const struct agent_record *record)
{
    const struct record *r = arg;

    emissary_change(r->e, r->name, record);
}

static enum rc add(struct emissary *e, const struct ipc_proof *m, struct record **out,
                   struct err *err)
{
    const struct emissary_zone *z = zone_of(e, m->site);
    struct record *r;
    char line[TEXT_BYTES];
    enum rc rc;

    if (!z)
        return ERR(err, RC_NOTFOUND, msg_site, m->site);
    if (!z->usable)
        return ERR(err, z->why.rc, msg_settings, z->of->file, m->site,
                   str_of(err_textz(&z->why, line, sizeof(line))));
    if (e->n_records >= EMISSARY_RECORDS_MAX) {
        snprintf(line, sizeof(line), "%d", EMISSARY_RECORDS_MAX);
        return ERR(err, RC_QUOTA, msg_many, str_of(line));
    }
    r = MEM_NEW(struct record);
    if (!r)
        return RC_NOMEM;
    r->e = e;
    list_push(&e->records, &r->link);
    e->n_records++;
    r->world = e->world;
    r->world.changed = on_changed;
    r->world.changed_arg = r;
    rc = agent_rfc2136_with(&r->world, &z->conf, &r->solver);
    if (rc == RC_OK)
        rc = str_copyz(m->site, r->name, sizeof(r->name));
    if (rc == RC_OK)
        rc = str_copyz(m->token, r->token, sizeof(r->token));
    if (rc == RC_OK)
        rc = str_copyz(m->key_authorization, r->authorization, sizeof(r->authorization));
    if (rc != RC_OK) {
        record_free(r);
        return rc;
    }
    r->proof = (struct client_proof){.type = STR("dns-01"),
                                     .identifier_type = STR("dns"),
                                     .identifier = str_of(r->name),
                                     .token = str_of(r->token),
                                     .key_authorization = str_of(r->authorization)};
    *out = r;
    return RC_OK;
}

static void on_set(void *arg, enum rc rc, const struct err *err)
{
    struct record *r = arg;
    struct ipc_req *req = MOVE(r->req);

    if (rc == RC_OK)
        log_info("emissary.record", LOG_Z("name", r->name));
    else
        log_warn("emissary.record-failed", LOG_Z("name", r->name), LOG_RC(rc), LOG_ERR(err));
    if (req)
        ipc_reply_rc(req, rc, err);
}

static void remove_record(struct record *r)
{
    struct ipc_req *req = MOVE(r->req);

    r->gone = true;
    r->solver->solver.cleanup(r->solver->solver.arg, &r->proof);
    if (req)
        ipc_reply_rc(req, RC_CANCELLED, NULL);
    ev_timer_start(&r->e->tidy, WHEN_SECOND, 0);
}

static void on_cancel(void *arg)
{
    struct record *r = arg;
    struct ipc_req *req = MOVE(r->req);

    ipc_req_drop(req);
    remove_record(r);
}

static void set(struct record *r, struct ipc_req *req)
{
    r->req = req;
    ipc_req_on_cancel(req, on_cancel, r);
    r->solver->solver.present(r->solver->solver.arg, &r->proof, on_set, r);
}

void emissary_on_record(void *arg, struct ipc_req *req, const void *msg, int)
{
    const struct role_env *env = arg;
    struct emissary *e = env->state;
    const struct ipc_proof *m = msg;
    struct err err = ERR_INIT;
    struct record *r = find(e, m);

    if (m->shown && r && !r->req) {
        ipc_reply_rc(req, RC_OK, NULL); /* it is there */
        return;
    }
    if (m->shown && r)
        err.rc = ERR(&err, RC_CONFLICT, msg_twice, m->site);
    else if (!r)
        err.rc = add(e, m, &r, &err);
    if (err.rc != RC_OK) {
        ipc_reply_rc(req, err.rc, &err);
    } else if (m->shown) {
        set(r, req);
    } else {
        remove_record(r);
        ipc_reply_rc(req, RC_OK, NULL);
    }
}

void emissary_records_orphaned(struct emissary *e)
{
    LIST_FOREACH (it, &e->records)
        if (!LIST_ENTRY(it, struct record, link)->gone)
            remove_record(LIST_ENTRY(it, struct record, link));
}

bool emissary_records_tidy(struct emissary *e)
{
    bool left = false;

    LIST_FOREACH (it, &e->records) {
        struct record *r = LIST_ENTRY(it, struct record, link);

        if (!r->gone)
            continue;
        if (agent_solver_busy(r->solver))
            left = true;
        else
            record_free(r);
    }
    return !left;
}

void emissary_records_stop(struct emissary *e)
{
    while (!list_empty(&e->records)) {
        struct record *r = LIST_ENTRY(e->records.next, struct record, link);
        struct ipc_req *req = MOVE(r->req);

        if (req)
            ipc_reply_rc(req, RC_CLOSED, NULL);
        record_free(r);
    }
}
