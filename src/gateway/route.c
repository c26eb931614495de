/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/route.h"

#include <inttypes.h>
#include <stdio.h>

#include "tls/clients.h"

enum { HSTS_TEXT = 40 };

/* ---- life */

/* With room for `more` beyond them. */
static enum rc copy_headers(struct gateway_route *r, const struct conf_strs *from, size_t more,
                            struct http_header **out, size_t *n)
{
    struct http_header *to;

    if (from->n + more == 0)
        return RC_OK;
    to = *out = ARENA_ARRAY(&r->arena, struct http_header, from->n + more);
    if (!to)
        return RC_NOMEM;
    for (size_t i = 0; i < from->n; i++) {
        struct str all;

        TRY(arena_str(&r->arena, from->p[i], &all));
        (void)str_cut(all, ':', &to[*n].name, &to[*n].value);
        to[*n].value = str_trim(to[*n].value);
        ++*n;
    }
    return RC_OK;
}

static enum rc copy_nets(struct gateway_route *r, const struct conf_nets *from,
                         struct conf_nets *to)
{
    struct addr_net *p;

    if (from->n == 0)
        return RC_OK;
    p = ARENA_ARRAY(&r->arena, struct addr_net, from->n);
    if (!p)
        return RC_NOMEM;
    memcpy(p, from->p, from->n * sizeof(*p));
    *to = (struct conf_nets){p, from->n};
    return RC_OK;
}

static enum rc add_hsts(struct gateway_route *r, when_t hsts)
{
    char text[HSTS_TEXT];
    struct http_header *h;

    if (hsts == 0)
        return RC_OK;
    h = &r->response[r->n_response];
    snprintf(text, sizeof(text), "max-age=%" PRId64, (int64_t)(hsts / WHEN_SECOND));
    h->name = STR("strict-transport-security");
    TRY(arena_str(&r->arena, str_of(text), &h->value));
    r->n_response++;
    return RC_OK;
}

static enum rc copy_path(struct gateway_route *r, const struct conf_path *from,
                         struct gateway_path *to)
{
    to->status = (int)from->status;
    if (to->status == 0)
        to->status = from->redirect.n ? 308 : 200;
    TRY(arena_str(&r->arena, from->path, &to->path));
    TRY(arena_str(&r->arena, from->replace, &to->replace));
    TRY(arena_str(&r->arena, from->redirect, &to->redirect));
    return arena_str(&r->arena, from->answer, &to->answer);
}

/* A path's backends are chosen among as the site's are. */
static enum rc add_paths(struct gateway_route *r, struct backends *all, const struct conf *conf,
                         const struct conf_site *site, struct err *err)
{
    size_t n = 0;

    for (size_t i = 0; i < conf->gateway.n_paths; i++)
        n += str_eq(conf->gateway.paths[i].site, site->name);
    if (n == 0)
        return RC_OK;
    r->paths = ARENA_ARRAY(&r->arena, struct gateway_path, n);
    if (!r->paths)
        return RC_NOMEM;
    for (size_t i = 0; i < conf->gateway.n_paths; i++) {
        const struct conf_path *from = &conf->gateway.paths[i];
        struct gateway_path *to = &r->paths[r->n_paths];
        struct conf_site part = *site;

        if (!str_eq(from->site, site->name))
            continue;
        r->n_paths++;
        TRY(copy_path(r, from, to));
        part.backends = from->backends;
        if (from->backends.n)
            TRY(backend_pool_new(all, &part, &to->pool, err));
    }
    return RC_OK;
}

static enum rc add_clients(struct gateway_route *r, const struct conf_site *site, struct err *err)
{
    struct tls_clients_conf conf = {site->client_roots, site->client_lists, site->client_optional};

    r->client_headers = site->client_headers;
    return site->client_roots.n ? tls_clients_new(&conf, &r->clients, err) : RC_OK;
}

enum rc gateway_route_new(struct backends *all, const struct conf *conf,
                          const struct conf_site *site, struct gateway_route **out, struct err *err)
{
    CLEANUP(gateway_route_unrefp) struct gateway_route *r = MEM_NEW(struct gateway_route);

    if (!r)
        return RC_NOMEM;
    r->refs = 1;
    r->send_proxy = site->send_proxy;
    r->access_log = site->access_log;
    r->tls_sm = site->tls_sm;
    r->waf = site->waf;
    r->passes = site->passes;
    r->rate = gateway_rate_of(site->rate, site->burst);
    r->client_timeout = site->client_timeout;
    r->response_timeout = site->response_timeout;
    r->tunnel_timeout = site->tunnel_timeout;
    arena_init(&r->arena, GATEWAY_ROUTE_BYTES);
    TRY(backend_pool_new(all, site, &r->pool, err));
    TRY(copy_headers(r, &site->request_headers, 0, &r->request, &r->n_request));
    TRY(copy_headers(r, &site->response_headers, site->hsts != 0, &r->response, &r->n_response));
    TRY(copy_nets(r, &site->allow, &r->allow));
    TRY(copy_nets(r, &site->deny, &r->deny));
    TRY(add_hsts(r, site->hsts));
    TRY(arena_str(&r->arena, site->maintenance, &r->maintenance));
    TRY(add_paths(r, all, conf, site, err));
    TRY(add_clients(r, site, err));
    *out = MOVE(r);
    return RC_OK;
}

struct gateway_route *gateway_route_ref(struct gateway_route *r)
{
    r->refs++;
    return r;
}

void gateway_route_unref(struct gateway_route *r)
{
    if (!r || --r->refs)
        return;
    for (size_t i = 0; i < r->n_paths; i++)
        backend_pool_free(r->paths[i].pool);
    backend_pool_free(r->pool);
    tls_clients_unref(r->clients);
    arena_done(&r->arena);
    mem_free(r);
}

static struct backend_pool *same_pool(struct gateway_route *r, struct str path)
{
    for (size_t i = 0; r && i < r->n_paths; i++)
        if (str_eq(r->paths[i].path, path))
            return r->paths[i].pool;
    return NULL;
}

void gateway_route_start(struct gateway_route *r, struct gateway_route *before)
{
    backend_pool_start(r->pool, before ? before->pool : NULL);
    for (size_t i = 0; i < r->n_paths; i++)
        if (r->paths[i].pool)
            backend_pool_start(r->paths[i].pool, same_pool(before, r->paths[i].path));
}

void gateway_route_stop(struct gateway_route *r)
{
    backend_pool_stop(r->pool);
    for (size_t i = 0; i < r->n_paths; i++)
        if (r->paths[i].pool)
            backend_pool_stop(r->paths[i].pool);
}

/* ---- who is served */

static bool has(const struct conf_nets *nets, const struct addr *a)
{
    for (size_t i = 0; i < nets->n; i++)
        if (addr_net_has(&nets->p[i], a))
            return true;
    return false;
}

bool gateway_route_admits(const struct gateway_route *r, const struct addr *client)
{
    return !has(&r->deny, client) && (r->allow.n == 0 || has(&r->allow, client));
}

/* ---- finding */

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A path as it is compared: escapes of what needs none are undone, but that of a slash or a
 * backslash, of which nobody knows what the backend makes; slashes side by side are one. */
struct walk {
    struct str path;
    size_t at;
    char last;
    bool escaped; /* the last character is the '%' of a slash or backslash */
};

static bool next_char(struct walk *w)
{
    while (w->at < w->path.n) {
        char c = w->path.p[w->at];
        int high = -1, low = -1;

        if (c == '%' && w->at + 2 < w->path.n) {
            high = hex(w->path.p[w->at + 1]);
            low = hex(w->path.p[w->at + 2]);
        }
        w->escaped = false;
        if (high >= 0 && low >= 0) {
            char v = (char)(high << 4 | low);

            w->escaped = v == '/' || v == '\\';
            if (v > ' ' && v <= '~' && !w->escaped) {
                c = v;
                w->at += 2;
            }
        }
        w->at++;
        if (c == '/' && w->last == '/')
            continue;
        w->last = c;
        return true;
    }
    return false;
}

/* Where a segment ends for some servers. */
static bool ends_segment(const struct walk *w)
{
    return w->last == '/' || w->last == '\\' || w->last == ';' || w->escaped;
}

static enum rc normal(struct str path, struct buf *out)
{
    struct walk w = {.path = path};
    size_t n = 0, dots = 0, skip = 0;

    while (next_char(&w)) {
        buf_u8(out, (uint8_t)w.last);
        if (skip) { /* the digits of an escape that ended a segment */
            skip--;
            continue;
        }
        if (ends_segment(&w)) {
            if (n && n == dots && n <= 2)
                return RC_INVAL;
            n = dots = 0;
            skip = w.escaped ? 2 : 0;
            continue;
        }
        n++;
        dots += w.last == '.';
    }
    if (n && n == dots && n <= 2)
        return RC_INVAL;
    return buf_rc(out);
}

/* Where in the path its first n characters, as compared, end. */
static size_t end_of(struct str path, size_t n)
{
    struct walk w = {.path = path};

    while (n-- && next_char(&w))
        ;
    return w.at;
}

static bool is_in(struct str path, struct str prefix)
{
    if (!str_starts(path, prefix))
        return false;
    return path.n == prefix.n || str_ends(prefix, STR("/")) ||
           str_starts(str_skip(path, prefix.n), STR("/"));
}

enum rc gateway_route_find(const struct gateway_route *r, struct str path, struct buf *text,
                           const struct gateway_path **out, size_t *out_at)
{
    const struct gateway_path *best = NULL;

    *out = NULL;
    *out_at = 0;
    if (r->n_paths == 0)
        return RC_OK;
    TRY(normal(path, text));
    for (size_t i = 0; i < r->n_paths; i++)
        if (is_in(buf_str(text), r->paths[i].path) && (!best || r->paths[i].path.n > best->path.n))
            best = &r->paths[i];
    *out = best;
    *out_at = best ? end_of(path, best->path.n) : 0;
    return RC_OK;
}

/* Never two slashes in front, which would be another host. */
void gateway_route_put_location(const struct gateway_path *p, struct str rest, struct str query,
                                struct buf *out)
{
    bool open = str_ends(p->redirect, STR("*"));
    struct str fixed = str_head(p->redirect, p->redirect.n - (open ? 1 : 0));

    buf_puts(out, fixed);
    if (!open)
        return;
    while (str_ends(fixed, STR("/")) && rest.n && (rest.p[0] == '/' || rest.p[0] == '\\'))
        rest = str_skip(rest, 1);
    buf_puts(out, rest);
    if (query.p) {
        buf_putz(out, "?");
        buf_puts(out, query);
    }
}

void gateway_route_dress(const struct gateway_route *r, struct http_answer *a)
{
    for (size_t i = 0; i < r->n_response; i++)
        http_answer_set(a, r->response[i].name, r->response[i].value);
}
