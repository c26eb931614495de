/* SPDX-License-Identifier: Apache-2.0 */
/* What is on disk at the start, or of a site that is new. Of thousands, the first are looked at as
 * closely as if a CA had just sent them. The others were so when they were written; they are in use
 * at once, so that no site waits for all of them, and looked at again one by one, soon after. */
#include "keeper/keeper_int.h"

#include "base/file.h"
#include "client/pair.h"
#include "crypto/pem.h"
#include "ev/clock.h"
#include "json/json.h"
#include "log/log.h"

MSG(msg_kept, "keeper.last-failure", "{0}");

enum { ARENA_BYTES = 4 << 20 };

/* ---- state */

static when_t get_when(const struct json *o, const char *name)
{
    struct str s;
    when_t t;

    return json_str(json_get(o, name), &s) == RC_OK && when_parse(s, &t) == RC_OK ? t : 0;
}

static unsigned get_failures(const struct json *o, const char *name)
{
    uint64_t n = 0;

    if (json_u64(json_get(o, name), &n) != RC_OK)
        return 0;
    return n < 1000 ? (unsigned)n : 1000;
}

static void read_why(const struct json *o, const char *name, struct err **out)
{
    struct err why = ERR_INIT;
    struct str s;

    if (json_str(json_get(o, name), &s) == RC_OK) {
        IGNORE_RC(ERR(&why, RC_AGAIN, msg_kept, s));
        keeper_why_set(out, &why);
    }
}

static void read_public(struct keeper_slot *slot, const struct json *o)
{
    struct str s;

    if (json_str(json_get(o, "directory"), &s) == RC_OK && s.n <= CLIENT_URL_MAX)
        IGNORE_RC(
            keeper_slot_issued_by(slot, s)); /* then it counts as ours, and is checked as such */
    if (!slot->first)
        return; /* what became of attempts is that other CA's */
    slot->public.next_at = get_when(o, "public_next_at");
    slot->public.failures = get_failures(o, "public_failures");
    if (slot->public.failures == 0)
        return;
    read_why(o, "public_why", &slot->public.why);
}

static void read_state(struct keeper_slot *slot, const struct json *o)
{
    struct str s;

    read_public(slot, o);
    slot->renewal.due = get_when(o, "renew_at");
    slot->renewal.look_at = get_when(o, "look_at");
    slot->renewal.window_start = get_when(o, "window_start");
    slot->renewal.window_end = get_when(o, "window_end");
    slot->renewal.least = get_when(o, "not_before");
    if (json_str(json_get(o, "profile"), &s) == RC_OK && s.n <= CLIENT_TYPE_MAX)
        keeper_slot_issued_as(slot, s);
    slot->failures = get_failures(o, "failures");
    if (slot->failures == 0)
        return;
    slot->next_at = get_when(o, "next_at");
    read_why(o, "why", &slot->why);
}

/* Without a state that can be read the certificate's lifetime says when. */
static void load_state(struct keeper_slot *slot)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(KEEPER_STATE_MAX);
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    char path[KEEPER_PATH_MAX];
    struct err err = ERR_INIT;
    enum rc rc = keeper_slot_path(slot, "keeper", ".json", path);

    if (rc == RC_OK)
        rc = file_read(slot->keeper->env->data, path, &text, &err);
    if (rc == RC_OK)
        rc = json_parse(buf_str(&text), KEEPER_STATE_MAX, &doc, &err);
    if (rc == RC_OK)
        read_state(slot, json_root(doc));
    else if (rc != RC_NOTFOUND)
        log_warn("keeper.state-not-read", LOG_Z("site", slot->name),
                 LOG_Z("algorithm", keeper_slot_text(slot)), LOG_RC(rc), LOG_ERR(&err));
}

/* ---- the certificate */

/* Of another CA, its end in a root is nothing that is known here; nor is the state to be believed,
 * for pair and state are two files. */
static enum rc check(struct arena *a, const struct keeper_slot *slot, struct str chain,
                     struct str key_der, bool *ours, struct err *err)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    const struct keeper *k = slot->keeper;
    struct str name = str_of(slot->name);
    struct client_check in = {.chain = chain,
                              .dns = &name,
                              .n_dns = 1,
                              .roots = k->roots,
                              .n_roots = k->n_roots,
                              .now = clock_now(k->env->clock)};
    struct x509_cert *certs;
    size_t n;

    *ours = true;
    if (slot->directory || slot->first)
        in.trusted = ours;
    TRY(crypto_key_read_der(key_der, &key, err));
    in.key = key;
    return client_chain_check(a, &in, &certs, &n, err);
}

static enum rc load_pair(struct keeper_slot *slot, bool closely, struct err *err)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(ARENA_BYTES);
    CLEANUP(buf_done) struct buf chain = BUF_INIT(KEEPER_FILE_MAX);
    CLEANUP(buf_wipe) struct buf key = BUF_INIT(CRYPTO_PEM_MAX);
    struct str directory = STR("");
    char path[KEEPER_PATH_MAX];
    struct x509_cert *certs;
    bool ours = true;
    size_t n;

    TRY(keeper_slot_path(slot, "sites", "", path));
    TRY(client_pair_read_der(slot->keeper->env->data, path, &chain, &key, err));
    if (chain.n > KEEPER_CHAIN_MAX)
        return RC_TOOBIG;
    if (closely)
        TRY(check(&a, slot, buf_str(&chain), buf_str(&key), &ours, err));
    else
        ours = !slot->directory;
    TRY(x509_cert_read_pem(&a, buf_str(&chain), X509_CHAIN_MAX, &certs, &n, err));
    if (!ours)
        directory = str_of(slot->directory ? slot->directory : slot->first->url);
    return keeper_slot_set(slot, certs, n, buf_str(&key), directory);
}

/* One that cannot be used is as good as none: a new one is obtained, and takes its place. */
static void unusable(struct keeper_slot *slot, enum rc rc, struct err *err)
{
    err->rc = rc;
    IGNORE_RC(keeper_slot_issued_by(slot, STR(""))); /* to forget cannot fail */
    slot->renewal = (struct client_renewal){};
    if (rc != RC_NOTFOUND)
        log_warn("keeper.certificate-not-usable", LOG_Z("site", slot->name),
                 LOG_Z("algorithm", keeper_slot_text(slot)), LOG_ERR(err));
}

void keeper_slot_load(struct keeper_slot *slot)
{
    struct keeper *k = slot->keeper;
    /* Which CA one is of that may be another's, only a close look shows. */
    bool closely = slot->first || k->loaded < KEEPER_CHECK_AT_ONCE;
    struct err err = ERR_INIT;
    enum rc rc;

    slot->loaded = true;
    load_state(slot);
    rc = load_pair(slot, closely, &err);
    if (rc != RC_OK) {
        unusable(slot, rc, &err);
        return;
    }
    k->loaded++;
    if (!closely) {
        list_push(&k->unchecked, &slot->unchecked);
        ev_timer_start(&k->check, KEEPER_CHECK_EVERY * (WHEN_SECOND / 1000), 0);
    }
    if (slot->renewal.due == 0)
        client_renewal_plan(&slot->renewal, slot->not_before, slot->not_after, true,
                            clock_now(k->env->clock));
}

/* ---- a close look at the others */

static enum rc check_pair(const struct keeper_slot *slot, struct err *err)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(ARENA_BYTES);
    CLEANUP(buf_done) struct buf ders = BUF_INIT(KEEPER_FILE_MAX), pem = BUF_INIT(KEEPER_FILE_MAX);
    bool ours;

    TRY(keeper_pair_chain(slot->pair, &ders));
    TRY(x509_cert_put_pems(buf_str(&ders), &pem));
    return check(&a, slot, buf_str(&pem), keeper_pair_key_der(slot->pair), &ours, err);
}

static void on_check(void *arg)
{
    struct keeper *k = arg;
    struct list *link = list_pop(&k->unchecked);
    struct keeper_slot *slot = link ? LIST_ENTRY(link, struct keeper_slot, unchecked) : NULL;
    struct err err = ERR_INIT;
    enum rc rc = slot ? check_pair(slot, &err) : RC_OK;

    if (rc == RC_NOMEM) {
        list_push(&k->unchecked, link);
    } else if (rc != RC_OK) {
        unusable(slot, rc, &err);
        keeper_slot_drop(slot);
        keeper_issue_look(k);
    }
    if (!list_empty(&k->unchecked))
        ev_timer_start(&k->check, KEEPER_CHECK_EVERY * (WHEN_SECOND / 1000), 0);
}

void keeper_load_init(struct keeper *k)
{
    list_init(&k->unchecked);
    ev_timer_init(&k->check, k->env->ev, on_check, k);
}
