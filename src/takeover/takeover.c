/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/also.h"
#include "agent/place.h"
#include "agent/solver.h"
#include "takeover/takeover_int.h"

MSG(msg_home, "takeover.no-home", "{0} has kept nothing in {1}: {2}; name its directory");
MSG(msg_nowhere, "takeover.nowhere",
    "{0} has no directory where it usually has one ({1}); name its directory");

static const struct {
    const char *name, *homes[3];
    enum rc (*find)(struct takeover_finder *f);
} clients[] = {
    [TAKEOVER_DEHYDRATED] = {"dehydrated",
                             {"/etc/dehydrated", "/usr/local/etc/dehydrated", NULL},
                             takeover_dehydrated},
    [TAKEOVER_CERTBOT] = {"certbot", {"/etc/letsencrypt", NULL, NULL}, takeover_certbot},
    [TAKEOVER_ACME_SH] = {"acme.sh", {"~/.acme.sh", "/root/.acme.sh", NULL}, takeover_acme_sh},
    [TAKEOVER_LEGO] = {"lego", {".lego", NULL, NULL}, takeover_lego},
};
enum { CLIENTS = sizeof(clients) / sizeof(clients[0]) };

const char *takeover_client_text(enum takeover_client client)
{
    return client > 0 && (size_t)client < CLIENTS ? clients[client].name : NULL;
}

/* A home that is a file (dehydrated's) is one, too. */
static enum rc take_home(struct takeover_finder *f, const char *path)
{
    char real[PATH_MAX];

    if (!realpath(path, real))
        return ERR(f->err, RC_NOTFOUND, msg_home, str_of(clients[f->wish->client].name),
                   str_of(path), str_of(strerrordesc_np(errno)));
    return arena_str(&f->t->arena, str_of(real), &f->t->home);
}

static enum rc find_home(struct takeover_finder *f)
{
    const char *const *homes = clients[f->wish->client].homes;
    const char *user = getenv("HOME"); /* NOLINT(concurrency-mt-unsafe): one thread */

    if (f->wish->home)
        return take_home(f, f->wish->home);
    for (; *homes; homes++) {
        char path[PATH_MAX];

        if ((*homes)[0] == '~')
            snprintf(path, sizeof(path), "%s%s", user ? user : "", *homes + 1);
        else
            snprintf(path, sizeof(path), "%s", *homes);
        if (takeover_is_dir(str_of(path)))
            return take_home(f, path);
    }
    return ERR(f->err, RC_NOTFOUND, msg_nowhere, str_of(clients[f->wish->client].name),
               str_of(clients[f->wish->client].homes[0]));
}

static enum rc check_hands_of(struct takeover_finder *f, const struct takeover_cert *c)
{
    char dir[AGENT_PATH_MAX];
    enum rc rc;

    *f->err = (struct err)ERR_INIT;
    rc = agent_also_check(&c->plan, f->err);
    if (rc == RC_NOMEM || rc == RC_DENIED || c->plan.way != AGENT_HOOK)
        return rc;
    TRY(str_copyz(c->dir, dir, sizeof(dir)));
    *f->err = (struct err)ERR_INIT;
    return agent_hook_check(&c->plan, dir, f->err);
}

/* A hook that anybody else could replace would not be run, nor a file written that could be led
 * elsewhere. What is wrong besides is said at the first renewal, or by `agent doctor`: it may well
 * be mended until then. */
static enum rc check_hands(struct takeover_finder *f)
{
    for (size_t i = 0; i < f->t->n; i++) {
        struct takeover_cert *c = &f->t->certs[i];
        enum rc rc;

        if (c->kept || c->why.n)
            continue;
        rc = check_hands_of(f, c);
        if (rc == RC_NOMEM || rc == RC_DENIED)
            TRY(takeover_cannot_err(f, c, rc));
    }
    return RC_OK;
}

enum rc takeover_find(const struct takeover_wish *wish, struct takeover *out, struct err *err)
{
    struct takeover_finder f = {.t = out, .wish = wish};
    struct err mine = ERR_INIT;
    enum rc rc;

    f.err = &mine;
    *out = (struct takeover){.arena = ARENA_INIT(TAKEOVER_ARENA_MAX)};
    out->certs = ARENA_ARRAY(&out->arena, struct takeover_cert, TAKEOVER_CERTS_MAX);
    rc = out->certs ? find_home(&f) : RC_NOMEM;
    if (rc == RC_OK)
        rc = clients[wish->client].find(&f);
    if (rc == RC_OK)
        rc = check_hands(&f);
    mine.rc = rc;
    if (rc != RC_OK && err)
        *err = mine;
    return rc;
}

void takeover_done(struct takeover *t)
{
    for (size_t i = 0; i < t->n; i++) {
        crypto_key_unref(t->certs[i].key);
        crypto_key_unref(t->certs[i].account);
    }
    arena_done(&t->arena);
    *t = (struct takeover){};
}
