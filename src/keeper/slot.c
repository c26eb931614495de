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
#include "ev/clock.h"
#include "json/json.h"
#include "json/out.h"
#include "log/log.h"

MSG(msg_kept, "keeper.last-failure", "{0}");

enum { PATH_MAX_BYTES = 1024, KEY_BYTES = NAME_MAX_BYTES + 3 };

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

/* ---- paths */

static enum rc path_of(const struct keeper_slot *slot, const char *top, const char *behind,
                       char out[static PATH_MAX_BYTES])
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(PATH_MAX_BYTES - 1);

    buf_printf(&b, "%s/", top);
    text_percent(&b, str_of(slot->name));
    if (behind)
        buf_printf(&b, "/%s%s", keeper_slot_text(slot), behind);
    TRY(buf_rc(&b));
    return str_copyz(buf_str(&b), out, PATH_MAX_BYTES);
}

static enum rc make_parent(const struct keeper_slot *slot, const char *top, struct err *err)
{
    char path[PATH_MAX_BYTES];

    TRY(path_of(slot, top, NULL, path));
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
    json_kv_z(o, "public_why", err_textz(&slot->public.why, why, sizeof(why)));
}

static void put_state(const struct keeper_slot *slot, struct buf *out)
{
    char why[ERR_ARGS_BYTES];
    struct json_out o;

    json_out_init(&o, out, JSON_PRETTY);
    json_obj(&o);
    json_kv_z(&o, "profile", slot->issued_profile);
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
        json_kv_z(&o, "why", err_textz(&slot->why, why, sizeof(why)));
    }
    json_end(&o);
    buf_fail(out, json_out_done(&o));
}

static enum rc save(const struct keeper_slot *slot, struct err *err)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(KEEPER_STATE_MAX);
    char path[PATH_MAX_BYTES];

    put_state(slot, &text);
    TRY(buf_rc(&text));
    TRY(make_parent(slot, "keeper", err));
    TRY(path_of(slot, "keeper", ".json", path));
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

/* It was issued by the CA with that directory; empty: by ours. */
static enum rc issued_by(struct keeper_slot *slot, struct str url)
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

static void read_public(struct keeper_slot *slot, const struct json *o)
{
    struct str s;

    if (json_str(json_get(o, "directory"), &s) == RC_OK && s.n <= CLIENT_URL_MAX)
        IGNORE_RC(issued_by(slot, s)); /* then it counts as ours, and is checked as such */
    if (!slot->first)
        return; /* what became of attempts is that other CA's */
    slot->public.next_at = get_when(o, "public_next_at");
    slot->public.failures = get_failures(o, "public_failures");
    if (slot->public.failures == 0)
        return;
    if (json_str(json_get(o, "public_why"), &s) == RC_OK)
        IGNORE_RC(ERR(&slot->public.why, RC_AGAIN, msg_kept, s));
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
    if (json_str(json_get(o, "profile"), &s) != RC_OK ||
        str_copyz(s, slot->issued_profile, sizeof(slot->issued_profile)) != RC_OK)
        slot->issued_profile[0] = '\0';
    slot->failures = get_failures(o, "failures");
    if (slot->failures == 0)
        return;
    slot->next_at = get_when(o, "next_at");
    if (json_str(json_get(o, "why"), &s) == RC_OK)
        IGNORE_RC(ERR(&slot->why, RC_AGAIN, msg_kept, s));
}

/* Without a state that can be read the certificate's lifetime says when. */
static void load_state(struct keeper_slot *slot)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(KEEPER_STATE_MAX);
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    char path[PATH_MAX_BYTES];
    struct err err = ERR_INIT;
    enum rc rc = path_of(slot, "keeper", ".json", path);

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

static void drop_pair(struct keeper_slot *slot)
{
    keeper_staple_drop(slot);
    crypto_key_unref(MOVE(slot->key));
    buf_done(&slot->chain);
    slot->not_before = slot->not_after = 0;
    slot->serial.n = 0;
    slot->certid[0] = '\0';
    keeper_slot_forget(slot);
}

/* What was checked becomes the pair in force, issued by the CA with that directory, or by ours. On
 * failure nothing has changed. */
static enum rc set_pair(struct keeper_slot *slot, const struct client_result *is,
                        struct crypto_key *key, struct str directory)
{
    const struct x509_cert *leaf = &is->certs[0];
    CLEANUP(buf_done) struct buf certid = BUF_INIT(sizeof(slot->certid) - 1);
    CLEANUP(buf_done) struct buf kept = BUF_INIT(CLIENT_CHAIN_MAX), hex = BUF_INIT(64);
    unsigned char digest[CRYPTO_SHA256_BYTES];

    buf_puts(&kept, is->chain);
    TRY(crypto_sha256(leaf->der, digest));
    text_hex(&hex, str_bytes(digest, sizeof(digest)));
    TRY(buf_rc(&kept));
    TRY(buf_rc(&hex));
    TRY(issued_by(slot, directory));
    crypto_key_unref(slot->before);
    slot->before = slot->key ? crypto_key_ref(slot->key) : NULL;
    slot->before_until = clock_now(slot->keeper->env->clock) + KEEPER_BEFORE_SECONDS * WHEN_SECOND;
    drop_pair(slot);
    IGNORE_RC(str_copyz(buf_str(&hex), slot->sha256, sizeof(slot->sha256)));
    slot->chain = kept;
    buf_init(&kept, 0);
    slot->key = crypto_key_ref(key);
    slot->not_before = leaf->not_before;
    slot->not_after = leaf->not_after;
    slot->serial = leaf->serial;
    if (client_certid(leaf, &certid) == RC_OK)
        IGNORE_RC(str_copyz(buf_str(&certid), slot->certid, sizeof(slot->certid)));
    keeper_slot_touch(slot);
    /* The responder of another CA is out of reach, and most have none any more. */
    if (!slot->directory)
        keeper_staple_begin(slot, leaf);
    return RC_OK;
}

static enum rc load_pair(struct keeper_slot *slot, struct err *err)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(4 << 20);
    CLEANUP(buf_done) struct buf chain = BUF_INIT(KEEPER_FILE_MAX);
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    struct keeper *k = slot->keeper;
    struct str name = str_of(slot->name);
    struct client_check in = {.dns = &name,
                              .n_dns = 1,
                              .roots = k->roots,
                              .n_roots = k->n_roots,
                              .now = clock_now(k->env->clock)};
    struct str directory = STR("");
    char path[PATH_MAX_BYTES];
    struct x509_cert *certs;
    bool ours = true;
    size_t n;

    /* Of another CA, its end in a root is nothing that is known here; nor is the state to be
     * believed, for pair and state are two files. */
    if (slot->directory || slot->first)
        in.trusted = &ours;
    TRY(path_of(slot, "sites", "", path));
    TRY(client_pair_read(k->env->data, path, &chain, &key, err));
    in.chain = buf_str(&chain);
    in.key = key;
    if (chain.n > KEEPER_CHAIN_MAX)
        return RC_TOOBIG;
    TRY(client_chain_check(&a, &in, &certs, &n, err));
    if (!ours)
        directory = str_of(slot->directory ? slot->directory : slot->first->url);
    return set_pair(slot, &(struct client_result){.chain = in.chain, .certs = certs}, key,
                    directory);
}

/* One that cannot be used is as good as none: a new one is obtained, and takes its place. */
static void load(struct keeper_slot *slot)
{
    struct err err = ERR_INIT;
    enum rc rc;

    slot->loaded = true;
    load_state(slot);
    rc = load_pair(slot, &err);
    if (rc == RC_OK) {
        if (slot->renewal.due == 0)
            client_renewal_plan(&slot->renewal, slot->not_before, slot->not_after, true,
                                clock_now(slot->keeper->env->clock));
        return;
    }
    err.rc = rc;
    IGNORE_RC(issued_by(slot, STR(""))); /* to forget cannot fail */
    slot->renewal = (struct client_renewal){};
    if (rc != RC_NOTFOUND)
        log_warn("keeper.certificate-not-usable", LOG_Z("site", slot->name),
                 LOG_Z("algorithm", keeper_slot_text(slot)), LOG_ERR(&err));
}

static enum rc store_pair(const struct keeper_slot *slot, struct str chain, struct err *err)
{
    char path[PATH_MAX_BYTES];

    TRY(make_parent(slot, "sites", err));
    TRY(path_of(slot, "sites", "", path));
    return client_pair_write(slot->keeper->env->data, path, chain, slot->fresh, err);
}

enum rc keeper_slot_take(struct keeper_slot *slot, const struct client_result *result,
                         struct err *err)
{
    struct keeper *k = slot->keeper;
    const struct client *client = slot->at ? slot->at->client : k->client;
    enum rc rc;

    TRY(set_pair(slot, result, slot->fresh, slot->at ? str_of(slot->at->url) : STR("")));
    client_renewal_plan(&slot->renewal, slot->not_before, slot->not_after, client_looks(client),
                        clock_now(k->env->clock));
    IGNORE_RC(str_copyz(slot->at ? STR("") : str_of(slot->profile), slot->issued_profile,
                        sizeof(slot->issued_profile)));
    if (slot->at)
        keeper_public_succeeded(slot);
    slot->failures = 0;
    slot->next_at = 0;
    slot->why = ERR_INIT;
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
    drop_pair(slot);
    crypto_key_unref(slot->before);
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
    slot = MEM_NEW(struct keeper_slot);
    if (!slot)
        return RC_NOMEM;
    slot->keeper = k;
    slot->algorithm = algorithm;
    slot->encrypts = encrypts;
    buf_init(&slot->chain, CLIENT_CHAIN_MAX);
    buf_init(&slot->staple.der, KEEPER_STAPLE_MAX);
    list_init(&slot->link);
    list_init(&slot->turn);
    TRY(str_copyz(site->name, slot->name, sizeof(slot->name)));
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
                                   enum conf_key_algorithm algorithm, bool encrypts)
{
    struct keeper_slot *slot = find(k, site->name, algorithm, encrypts);

    if (!slot)
        return NULL;
    list_remove(&slot->link);
    list_push(&k->slots, &slot->link);
    slot->listed = true;
    keeper_public_set(slot, site);
    IGNORE_RC(str_copyz(profile_of(slot, site), slot->profile, sizeof(slot->profile)));
    if (!slot->loaded)
        load(slot);
    return slot;
}

/* In the order of the configuration; what it does not have stays behind. */
static void sort_in(struct keeper *k, const struct conf_site *site)
{
    for (unsigned a = 0; a < CONF_SITE_KEYS; a++) {
        struct keeper_slot *slot, *other;

        if (!(site->algorithms & 1u << a))
            continue;
        slot = take_in(k, site, (enum conf_key_algorithm)a, false);
        other = a == CONF_KEY_SM2 ? take_in(k, site, CONF_KEY_SM2, true) : NULL;
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
        sort_in(k, &conf->gateway.sites[i]);
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
