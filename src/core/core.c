/* SPDX-License-Identifier: Apache-2.0 */
/* core: the database and every decision. It answers front's requests and the control socket, asks
 * the signer for signatures, the prober for validations and the keeper how the sites are. It parses
 * neither TLS nor HTTP, holds no key of the authority, and cannot connect to anything: its network
 * is the channels it was given and the control socket it accepts on. */
#include <unistd.h>

#include "base/file.h"
#include "core/alerts.h"
#include "core/core_int.h"
#include "core/forwards.h"
#include "core/operators.h"
#include "core/txt.h"
#include "core/watch.h"
#include "crypto/crypto.h"
#include "crypto/weak.h"
#include "ev/clock.h"
#include "ipc/status_messages.h"
#include "live/live.h"
#include "log/log.h"
#include "sandbox/users.h"
#include "shelf/shelf.h"

static const char eab_file[] = "eab.key";

MSG(msg_eab_key, "core.eab-key",
    "{0} in the data directory is not 32 bytes long; bring it back from a backup, or remove it: "
    "then "
    "keys of `autarky eab create` that have not been used are worth nothing any more");

static const struct sandbox sandbox = {
    .user = "autarky-core",
    .promises = SB_STDIO | SB_FDPASS | SB_ACCEPT | SB_RPATH | SB_WPATH | SB_THREADS,
    /* In /proc, who signed in as whom: where an approval takes two people (net_peer_login). */
    .paths = {{"db", SB_READ | SB_WRITE},
              {SHELF_DIR, SB_READ | SB_OPTIONAL},
              {"/proc", SB_READ | SB_OPTIONAL}},
};

/* Made at the first start; a database without it cannot make or check a binding. Read before the
 * process drops its rights, and closed to it then. */
static enum rc open_eab_key(struct role_env *env, struct core *core, struct err *err)
{
    CLEANUP(secret_freep) struct secret *key = NULL;
    enum rc rc = file_read_secret(env->data, eab_file, ACME_EAB_KEY + 1, &key, err);

    if (rc == RC_NOTFOUND) {
        TRY(crypto_random(core->eab_key, ACME_EAB_KEY));
        return file_create(env->data, eab_file, str_bytes(core->eab_key, ACME_EAB_KEY), 0600,
                           FILE_OWNER_SELF, err);
    }
    TRY(rc);
    if (secret_len(key) != ACME_EAB_KEY)
        return ERR(err, RC_CORRUPT, msg_eab_key, str_of(eab_file));
    memcpy(core->eab_key, secret_bytes(key), ACME_EAB_KEY);
    return RC_OK;
}

/* Where `autarky report`, which is root's or the user's, writes, and core may read. One that is
 * there stays as it is. */
static void open_shelf(struct role_env *env)
{
    struct file_owner owner = FILE_OWNER_SELF;
    struct err err = ERR_INIT;
    enum rc rc = RC_OK;
    uid_t uid;

    if (geteuid() == 0)
        rc = sandbox_user_find(sandbox.user, &uid, &owner.gid, NULL);
    if (rc == RC_OK)
        rc = file_mkdir(env->data, SHELF_DIR, 0750, owner, &err);
    if (rc != RC_OK && rc != RC_EXISTS)
        log_warn("core.no-reports", LOG_ERR(&err));
}

static enum rc core_open(struct role_env *env, struct err *err)
{
    static const char *const files[] = {"db/store.db", "db/store.db-wal", "db/store.db-shm"};
    struct core *core = MEM_NEW(struct core);

    if (!core)
        return RC_NOMEM;
    env->state = core;
    list_init(&core->admins);
    list_init(&core->far);
    core->ev = env->ev;
    core->conf = env->conf;
    core->control = -1;
    core->admin_uid = geteuid();
    core->supervisor = env->supervisor;
    for (size_t i = 0; i < env->n_listeners; i++)
        if (str_eq(str_of(env->listeners[i].kind), STR("control")))
            core->control = env->listeners[i].fd;
    open_shelf(env);
    role_mend(env, "db", 0700);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        role_mend(env, files[i], 0600);
    if (fchdir(env->data) != 0)
        return RC_IO;
    core_accepted_read_override(core, env->data);
    TRY(core_names_read(&core->names, env->conf));
    TRY(core_people_read(core, err));
    TRY(core_operators_read(core, err));
    TRY(crypto_init());
    TRY(open_eab_key(env, core, err));
    TRY(core_sign_in_init(core));
    TRY(core_escrow_check(env->conf, err));
    return crypto_weak_load(env->conf->ca.weak_keys.p, env->conf->ca.weak_keys.n, err);
}

static void wake(void *arg)
{
    ev_wake_send(arg);
}

static void collect(void *arg)
{
    struct core *core = arg;

    store_collect(core->store);
}

/* By a relative path (core_open went to DATA): the directories above it may be closed to core's
 * user. */
static enum rc open_store(struct role_env *env, struct core *core, struct err *err)
{
    struct store_options options = {
        .dir = "db", .now = clock_now(env->clock), .thread = true, .wake = wake};

    TRY(ev_wake_new(env->ev, collect, core, &core->wake));
    options.wake_arg = core->wake;
    return store_open(&options, &core->store, err);
}

struct forget {
    struct ipc_forget msg;
};

static void forget_at(void *arg, uint8_t instance, struct ipc_chan *chan)
{
    const struct forget *f = arg;

    (void)instance;
    /* A front that does not take it is a front that is about to end. */
    if (ipc_notify(chan, IPC_FORGET, &f->msg, -1) != RC_OK)
        log_warn("core.not-forgotten", LOG_STR("tag", f->msg.tag));
}

/* What front keeps has changed. */
static void forget(void *arg, struct str tag)
{
    struct forget f = {{tag}};

    role_peers_each(arg, ROLE_FRONT, forget_at, &f);
}

static enum rc start_revocation(struct role_env *env, struct core *core)
{
    struct revocation_options options = {
        .ev = env->ev,
        .store = core->store,
        .ca = core->ca,
        .conf = env->conf,
        .forget = forget,
        .arg = env,
    };

    return revocation_new(&options, &core->revocation);
}

/* The database is opened here and not before: its writer is a thread, as is who hashes passwords,
 * and confinement must come first. */
static enum rc core_start(struct role_env *env, struct err *err)
{
    struct core *core = env->state;
    struct ca_options ca = {
        .ev = env->ev,
        .conf = env->conf,
        .orders = acme_order_ops(),
    };
    struct acme_options acme = {
        .ev = env->ev,
        .conf = env->conf,
        .validate = core_validate,
        .validate_arg = core,
        .preflight = core_preflight,
        .preflight_arg = core,
        .shown = core_shown_client,
        .shown_arg = core,
        .eab_key = str_bytes(core->eab_key, ACME_EAB_KEY),
    };

    TRY(policy_new(env->conf, &core->policy, err));
    acme.policy = core->policy;
    TRY(open_store(env, core, err));
    TRY(core_accepted_start(core, err));
    buf_done(&core->policy_override);
    TRY(core_passwords_new(env->ev, &core->passwords));
    ca.store = core->store;
    TRY(ca_new(&ca, &core->ca, err));
    acme.store = core->store;
    acme.ca = core->ca;
    TRY(start_revocation(env, core));
    TRY(core_live_new(core));
    acme.revocation = core->revocation;
    TRY(acme_new(&acme, &core->acme));
    TRY(core_names_apply(core));
    if (core->names.left_out.n)
        log_info("core.names-left-out", LOG_STR("names", core->names.left_out),
                 LOG_TEXT("outside of the hierarchy, so not in the API's certificate"));
    core_ui_init(core);
    idempotency_init(&core->idempotency, core->store);
    TRY(core_audit_new(core));
    TRY(core_forwards_new(core));
    TRY(core_watch_new(core));
    TRY(core_alerts_new(core));
    TRY(core_txt_new(core));
    return core->control >= 0 ? core_admin_start(core) : RC_OK;
}

static void core_peer(struct role_env *env, enum role role, struct ipc_chan *chan)
{
    struct core *core = env->state;

    if (role == ROLE_SIGNER) {
        core->signer = chan;
        ca_set_signer(core->ca, chan);
        revocation_set_signer(core->revocation, chan);
        core_audit_signer(core);
        if (chan)
            core_issuers_compare(core);
    }
    if (role == ROLE_FRONT)
        core->front = chan;
    if (role == ROLE_RUNNER) {
        core->runner = chan;
        core_alerts_runner(core, chan);
    }
    if (role == ROLE_PROBER) {
        core->prober = chan;
        if (chan)
            acme_validate_due(core->acme);
    }
    if (role == ROLE_COURIER) {
        core_forwards_courier(core, chan);
        core_alerts_courier(core, chan);
    }
    if (role == ROLE_TXT)
        core_txt_server(core, chan);
    if (role == ROLE_KEEPER)
        core_sites_keeper(core, chan);
}

static enum rc core_prepare(struct role_env *env, const struct conf *next, struct err *err)
{
    struct core *core = env->state;
    struct policy *policy;

    TRY(core_escrow_check(next, err));
    TRY(policy_new(next, &policy, err));
    policy_unref(core->next_policy);
    core->next_policy = policy;
    return core_policy_prepare(core, next, err);
}

static void core_abort(struct role_env *env)
{
    struct core *core = env->state;

    policy_unref(core->next_policy);
    core->next_policy = NULL;
    if (core->policy_change.granted)
        core_accepted_called_off(core);
    core_policy_abort(core);
}

static void core_commit(struct role_env *env)
{
    struct core *core = env->state;

    core->conf = env->conf;
    policy_unref(core->policy);
    core->policy = MOVE(core->next_policy);
    core_audit_conf(core);
    core_forwards_conf(core);
    core_alerts_conf(core);
    ca_set_conf(core->ca, env->conf);
    revocation_set_conf(core->revocation, env->conf);
    acme_set_conf(core->acme, env->conf, core->policy);
    core_accepted_reloaded(core);
    core_policy_used(core);
}

static void drain_look(void *arg)
{
    struct role_env *env = arg;
    struct core *core = env->state;

    if (ca_pending(core->ca) == 0 && !core_alerts_busy(core) &&
        core_passwords_pending(core->passwords) == 0 && store_pending(core->store) == 0) {
        ev_hook_remove(&core->drain);
        role_drained(env);
    }
}

/* What was begun is finished; what front still sends is answered as long as its channel is there.
 */
static void core_drain(struct role_env *env)
{
    struct core *core = env->state;

    core_admin_stop(core);
    core_audit_stop(core);
    core_forwards_stop(core);
    core_watch_stop(core);
    core_alerts_stop(core);
    live_stop(core->live);
    ev_hook_init(&core->drain, drain_look, env);
    ev_hook_add(env->ev, &core->drain);
}

/* The channels are gone by now, and with them every callback; then the store, which runs what
 * waits; then its users. */
static void core_close(struct role_env *env)
{
    struct core *core = env->state;

    if (!core)
        return;
    core_admin_stop(core);
    core_audit_stop(core);
    core_forwards_stop(core);
    core_watch_stop(core);
    core_alerts_stop(core);
    core_txt_stop(core);
    ev_timer_stop(&core->signer_timer);
    if (core->revocation)
        revocation_set_signer(core->revocation, NULL);
    core_passwords_free(core->passwords);
    if (core->store)
        core_policy_used(core);
    store_close(core->store);
    live_free(core->live);
    core_audit_free(core);
    core_forwards_free(core);
    core_watch_free(core);
    core_alerts_free(core);
    core_txt_free(core);
    revocation_free(core->revocation);
    core_remotes_stop(core);
    acme_free(core->acme);
    ca_free(core->ca);
    policy_unref(core->policy);
    policy_unref(core->next_policy);
    ev_wake_free(core->wake);
    core_names_done(&core->names);
    buf_done(&core->policy_override);
    explicit_bzero(core->eab_key, sizeof(core->eab_key));
    mem_free(core);
    env->state = NULL;
    crypto_done();
}

static const struct ipc_handler handlers[] = {
    {IPC_HTTP, core_on_http},     {IPC_API_CERT, core_on_api_cert},
    {IPC_VOUCH, core_on_vouch},   {IPC_CHANGED, core_on_changed},
    {IPC_PUBLIC, core_on_public}, {IPC_METRICS, core_on_metrics},
    {IPC_PROBER, core_on_prober},
};

const struct role_def role_core = {
    .role = ROLE_CORE,
    .sites = true,
    .sandbox = &sandbox,
    .handlers = handlers,
    .n_handlers = sizeof(handlers) / sizeof(handlers[0]),
    .start_seconds = 3600, /* a migration copies the database first */
    .drain_order = 2,      /* the emissary asks it */
    .open = core_open,
    .start = core_start,
    .peer = core_peer,
    .prepare = core_prepare,
    .commit = core_commit,
    .abort = core_abort,
    .drain = core_drain,
    .close = core_close,
};

struct api_view core_view(const struct core *core, const struct ipc_status *processes)
{
    struct api_view v = {
        .store = core->store,
        .ca = core->ca,
        .conf = core->conf,
        .policy = core->policy,
        .processes = processes,
        .signer = core->signer != NULL,
        .prober = core->prober != NULL,
        .revocation = core->revocation,
        .validating = acme_validating(core->acme),
        .now = clock_now(ev_clock(core->ev)),
    };

    v.n_probers = core_remotes_show(core, v.probers);
    if (core->watch)
        core_watch_show(core, &v.watch);
    v.policy_waits = core->policy_change.last;
    if (core->forwards)
        v.n_forwards = core_forwards_show(core, v.forwards);
    return v;
}
