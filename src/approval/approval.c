/* SPDX-License-Identifier: Apache-2.0 */
#include "approval/approval.h"

#include <stdlib.h>

#include "ca/leaf.h"
#include "ca/lock.h"
#include "conf/conf.h"
#include "crypto/hash.h"
#include "json/out.h"

enum { TEXT_MAX = STORE_NAMES_MAX * 512, WHAT_NAMES = 600 /* bytes of names in one line */ };

static int compare(const void *a, const void *b)
{
    const struct store_name *x = a, *y = b;

    return x->type != y->type ? (int)x->type - (int)y->type : str_cmp(x->value, y->value);
}

static enum rc sort(const struct approval_ask *ask, struct arena *a, struct approval *c)
{
    struct store_name *names = ARENA_ARRAY(a, struct store_name, ask->n_names);

    if (!names)
        return RC_NOMEM;
    for (size_t i = 0; i < ask->n_names; i++) {
        names[i].type = ask->names[i].type;
        TRY(arena_str(a, ask->names[i].value, &names[i].value));
    }
    qsort(names, ask->n_names, sizeof(*names), compare);
    c->names = names;
    c->n_names = ask->n_names;
    return RC_OK;
}

static const char *algorithm(enum crypto_key_type key)
{
    unsigned bit = ca_leaf_algorithm(key), n = 0;

    while (bit >> n > 1)
        n++;
    return conf_key_algorithm_name(n);
}

static enum rc digest(const struct approval_ask *ask, struct approval *c)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(TEXT_MAX);

    buf_printf(&text, "certificate\n%s %lld\n%.*s\n%s\n", ask->account.z, (long long)ask->person,
               STR_ARG(ask->profile), algorithm(ask->key));
    for (size_t i = 0; i < c->n_names; i++)
        buf_printf(&text, "%s %.*s\n", store_name_type_text(c->names[i].type),
                   STR_ARG(c->names[i].value));
    TRY(buf_rc(&text));
    return crypto_sha256(buf_str(&text), c->row.digest.b);
}

/* "certificate for a.b, c.d and 3 more, profile default, ecdsa key, for account X (key apps)" */
static enum rc put_what(const struct approval_ask *ask, struct arena *a, struct approval *c)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(STORE_TEXT_MAX);
    size_t i = 0;

    buf_putz(&text, "certificate for ");
    for (; i < c->n_names && (i == 0 || text.n + c->names[i].value.n < WHAT_NAMES); i++) {
        buf_putz(&text, i ? ", " : "");
        buf_puts(&text, str_head(c->names[i].value, WHAT_NAMES));
    }
    if (i < c->n_names)
        buf_printf(&text, " and %zu more", c->n_names - i);
    buf_printf(&text, ", profile %.*s, %s key", STR_ARG(str_head(ask->profile, 64)),
               algorithm(ask->key));
    if (ask->account.z[0])
        buf_printf(&text, ", for account %s", ask->account.z);
    if (ask->eab.n)
        buf_printf(&text, " (key %.*s)", STR_ARG(str_head(ask->eab, 64)));
    TRY(buf_rc(&text));
    return arena_str(a, buf_str(&text), &c->row.what);
}

static enum rc put_names(struct arena *a, struct approval *c)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(TEXT_MAX);
    struct json_out o;

    json_out_init(&o, &text, JSON_COMPACT);
    json_arr(&o);
    for (size_t i = 0; i < c->n_names; i++)
        json_put_str(&o, c->names[i].value);
    json_end(&o);
    TRY(json_out_done(&o));
    return arena_str(a, buf_str(&text), &c->row.names);
}

enum rc approval_begin(const struct approval_ask *ask, struct arena *a, struct approval *out)
{
    *out = (struct approval){.a = a, .now = ask->now};
    out->row = (struct store_approval){
        .action = STR("certificate"),
        .asked_by = ask->person,
        .asked = ask->now,
        .expires = ask->now + ask->wait,
        .decided_by = -1,
        .approvers = ask->approvers,
        .account = ask->account,
        .key = str_of(algorithm(ask->key)),
        .due = ask->now + (ask->wait < WHEN_DAY ? ask->wait : WHEN_DAY),
    };
    TRY(sort(ask, a, out));
    TRY(arena_str(a, ask->profile, &out->row.profile));
    TRY(digest(ask, out));
    TRY(put_what(ask, a, out));
    return put_names(a, out);
}

/* ---- whether it is there */

/* The first time, and as long as what it was for is valid. */
static enum rc renews(struct store_txn *txn, const struct approval *c, bool *out)
{
    struct ca_lock_ask ask = {.names = c->names, .n_names = c->n_names, .account = c->row.account};

    *out = c->row.used == 0;
    return *out ? RC_OK : ca_lock_renewal(txn, c->a, &ask, c->now, out);
}

enum rc approval_find(struct store_txn *txn, struct approval *c)
{
    unsigned approvers = c->row.approvers;
    struct store_approval found;
    enum rc rc = store_approval_find(txn, c->a, &c->row.digest, c->row.asked_by, c->now, &found);

    c->known = c->granted = false;
    if (rc == RC_NOTFOUND)
        return RC_OK;
    TRY(rc);
    if (found.state == STORE_APPROVAL_PENDING) {
        c->row = found;
        c->known = true;
        if (c->row.approvers < approvers) /* the rules want more of them by now */
            c->row.approvers = approvers;
        return RC_OK;
    }
    if (found.approvers < approvers)
        return RC_OK;
    if (found.scope == STORE_APPROVAL_RENEWALS) {
        struct approval same = *c;
        bool is;

        same.row = found;
        TRY(renews(txn, &same, &is));
        if (!is)
            return RC_OK;
    }
    c->row = found;
    c->known = c->granted = true;
    return RC_OK;
}

/* ---- events */

static enum rc put_detail(const struct store_approval *row, struct buf *out)
{
    struct json_out o;

    json_out_init(&o, out, JSON_COMPACT);
    json_obj(&o);
    json_kv_str(&o, "what", row->what);
    json_kv_u64(&o, "approvers", row->approvers);
    if (row->order.z[0])
        json_kv_id(&o, "order", &row->order);
    if (row->rules.n)
        json_kv_str(&o, "rules", str_head(row->rules, STORE_TEXT_MAX));
    if (row->state == STORE_APPROVAL_GRANTED) {
        json_kv_z(&o, "scope", store_approval_scope_text(row->scope));
        json_kv_when(&o, "until", row->expires);
    }
    json_end(&o);
    return json_out_done(&o);
}

enum rc approval_audit(struct store_txn *txn, const struct store_approval *row,
                       const struct audit_event *by, const char *action)
{
    CLEANUP(buf_done) struct buf detail = BUF_INIT(AUDIT_DETAIL_MAX);
    struct audit_event event = *by;

    TRY(put_detail(row, &detail));
    event.action = action;
    event.object_kind = "approval";
    event.object = id_str(&row->id);
    event.detail = buf_str(&detail);
    return audit_append(txn, &event, NULL);
}

enum rc approval_add(struct store_txn *txn, struct approval *c, const struct audit_event *by)
{
    struct audit_event event = *by;

    TRY(id_new(&c->row.id));
    TRY(store_approval_add(txn, &c->row));
    event.reason = c->row.reason;
    return approval_audit(txn, &c->row, &event, "approval.asked");
}

enum rc approval_use(struct store_txn *txn, const struct approval *c, const struct audit_event *by)
{
    TRY(store_approval_use(txn, &c->row.id, c->now));
    return approval_audit(txn, &c->row, by, "approval.used");
}
