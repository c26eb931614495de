/* SPDX-License-Identifier: Apache-2.0 */
/* Other CAs. The key of a site and that of an account stay here, as for our own CA; what is sent
 * was signed here, and the emissary carries it. An account's key is
 * DATA/keeper/accounts/DIGEST.pem, by the digest of the directory's URL, made at the first use.
 *
 * What is in force serves until something better is there: an internal certificate first, that of
 * the other CA once it has been checked, an internal one again shortly before that one ends. An
 * attempt is on disk before it begins, so that a keeper which dies in the middle of one, however
 * often, comes back no sooner than after a failure. */
#include "keeper/keeper_int.h"

#include <stdio.h>

#include "base/file.h"
#include "base/secret.h"
#include "base/text.h"
#include "client/possible.h"
#include "crypto/hash.h"
#include "crypto/pem.h"
#include "ev/clock.h"
#include "log/log.h"
#include "metrics/metrics.h"

MSG(msg_many, "keeper.cas-many",
    "gateway.sites name more than {0} pairs of directory and challenge");
MSG(msg_binding, "keeper.binding",
    "the file {0} holds no key of an external account binding: one line of base64url: {1}");
MSG(msg_account, "keeper.ca-account", "the account's key DATA/{0} cannot be used: {1}");

static const char *const outcomes[] = {"issued", "failed"};
METRIC_COUNTER_BY(orders, "site_public_orders_total",
                  "Orders for certificates of sites at other CAs that have ended", "outcome",
                  outcomes);

#define ACCOUNTS "keeper/accounts"
/* Of one that does not answer, while there is a second one: what a server takes to start anew. */
#define FIRST_PATIENCE (5 * WHEN_SECOND)

enum { PATH_BYTES = 128, KEY_FILE_MAX = 4096, TEXT_BYTES = 256 };

static when_t now_of(const struct keeper *k)
{
    return clock_now(k->env->clock);
}

/* ---- bindings */

static enum rc read_binding(struct keeper *k, const struct conf_directory *d,
                            struct keeper_binding *b, struct err *err)
{
    CLEANUP(secret_freep) struct secret *text = NULL;
    CLEANUP(buf_wipe) struct buf key = BUF_INIT(KEY_FILE_MAX);
    struct err why = ERR_INIT;
    char file[KEY_FILE_MAX], line[TEXT_BYTES];
    struct str s;
    enum rc rc;

    TRY(str_copyz(d->eab_key_file, file, sizeof(file)));
    rc = file_read_secret(k->env->data, file, KEY_FILE_MAX, &text, &why);
    if (rc == RC_OK) {
        s = str_trim(str_bytes(secret_bytes(text), secret_len(text)));
        while (str_ends(s, STR("=")))
            s.n--;
        rc = s.n ? text_unb64url(s, &key) : RC_PARSE;
    }
    if (rc == RC_NOMEM)
        return rc;
    if (rc != RC_OK)
        return ERR(err, rc, msg_binding, d->eab_key_file,
                   why.msg ? str_of(err_textz(&why, line, sizeof(line))) : str_of(rc_text(rc)));
    TRY(secret_new(key.n, &b->key));
    memcpy(secret_bytes(b->key), key.p, key.n);
    return RC_OK;
}

enum rc keeper_public_open(struct keeper *k)
{
    const struct conf *conf = k->env->conf;

    for (size_t i = 0; i < conf->gateway.others.n_directories && i < CONF_DIRECTORIES_MAX; i++) {
        const struct conf_directory *d = &conf->gateway.others.directories[i];
        struct keeper_binding *b = &k->bindings[k->n_bindings];
        enum rc rc;

        if (d->eab_key_file.n == 0)
            continue;
        TRY(arena_str(&k->arena, d->url, &b->url));
        rc = read_binding(k, d, b, &b->why);
        if (rc == RC_NOMEM)
            return rc;
        b->why.rc = rc;
        if (rc != RC_OK)
            log_error("keeper.binding-unusable", LOG_STR("directory", d->url), LOG_ERR(&b->why));
        k->n_bindings++;
    }
    return RC_OK;
}

/* ---- accounts */

static enum rc path_of(struct str url, char out[static PATH_BYTES])
{
    CLEANUP(buf_done) struct buf hex = BUF_INIT(2 * CRYPTO_SHA256_BYTES);
    unsigned char digest[CRYPTO_SHA256_BYTES];

    TRY(crypto_sha256(url, digest));
    text_hex(&hex, str_bytes(digest, sizeof(digest) / 2));
    TRY(buf_rc(&hex));
    snprintf(out, PATH_BYTES, ACCOUNTS "/%.*s.pem", STR_ARG(buf_str(&hex)));
    return RC_OK;
}

static enum rc make_account(struct keeper_ca *ca, const char *path, struct err *err)
{
    CLEANUP(buf_wipe) struct buf pem = BUF_INIT(CRYPTO_PEM_MAX);
    int data = ca->keeper->env->data;

    TRY(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_P256, 0}, &ca->account));
    TRY(crypto_pem_put_clear(ca->account, &pem));
    TRY(file_mkdir(data, ACCOUNTS, 0700, FILE_OWNER_SELF, err));
    return file_create(data, path, buf_str(&pem), 0600, FILE_OWNER_SELF, err);
}

static enum rc load_account(struct keeper_ca *ca, struct err *err)
{
    CLEANUP(buf_wipe) struct buf pem = BUF_INIT(CRYPTO_PEM_MAX + 1);
    struct err why = ERR_INIT;
    char path[PATH_BYTES], line[TEXT_BYTES];
    enum rc rc;

    if (!buf_reserve(&pem, CRYPTO_PEM_MAX))
        return RC_NOMEM;
    TRY(path_of(str_of(ca->url), path));
    rc = file_read(ca->keeper->env->data, path, &pem, &why);
    if (rc == RC_NOTFOUND)
        return make_account(ca, path, err);
    if (rc == RC_OK)
        rc = crypto_pem_read(buf_str(&pem), NULL, &ca->account, &why);
    if (rc == RC_OK || rc == RC_NOMEM)
        return rc;
    return ERR(err, rc, msg_account, str_of(path), str_of(err_textz(&why, line, sizeof(line))));
}

/* ---- the CAs */

static struct keeper_ca *find(struct keeper *k, struct str url, enum conf_site_challenge challenge)
{
    LIST_FOREACH (it, &k->cas) {
        struct keeper_ca *ca = LIST_ENTRY(it, struct keeper_ca, link);

        if (ca->challenge == challenge && str_eq(str_of(ca->url), url))
            return ca;
    }
    return NULL;
}

static void ca_free(struct keeper_ca *ca)
{
    client_free(ca->client);
    client_transport_free(&ca->transport);
    crypto_key_unref(ca->account);
    list_remove(&ca->link);
    ca->keeper->n_cas--;
    mem_free(ca);
}

static enum rc make_client(struct keeper_ca *ca, const struct conf_directory *d, struct err *err)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(16 * 1024);
    struct str contacts[CONF_CONTACTS_MAX];
    struct keeper *k = ca->keeper;
    struct client_conf conf = {.ev = k->env->ev,
                               .transport = &ca->transport,
                               .directory = d->url,
                               .key = ca->account,
                               .any_root = true, /* who is to trust it, this host need not know */
                               .contacts = contacts,
                               .solvers = &ca->solver,
                               .n_solvers = 1,
                               .agree_terms = d->terms,
                               .one_host = true};

    for (size_t i = 0; i < d->contact.n && i < CONF_CONTACTS_MAX; i++) {
        contacts[i] = arena_printf(&a, "mailto:%.*s", STR_ARG(d->contact.p[i]));
        if (!contacts[i].p)
            return RC_NOMEM;
        conf.n_contacts++;
    }
    for (size_t i = 0; d->eab_kid.n && i < k->n_bindings; i++)
        if (str_eq(k->bindings[i].url, d->url)) {
            if (!k->bindings[i].key) {
                *err = k->bindings[i].why;
                return err->rc;
            }
            conf.eab_kid = d->eab_kid;
            conf.eab_key =
                str_bytes(secret_bytes(k->bindings[i].key), secret_len(k->bindings[i].key));
        }
    return client_new(&conf, &ca->client, err);
}

static enum rc new_ca(struct keeper *k, struct str url, enum conf_site_challenge challenge,
                      struct keeper_ca **out, struct err *err)
{
    struct keeper_ca *ca;
    char digits[24];

    if (k->n_cas >= KEEPER_CAS_MAX) {
        snprintf(digits, sizeof(digits), "%d", KEEPER_CAS_MAX);
        return ERR(err, RC_QUOTA, msg_many, str_of(digits));
    }
    ca = MEM_NEW(struct keeper_ca);
    if (!ca)
        return RC_NOMEM;
    if (str_copyz(url, ca->url, sizeof(ca->url)) != RC_OK) {
        mem_free(ca);
        return RC_TOOBIG;
    }
    ca->transport.ops = &keeper_outside_ops;
    ca->keeper = k;
    ca->challenge = challenge;
    list_init(&ca->exchanges);
    list_push(&k->cas, &ca->link);
    k->n_cas++;
    keeper_proof_solver(ca);
    *out = ca;
    return RC_OK;
}

/* One that could not be used before may be usable now. */
static enum rc add(struct keeper *k, const struct conf *conf, struct str url,
                   enum conf_site_challenge challenge, struct err *err)
{
    const struct conf_directory *d = conf_directory_find(conf, url);
    struct keeper_ca *ca;
    enum rc rc = RC_OK;

    if (url.n == 0 || !d)
        return RC_OK;
    ca = find(k, url, challenge);
    if (ca && ca->client)
        return RC_OK;
    if (!ca)
        TRY(new_ca(k, url, challenge, &ca, err));
    ca->why = ERR_INIT;
    if (!ca->account)
        rc = load_account(ca, &ca->why);
    if (rc == RC_OK)
        rc = make_client(ca, d, &ca->why);
    if (rc == RC_OK || rc == RC_NOMEM)
        return rc;
    ca->why.rc = rc;
    log_error("keeper.ca-unusable", LOG_Z("directory", ca->url), LOG_ERR(&ca->why));
    return RC_OK;
}

/* What a configuration that is then given up would have needed is of no harm. */
enum rc keeper_public_prepare(struct keeper *k, const struct conf *next, struct err *err)
{
    for (size_t i = 0; i < next->gateway.n_sites; i++) {
        const struct conf_site *s = &next->gateway.sites[i];

        TRY(add(k, next, s->directory, s->challenge, err));
        TRY(add(k, next, s->fallback, s->challenge, err));
    }
    return RC_OK;
}

/* What became of attempts at a CA that is no longer asked is no trouble of the site's any more. */
static void forget_tries(struct keeper_slot *slot)
{
    keeper_why_clear(&slot->public.why);
    slot->public = (struct keeper_try){};
    slot->try_second = false;
}

void keeper_public_set(struct keeper_slot *slot, const struct conf_site *site)
{
    struct keeper *k = slot->keeper;
    bool others = slot->algorithm == CONF_KEY_ECDSA || slot->algorithm == CONF_KEY_RSA;
    const struct keeper_ca *before = slot->first;

    slot->first = slot->second = NULL;
    if (others && site->directory.n)
        slot->first = find(k, site->directory, site->challenge);
    if (slot->first && site->fallback.n)
        slot->second = find(k, site->fallback, site->challenge);
    if (before && slot->first != before && !slot->at)
        forget_tries(slot);
}

struct keeper_ca *keeper_public_issuer(const struct keeper_slot *slot)
{
    struct str url = str_of(slot->directory);

    if (url.n && slot->first && str_eq(str_of(slot->first->url), url))
        return slot->first;
    if (url.n && slot->second && str_eq(str_of(slot->second->url), url))
        return slot->second;
    return NULL;
}

/* ---- when */

when_t keeper_public_end(const struct keeper_slot *slot)
{
    when_t margin = (slot->not_after - slot->not_before) / 50;

    return slot->not_after - (margin < WHEN_HOUR ? margin : WHEN_HOUR);
}

/* A CA may give both orders of a site one authorization, so that they have one proof, and the first
 * that ends takes it away; and a worker shows one certificate of tls-alpn-01 for a site. */
static bool other_orders(const struct keeper_slot *slot)
{
    static const enum conf_key_algorithm both[] = {CONF_KEY_ECDSA, CONF_KEY_RSA};

    for (size_t i = 0; i < sizeof(both) / sizeof(both[0]); i++) {
        const struct keeper_slot *other =
            keeper_slot_find(slot->keeper, str_of(slot->name), both[i]);

        if (other && other != slot && other->at)
            return true;
    }
    return false;
}

bool keeper_public_busy(const struct keeper_ca *ca)
{
    unsigned n = 0;

    if (!ca)
        return false;
    LIST_FOREACH (it, &ca->keeper->cas) {
        const struct keeper_ca *same = LIST_ENTRY(it, struct keeper_ca, link);

        if (str_eq(str_of(same->url), str_of(ca->url)))
            n += same->active;
    }
    return n >= KEEPER_PUBLIC_EACH_MAX;
}

/* Where its next order goes. */
static struct keeper_ca *next_ca(const struct keeper_slot *slot)
{
    return slot->try_second && slot->second ? slot->second : slot->first;
}

when_t keeper_public_due(const struct keeper_slot *slot)
{
    const struct keeper *k = slot->keeper;
    when_t most = now_of(k) + KEEPER_PAUSE_HOURS_MAX * WHEN_HOUR;
    /* A pause that ends later than any that is made was made while the clock was wrong. */
    when_t pause = slot->public.next_at > most ? 0 : slot->public.next_at, due = 0;

    if (!slot->first || !k->emissary || keeper_public_busy(next_ca(slot)) || other_orders(slot))
        return WHEN_MAX;
    if (slot->try_second)
        return 0;
    if (slot->pair && keeper_public_issuer(slot))
        due = keeper_issue_renewal(slot);
    if (due && slot->renewal.least <= most && due < slot->renewal.least)
        due = slot->renewal.least;
    return due < pause ? pause : due;
}

/* ---- orders */

static int64_t pause_after(unsigned failures)
{
    return client_backoff(failures, KEEPER_PUBLIC_SECONDS * WHEN_SECOND,
                          KEEPER_PUBLIC_SECONDS_MAX * WHEN_SECOND);
}

/* The later one, within what any pause may take. */
static void pause_until(struct keeper_slot *slot, when_t one, when_t other)
{
    when_t most = now_of(slot->keeper) + KEEPER_PAUSE_HOURS_MAX * WHEN_HOUR;
    when_t later = one > other ? one : other;

    slot->public.next_at = later < most ? later : most;
}

enum rc keeper_public_choose(struct keeper_slot *slot, struct err *err)
{
    slot->at = next_ca(slot);
    slot->try_second = false;
    if (slot->at->client)
        return RC_OK;
    *err = slot->at->why;
    return err->rc;
}

enum rc keeper_public_order(struct keeper_slot *slot, const struct client_want *want,
                            client_result_fn fn)
{
    struct client_want at = *want;
    enum rc rc;

    if (!slot->at)
        return RC_INVAL; /* the caller has chosen it */
    if (keeper_public_issuer(slot) != slot->at)
        at.replaces = STR("");
    pause_until(slot, slot->public.next_at,
                now_of(slot->keeper) + pause_after(slot->public.failures + 1));
    keeper_slot_save(slot); /* as a failure, until it is none */
    client_set_patience(slot->at->client,
                        slot->at == slot->first && slot->second ? FIRST_PATIENCE : 0);
    rc = client_obtain(slot->at->client, &at, fn, slot, &slot->run);
    if (rc == RC_OK)
        keeper_record(slot, IPC_PUBLIC_ORDERED, NULL);
    return rc;
}

bool keeper_public_failed(struct keeper_slot *slot, const struct client_result *result)
{
    when_t now = now_of(slot->keeper);
    /* A public CA asks no person: one that does not decide ails. */
    const struct client_trouble trouble = {result->rc, result->ill || result->rc == RC_AGAIN,
                                           result->retry_at};
    bool second =
        slot->at == slot->first && slot->second &&
        client_falls_back(
            &trouble, slot->pair && keeper_public_issuer(slot) ? keeper_public_end(slot) : 0, now);
    struct err why = result->err ? *result->err : ERR_INIT;
    char at[WHEN_TEXT];

    slot->public.failures += !second;
    why.rc = result->rc;
    keeper_why_set(&slot->public.why, &why);
    /* Of two that failed one after the other, the one that asks for more. */
    pause_until(slot, slot->at == slot->second ? slot->public.next_at : 0,
                now + pause_after(slot->public.failures));
    pause_until(slot, slot->public.next_at, result->retry_at);
    slot->try_second = second;
    log_error("keeper.public-certificate-failed", LOG_Z("site", slot->name),
              LOG_Z("algorithm", keeper_slot_text(slot)), LOG_Z("directory", slot->at->url),
              LOG_ERR(&why), LOG_INT("failures", slot->public.failures),
              LOG_Z("again_at",
                    second ? "at once, at the fallback" : when_text(slot->public.next_at, at)));
    metric_add(&orders, 1, 1);
    keeper_record(slot, IPC_PUBLIC_FAILED, &why);
    if (slot->at != slot->first && slot->at != slot->second)
        forget_tries(slot); /* another configuration since */
    slot->at = NULL;
    keeper_slot_save(slot);
    return second;
}

/* Whatever times its certificates have, and whatever it says of renewals, a CA gets no endless
 * orders. */
void keeper_public_succeeded(struct keeper_slot *slot)
{
    keeper_why_clear(&slot->public.why);
    slot->public = (struct keeper_try){.next_at = now_of(slot->keeper) +
                                                  KEEPER_PUBLIC_SECONDS_MAX * WHEN_SECOND};
    log_info("keeper.public-certificate", LOG_Z("site", slot->name),
             LOG_Z("algorithm", keeper_slot_text(slot)), LOG_Z("directory", slot->at->url));
    metric_add(&orders, 0, 1);
    keeper_record(slot, IPC_PUBLIC_INSTALLED, NULL);
    slot->at = NULL;
}

/* ---- life */

void keeper_public_emissary(struct keeper *k, struct ipc_chan *chan)
{
    k->emissary = chan;
    if (!chan)
        return;
    keeper_proof_peer(k, chan);
    LIST_FOREACH (it, &k->cas)
        if (LIST_ENTRY(it, struct keeper_ca, link)->client)
            client_hurry(LIST_ENTRY(it, struct keeper_ca, link)->client);
    keeper_issue_look(k);
}

void keeper_public_free(struct keeper *k)
{
    while (!list_empty(&k->cas))
        ca_free(LIST_ENTRY(k->cas.next, struct keeper_ca, link));
    for (size_t i = 0; i < k->n_bindings; i++)
        secret_free(k->bindings[i].key);
    keeper_proof_free(k);
    keeper_record_free(k);
}
