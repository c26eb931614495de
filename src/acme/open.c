/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/open.h"

#include "acme/acme_int.h"

struct entry {
    struct list link;
    struct id account;
    uint64_t n;
    when_t counted; /* 0: never */
    when_t first;   /* of those counted, the first to expire */
};

void acme_open_init(struct acme_open *o, when_t now)
{
    *o = (struct acme_open){.started = now};
    map_init(&o->by_account, ACME_OPEN_MAX);
    list_init(&o->by_use);
}

static void drop(struct acme_open *o, struct entry *e)
{
    map_remove(&o->by_account, id_str(&e->account));
    list_remove(&e->link);
    mem_free(e);
}

void acme_open_done(struct acme_open *o)
{
    LIST_FOREACH (link, &o->by_use)
        drop(o, LIST_ENTRY(link, struct entry, link));
    map_done(&o->by_account);
}

static struct entry *find(struct acme_open *o, const struct id *account)
{
    struct entry *e = map_get(&o->by_account, id_str(account));

    if (e) {
        list_remove(&e->link);
        list_push(&o->by_use, &e->link);
    }
    return e;
}

static enum rc count(struct acme_open *o, struct store *s, struct entry *e, when_t now)
{
    uint64_t ahead;
    when_t first;

    o->counted++;
    TRY(store_order_open(store_read(s), &e->account, now - ACME_ORDER_LIFE, now, &e->n, &e->first));
    TRY(store_authorization_open(store_read(s), &e->account, now, &ahead, &first));
    e->n += ahead;
    if (first && (!e->first || first < e->first))
        e->first = first;
    e->counted = now;
    return RC_OK;
}

static enum rc add(struct acme_open *o, const struct id *account, struct entry **out)
{
    struct entry *e;
    enum rc rc;

    if (o->by_account.n == ACME_OPEN_MAX) {
        drop(o, LIST_ENTRY(o->by_use.next, struct entry, link));
        o->left = true;
    }
    e = MEM_NEW(struct entry);
    if (!e)
        return RC_NOMEM;
    e->account = *account;
    list_init(&e->link);
    rc = map_add(&o->by_account, id_str(account), e);
    if (rc != RC_OK) {
        mem_free(e);
        return rc;
    }
    list_push(&o->by_use, &e->link);
    *out = e;
    return RC_OK;
}

enum rc acme_open_look(struct acme_open *o, struct store *s, const struct store_account *account,
                       struct acme_open_room *room)
{
    struct entry *e = find(o, &account->id);

    if (!e) {
        TRY(add(o, &account->id, &e));
        if (account->created <= o->started || o->left)
            TRY(count(o, s, e, room->now));
    }
    if (e->n >= room->max && room->now - e->counted >= ACME_OPEN_RECOUNT)
        TRY(count(o, s, e, room->now));
    room->n = e->n;
    room->wait = e->first > room->now ? e->first - room->now : WHEN_SECOND;
    return e->n < room->max ? RC_OK : RC_QUOTA;
}

void acme_open_add(struct acme_open *o, const struct id *account)
{
    struct entry *e = find(o, account);

    if (e)
        e->n++;
}

void acme_open_end(struct acme_open *o, const struct id *account)
{
    struct entry *e = find(o, account);

    if (e && e->n)
        e->n--;
}
