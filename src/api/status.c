/* SPDX-License-Identifier: Apache-2.0 */
/* How it is. */
#include "api/admin.h"
#include "api/alerts.h"
#include "api/escrow.h"
#include "ca/issue.h"
#include "conf/conf.h"
#include "ipc/messages.h"
#include "ipc/role.h"
#include "revocation/revocation.h"
#include "store/hours.h"
#include "store/locks.h"
#include "store/store.h"
#include "x509/name.h"

enum { LOCKS_ARENA = 512 * 1024 };
#define EXPIRING_SOON (30 * WHEN_DAY)

/* Shown as 0 when the store ails, which doctor reports. */
static uint64_t all(const struct api_view *v, enum store_certificates what,
                    enum store_staging staging)
{
    uint64_t n = 0;

    IGNORE_RC(store_certificates_all(store_read(v->store), what, staging, &n)); /* as above */
    return n;
}

static uint64_t ending(const struct api_view *v, enum store_staging staging, when_t before)
{
    uint64_t n = 0;

    IGNORE_RC(store_certificates_within(store_read(v->store), STORE_CERTIFICATES_ENDING, staging,
                                        v->now, before, &n)); /* as above */
    return n;
}

static void put_certificates(const struct api_view *v, struct json_out *o)
{
    json_key(o, "certificates");
    json_obj(o);
    json_kv_u64(o, "issued", all(v, STORE_CERTIFICATES_ISSUED, STORE_STAGING_NOT));
    json_kv_u64(o, "valid", ending(v, STORE_STAGING_NOT, WHEN_MAX));
    json_kv_u64(o, "expiring_in_30d", ending(v, STORE_STAGING_NOT, v->now + EXPIRING_SOON));
    json_kv_u64(o, "revoked", all(v, STORE_CERTIFICATES_REVOKED, STORE_STAGING_NOT));
    json_end(o);
}

/* Null while there is none. */
static void put_staging(const struct api_view *v, struct json_out *o)
{
    json_key(o, "staging");
    if (!ca_hierarchy_open(v->ca, ca_hierarchy_text(CA_STAGING))) {
        json_put_null(o);
        return;
    }
    json_obj(o);
    json_kv_z(o, "directory", "/acme/staging/directory");
    json_kv_u64(o, "issued", all(v, STORE_CERTIFICATES_ISSUED, STORE_STAGING_ONLY));
    json_kv_u64(o, "valid", ending(v, STORE_STAGING_ONLY, WHEN_MAX));
    json_end(o);
}

static void put_revocation(const struct api_view *v, struct json_out *o)
{
    struct revocation_health h = {.answers = 0};

    if (!v->revocation || revocation_health(v->revocation, &h) != RC_OK)
        return; /* doctor reports the store */
    json_key(o, "revocation");
    json_obj(o);
    json_kv_u64(o, "shards", h.crls.shards);
    json_kv_u64(o, "lists", h.crls.published);
    json_kv_u64(o, "entries", h.crls.entries);
    json_kv_u64(o, "bytes", h.crls.bytes);
    json_kv_when(o, "oldest", h.crls.oldest);
    json_kv_when(o, "next_update", h.crls.next_update);
    json_kv_u64(o, "overdue", h.crls.overdue);
    json_kv_u64(o, "behind", v->conf->urls.plain.n ? h.crls.behind : 0);
    json_kv_u64(o, "answers", h.answers);
    json_end(o);
}

static void put_issuers(const struct api_view *v, struct json_out *o)
{
    const struct ca_issuer *i;

    json_key(o, "issuers");
    json_arr(o);
    for (size_t k = 0; (i = ca_issuer_at(v->ca, k)); k++) {
        CLEANUP(buf_done) struct buf subject = BUF_INIT(4 * X509_NAME_MAX);

        x509_name_text(i->cert.subject, &subject);
        json_obj(o);
        json_kv_str(o, "name", i->ref);
        json_kv_str(o, "hierarchy", i->hierarchy);
        json_kv_str(o, "subject", buf_str(&subject));
        json_kv_str(o, "algorithm", i->algorithm);
        json_kv_z(o, "state", store_issuer_state_text(api_issuer_state(v, i)));
        json_kv_when(o, "not_after", i->cert.not_after);
        json_kv_bool(o, "due", api_issuer_due(v, i) != CA_NOT_DUE);
        json_end(o);
    }
    json_end(o);
}

static void put_processes(const struct api_view *v, struct json_out *o)
{
    json_key(o, "processes");
    json_arr(o);
    for (size_t i = 0; v->processes && i < v->processes->processes.n; i++) {
        const struct ipc_process *p = &v->processes->processes.v[i];

        json_obj(o);
        json_kv_z(o, "role", role_name(p->role));
        json_kv_u64(o, "pid", p->pid);
        json_kv_str(o, "state", p->state);
        json_kv_u64(o, "restarts", p->restarts);
        json_kv_when(o, "started", p->started_at);
        json_kv_str(o, "sandbox", p->sandbox);
        json_end(o);
    }
    json_end(o);
}

static void put_probers(const struct api_view *v, struct json_out *o)
{
    json_key(o, "probers");
    json_arr(o);
    for (size_t i = 0; i < v->n_probers; i++) {
        const struct api_prober *p = &v->probers[i];
        char address[ADDR_TEXT];

        json_obj(o);
        json_kv_str(o, "name", p->name);
        json_kv_bool(o, "connected", p->connected);
        if (p->seen) {
            json_kv_when(o, "since", p->since);
            json_kv_when(o, "seen", p->seen);
            json_kv_when(o, "expires", p->expires);
            json_kv_z(o, "address", addr_text(&p->address, address));
            json_kv_str(o, "program", p->program);
        }
        json_kv_u64(o, "attempts", p->attempts);
        json_kv_u64(o, "under_way", p->under_way);
        json_end(o);
    }
    json_end(o);
}

static bool healthy(const struct api_view *v)
{
    struct err err = ERR_INIT;
    struct err last = ERR_INIT;

    store_last_error(v->store, &last);
    return v->signer && v->prober && v->processes && last.rc == RC_OK &&
           ca_ready(v->ca, &err) == RC_OK;
}

size_t api_locks_that_hold(const struct api_view *v, struct arena *a, struct store_lock **out)
{
    size_t n = 0;

    return store_lock_active(store_read(v->store), a, out, &n) == RC_OK ? n : 0;
}

static void put_locks(const struct api_view *v, struct json_out *o)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(LOCKS_ARENA);
    struct store_lock *locks = NULL;
    size_t n = api_locks_that_hold(v, &a, &locks);

    json_key(o, "frozen");
    json_arr(o);
    for (size_t i = 0; i < n; i++) {
        json_obj(o);
        api_lock_put(o, &locks[i]);
        json_end(o);
    }
    json_end(o);
}

static void put_watch(const struct api_view *v, struct json_out *o)
{
    json_key(o, "watch");
    json_obj(o);
    json_kv_z(o, "automatic", conf_automatic_text(v->conf->locks.automatic));
    if (v->watch.learns_until)
        json_kv_when(o, "learns_until", v->watch.learns_until);
    if (v->watch.unusual)
        json_kv_when(o, "unusual", v->watch.unusual);
    json_end(o);
}

enum rc api_status(const struct api_view *v, struct json_out *o)
{
    const struct store_node *node = store_node(v->store);

    json_obj(o);
    json_kv_z(o, "version", AUTARKY_VERSION);
    json_kv_id(o, "node", &node->id);
    json_kv_u64(o, "boot", node->boot);
    json_kv_u64(o, "generation", v->processes ? v->processes->generation : 0);
    json_kv_str(o, "organization", v->conf->organization);
    json_kv_str(o, "domain", v->conf->domain);
    json_kv_bool(o, "healthy", healthy(v));
    put_locks(v, o);
    put_certificates(v, o);
    put_staging(v, o);
    put_revocation(v, o);
    put_issuers(v, o);
    put_processes(v, o);
    put_probers(v, o);
    api_forwards_put(v, o);
    put_watch(v, o);
    api_alerts_put(v, o);
    api_escrow_put_status(v, o);
    if (v->policy_waits.z[0])
        json_kv_id(o, "policy_waits", &v->policy_waits);
    else
        json_kv_null(o, "policy_waits");
    json_kv_bool(o, "policy_other", v->processes && v->processes->policy_waits);
    if (v->processes && v->processes->reload_at)
        json_kv_when(o, "reload_at", v->processes->reload_at);
    else
        json_kv_null(o, "reload_at");
    json_end(o);
    return RC_OK;
}
