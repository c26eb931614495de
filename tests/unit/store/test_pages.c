/* SPDX-License-Identifier: Apache-2.0 */
/* Lists in pages, walked while rows come and go: nothing that was there from the beginning to the
 * end is missed, and nothing comes twice. */
#include "check.h"

#include "fixture.h"
#include "store/alerts.h"
#include "store/approvals.h"
#include "store/deliveries.h"
#include "store/eab.h"
#include "store/locks.h"
#include "store/operators.h"
#include "store/renewals.h"
#include "store/txt.h"

enum { ROWS = 12, LATER = 100 /* and up: added during the walk */, KEYS = 200 };

struct name {
    char z[16];
};

static struct name name_of(unsigned key)
{
    struct name n;

    (void)snprintf(n.z, sizeof(n.z), "row%u", key);
    return n;
}

static unsigned key_of(struct str name)
{
    uint64_t key = KEYS;

    return str_u64(str_skip(name, 3), KEYS - 1, &key) == RC_OK ? (unsigned)key : KEYS;
}

/* A list: a row is known by its key. */
struct subject {
    const char *name;
    bool descending;
    enum rc (*add)(struct store_txn *txn, unsigned key);
    enum rc (*end)(struct store_txn *txn, unsigned key); /* it is in the list no more; or NULL */
    enum rc (*list)(struct store_txn *txn, struct arena *a, struct store_cursor *at, unsigned limit,
                    unsigned *out_keys, size_t *out_n);
};

#define LIST(noun, type, call, member)                                                             \
    static enum rc list_##noun(struct store_txn *txn, struct arena *a, struct store_cursor *at,    \
                               unsigned limit, unsigned *out_keys, size_t *out_n)                  \
    {                                                                                              \
        struct type *list;                                                                         \
                                                                                                   \
        TRY(call);                                                                                 \
        for (size_t i = 0; i < *out_n; i++)                                                        \
            out_keys[i] = key_of(list[i].member);                                                  \
        return RC_OK;                                                                              \
    }

LIST(users, store_user, store_user_list(txn, a, at, limit, &list, out_n), name)
LIST(tokens, store_token, store_token_list(txn, a, at, limit, &list, out_n), name)
LIST(certificates, store_user_certificate,
     store_user_certificate_list(txn, a, at, limit, &list, out_n), serial)
LIST(eabs, store_eab, store_eab_list(txn, a, at, limit, &list, out_n), name)
LIST(renewals, store_renewal, store_renewal_page(txn, a, at, limit, &list, out_n), reason)
LIST(locks, store_lock, store_lock_lifted(txn, a, at, limit, &list, out_n), value)
LIST(deliveries, store_delivery, store_delivery_list(txn, a, at, limit, &list, out_n), subject)
LIST(silences, store_silence,
     store_silence_page(txn, a, &(struct store_silence_filter){FIX_NOW, limit}, at, &list, out_n),
     object)
LIST(approvals, store_approval, store_approval_list(txn, a, at, limit, &list, out_n), what)
LIST(txts, store_txt, store_txt_list(txn, a, at, limit, &list, out_n), subdomain)

static enum rc add_user(struct store_txn *txn, unsigned key)
{
    struct name n = name_of(key);
    struct store_user u = {.id = fix_id(key),
                           .name = str_of(n.z),
                           .password = STR("kept"),
                           .totp = STR("sealed"),
                           .created = FIX_NOW};

    return store_user_add(txn, &u);
}

static enum rc add_token(struct store_txn *txn, unsigned key)
{
    struct name n = name_of(key);
    struct store_token t = {.id = fix_id(key),
                            .name = str_of(n.z),
                            .digest = fix_hash((unsigned char)key),
                            .created = FIX_NOW,
                            .expires = FIX_NOW + 1};

    return store_token_add(txn, &t);
}

static enum rc add_certificate(struct store_txn *txn, unsigned key)
{
    struct name n = name_of(key);
    struct store_user_certificate c = {
        .certificate = fix_id(key), .serial = str_of(n.z), .user = 1, .added = FIX_NOW};

    if (key == 1)
        TRY(add_user(txn, key));
    return store_user_certificate_add(txn, &c);
}

static enum rc end_certificate(struct store_txn *txn, unsigned key)
{
    struct id id = fix_id(key);

    return store_user_certificate_remove(txn, &id, 1, FIX_NOW);
}

/* Several at the same time, so that the id decides. */
static enum rc add_eab(struct store_txn *txn, unsigned key)
{
    struct name n = name_of(key);
    struct store_eab e = {
        .id = fix_id(key), .name = str_of(n.z), .accounts = 1, .created = FIX_NOW + key / 4};

    return store_eab_add(txn, &e);
}

static enum rc add_renewal(struct store_txn *txn, unsigned key)
{
    struct name n = name_of(key);
    struct store_renewal w = {.id = fix_id(key),
                              .name = STR("a.hospital.example"),
                              .created = FIX_NOW,
                              .first = FIX_NOW,
                              .last = FIX_NOW,
                              .reason = str_of(n.z)};

    return store_renewal_add(txn, &w);
}

static enum rc add_lock(struct store_txn *txn, unsigned key)
{
    struct name n = name_of(key);
    struct store_lock lock = {
        .id = fix_id(key), .scope = STORE_LOCK_ZONE, .value = str_of(n.z), .set = FIX_NOW};

    TRY(store_lock_add(txn, &lock));
    return store_lock_lift(txn, &lock.id, STR("uid 0"), STR(""), FIX_NOW);
}

static enum rc add_delivery(struct store_txn *txn, unsigned key)
{
    struct name n = name_of(key);
    struct store_delivery d = {.id = fix_id(key),
                               .receiver = STR("hook"),
                               .subject = str_of(n.z),
                               .body = STR("{}"),
                               .created = FIX_NOW,
                               .next = FIX_NOW};

    return store_delivery_add(txn, &d);
}

static enum rc end_delivery(struct store_txn *txn, unsigned key)
{
    struct id id = fix_id(key);

    TRY(store_delivery_done(txn, &id, FIX_NOW));
    return store_delivery_prune(txn, FIX_NOW + 1, KEYS);
}

static enum rc add_silence(struct store_txn *txn, unsigned key)
{
    struct name n = name_of(key);
    struct store_silence s = {.id = fix_id(key),
                              .object = str_of(n.z),
                              .until = FIX_NOW + WHEN_DAY - key, /* not their order */
                              .set = FIX_NOW};

    return store_silence_add(txn, &s);
}

static enum rc end_silence(struct store_txn *txn, unsigned key)
{
    struct id id = fix_id(key);

    return store_silence_end(txn, &id, STR("uid 0"), FIX_NOW);
}

static enum rc add_approval(struct store_txn *txn, unsigned key)
{
    struct name n = name_of(key);
    struct store_approval a = {.id = fix_id(key),
                               .action = STR("issuer.rotate"),
                               .what = str_of(n.z),
                               .asked = FIX_NOW + key / 4,
                               .expires = FIX_NOW + WHEN_DAY,
                               .decided_by = -1};

    return store_approval_add(txn, &a);
}

static enum rc add_txt(struct store_txn *txn, unsigned key)
{
    struct name n = name_of(key);
    struct store_txt t = {.subdomain = str_of(n.z), .username = str_of(n.z), .created = FIX_NOW};

    return store_txt_add(txn, &t, KEYS);
}

static enum rc end_txt(struct store_txn *txn, unsigned key)
{
    struct name n = name_of(key);

    return store_txt_remove(txn, str_of(n.z));
}

static const struct subject subjects[] = {
    {"users", false, add_user, NULL, list_users},
    {"tokens", false, add_token, NULL, list_tokens},
    {"certificates of users", false, add_certificate, end_certificate, list_certificates},
    {"keys of bindings", false, add_eab, NULL, list_eabs},
    {"renewals", false, add_renewal, NULL, list_renewals},
    {"lifted locks", true, add_lock, NULL, list_locks},
    {"deliveries", true, add_delivery, end_delivery, list_deliveries},
    {"silences", false, add_silence, end_silence, list_silences},
    {"approvals", true, add_approval, NULL, list_approvals},
    {"accounts of txt", false, add_txt, end_txt, list_txts},
};

struct walk {
    const struct subject *s;
    struct fix f;
    struct store_cursor at;
    unsigned seen[KEYS]; /* how often */
    bool ended[KEYS];
    unsigned pages, last;
};

static void walk_done(struct walk *w)
{
    fix_done(&w->f);
}

static void walk_begin(struct walk *w, const struct subject *s)
{
    w->s = s;
    CHECK_OK(fix_open(&w->f));
    for (unsigned key = 1; key <= ROWS; key++)
        CHECK_OK(DO(&w->f, s->add(T, key)));
}

/* One row behind the cursor goes, one before it, and the one at which it stands. */
static void disturb(struct walk *w)
{
    unsigned behind = w->s->descending ? 2 : ROWS - 1, keys[] = {behind, w->last};

    CHECK_OK(DO(&w->f, w->s->add(T, LATER + w->pages)));
    for (size_t i = 0; w->s->end && i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (keys[i] > ROWS || w->ended[keys[i]])
            continue;
        CHECK_OK(DO(&w->f, w->s->end(T, keys[i])));
        w->ended[keys[i]] = true;
    }
}

static void take_page(struct walk *w, unsigned limit)
{
    unsigned keys[KEYS];
    size_t n;

    CHECK_OK(w->s->list(store_read(w->f.s), &w->f.a, &w->at, limit, keys, &n));
    CHECK(n <= limit && (n == limit || w->at.end));
    for (size_t i = 0; i < n; i++) {
        unsigned key = keys[i] < KEYS ? keys[i] : 0;

        CHECK_INT(keys[i], key);
        w->seen[key]++;
        w->last = key;
    }
    w->pages++;
}

static void walk(const struct subject *s, unsigned limit, bool disturbed)
{
    CLEANUP(walk_done) struct walk w = {};

    walk_begin(&w, s);
    while (!w.at.end && w.pages < KEYS - LATER - 1) {
        take_page(&w, limit);
        if (disturbed && w.pages < ROWS)
            disturb(&w);
    }
    CHECK(w.at.end);
    CHECK(disturbed || w.pages == (ROWS + limit - 1) / limit);
    for (unsigned key = 0; key < KEYS; key++) {
        if (w.seen[key] > 1 || (key >= 1 && key <= ROWS && !w.seen[key] && !w.ended[key]))
            fprintf(stderr, "%s by %u: %u came %u times\n", s->name, limit, key, w.seen[key]);
        CHECK(w.seen[key] <= 1);
        CHECK(key < 1 || key > ROWS || w.seen[key] || w.ended[key]);
    }
}

static void whole(void)
{
    for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++)
        for (unsigned limit = 1; limit <= ROWS + 1; limit += 3)
            walk(&subjects[i], limit, false);
}

static void while_rows_come_and_go(void)
{
    for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++)
        for (unsigned limit = 1; limit <= ROWS + 1; limit += 3)
            walk(&subjects[i], limit, true);
}

FIX_MAIN(CHECK_TEST_ONCE(whole), CHECK_TEST_ONCE(while_rows_come_and_go))
