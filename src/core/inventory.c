/* SPDX-License-Identifier: Apache-2.0 */
#include "core/inventory.h"

#include "core/change.h"
#include "inventory/record.h"
#include "log/log.h"

enum {
    DELIVERY_MEMORY = 16 * 1024 * 1024,
    ANSWER_MAX = 256,
};

MSG(msg_many, "core.inventory-many", "\"records\" is a list of at most {0}");
MSG(msg_full, "core.inventory-full",
    "the inventory holds {0} endpoints, and there is no room for {1}; scan less");
MSG(msg_endpoint, "core.inventory-endpoint",
    "the inventory has no endpoint \"{0}\"; `autarky inventory list` shows those there are");

/* ---- what a scan found */

struct delivery {
    struct core *core;
    struct ipc_req *req;
    struct json_doc *doc; /* `found` points into it */
    struct arena a;
    struct store_endpoint *found;
    size_t n;
    when_t now;
    uint64_t gone;
    struct err err;
};

static void delivery_free(struct delivery *d)
{
    if (!d)
        return;
    json_free(d->doc);
    arena_done(&d->a);
    mem_free(d);
}
DEFINE_FREEP(delivery_free, struct delivery)

static enum rc write_fn(struct store_txn *txn, void *arg)
{
    struct delivery *d = arg;
    when_t before = d->now - INVENTORY_KEEP_DAYS * WHEN_DAY;

    d->err = ERR_INIT;
    TRY(store_endpoint_prune(txn, before, INVENTORY_PRUNE_MAX, &d->gone));
    for (size_t i = 0; i < d->n; i++) {
        enum rc rc = store_endpoint_see(txn, &d->found[i]);

        if (rc == RC_QUOTA)
            return ERR(&d->err, rc, msg_full, STR("1000000"), d->found[i].endpoint);
        TRY(rc);
    }
    return RC_OK;
}

static void written(enum rc rc, void *arg)
{
    CLEANUP(delivery_freep) struct delivery *d = arg;
    CLEANUP(buf_done) struct buf text = BUF_INIT(ANSWER_MAX);
    struct json_out o;

    if (rc != RC_OK) {
        d->err.rc = rc;
        core_admin_refuse(d->req, &d->err);
        return;
    }
    if (d->gone)
        log_info("core.inventory-forgotten", LOG_INT("endpoints", d->gone));
    json_out_init(&o, &text, JSON_COMPACT);
    json_obj(&o);
    json_kv_u64(&o, "taken", d->n);
    json_end(&o);
    core_admin_reply(d->req, &o, &text);
}

static enum rc read_records(struct delivery *d)
{
    const struct json *list = json_get(json_root(d->doc), "records"), *v;
    struct json_iter it = json_iter(list);
    bool quick = false;

    if (json_type(list) != JSON_ARRAY || json_len(list) > INVENTORY_RECORDS_MAX)
        return ERR(&d->err, RC_INVAL, msg_many, STR("1000"));
    IGNORE_RC(json_bool(json_get(json_root(d->doc), "quick"), &quick)); /* all of it */
    d->found = arena_calloc(&d->a, json_len(list) + 1, sizeof(*d->found));
    if (!d->found)
        return RC_NOMEM;
    for (; json_next(&it, NULL, &v); d->n++) {
        struct store_endpoint *e = &d->found[d->n];

        TRY(inventory_record_read(&d->a, v, d->now, e, &d->err));
        e->quick = quick;
        e->keep = INVENTORY_WEAK;
    }
    return RC_OK;
}

void core_inventory_deliver(struct core *core, struct ipc_req *req, struct json_doc *args)
{
    CLEANUP(delivery_freep) struct delivery *d = MEM_NEW(struct delivery);
    struct err err = {.rc = RC_NOMEM};
    enum rc rc;

    if (!d) {
        json_free(args);
        core_admin_refuse(req, &err);
        return;
    }
    *d = (struct delivery){.core = core, .req = req, .doc = args};
    arena_init(&d->a, DELIVERY_MEMORY);
    d->now = core_view(core, NULL).now;
    rc = read_records(d);
    if (rc == RC_OK)
        rc = store_write(core->store, write_fn, written, d);
    if (rc == RC_OK) {
        d = NULL; /* it is with the store */
        return;
    }
    d->err.rc = rc;
    core_admin_refuse(req, &d->err);
}

/* ---- whose it is */

static enum rc write_owner(struct store_txn *txn, struct core_change *c)
{
    TRY(store_endpoint_set_owner(txn, &c->endpoint, c->now));
    return core_change_audit(txn, c, "endpoint.assigned", "endpoint", &c->endpoint.id,
                             c->endpoint.endpoint);
}

static void put_owner(struct core_change *c, struct json_out *o)
{
    json_kv_str(o, "endpoint", c->endpoint.endpoint);
    json_kv_str(o, "owner", c->endpoint.owner);
    json_kv_str(o, "service", c->endpoint.service);
}

static enum rc read_owner(struct core_change *c)
{
    struct str endpoint, owner, service;
    enum rc rc;

    TRY(core_change_text(c, "endpoint", STORE_ENDPOINT_TEXT, &endpoint));
    TRY(core_change_text(c, "owner", STORE_TEXT_MAX, &owner));
    TRY(core_change_text(c, "service", STORE_TEXT_MAX, &service));
    rc = store_endpoint_get(store_read(c->core->store), c->a, endpoint, &c->endpoint);
    if (rc == RC_NOTFOUND)
        return ERR(&c->err, rc, msg_endpoint, str_head(endpoint, CORE_CHANGE_SHOWN));
    TRY(rc);
    c->endpoint.owner = owner;
    c->endpoint.service = service;
    c->write = write_owner;
    c->put = put_owner;
    return RC_OK;
}

void core_inventory_owner(struct core *core, struct ipc_req *req, const struct json *args,
                          struct core_who who)
{
    core_change_run(core, req, args, who, read_owner);
}
