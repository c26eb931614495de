/* SPDX-License-Identifier: Apache-2.0 */
#include "front/front_int.h"

#include "base/file.h"
#include "base/name.h"
#include "conf/conf.h"
#include "crypto/pem.h"
#include "ev/clock.h"
#include "http/url.h"
#include "ipc/messages.h"
#include "log/log.h"
#include "x509/csr.h"

MSG(msg_pair, "front.key-mismatch", "DATA/front/key.pem does not belong to DATA/front/chain.pem");
MSG(msg_expired, "front.certificate-expired", "the API's certificate in DATA/front has expired");

#define LOOK_EVERY WHEN_HOUR /* clocks are set, machines sleep: a timer alone may come late */
#define BACKOFF_FIRST WHEN_SECOND
#define BACKOFF_MAX WHEN_HOUR
#define BACKOFF_MAX_WITHOUT (10 * WHEN_SECOND) /* nobody is served until there is one */

static void look_again(void *arg);

/* ---- the one in force */

/* Takes chain and key into use if they belong together and the certificate is valid now. */
static enum rc install(struct front_cert *c, struct str chain_pem, const struct crypto_key *key,
                       struct err *err)
{
    CLEANUP(arena_done) struct arena arena = ARENA_INIT(8 * FRONT_FILE_MAX);
    CLEANUP(tls_identity_unrefp) struct tls_identity *identity = NULL;
    struct x509_cert *certs;
    size_t n;

    TRY(x509_cert_read_pem(&arena, chain_pem, FRONT_CHAIN_MAX, &certs, &n, err));
    if (!str_eq(certs[0].spki, crypto_key_spki(key)))
        return ERR(err, RC_INVAL, msg_pair);
    if (certs[0].not_after <= clock_now(c->front->env->clock))
        return ERR(err, RC_DENIED, msg_expired);
    TRY(tls_identity_new(chain_pem, key, &identity, err));
    tls_context_set_identity(c->front->tls, identity);
    arena_done(&c->arena);
    c->arena = arena;
    arena_init(&arena, 0);
    c->leaf = certs[0];
    return RC_OK;
}

static enum rc load(struct front_cert *c, struct err *err)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    CLEANUP(buf_wipe) struct buf pem = BUF_INIT(FRONT_FILE_MAX);
    CLEANUP(buf_done) struct buf chain = BUF_INIT(FRONT_FILE_MAX);
    int data = c->front->env->data;

    /* At once: a buffer that grows leaves copies of the key behind. */
    if (!buf_reserve(&pem, CRYPTO_PEM_MAX))
        return RC_NOMEM;
    TRY(file_read(data, FRONT_KEY_FILE, &pem, err));
    TRY(file_read(data, FRONT_CHAIN_FILE, &chain, err));
    TRY(crypto_pem_read(buf_str(&pem), NULL, &key, err));
    return install(c, buf_str(&chain), key, err);
}

static enum rc store(const struct front_cert *c, struct str chain, const struct crypto_key *key,
                     struct err *err)
{
    CLEANUP(buf_wipe) struct buf pem = BUF_INIT(CRYPTO_PEM_MAX);
    int data = c->front->env->data;

    TRY(crypto_pem_put_clear(key, &pem));
    /* After a crash between the two they do not fit, and a new pair is made. */
    TRY(file_write(data, FRONT_KEY_FILE, buf_str(&pem), 0600, FILE_OWNER_SELF, err));
    return file_write(data, FRONT_CHAIN_FILE, chain, 0644, FILE_OWNER_SELF, err);
}

bool front_cert_names(const struct front_cert *c, struct str host)
{
    char name[NAME_MAX_BYTES + 1];
    struct addr addr;

    if (c->leaf.der.n == 0)
        return false;
    if (addr_parse(host, &addr) == RC_OK)
        return x509_cert_has_ip(&c->leaf, &addr);
    return name_canonical(host, false, name) == RC_OK && x509_cert_has_dns(&c->leaf, str_of(name));
}

/* ---- when */

static when_t due(const struct front_cert *c)
{
    const struct x509_cert *leaf = &c->leaf;

    return leaf->not_before + (leaf->not_after - leaf->not_before) / 3 * 2;
}

/* The configuration names a host that the certificate does not. What core left out of one that it
 * has just issued is its decision, which asking again would not change: hence `settled`. */
static bool misses_host(const struct front_cert *c)
{
    struct http_url url;

    return http_url_parse(c->front->env->conf->urls.api, &url, NULL) == RC_OK &&
           !front_cert_names(c, url.at.host);
}

static void wait(struct front_cert *c)
{
    when_t now = clock_now(c->front->env->clock), left = due(c) - now;

    ev_timer_start(&c->timer, left < 0 ? 0 : left < LOOK_EVERY ? left : LOOK_EVERY, 0);
}

/* The old one, if there is one, goes on serving. */
static void failed(struct front_cert *c, const struct err *err)
{
    bool have = c->leaf.der.n != 0;
    int64_t most = have ? BACKOFF_MAX : BACKOFF_MAX_WITHOUT;
    char until[WHEN_TEXT];

    crypto_key_unref(MOVE(c->next_key));
    c->backoff = c->backoff ? 2 * c->backoff : BACKOFF_FIRST;
    if (c->backoff > most)
        c->backoff = most;
    log_error("front.certificate-failed", LOG_ERR(err),
              LOG_INT("again_seconds", c->backoff / WHEN_SECOND),
              LOG_Z("old_until", have ? when_text(c->leaf.not_after, until) : "none"));
    ev_timer_start(&c->timer, c->backoff, 0);
}

/* ---- asking for one */

static void on_answer(void *arg, const struct ipc_answer *answer)
{
    struct front_cert *c = arg;
    const struct ipc_api_cert_reply *reply = answer->msg;
    struct err err = ERR_INIT;
    char until[WHEN_TEXT];

    c->call = NULL;
    if (answer->rc == RC_CLOSED || answer->rc == RC_CANCELLED) {
        /* Nobody refused: the next core is asked as soon as there is one. */
        crypto_key_unref(MOVE(c->next_key));
        return;
    }
    if (answer->rc != RC_OK) {
        failed(c, answer->err);
        return;
    }
    err.rc = install(c, reply->chain, c->next_key, &err);
    if (err.rc != RC_OK) {
        failed(c, &err);
        return;
    }
    err.rc = store(c, reply->chain, c->next_key, &err);
    if (err.rc != RC_OK)
        log_error("front.certificate-not-stored", LOG_ERR(&err));
    crypto_key_unref(MOVE(c->next_key));
    c->backoff = 0;
    c->settled = true;
    log_info("front.certificate", LOG_Z("until", when_text(c->leaf.not_after, until)),
             LOG_INT("names", c->leaf.n_dns + c->leaf.n_ips));
    wait(c);
    front_certified(c->front);
}

static enum rc ask(struct front_cert *c, struct err *err)
{
    static const struct str names[] = {STR("localhost")};
    CLEANUP(buf_done) struct buf csr = BUF_INIT(X509_CSR_MAX);
    struct ipc_api_cert msg;
    struct ipc_ask ask = {IPC_API_CERT, &msg, FRONT_CERT_SECONDS * WHEN_SECOND, NULL, on_answer, c};
    struct x509_csr_in in = {.dns = names, .n_dns = 1};

    TRY(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_P256, 0}, &c->next_key));
    in.key = c->next_key;
    TRY(x509_csr_build(&in, &csr, err));
    msg.csr = buf_str(&csr);
    return ipc_call(c->front->core, &ask, &c->call);
}

void front_cert_renew(struct front_cert *c)
{
    struct err err = ERR_INIT;

    if (c->call || !c->front->core)
        return;
    ev_timer_stop(&c->timer);
    err.rc = ask(c, &err);
    if (err.rc != RC_OK)
        failed(c, &err);
}

static void look_again(void *arg)
{
    struct front_cert *c = arg;

    if (c->leaf.der.n && c->backoff == 0 && due(c) > clock_now(c->front->env->clock))
        wait(c);
    else
        front_cert_renew(c);
}

void front_cert_check(struct front_cert *c)
{
    if (c->leaf.der.n && (c->settled || !misses_host(c)))
        look_again(c);
    else
        front_cert_renew(c);
}

enum rc front_cert_open(struct front_cert *c, struct front *f, struct err *)
{
    struct err why = ERR_INIT;
    enum rc rc;

    c->front = f;
    arena_init(&c->arena, 8 * FRONT_FILE_MAX);
    ev_timer_init(&c->timer, f->env->ev, look_again, c);
    rc = load(c, &why);
    if (rc == RC_NOMEM)
        return rc;
    if (rc != RC_OK && rc != RC_NOTFOUND) {
        why.rc = rc;
        log_warn("front.certificate-not-loaded", LOG_ERR(&why));
    }
    return RC_OK;
}

void front_cert_done(struct front_cert *c)
{
    if (!c->front)
        return;
    ev_timer_stop(&c->timer);
    if (c->call)
        ipc_cancel(c->call);
    crypto_key_unref(MOVE(c->next_key));
    arena_done(&c->arena);
}
