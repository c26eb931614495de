/* SPDX-License-Identifier: Apache-2.0 */
#include "tlcp/session.h"

#include "base/list.h"
#include "base/map.h"
#include "ev/clock.h"

struct kept {
    struct list link;
    struct tlcp_session session;
    uint8_t bound[TLCP_SESSION_BOUND];
    int64_t until;
};

struct tlcp_sessions {
    struct clock *clock;
    struct map ids;
    struct list by_age; /* the oldest first: all live equally long */
    size_t max;
};

enum rc tlcp_sessions_new(struct clock *clock, size_t max, struct tlcp_sessions **out)
{
    struct tlcp_sessions *t = MEM_NEW(struct tlcp_sessions);

    if (!t)
        return RC_NOMEM;
    t->clock = clock;
    t->max = max;
    map_init(&t->ids, max);
    list_init(&t->by_age);
    *out = t;
    return RC_OK;
}

static struct str id_of(const struct kept *k)
{
    return str_bytes(k->session.id, k->session.id_n);
}

static void forget(struct tlcp_sessions *t, struct kept *k)
{
    map_remove(&t->ids, id_of(k));
    list_remove(&k->link);
    explicit_bzero(k, sizeof(*k));
    mem_free(k);
}

static struct kept *oldest(struct tlcp_sessions *t)
{
    return list_empty(&t->by_age) ? NULL : LIST_ENTRY(t->by_age.next, struct kept, link);
}

void tlcp_sessions_free(struct tlcp_sessions *t)
{
    struct kept *k;

    if (!t)
        return;
    while ((k = oldest(t)))
        forget(t, k);
    map_done(&t->ids);
    mem_free(t);
}

size_t tlcp_sessions_count(const struct tlcp_sessions *t)
{
    return t->ids.n;
}

static void forget_old(struct tlcp_sessions *t)
{
    int64_t now = clock_mono(t->clock);
    struct kept *k;

    while ((k = oldest(t)) && (k->until <= now || t->ids.n >= t->max))
        forget(t, k);
}

enum rc tlcp_sessions_add(struct tlcp_sessions *t, const struct tlcp_session *s,
                          const uint8_t bound[static TLCP_SESSION_BOUND])
{
    struct kept *k;
    enum rc rc;

    forget_old(t);
    k = MEM_NEW(struct kept);
    if (!k)
        return RC_NOMEM;
    list_init(&k->link);
    k->session = *s;
    memcpy(k->bound, bound, TLCP_SESSION_BOUND);
    k->until = clock_mono(t->clock) + TLCP_SESSION_SECONDS * WHEN_SECOND;
    rc = map_add(&t->ids, id_of(k), k);
    if (rc != RC_OK) {
        explicit_bzero(k, sizeof(*k));
        mem_free(k);
        return rc;
    }
    list_push(&t->by_age, &k->link);
    return RC_OK;
}

enum rc tlcp_sessions_find(struct tlcp_sessions *t, struct str id,
                           const uint8_t bound[static TLCP_SESSION_BOUND], struct tlcp_session *out)
{
    const struct kept *k = map_get(&t->ids, id);

    if (!k || k->until <= clock_mono(t->clock) || memcmp(k->bound, bound, TLCP_SESSION_BOUND) != 0)
        return RC_NOTFOUND;
    *out = k->session;
    return RC_OK;
}

void tlcp_sessions_remove(struct tlcp_sessions *t, struct str id)
{
    struct kept *k = map_get(&t->ids, id);

    if (k)
        forget(t, k);
}
