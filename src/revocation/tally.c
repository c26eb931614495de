/* SPDX-License-Identifier: Apache-2.0 */
/* How often issuers' keys signed answers by OCSP. A record of each would be a disk that anybody can
 * fill; none at all would leave a use of keys out of the audit log. So there is one for each key
 * that was used, with how often it was, some minutes after the first time. */
#include "audit/audit.h"
#include "base/text.h"
#include "json/out.h"
#include "log/log.h"
#include "revocation/revocation_int.h"

struct tally {
    struct list link;
    struct id issuer;
    uint64_t answers;
    when_t since;
};

/* Being written. */
struct sheet {
    struct revocation *r;
    when_t at;
    struct list tallies;
};

static when_t now_of(const struct revocation *r)
{
    return clock_now(ev_clock(r->ev));
}

static void clear(struct list *tallies)
{
    for (struct list *it; (it = list_pop(tallies)) != NULL;)
        mem_free(LIST_ENTRY(it, struct tally, link));
}

static struct tally *find(struct revocation *r, const struct id *issuer)
{
    LIST_FOREACH (it, &r->tallies) {
        struct tally *t = LIST_ENTRY(it, struct tally, link);

        if (str_eq(id_str(&t->issuer), id_str(issuer)))
            return t;
    }
    return NULL;
}

/* ---- written */

static enum rc record(struct store_txn *txn, const struct tally *t, when_t now)
{
    CLEANUP(buf_done) struct buf detail = BUF_INIT(AUDIT_DETAIL_MAX);
    struct audit_event event = {
        .at = now, .action = "ocsp.signed", .object_kind = "issuer", .object = id_str(&t->issuer)};
    struct json_out o;

    json_out_init(&o, &detail, JSON_COMPACT);
    json_obj(&o);
    json_kv_u64(&o, "answers", t->answers);
    json_kv_when(&o, "since", t->since);
    json_end(&o);
    TRY(json_out_done(&o));
    event.detail = buf_str(&detail);
    return audit_append(txn, &event, NULL);
}

static enum rc write_fn(struct store_txn *txn, void *arg)
{
    struct sheet *s = arg;

    LIST_FOREACH (it, &s->tallies)
        TRY(record(txn, LIST_ENTRY(it, struct tally, link), s->at));
    return RC_OK;
}

static void arm(struct revocation *r)
{
    if (!r->stopping && !list_empty(&r->tallies) && !ev_timer_running(&r->tally))
        ev_timer_start(&r->tally, REVOCATION_TALLY_SECONDS * WHEN_SECOND, 0);
}

/* What was not written is counted with what came since. */
static void put_back(struct revocation *r, struct list *tallies)
{
    for (struct list *it; (it = list_pop(tallies)) != NULL;) {
        struct tally *old = LIST_ENTRY(it, struct tally, link), *t = find(r, &old->issuer);

        if (!t) {
            list_push(&r->tallies, &old->link);
            continue;
        }
        t->answers += old->answers;
        t->since = old->since;
        mem_free(old);
    }
    arm(r);
}

static void write_done(enum rc rc, void *arg)
{
    struct sheet *s = arg;

    if (rc != RC_OK) {
        log_error("revocation.tally-not-written", LOG_RC(rc));
        put_back(s->r, &s->tallies);
    }
    clear(&s->tallies);
    mem_free(s);
}

static void on_time(void *arg)
{
    struct revocation *r = arg;
    struct sheet *s = MEM_NEW(struct sheet);
    enum rc rc = RC_NOMEM;

    if (s) {
        s->r = r;
        s->at = now_of(r);
        list_init(&s->tallies);
        list_splice(&s->tallies, &r->tallies);
        rc = store_write(r->store, write_fn, write_done, s);
    }
    if (rc != RC_OK && s)
        write_done(rc, s);
    else if (rc != RC_OK)
        arm(r);
}

/* ---- counted */

void revocation_tally(struct revocation *r, const struct ca_issuer *issuer)
{
    struct tally *t = find(r, &issuer->id);

    if (!t) {
        t = MEM_NEW(struct tally);
        if (!t) {
            log_error("revocation.not-tallied", LOG_STR("issuer", issuer->ref));
            return;
        }
        t->issuer = issuer->id;
        t->since = now_of(r);
        list_push(&r->tallies, &t->link);
    }
    t->answers++;
    arm(r);
}

void revocation_tally_init(struct revocation *r)
{
    list_init(&r->tallies);
    ev_timer_init(&r->tally, r->ev, on_time, r);
}

void revocation_tally_done(struct revocation *r)
{
    ev_timer_stop(&r->tally);
    clear(&r->tallies);
}
