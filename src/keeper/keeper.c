/* SPDX-License-Identifier: Apache-2.0 */
/* keeper: makes and keeps the keys and certificates of the gateway's sites. It is an ACME client
 * like any other (client/), of front's private listener, a Unix socket that nobody else may open;
 * core vouches for its account (VOUCH) and for exactly the configured sites, so that no challenge
 * is needed and everything else, policy to audit, is as for everybody. The OCSP answers that are
 * shown with certificates come the same way.
 *
 * owns      the accounts' keys, DATA/keeper/account.pem and accounts/; the pairs in DATA/sites, and
 *           when to renew them, in DATA/keeper; the gateway's ticket keys, which are nowhere on
 * disk
 *
 * may       read and write in these two directories, connect to Unix sockets, ask core VOUCH and
 * tell it PUBLIC, hand IDENTITY and TICKETS to the workers of the gateway, have the emissary FETCH
 * from other CAs what was signed here, and have front, workers and emissary show proofs
 * (PLAIN_PROOF, PROOF, RECORD)
 *
 * may not   listen, make another socket, execute, reach the database or any other file
 *
 * asked by  core: SITES, RENEW
 *
 * It trusts core and front with the certificates they bring no further than client/ can check them
 * against the roots in DATA/trust, read before confinement. Of other CAs it believes nothing at
 * all: not what is to be proven, nor that what they issue is of use, nor when it is to be renewed.
 */
#include <unistd.h>

#include "base/file.h"
#include "client/http.h"
#include "client/possible.h"
#include "crypto/crypto.h"
#include "crypto/pem.h"
#include "ipc/site_messages.h"
#include "keeper/keeper_int.h"
#include "log/log.h"
#include "role/roles.h"
#include "sandbox/users.h"

MSG(msg_account, "keeper.account-unusable",
    "DATA/keeper/account.pem is no key that can be used ({0}); move it away, and a new account is "
    "made at the next start");
MSG(msg_roots, "keeper.roots-unusable", "DATA/trust/roots-all.pem cannot be used: {0}");
MSG(msg_directory, "keeper.data-directory", "the keeper cannot enter DATA");

#define USER "autarky-keeper"
#define ACCOUNT_FILE "keeper/account.pem"
#define ROOTS_FILE "trust/roots-all.pem"
/* What the private listener calls itself. */
#define DIRECTORY "https://localhost/acme/directory"

static const struct sandbox sandbox = {
    .user = USER,
    .promises = SB_STDIO | SB_FDPASS | SB_UNIX | SB_RPATH | SB_WPATH | SB_SHARE,
    .files = 256,
    /* Windows are in the time of this host, which mktime(3) looks at each time. */
    .paths = {{"keeper", SB_READ | SB_WRITE},
              {"sites", SB_READ | SB_WRITE},
              {"/etc/localtime", SB_READ | SB_OPTIONAL},
              {"/usr/share/zoneinfo", SB_READ | SB_OPTIONAL}},
};
static const char *const environment[] = {"TZ", NULL};

/* ---- before confinement */

static enum rc make_directories(struct keeper *k, struct err *err)
{
    struct file_owner owner = FILE_OWNER_SELF;

    if (geteuid() == 0)
        TRY(sandbox_user_find(USER, &owner.uid, &owner.gid, err));
    TRY(file_mkdir(k->env->data, "keeper", 0700, owner, err));
    return file_mkdir(k->env->data, "sites", 0700, owner, err);
}

static enum rc read_roots(struct keeper *k, struct err *err)
{
    CLEANUP(buf_done) struct buf pem = BUF_INIT(KEEPER_FILE_MAX);
    struct err why = ERR_INIT;
    struct x509_cert *certs;
    char line[512];
    enum rc rc = file_read(k->env->data, ROOTS_FILE, &pem, &why);

    if (rc == RC_OK)
        rc = x509_cert_read_pem(&k->arena, buf_str(&pem), KEEPER_ROOTS_MAX, &certs, &k->n_roots,
                                &why);
    if (rc == RC_NOMEM)
        return rc;
    if (rc != RC_OK)
        return ERR(err, rc, msg_roots, str_of(err_textz(&why, line, sizeof(line))));
    for (size_t i = 0; i < k->n_roots; i++)
        k->roots[i] = certs[i].der;
    for (unsigned a = 0; a < CONF_SITE_KEYS; a++)
        if (client_possible(certs, k->n_roots, (enum conf_key_algorithm)a))
            k->possible |= 1u << a;
    return RC_OK;
}

static void vouch_again(void *arg);

static void tell_again(void *arg)
{
    keeper_record_look(arg);
}

static void out_of_patience(void *arg);

static enum rc keeper_open(struct role_env *env, struct err *err)
{
    struct keeper *k = MEM_NEW(struct keeper);

    if (!k)
        return RC_NOMEM;
    env->state = k;
    k->env = env;
    arena_init(&k->arena, 4 * KEEPER_FILE_MAX);
    list_init(&k->slots);
    list_init(&k->next);
    map_init(&k->index, KEEPER_SLOTS_MAX);
    list_init(&k->workers);
    list_init(&k->cas);
    list_init(&k->proofs);
    list_init(&k->events);
    ev_timer_init(&k->tell_again, env->ev, tell_again, k);
    ev_timer_init(&k->vouch_again, env->ev, vouch_again, k);
    ev_timer_init(&k->patience, env->ev, out_of_patience, k);
    shared_init(&k->words);
    keeper_pairs_init(&k->pairs);
    keeper_load_init(k);
    keeper_issue_init(k);
    keeper_staple_init(k);
    TRY(crypto_init());
    TRY(keeper_push_init(k));
    TRY(make_directories(k, err));
    TRY(read_roots(k, err));
    TRY(keeper_public_open(k));
    /* The way to the socket is then DATA's own: whoever may search the directories above it. */
    return fchdir(env->data) == 0 ? RC_OK : ERR(err, RC_IO, msg_directory);
}

/* ---- the account */

static enum rc make_account(struct keeper *k, struct err *err)
{
    CLEANUP(buf_wipe) struct buf pem = BUF_INIT(CRYPTO_PEM_MAX);

    TRY(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_P256, 0}, &k->account));
    TRY(crypto_pem_put_clear(k->account, &pem));
    return file_create(k->env->data, ACCOUNT_FILE, buf_str(&pem), 0600, FILE_OWNER_SELF, err);
}

static enum rc load_account(struct keeper *k, struct err *err)
{
    CLEANUP(buf_wipe) struct buf pem = BUF_INIT(CRYPTO_PEM_MAX + 1);
    struct err why = ERR_INIT;
    char line[512];
    enum rc rc;

    /* At once: a buffer that grows leaves copies of the key behind. */
    if (!buf_reserve(&pem, CRYPTO_PEM_MAX))
        return RC_NOMEM;
    rc = file_read(k->env->data, ACCOUNT_FILE, &pem, &why);
    if (rc == RC_NOTFOUND)
        return make_account(k, err);
    if (rc == RC_OK)
        rc = crypto_pem_read(buf_str(&pem), NULL, &k->account, &why);
    if (rc == RC_OK || rc == RC_NOMEM)
        return rc;
    return ERR(err, rc, msg_account, str_of(err_textz(&why, line, sizeof(line))));
}

static enum rc make_client(struct keeper *k, struct err *err)
{
    struct client_conf conf = {.ev = k->env->ev,
                               .transport = k->transport,
                               .directory = STR(DIRECTORY),
                               .key = k->account,
                               .roots = k->roots,
                               .n_roots = k->n_roots,
                               .agree_terms = true}; /* they are those of this very service */

    return client_new(&conf, &k->client, err);
}

/* ---- core vouches for it */

static void ask_to_vouch(struct keeper *k);

static void on_vouched(void *arg, const struct ipc_answer *answer)
{
    struct keeper *k = arg;
    const struct err plain = {.rc = answer->rc};

    k->vouch = NULL;
    if (answer->rc == RC_CLOSED || answer->rc == RC_CANCELLED)
        return; /* the next core is asked as soon as there is one */
    if (answer->rc == RC_OK) {
        k->vouch_failures = 0;
        k->vouched = true;
        keeper_issue_reached(k);
        keeper_staple_reached(k);
        return;
    }
    k->vouch_failures++;
    log_error("keeper.not-vouched-for", LOG_ERR(answer->err ? answer->err : &plain));
    ev_timer_start(&k->vouch_again,
                   client_backoff(k->vouch_failures, KEEPER_VOUCH_SECONDS_FIRST * WHEN_SECOND,
                                  KEEPER_VOUCH_SECONDS_LAST * WHEN_SECOND),
                   0);
}

static void ask_to_vouch(struct keeper *k)
{
    struct ipc_vouch msg;
    struct ipc_ask ask = {.type = IPC_VOUCH,
                          .msg = &msg,
                          .timeout = KEEPER_VOUCH_SECONDS * WHEN_SECOND,
                          .fn = on_vouched,
                          .arg = k};
    enum rc rc;

    if (!k->core || !k->client || k->vouch)
        return;
    msg.thumbprint = str_of(client_thumbprint(k->client));
    rc = ipc_call(k->core, &ask, &k->vouch);
    if (rc != RC_OK)
        on_vouched(k, &(struct ipc_answer){.rc = rc});
}

static void vouch_again(void *arg)
{
    ask_to_vouch(arg);
}

static void keeper_peer(struct role_env *env, enum role role, struct ipc_chan *chan)
{
    struct keeper *k = env->state;

    if (!k)
        return;
    if (role == ROLE_EMISSARY)
        keeper_public_emissary(k, chan);
    if (role == ROLE_FRONT || role == ROLE_RUNNER) {
        *(role == ROLE_FRONT ? &k->front : &k->runner) = chan;
        if (chan)
            keeper_proof_peer(k, chan);
    }
    if (role != ROLE_CORE)
        return;
    k->core = chan;
    keeper_record_look(k);
    k->vouched = false;
    k->vouch_failures = 0;
    ev_timer_stop(&k->vouch_again);
    ask_to_vouch(k);
}

static void keeper_each_peer(struct role_env *env, enum role role, uint8_t instance,
                             struct ipc_chan *chan)
{
    struct keeper *k = env->state;

    if (k && role == ROLE_GATEWAY) {
        keeper_push_peer(k, instance, chan);
        if (chan)
            keeper_proof_peer(k, chan);
    }
}

/* ---- life */

static enum rc keeper_start(struct role_env *env, struct err *err)
{
    struct keeper *k = env->state;

    TRY(load_account(k, err));
    if (!k->transport)
        TRY(client_http_unix(env->ev, ROLE_PRIVATE_SOCKET, &k->transport));
    TRY(make_client(k, err));
    TRY(keeper_public_prepare(k, env->conf, err));
    TRY(keeper_slots_prepare(k, env->conf));
    keeper_segment_renew(k);
    keeper_slots_commit(k, env->conf);
    return RC_OK;
}

static enum rc keeper_prepare(struct role_env *env, const struct conf *next, struct err *err)
{
    TRY(keeper_public_prepare(env->state, next, err));
    return keeper_slots_prepare(env->state, next);
}

static void keeper_abort(struct role_env *env)
{
    keeper_slots_abort(env->state);
}

static void keeper_commit(struct role_env *env)
{
    struct keeper *k = env->state;

    keeper_slots_commit(k, env->conf);
    if (!k->pairs.segment)
        keeper_segment_renew(k);
    keeper_issue_soon(k);
    keeper_push_look(k);
}

static void out_of_patience(void *arg)
{
    struct keeper *k = arg;

    keeper_issue_stop(k);
    role_drained(k->env);
}

/* Orders that are under way get a moment to be done; one that is given up expires at core. */
static void keeper_drain(struct role_env *env)
{
    struct keeper *k = env->state;

    k->draining = true;
    keeper_staple_stop(k);
    ev_timer_start(&k->patience, k->active + k->outside ? KEEPER_DRAIN_SECONDS * WHEN_SECOND : 0,
                   0);
    keeper_issue_look(k);
}

static void keeper_close(struct role_env *env)
{
    struct keeper *k = env->state;

    if (!k)
        return;
    keeper_issue_stop(k);
    keeper_staple_stop(k);
    keeper_slots_free(k);
    keeper_push_done(k);
    keeper_pairs_done(&k->pairs);
    keeper_public_free(k);
    client_free(k->client);
    client_transport_free(k->transport);
    ev_timer_stop(&k->vouch_again);
    ev_timer_stop(&k->patience);
    ev_timer_stop(&k->check);
    crypto_key_unref(k->account);
    arena_done(&k->arena);
    mem_free(k);
    env->state = NULL;
    crypto_done();
}

static const struct ipc_handler handlers[] = {
    {IPC_SITES, keeper_on_sites},
    {IPC_RENEW, keeper_on_renew},
    {IPC_HANDSHAKE, keeper_on_handshake},
};

const struct role_def role_keeper = {
    .role = ROLE_KEEPER,
    .sites = true,
    .sandbox = &sandbox,
    .environment = environment,
    .handlers = handlers,
    .n_handlers = sizeof(handlers) / sizeof(handlers[0]),
    .wanted = role_wanted_with_sites,
    .drain_order = 0, /* it asks front and core */
    .open = keeper_open,
    .start = keeper_start,
    .peer = keeper_peer,
    .each_peer = keeper_each_peer,
    .prepare = keeper_prepare,
    .commit = keeper_commit,
    .abort = keeper_abort,
    .measure = keeper_measure,
    .drain = keeper_drain,
    .close = keeper_close,
};
