/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/passing.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "conf/schema_int.h"

enum { PASSING_ARENA_MAX = 256 << 20, LINE_MAX_BYTES = 1 << 20 };

/* What is to be known of a site: one line of the site itself, and one for each of its paths. */
struct line {
    struct str site;
    struct str text;
};

struct lines {
    struct line *v;
    size_t n;
    struct arena arena;
};

static void lines_done(struct lines *l)
{
    arena_done(&l->arena);
    mem_free(l->v);
}

static const struct conf_key *key_of(const char *path)
{
    for (size_t i = 0; i < conf_schema_n; i++)
        if (strcmp(conf_schema[i].path, path) == 0)
            return &conf_schema[i];
    return NULL;
}

static enum rc add(struct lines *l, struct str site, const struct buf *text)
{
    struct line *line = &l->v[l->n++];

    TRY(buf_rc(text));
    line->site = site;
    return arena_str(&l->arena, buf_str(text), &line->text);
}

static enum rc add_site(struct lines *l, const struct conf_key *sites, const struct conf_site *s)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(LINE_MAX_BYTES);
    size_t at = 0;

    for (const struct conf_key *k; (k = conf_schema_next(sites, &at));) {
        if (!k->passing)
            continue;
        conf_print(k, s, &text);
        buf_putz(&text, "\n");
    }
    buf_puts(&text, s->backend_roots); /* what is in backend_ca */
    return add(l, s->name, &text);
}

static enum rc add_path(struct lines *l, const struct conf_key *paths, const struct conf_path *p)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(LINE_MAX_BYTES);

    conf_print_item(paths, p, &text);
    return add(l, p->site, &text);
}

static int by_site(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    int order = str_cmp(x->site, y->site);

    return order ? order : str_cmp(x->text, y->text);
}

static enum rc lines_of(const struct conf *conf, struct lines *l)
{
    const struct conf_key *sites = key_of("gateway.sites"), *paths = key_of("gateway.paths");
    size_t n = conf->gateway.n_sites + conf->gateway.n_paths;

    arena_init(&l->arena, PASSING_ARENA_MAX);
    if (n == 0)
        return RC_OK;
    l->v = mem_calloc(n, sizeof(*l->v));
    if (!l->v)
        return RC_NOMEM;
    for (size_t i = 0; i < conf->gateway.n_sites; i++)
        TRY(add_site(l, sites, &conf->gateway.sites[i]));
    for (size_t i = 0; i < conf->gateway.n_paths; i++)
        TRY(add_path(l, paths, &conf->gateway.paths[i]));
    qsort(l->v, l->n, sizeof(*l->v), by_site);
    return RC_OK;
}

/* Those of one site; returns where the next one begins. */
static size_t end_of(const struct lines *l, size_t at)
{
    size_t end = at;

    while (end < l->n && str_eq(l->v[end].site, l->v[at].site))
        end++;
    return end;
}

static bool same(const struct line *a, size_t n_a, const struct line *b, size_t n_b)
{
    if (n_a != n_b)
        return false;
    for (size_t i = 0; i < n_a; i++)
        if (!str_eq(a[i].text, b[i].text))
            return false;
    return true;
}

enum rc conf_passing_changed(const struct conf *was, const struct conf *now, struct buf *out,
                             size_t *out_n)
{
    CLEANUP(lines_done) struct lines a = {}, b = {};
    size_t j = 0;

    *out_n = 0;
    TRY(lines_of(was, &a));
    TRY(lines_of(now, &b));
    for (size_t i = 0, end; i < a.n; i = end) {
        size_t first;

        end = end_of(&a, i);
        while (j < b.n && str_cmp(b.v[j].site, a.v[i].site) < 0)
            j++;
        first = j;
        while (j < b.n && str_eq(b.v[j].site, a.v[i].site))
            j++;
        if (same(&a.v[i], end - i, b.v ? &b.v[first] : NULL, j - first))
            continue;
        if ((*out_n)++ < CONF_PASSING_NAMES)
            buf_printf(out, "%s%.*s", *out_n > 1 ? ", " : "", STR_ARG(a.v[i].site));
    }
    if (*out_n > CONF_PASSING_NAMES)
        buf_printf(out, " and %zu more", *out_n - CONF_PASSING_NAMES);
    return buf_rc(out);
}
