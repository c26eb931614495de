/* SPDX-License-Identifier: Apache-2.0 */
/* DATA/sites/NAME/ALGORITHM/ holds the pair, as client/pair.h writes it;
 * DATA/keeper/NAME/ALGORITHM.json when to renew, and what went wrong last. NAME is escaped by
 * text_percent. */
#include "keeper/keeper_int.h"

#include <stdio.h>

#include "base/file.h"
#include "base/text.h"
#include "client/pair.h"
#include "crypto/hash.h"
#include "crypto/pem.h"
#include "ev/clock.h"
#include "json/json.h"
#include "json/out.h"
#include "log/log.h"

enum { KEY_BYTES = NAME_MAX_BYTES + 3, LEAF_ARENA_MAX = 1 << 20 };

const char *keeper_slot_text(const struct keeper_slot *slot)
{
    return slot->encrypts ? "sm2-enc" : conf_site_key_name(slot->algorithm);
}

/* What a slot is for, as a key of the index. */
static struct str key_of(struct str name, enum conf_key_algorithm algorithm, bool encrypts,
                         char out[static KEY_BYTES])
{
    int n = snprintf(out, KEY_BYTES, "%c%c%.*s", 'a' + (int)algorithm, encrypts ? 'e' : 's',
                     STR_ARG(name));

    return str_bytes(out, (size_t)n);
}

static struct keeper_slot *find(const struct keeper *k, struct str name,
                                enum conf_key_algorithm algorithm, bool encrypts)
{
    char key[KEY_BYTES];

    return name.n <= NAME_MAX_BYTES ? map_get(&k->index, key_of(name, algorithm, encrypts, key))
                                    : NULL;
}

struct keeper_slot *keeper_slot_find(struct keeper *k, struct str name,
                                     enum conf_key_algorithm algorithm)
{
    struct keeper_slot *slot = find(k, name, algorithm, false);

    return slot && slot->listed ? slot : NULL;
}

/* ---- why */

const struct err *keeper_why(const struct err *why)
{
    static const struct err none = ERR_INIT;

    return why ? why : &none;
}

void keeper_why_set(struct err **at, const struct err *why)
{
    if (!*at)
        *at = MEM_NEW(struct err);
    if (*at)
        **at = *why;
}

void keeper_why_clear(struct err **at)
{
    mem_free(MOVE(*at));
}

/* ---- paths */

enum rc keeper_slot_path(const struct keeper_slot *slot, const char *top, const char *behind,
                         char out[static KEEPER_PATH_MAX])
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(KEEPER_PATH_MAX - 1);

    buf_printf(&b, "%s/", top);
    text_percent(&b, str_of(slot->name));
    if (behind)
        buf_printf(&b, "/%s%s", keeper_slot_text(slot), behind);
    TRY(buf_rc(&b));
    return str_copyz(buf_str(&b), out, KEEPER_PATH_MAX);
}

static enum rc make_parent(const struct keeper_slot *slot, const char *top, struct err *err)
{
    char path[KEEPER_PATH_MAX];

    TRY(keeper_slot_path(slot, top, NULL, path));
    return file_mkdir(slot->keeper->env->data, path, 0700, FILE_OWNER_SELF, err);
}

/* ---- state on disk */

static void put_when(struct json_out *o, const char *name, when_t t)
{
    if (t)
        json_kv_when(o, name, t);
}

/* What is under way counts as a failure until it is none: who reads this is a keeper that came
 * after one that died. */
static void put_public(struct json_out *o, const struct keeper_slot *slot)
{
    char why[ERR_ARGS_BYTES];
    unsigned failures = slot->public.failures + (slot->at != NULL);

    put_when(o, "public_next_at", slot->public.next_at);
    if (failures == 0)
        return;
    json_kv_u64(o, "public_failures", failures);
    json_kv_z(o, "public_why", err_textz(keeper_why(slot->public.why), why, sizeof(why)));
}

static void put_state(const struct keeper_slot *slot, struct buf *out)
{
    char why[ERR_ARGS_BYTES];
    struct json_out o;

    json_out_init(&o, out, JSON_PRETTY);
    json_obj(&o);
    json_kv_str(&o, "profile", slot->issued_profile ? shared_str(slot->issued_profile) : STR(""));
    put_when(&o, "renew_at", slot->renewal.due);
    put_when(&o, "look_at", slot->renewal.look_at);
    put_when(&o, "window_start", slot->renewal.window_start);
    put_when(&o, "window_end", slot->renewal.window_end);
    put_when(&o, "not_before", slot->renewal.least);
    if (slot->directory)
        json_kv_z(&o, "directory", slot->directory);
    put_public(&o, slot);
    json_kv_u64(&o, "failures", slot->failures);
    if (slot->failures) {
        json_kv_when(&o, "next_at", slot->next_at);
        json_kv_z(&o, "why", err_textz(keeper_why(slot->why), why, sizeof(why)));
    }
    json_end(&o);
    buf_fail(out, json_out_done(&o));
}

static enum rc save(const struct keeper_slot *slot, struct err *err)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(KEEPER_STATE_MAX);
    char path[KEEPER_PATH_MAX];

    put_state(slot, &text);
    TRY(buf_rc(&text));
    TRY(make_parent(slot, "keeper", err));
    TRY(keeper_slot_path(slot, "keeper", ".json", path));
    return file_write(slot->keeper->env->data, path, buf_str(&text), 0600, FILE_OWNER_SELF, err);
}

void keeper_slot_save(const struct keeper_slot *slot)
{
    struct err err = ERR_INIT;

    err.rc = save(slot, &err);
    if (err.rc != RC_OK)
        log_error("keeper.state-not-written", LOG_Z("site", slot->name),
                  LOG_Z("algorithm", keeper_slot_text(slot)), LOG_ERR(&err));
}

enum rc keeper_slot_issued_by(struct keeper_slot *slot, struct str url)
{
    char *copy = url.n ? mem_alloc(url.n + 1) : NULL;

    if (url.n && !copy)
        return RC_NOMEM;
    if (copy) {
        memcpy(copy, url.p, url.n);
        copy[url.n] = '\0';
    }
    mem_free(slot->directory);
    slot->directory = copy;
    return RC_OK;
}

/* ---- the certificate */

void keeper_slot_drop(struct keeper_slot *slot)
{
    keeper_staple_drop(slot);
    keeper_pair_free(&slot->keeper->pairs, MOVE(slot->pair));
    list_remove(&slot->unchecked);
    slot->forced = false;
    slot->not_before = slot->not_after = 0;
    slot->serial.n = 0;
    slot->certid = false;
    keeper_slot_forget(slot);
}

enum rc keeper_slot_certid(const struct keeper_slot *slot, struct buf *out)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(LEAF_ARENA_MAX);
    struct x509_cert *leaf;
    size_t n;

    TRY(x509_cert_read_der(&a, keeper_pair_leaf(slot->pair), 1, &leaf, &n, NULL));
    return client_certid(leaf, out);
}

void keeper_slot_issued_as(struct keeper_slot *slot, struct str profile)
{
    shared_drop(MOVE(slot->issued_profile), NULL);
    if (profile.n)
        IGNORE_RC(shared_take(&slot->keeper->words, profile, &slot->issued_profile)); /* as told */
}

enum rc keeper_slot_set(struct keeper_slot *slot, const struct x509_cert *certs, size_t n,
                        struct str key, struct str directory)
{
    const struct x509_cert *leaf = &certs[0];
    struct keeper *k = slot->keeper;
    CLEANUP(buf_done) struct buf certid = BUF_INIT(KEEPER_CERTID_MAX);
    struct keeper_pair *pair;
    struct shared *responder = NULL;
    enum rc rc;

    TRY(keeper_pair_new(&k->pairs, certs, n, key, &pair));
    rc = keeper_staple_responder(slot, leaf, &responder);
    if (rc == RC_OK)
        rc = keeper_slot_issued_by(slot, directory);
    if (rc != RC_OK) {
        shared_drop(responder, NULL);
        keeper_pair_free(&k->pairs, pair);
        return rc;
    }
    keeper_pair_free(&k->pairs, MOVE(slot->before));
    if (k->env->conf->gateway.keys == CONF_KEYS_KEEPER) /* nobody else has it then */
        slot->before = MOVE(slot->pair);
    slot->before_until = clock_now(k->env->clock) + KEEPER_BEFORE_SECONDS * WHEN_SECOND;
    keeper_slot_drop(slot);
    slot->pair = pair;
    slot->not_before = leaf->not_before;
    slot->not_after = leaf->not_after;
    slot->serial = leaf->serial;
    slot->certid = client_certid(leaf, &certid) == RC_OK;
    keeper_slot_touch(slot);
    /* The responder of another CA is out of reach, and most have none any more. */
    if (slot->directory)
        shared_drop(MOVE(responder), NULL);
    keeper_staple_begin(slot, responder, leaf->must_staple);
    return RC_OK;
}

static enum rc store_pair(const struct keeper_slot *slot, struct str chain, struct err *err)
{
    char path[KEEPER_PATH_MAX];

    TRY(make_parent(slot, "sites", err));
    TRY(keeper_slot_path(slot, "sites", "", path));
    return client_pair_write(slot->keeper->env->data, path, chain, slot->fresh, err);
}

enum rc keeper_slot_take(struct keeper_slot *slot, const struct client_result *result,
                         struct err *err)
{
    struct keeper *k = slot->keeper;
    const struct client *client = slot->at ? slot->at->client : k->client;
    CLEANUP(buf_wipe) struct buf key = BUF_INIT(CRYPTO_PEM_MAX);
    enum rc rc;

    TRY(crypto_key_put_der(slot->fresh, &key));
    TRY(keeper_slot_set(slot, result->certs, result->n_certs, buf_str(&key),
                        slot->at ? str_of(slot->at->url) : STR("")));
    client_renewal_plan(&slot->renewal, slot->not_before, slot->not_after, client_looks(client),
                        clock_now(k->env->clock));
    keeper_slot_issued_as(slot, slot->at ? STR("") : slot->profile);
    if (slot->at)
        keeper_public_succeeded(slot);
    slot->failures = 0;
    slot->next_at = 0;
    keeper_why_clear(&slot->why);
    /* One that cannot be written serves all the same, until this process ends. */
    rc = store_pair(slot, result->chain, err);
    keeper_slot_save(slot);
    return rc;
}

/* ---- which there are */

static void slot_free(struct keeper_slot *slot)
{
    char key[KEY_BYTES];

    if (!slot)
        return;
    keeper_issue_cancel(slot);
    list_remove(&slot->link);
    list_remove(&slot->turn);
    map_remove(&slot->keeper->index,
               key_of(str_of(slot->name), slot->algorithm, slot->encrypts, key));
    if (slot->other)
        slot->other->other = NULL;
    keeper_slot_drop(slot);
    keeper_slot_issued_as(slot, STR(""));
    keeper_pair_free(&slot->keeper->pairs, slot->before);
    keeper_why_clear(&slot->why);
    keeper_why_clear(&slot->public.why);
    mem_free(slot->directory);
    mem_free(slot);
}

DEFINE_FREEP(slot_free, struct keeper_slot)

static enum rc add_next(struct keeper *k, const struct conf_site *site,
                        enum conf_key_algorithm algorithm, bool encrypts)
{
    CLEANUP(slot_freep) struct keeper_slot *slot = NULL;
    char key[KEY_BYTES];

    if (find(k, site->name, algorithm, encrypts))
        return RC_OK;
    slot = mem_calloc(1, sizeof(*slot) + site->name.n + 1);
    if (!slot)
        return RC_NOMEM;
    slot->keeper = k;
    memcpy(slot->name, site->name.p, site->name.n);
    slot->algorithm = algorithm;
    slot->encrypts = encrypts;
    buf_init(&slot->staple.der, KEEPER_STAPLE_MAX);
    list_init(&slot->link);
    list_init(&slot->turn);
    list_init(&slot->unchecked);
    TRY(map_add(&k->index, key_of(site->name, algorithm, encrypts, key), slot));
    list_push(&k->next, &slot->link);
    slot = NULL; /* the list's */
    return keeper_fresh_reserve(k, k->index.n);
}

static enum rc add_site(struct keeper *k, const struct conf_site *site)
{
    for (unsigned a = 0; a < CONF_SITE_KEYS; a++) {
        bool others = site->directory.n && (a == CONF_KEY_ECDSA || a == CONF_KEY_RSA);

        if (!(site->algorithms & 1u << a) || !(others || k->possible & 1u << a))
            continue;
        TRY(add_next(k, site, (enum conf_key_algorithm)a, false));
        if (a == CONF_KEY_SM2)
            TRY(add_next(k, site, CONF_KEY_SM2, true));
    }
    return RC_OK;
}

enum rc keeper_slots_prepare(struct keeper *k, const struct conf *next)
{
    keeper_slots_abort(k);
    for (size_t i = 0; i < next->gateway.n_sites; i++)
        TRY(add_site(k, &next->gateway.sites[i]));
    return RC_OK;
}

/* The two of TLCP have profiles of their own; everything else that of the site. */
static struct str profile_of(const struct keeper_slot *slot, const struct conf_site *site)
{
    if (slot->algorithm != CONF_KEY_SM2)
        return site->profile;
    return slot->encrypts ? STR("tlcp-enc") : STR("tlcp-sign");
}

static void free_all(struct list *from)
{
    while (!list_empty(from))
        slot_free(LIST_ENTRY(from->next, struct keeper_slot, link));
}

void keeper_slots_abort(struct keeper *k)
{
    free_all(&k->next);
}

static struct keeper_slot *take_in(struct keeper *k, const struct conf_site *site,
                                   struct str window, enum conf_key_algorithm algorithm,
                                   bool encrypts)
{
    struct keeper_slot *slot = find(k, site->name, algorithm, encrypts);

    if (!slot)
        return NULL;
    list_remove(&slot->link);
    list_push(&k->slots, &slot->link);
    slot->listed = true;
    keeper_public_set(slot, site);
    keeper_staple_shown(slot, site->tls_sm);
    slot->profile = profile_of(slot, site);
    slot->window = site->renew_window.n ? site->renew_window : window;
    if (!slot->loaded)
        keeper_slot_load(slot);
    return slot;
}

/* In the order of the configuration; what it does not have stays behind. */
static void sort_in(struct keeper *k, const struct conf_site *site, struct str window)
{
    for (unsigned a = 0; a < CONF_SITE_KEYS; a++) {
        struct keeper_slot *slot, *other;

        if (!(site->algorithms & 1u << a))
            continue;
        slot = take_in(k, site, window, (enum conf_key_algorithm)a, false);
        other = a == CONF_KEY_SM2 ? take_in(k, site, window, CONF_KEY_SM2, true) : NULL;
        if (slot && other) {
            slot->other = other;
            other->other = slot;
        }
    }
}

void keeper_slots_commit(struct keeper *k, const struct conf *conf)
{
    struct list old;

    list_init(&old);
    list_splice(&old, &k->slots);
    list_splice(&old, &k->next);
    for (size_t i = 0; i < conf->gateway.n_sites; i++)
        sort_in(k, &conf->gateway.sites[i], conf->gateway.renew_window);
    LIST_FOREACH (it, &old) {
        struct keeper_slot *slot = LIST_ENTRY(it, struct keeper_slot, link);

        log_info(
            "keeper.site-removed", LOG_Z("site", slot->name),
            LOG_Z("algorithm", keeper_slot_text(slot)),
            LOG_TEXT("no longer in the configuration; key and certificate stay in DATA/sites"));
        slot_free(slot);
    }
}

void keeper_slots_free(struct keeper *k)
{
    keeper_slots_abort(k);
    free_all(&k->slots);
    map_done(&k->index);
    keeper_fresh_free(k);
}
