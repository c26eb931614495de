/* SPDX-License-Identifier: Apache-2.0 */
#include "client/client_int.h"

#include "http/url.h"
#include "jose/eab.h"

MSG(msg_roots, "client.no-roots",
    "without a trusted root no certificate can be checked; name 1 to {0} roots");

static enum rc keep_roots(struct client *c, const struct client_conf *conf, struct err *err)
{
    struct str *roots;

    if ((conf->n_roots == 0 && !conf->any_root) || conf->n_roots > CLIENT_ROOTS_MAX)
        return ERR(err, RC_INVAL, msg_roots, STR("1000"));
    roots = ARENA_ARRAY(&c->arena, struct str, conf->n_roots);
    if (!roots)
        return RC_NOMEM;
    for (size_t i = 0; i < conf->n_roots; i++)
        TRY(arena_str(&c->arena, conf->roots[i], &roots[i]));
    c->roots = roots;
    c->n_roots = conf->n_roots;
    return RC_OK;
}

static enum rc keep_account(struct client *c, const struct client_conf *conf)
{
    struct str *contacts;

    if (conf->n_contacts > CLIENT_CONTACTS_MAX || conf->eab_kid.n > JOSE_EAB_KID_MAX)
        return RC_TOOBIG;
    contacts = ARENA_ARRAY(&c->arena, struct str, conf->n_contacts);
    if (!contacts)
        return RC_NOMEM;
    for (size_t i = 0; i < conf->n_contacts; i++)
        TRY(arena_str(&c->arena, conf->contacts[i], &contacts[i]));
    c->contacts = contacts;
    c->n_contacts = conf->n_contacts;
    c->eab_key = conf->eab_key;
    return arena_str(&c->arena, conf->eab_kid, &c->eab_kid);
}

enum rc client_new(const struct client_conf *conf, struct client **out, struct err *err)
{
    CLEANUP(client_freep) struct client *c = MEM_NEW(struct client);
    struct http_url url;

    if (!c)
        return RC_NOMEM;
    c->ev = conf->ev;
    c->transport = conf->transport;
    c->solvers = conf->solvers;
    c->n_solvers = conf->n_solvers;
    c->only_existing = conf->only_existing;
    c->agree_terms = conf->agree_terms;
    c->any_root = conf->any_root;
    c->one_host = conf->one_host;
    arena_init(&c->arena, CLIENT_ARENA_MAX);
    list_init(&c->runs);
    list_init(&c->waiting);
    client_setup_init(c);
    TRY(http_url_parse(conf->directory, &url, err));
    TRY(arena_str(&c->arena, conf->directory, &c->directory_url));
    TRY(keep_roots(c, conf, err));
    TRY(keep_account(c, conf));
    c->key = crypto_key_ref(conf->key);
    TRY(jose_jwk_from_key(c->key, &c->jwk));
    *out = MOVE(c);
    return RC_OK;
}

void client_free(struct client *c)
{
    if (!c)
        return;
    LIST_FOREACH (it, &c->runs)
        client_cancel(LIST_ENTRY(it, struct client_run, link));
    client_setup_done(c);
    jose_jwk_free(c->jwk);
    crypto_key_unref(c->key);
    arena_done(&c->arena);
    mem_free(c);
}

const char *client_thumbprint(const struct client *c)
{
    return jose_jwk_thumbprint(c->jwk);
}

struct str client_account(const struct client *c)
{
    return str_of(c->kid);
}

bool client_looks(const struct client *c)
{
    return c->directory.renewal_info.n != 0;
}

void client_set_patience(struct client *c, int64_t patience)
{
    c->patience = patience;
}

size_t client_count(const struct client *c)
{
    return c->n_runs;
}

void client_hurry(struct client *c)
{
    client_request_hurry(&c->setup);
    LIST_FOREACH (it, &c->runs)
        client_request_hurry(&LIST_ENTRY(it, struct client_run, link)->request);
}
