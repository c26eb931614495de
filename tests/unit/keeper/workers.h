/* SPDX-License-Identifier: Apache-2.0 */
/* The part of world.h that plays the gateway's workers. */
#pragma once

/* With SM2, and with nothing else, comes another key with its own chain. */
static bool second_is_right(const struct ipc_identity *m, const struct crypto_key *first)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    struct x509_cert *certs;
    size_t n;

    if (m->algorithm != CONF_KEY_SM2)
        return !m->encrypt_key.n && !m->encrypt_chain.n;
    return crypto_key_read_der(m->encrypt_key, &key, NULL) == RC_OK &&
           x509_cert_read_der(&a, m->encrypt_chain, 4, &certs, &n, NULL) == RC_OK && n == 2 &&
           str_eq(certs[0].spki, crypto_key_spki(key)) && !crypto_key_same(key, first);
}

static void on_identity(void *arg, struct ipc_req *req, const void *msg, int)
{
    struct worker *k = arg;
    const struct ipc_identity *m = msg;
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct err err = ERR_INIT;
    struct x509_cert *certs, *issuers;
    struct str leaf, pkcs8;
    size_t n, n_issuers;

    if (k->refuse || (k->refused_site && str_eq(m->site, str_of(k->refused_site)))) {
        k->refuse ? k->refuse-- : k->turned_away++;
        IGNORE_RC(ERR(&err, RC_NOTFOUND, msg_no));
        ipc_reply_err(req, &err);
        return;
    }
    if (!pushed_find(&k->pushed, m, &leaf, &pkcs8) ||
        crypto_key_read_der(pkcs8, &key, NULL) != RC_OK ||
        x509_cert_read_der(&a, leaf, 4, &certs, &n, NULL) != RC_OK || n != 1 ||
        x509_cert_read_der(&a, m->issuers, 4, &issuers, &n_issuers, NULL) != RC_OK ||
        n_issuers != 1 || !str_eq(certs[0].spki, crypto_key_spki(key)) ||
        !x509_cert_has_dns(&certs[0], m->site) ||
        (crypto_key_type(key) == CRYPTO_KEY_RSA) != (m->algorithm == CONF_KEY_RSA) ||
        (crypto_key_type(key) == CRYPTO_KEY_SM2) != (m->algorithm == CONF_KEY_SM2) ||
        !second_is_right(m, key))
        k->wrong++;
    else
        buf_printf(&k->seen, "%.*s %u;", STR_ARG(m->site), m->algorithm);
    buf_reset(&k->staple);
    buf_puts(&k->staple, m->staple);
    k->staple_until = m->staple_until;
    k->stapled += m->staple.n > 0;
    IGNORE_RC(ipc_reply(req, NULL));
}

static void on_segment(void *arg, struct ipc_req *, const void *msg, int fd)
{
    struct worker *k = arg;

    pushed_segment(&k->pushed, msg, fd);
}

static void on_tickets(void *arg, struct ipc_req *req, const void *msg, int)
{
    struct worker *k = arg;
    const struct ipc_tickets *m = msg;

    k->tickets++;
    for (size_t i = 0; i < m->keys.n && i < 3; i++)
        if (m->keys.v[i].n == KEEPER_TICKET_BYTES)
            memcpy(k->keys[i], m->keys.v[i].p, KEEPER_TICKET_BYTES);
    IGNORE_RC(ipc_reply(req, NULL));
}

static void on_worker_proof(void *arg, struct ipc_req *req, const void *msg, int)
{
    ((struct worker *)arg)->proofs += ((const struct ipc_proof *)msg)->shown;
    IGNORE_RC(ipc_reply(req, NULL));
}

[[maybe_unused]] static enum rc worker_comes(struct world *w, uint8_t i)
{
    static const struct ipc_handler handlers[] = {{IPC_SEGMENT, on_segment},
                                                  {IPC_IDENTITY, on_identity},
                                                  {IPC_TICKETS, on_tickets},
                                                  {IPC_PROOF, on_worker_proof}};
    struct worker *k = &w->workers[i];
    struct ipc_chan_conf keeper = {
        ROLE_KEEPER, ROLE_GATEWAY, role_keeper.handlers, role_keeper.n_handlers, on_close, w->env};
    struct ipc_chan_conf gateway = {ROLE_GATEWAY, ROLE_KEEPER, handlers, 4, on_close, k};
    int fds[2];

    k->world = w;
    buf_reset(&k->seen);
    pushed_done(&k->pushed);
    k->tickets = k->wrong = k->stapled = 0;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
        return RC_IO;
    TRY(ipc_chan_new(w->env->ev, fds[0], &keeper, &k->here));
    TRY(ipc_chan_new(w->env->ev, fds[1], &gateway, &k->there));
    role_keeper.each_peer(w->env, ROLE_GATEWAY, i, k->here);
    turn(w);
    return RC_OK;
}

[[maybe_unused]] static void worker_dies(struct world *w, uint8_t i)
{
    if (w->running && w->workers[i].here)
        role_keeper.each_peer(w->env, ROLE_GATEWAY, i, NULL);
    ipc_chan_free(MOVE(w->workers[i].here));
    ipc_chan_free(MOVE(w->workers[i].there));
}
