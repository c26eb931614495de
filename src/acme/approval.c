/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/approval.h"

#include "approval/due.h"

MSG(msg_again, "acme.approval-again",
    "what persons allow, or do not, has changed this moment; finalize the order again");
MSG(msg_over, "acme.approval-over",
    "approval {0} was used for another order, or has ended; make a new order, which asks again");
MSG(msg_instead, "acme.approval-instead",
    "order {0} of the same account for the same names waits for approval {1} in its place");

enum { EVIDENCE_MAX = 128 * 1024 };

/* ---- what is asked */

enum rc acme_approval_look(struct acme_request *r, const struct store_order *order,
                           const struct acme_judged *judged, enum crypto_key_type key,
                           struct approval **out)
{
    struct store_name *names = ARENA_ARRAY(r->arena, struct store_name, order->n_names);
    struct approval *c = ARENA_NEW(r->arena, struct approval);
    struct approval_ask ask = {
        .names = names,
        .n_names = order->n_names,
        .profile = order->profile,
        .key = key,
        .account = r->account.id,
        .eab = r->account.eab_key,
        .person = -1,
        .approvers = judged->approvers,
        .now = r->now,
        .wait = r->acme->conf->control.approval_wait,
    };

    *out = NULL;
    if (judged->approvers == 0 || r->staging)
        return RC_OK;
    if (!names || !c)
        return RC_NOMEM;
    for (size_t i = 0; i < order->n_names; i++)
        names[i] = order->names[i].name;
    TRY(approval_begin(&ask, r->arena, c));
    TRY(approval_find(store_read(r->acme->store), c));
    *out = c;
    return RC_OK;
}

static void put_proof(struct json_out *o, const struct store_authorization *z)
{
    json_obj(o);
    json_kv_str(o, "proven", z->name.value);
    for (size_t i = 0; i < z->n_challenges; i++) {
        const struct store_challenge *c = &z->challenges[i];

        if (c->status != STORE_CHALLENGE_VALID)
            continue;
        json_kv_str(o, "challenge", c->type);
        json_kv_when(o, "validated", c->validated);
        if (c->evidence.n && o->b->n + c->evidence.n < EVIDENCE_MAX - 4096) {
            json_key(o, "evidence");
            json_put_raw(o, c->evidence);
        }
        break;
    }
    if (z->evidence.n) {
        json_key(o, "evidence");
        json_put_raw(o, z->evidence);
    }
    json_end(o);
}

/* By what each name was proven. */
static enum rc put_evidence(struct store_txn *txn, struct acme_request *r,
                            const struct store_order *order, struct str *out)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(EVIDENCE_MAX);
    struct store_authorization z;
    struct json_out o;

    json_out_init(&o, &text, JSON_COMPACT);
    json_obj(&o);
    for (size_t i = 0; i < order->n_names; i++) {
        TRY(store_authorization_get(txn, r->arena, &order->names[i].authorization, &z));
        json_key_str(&o, order->names[i].name.value);
        put_proof(&o, &z);
    }
    json_end(&o);
    TRY(json_out_done(&o));
    return arena_str(r->arena, buf_str(&text), out);
}

/* ---- it waits */

static struct audit_event by_account(const struct acme_request *r)
{
    return (struct audit_event){
        .at = r->now,
        .actor_kind = AUDIT_ACCOUNT,
        .actor = id_str(&r->account.id),
        .request = id_str(&r->x->id),
        .address = r->client,
    };
}

static enum rc replace(struct store_txn *txn, struct acme_request *r, const struct id *order,
                       struct approval *c)
{
    struct audit_event by = by_account(r);
    struct err why = ERR_INIT;

    if (c->row.order.z[0]) {
        IGNORE_RC(PROBLEM(&why, RC_CONFLICT, "unauthorized", msg_instead, id_str(order),
                          id_str(&c->row.id)));
        TRY(approval_fail_order(txn, r->arena, &c->row.order, &why, &by));
    }
    return RC_OK;
}

enum rc acme_approval_wait(struct store_txn *txn, struct acme_request *r,
                           const struct store_order *order, struct approval *c)
{
    struct audit_event by = by_account(r);
    struct str csr = c->row.csr, rules = c->row.rules;

    TRY(approval_find(txn, c));
    if (c->granted)
        return PROBLEM(&r->err, RC_CONFLICT, "orderNotReady", msg_again);
    if (c->known)
        TRY(replace(txn, r, &order->id, c));
    c->row.csr = csr;
    c->row.rules = rules;
    c->row.order = order->id;
    c->row.client = r->client;
    c->row.due = r->now; /* acme_approval_start's timer finds out when */
    TRY(put_evidence(txn, r, order, &c->row.evidence));
    return c->known ? store_approval_wait(txn, &c->row) : approval_add(txn, c, &by);
}

enum rc acme_approval_use(struct store_txn *txn, struct acme_request *r, const struct approval *c,
                          struct err *err)
{
    struct audit_event by = by_account(r);
    enum rc rc = approval_use(txn, c, &by);

    return rc == RC_CONFLICT ? PROBLEM(err, rc, "unauthorized", msg_over, id_str(&c->row.id)) : rc;
}

enum rc acme_approval_fail(struct store_txn *txn, struct acme_request *r, const struct id *order)
{
    struct audit_event by = by_account(r);

    return approval_fail_order(txn, r->arena, order, &r->err, &by);
}
