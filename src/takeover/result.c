/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/place.h"
#include "base/name.h"
#include "client/client.h"
#include "takeover/key.h"
#include "takeover/takeover_int.h"
#include "x509/cert.h"

enum { TEXT_MAX = 1024, STATE_PATH = AGENT_PATH_MAX + 32 };

static struct arena *arena_of(struct takeover_finder *f)
{
    return &f->t->arena;
}

/* ---- words */

static struct str words(struct takeover_finder *f, const char *fmt, va_list ap)
{
    char text[TEXT_MAX];

    vsnprintf(text, sizeof(text), fmt, ap);
    return arena_printf(arena_of(f), "%s", text);
}

void takeover_note(struct takeover_finder *f, struct takeover_cert *c, const char *fmt, ...)
{
    struct str *notes = c ? c->notes : f->t->notes;
    size_t *n = c ? &c->n_notes : &f->t->n_notes;
    struct str text;
    va_list ap;

    if (*n == TAKEOVER_NOTES_MAX)
        return;
    va_start(ap, fmt);
    text = words(f, fmt, ap);
    va_end(ap);
    if (text.p)
        notes[(*n)++] = text;
}

void takeover_cannot(struct takeover_finder *f, struct takeover_cert *c, const char *fmt, ...)
{
    struct str text;
    va_list ap;

    if (c->why.n)
        return;
    va_start(ap, fmt);
    text = words(f, fmt, ap);
    va_end(ap);
    c->why = text.p ? text : STR("out of memory");
}

enum rc takeover_cannot_err(struct takeover_finder *f, struct takeover_cert *c, enum rc rc)
{
    char text[TEXT_MAX];

    if (rc == RC_NOMEM || rc == RC_OK)
        return rc;
    f->err->rc = rc;
    takeover_cannot(f, c, "%s", err_textz(f->err, text, sizeof(text)));
    *f->err = ERR_INIT;
    return RC_OK;
}

/* ---- certificates */

static bool is_kept(struct str dir)
{
    char path[STATE_PATH];
    struct stat st;
    int n = snprintf(path, sizeof(path), "%.*s/" AGENT_HOME "/state.json", STR_ARG(dir));

    return n > 0 && (size_t)n < sizeof(path) && stat(path, &st) == 0;
}

enum rc takeover_cert_add(struct takeover_finder *f, struct str name, struct str dir,
                          struct takeover_cert **out)
{
    struct takeover *t = f->t;
    struct takeover_cert *c;

    if (t->n == TAKEOVER_CERTS_MAX)
        return RC_TOOBIG;
    c = &t->certs[t->n];
    TRY(arena_str(arena_of(f), name, &c->name));
    TRY(arena_str(arena_of(f), dir, &c->dir));
    c->plan.ca_file = f->wish->ca_file;
    c->plan.reuse_key = f->wish->reuse_key;
    c->kept = is_kept(dir);
    t->n++;
    *out = c->kept ? NULL : c;
    return RC_OK;
}

enum rc takeover_also(struct takeover_finder *f, struct takeover_cert *c, const char *how,
                      const char *what, struct str path)
{
    struct str text = arena_printf(arena_of(f), "%s:%s:%.*s", how, what, STR_ARG(path));

    if (!text.p)
        return RC_NOMEM;
    if (c->plan.n_also == TAKEOVER_ALSO_MAX)
        return RC_TOOBIG;
    c->also[c->plan.n_also++] = text;
    c->plan.also = c->also;
    return RC_OK;
}

/* ---- ways */

bool takeover_wished(const struct takeover_finder *f, struct takeover_cert *c)
{
    const struct takeover_wish *w = f->wish;

    if (!w->way)
        return false;
    c->plan.way = w->way;
    c->plan.style = w->style;
    c->plan.value = w->value;
    c->plan.challenge = w->challenge;
    c->plan.hook_env = w->hook_env;
    c->plan.hook_user = w->hook_user;
    c->plan.hook_timeout = w->hook_timeout;
    c->plan.hook_chain = w->hook_chain;
    return true;
}

void takeover_no_way(struct takeover_finder *f, struct takeover_cert *c, const char *how)
{
    takeover_cannot(f, c,
                    "%s, for which there is no equivalent here: say how control is to be proven, "
                    "with --webroot, --http-listen, --alpn-listen, --dns or --hook",
                    how);
}

enum rc takeover_way_listen(struct takeover_finder *f, struct takeover_cert *c, enum agent_way way,
                            struct str address, struct str port)
{
    struct str usual = way == AGENT_ALPN_LISTEN ? STR("443") : STR("80");
    struct str at = address.n ? address : STR("0.0.0.0");
    bool six = str_find(at, ':') < at.n && !str_starts(at, STR("["));

    c->plan.way = way;
    c->plan.value = arena_printf(arena_of(f), "%s%.*s%s:%.*s", six ? "[" : "", STR_ARG(at),
                                 six ? "]" : "", STR_ARG(port.n ? port : usual));
    return c->plan.value.p ? RC_OK : RC_NOMEM;
}

void takeover_way_webroot(struct takeover_cert *c, struct str dir, bool bare)
{
    static const struct str inside = STR("/.well-known/acme-challenge");

    while (dir.n > 1 && str_ends(dir, STR("/")))
        dir.n--;
    c->plan.way = AGENT_WEBROOT;
    c->plan.value = dir;
    if (!bare)
        return;
    if (str_ends(dir, inside) && dir.n > inside.n)
        c->plan.value = str_head(dir, dir.n - inside.n);
    else
        c->plan.style = STR(AGENT_WEBROOT_BARE);
}

/* ---- names */

static enum rc take_name(struct takeover_finder *f, struct takeover_cert *c, struct str text,
                         struct str *dns, struct addr *ips)
{
    struct agent_plan *plan = &c->plan;
    char name[NAME_MAX_BYTES + 1];

    if (plan->n_dns + plan->n_ips == CLIENT_NAMES_MAX)
        return RC_TOOBIG;
    if (str_starts(text, STR("ip:")))
        text = str_skip(text, 3);
    if (addr_parse(text, &ips[plan->n_ips]) == RC_OK) {
        plan->n_ips++;
        return RC_OK;
    }
    if (name_canonical(text, true, name) != RC_OK) {
        takeover_cannot(f, c, "\"%.*s\" is neither a DNS name nor an address",
                        STR_ARG(str_head(text, 255)));
        return RC_OK;
    }
    return arena_str(arena_of(f), str_of(name), &dns[plan->n_dns++]);
}

static bool is_apart(char ch)
{
    return ch == ' ' || ch == '\t' || ch == ',' || ch == '\r';
}

static enum rc make_lists(struct takeover_finder *f, struct str **dns, struct addr **ips)
{
    *dns = ARENA_ARRAY(arena_of(f), struct str, CLIENT_NAMES_MAX);
    *ips = ARENA_ARRAY(arena_of(f), struct addr, CLIENT_NAMES_MAX);
    return *dns && *ips ? RC_OK : RC_NOMEM;
}

enum rc takeover_names(struct takeover_finder *f, struct takeover_cert *c, struct str list)
{
    struct addr *ips;
    struct str *dns;

    TRY(make_lists(f, &dns, &ips));
    for (size_t i = 0; i < list.n;) {
        size_t end = i;

        while (end < list.n && !is_apart(list.p[end]))
            end++;
        if (end > i)
            TRY(take_name(f, c, str_bytes(list.p + i, end - i), dns, ips));
        i = end + 1;
    }
    c->plan.dns = dns;
    c->plan.ips = ips;
    return RC_OK;
}

static enum rc names_of(struct takeover_finder *f, struct takeover_cert *c,
                        const struct x509_cert *leaf)
{
    struct addr *ips;
    struct str *dns;

    if (c->plan.n_dns + c->plan.n_ips)
        return RC_OK;
    TRY(make_lists(f, &dns, &ips));
    for (size_t i = 0; i < leaf->n_dns; i++)
        TRY(take_name(f, c, leaf->dns[i], dns, ips));
    for (size_t i = 0; i < leaf->n_ips && c->plan.n_dns + c->plan.n_ips < CLIENT_NAMES_MAX; i++)
        ips[c->plan.n_ips++] = leaf->ips[i];
    c->plan.dns = dns;
    c->plan.ips = ips;
    return RC_OK;
}

/* ---- what is in place */

/* Whoever may read the key now may do so afterwards, with the exception of everybody. */
static enum rc owner_of(struct takeover_finder *f, struct takeover_cert *c, struct str key)
{
    char path[AGENT_PATH_MAX];
    struct stat st;

    TRY(str_copyz(key, path, sizeof(path)));
    if (stat(path, &st) != 0)
        return RC_OK; /* it was read a moment ago; who removes it means it */
    if (st.st_uid != geteuid())
        c->plan.owner = arena_printf(arena_of(f), "%u", st.st_uid);
    if (st.st_gid != getegid())
        c->plan.group = arena_printf(arena_of(f), "%u", st.st_gid);
    if (st.st_mode & S_IRGRP)
        c->plan.mode = STR("0640");
    if (st.st_mode & (S_IROTH | S_IWOTH | S_IWGRP))
        takeover_note(f, c,
                      "the private key has mode %04o; it becomes %s, for no certificate has a key "
                      "that everybody may read",
                      st.st_mode & 07777, c->plan.mode.n ? "0640" : "0600");
    return (st.st_uid == geteuid() || c->plan.owner.p) &&
                   (st.st_gid == getegid() || c->plan.group.p)
               ? RC_OK
               : RC_NOMEM;
}

/* Where the files are to be, others may not write. */
static void check_dir(struct takeover_finder *f, struct takeover_cert *c)
{
    char path[AGENT_PATH_MAX];
    struct stat st;

    if (str_copyz(c->dir, path, sizeof(path)) != RC_OK || stat(path, &st) != 0)
        return; /* it is made */
    if ((st.st_uid != 0 && st.st_uid != geteuid()) || st.st_mode & (S_IWGRP | S_IWOTH))
        takeover_cannot(f, c,
                        "others than root and the user who runs this can write to %s: have it "
                        "changed by `chown` and `chmod go-w`",
                        path);
}

static enum rc hold_together(struct takeover_finder *f, struct takeover_cert *c)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    struct x509_cert *certs;
    size_t n;

    TRY(x509_cert_read_pem(arena_of(f), c->chain, X509_CHAIN_MAX, &certs, &n, f->err));
    TRY(x509_cert_key(&certs[0], &key, f->err));
    if (!crypto_key_same(key, c->key)) {
        takeover_cannot(f, c, "certificate and private key do not belong together");
        return RC_OK;
    }
    c->not_before = certs[0].not_before;
    c->not_after = certs[0].not_after;
    return names_of(f, c, &certs[0]);
}

static enum rc read_pair(struct takeover_finder *f, struct takeover_cert *c, struct str fullchain,
                         struct str rest, struct str key)
{
    struct str more;

    TRY(takeover_file(f, fullchain, &c->chain));
    if (rest.n) {
        TRY(takeover_file(f, rest, &more));
        c->chain = arena_printf(arena_of(f), "%.*s\n%.*s", STR_ARG(c->chain), STR_ARG(more));
        if (!c->chain.p)
            return RC_NOMEM;
    }
    TRY(takeover_key_file(f, key, &c->key));
    return hold_together(f, c);
}

bool takeover_has_wildcard(const struct agent_plan *plan)
{
    for (size_t i = 0; i < plan->n_dns; i++)
        if (name_is_wildcard(plan->dns[i]))
            return true;
    return false;
}

enum rc takeover_pair(struct takeover_finder *f, struct takeover_cert *c, struct str fullchain,
                      struct str rest, struct str key)
{
    TRY(takeover_cannot_err(f, c, read_pair(f, c, fullchain, rest, key)));
    check_dir(f, c);
    if (!c->plan.server.n)
        takeover_cannot(f, c, "it is not written down which server it is of: --server says it");
    if (!c->key || c->why.n)
        return RC_OK;
    c->plan.key = takeover_key_spec(c->key);
    if (c->plan.n_dns + c->plan.n_ips == 0)
        takeover_cannot(f, c, "the certificate has no names");
    if (takeover_has_wildcard(&c->plan) && c->plan.way != AGENT_DNS &&
        !(c->plan.way == AGENT_HOOK && str_eq(c->plan.challenge, STR("dns-01"))))
        takeover_no_way(f, c,
                        "it has a name with a wildcard, which http-01 and tls-alpn-01 cannot "
                        "prove");
    return owner_of(f, c, key);
}

enum rc takeover_account(struct takeover_finder *f, struct takeover_cert *c, struct str path)
{
    enum rc rc = RC_NOTFOUND;
    char text[TEXT_MAX];

    if (f->wish->account_key.n)
        path = f->wish->account_key;
    *f->err = ERR_INIT;
    if (path.n)
        rc = takeover_key_file(f, path, &c->account);
    if (rc == RC_OK || rc == RC_NOMEM)
        return rc;
    f->err->rc = rc;
    takeover_note(f, c,
                  "the account's key could not be carried over (%s); a new account will be "
                  "made: --account-key names its file",
                  path.n ? err_textz(f->err, text, sizeof(text)) : "it was not found");
    *f->err = ERR_INIT;
    return RC_OK;
}
