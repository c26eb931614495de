/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/diff.h"

#include "base/arena.h"
#include "conf/load.h"
#include "conf/schema_int.h"

enum { DIFF_ARENA_MAX = 32 << 20, VALUE_BYTES_MAX = 1 << 20 };

struct differ {
    struct conf_changes *out;
    size_t cap;
};

static enum rc add(struct differ *d, const struct conf_key *key, struct str name, struct str was,
                   struct str now)
{
    struct conf_changes *c = d->out;
    struct conf_change change = {
        .class = key->take->class, .roles = key->take->roles, .reason = key->take->reason};

    if (c->n == d->cap) {
        size_t cap = d->cap ? 2 * d->cap : 16;
        struct conf_change *p = mem_realloc(c->p, cap * sizeof(*p));

        if (!p)
            return RC_NOMEM;
        c->p = p;
        d->cap = cap;
    }
    TRY(arena_str(c->arena, name, &change.key));
    TRY(arena_str(c->arena, was, &change.was));
    TRY(arena_str(c->arena, now, &change.now));
    c->p[c->n++] = change;
    return RC_OK;
}

/* A value that both have; `name` is its path. */
static enum rc compare_value(struct differ *d, const struct conf_key *key, struct str name,
                             const void *was, const void *now)
{
    CLEANUP(buf_done) struct buf a = {};
    CLEANUP(buf_done) struct buf b = {};

    buf_init(&a, VALUE_BYTES_MAX);
    buf_init(&b, VALUE_BYTES_MAX);
    conf_print(key, was, &a);
    conf_print(key, now, &b);
    TRY(buf_rc(&a));
    TRY(buf_rc(&b));
    return str_eq(buf_str(&a), buf_str(&b)) ? RC_OK : add(d, key, name, buf_str(&a), buf_str(&b));
}

/* Elements of a list of maps; NULL on the side where there is none. */
static enum rc compare_item(struct differ *d, const struct conf_key *key, struct str name,
                            const void *was, const void *now)
{
    CLEANUP(buf_done) struct buf a = {};
    CLEANUP(buf_done) struct buf b = {};
    size_t at = 0;

    buf_init(&a, VALUE_BYTES_MAX);
    buf_init(&b, VALUE_BYTES_MAX);
    for (const struct conf_key *k; was && now && (k = conf_schema_next(key, &at));) {
        buf_reset(&a);
        buf_puts(&a, name);
        buf_putz(&a, ".");
        buf_puts(&a, conf_key_name(k));
        TRY(buf_rc(&a));
        TRY(compare_value(d, k, buf_str(&a), was, now));
    }
    if (was && now)
        return RC_OK;
    if (was)
        conf_print_item(key, was, &a);
    if (now)
        conf_print_item(key, now, &b);
    TRY(buf_rc(&a));
    TRY(buf_rc(&b));
    return add(d, key, name, buf_str(&a), buf_str(&b));
}

static const void *item(const struct conf_key *key, struct conf_list list, size_t i)
{
    return i < list.n ? (const char *)list.p + key->size * i : NULL;
}

static enum rc compare_items(struct differ *d, const struct conf_key *key, struct conf_list was,
                             struct conf_list now)
{
    for (size_t i = 0; i < was.n || i < now.n; i++) {
        CLEANUP(buf_done) struct buf name = BUF_INIT(VALUE_BYTES_MAX);

        buf_printf(&name, "%s[%zu]", key->path, i);
        TRY(buf_rc(&name));
        TRY(compare_item(d, key, buf_str(&name), item(key, was, i), item(key, now, i)));
    }
    return RC_OK;
}

static struct str name_of(const void *named)
{
    struct str s = {NULL, 0};

    if (named)
        memcpy(&s, named, sizeof(s));
    return s;
}

/* Both sorted by name: a merge. */
static enum rc compare_named(struct differ *d, const struct conf_key *key, struct conf_list was,
                             struct conf_list now)
{
    size_t i = 0, j = 0;

    while (i < was.n || j < now.n) {
        CLEANUP(buf_done) struct buf name = BUF_INIT(VALUE_BYTES_MAX);
        const void *a = item(key, was, i), *b = item(key, now, j);
        int order = !a ? 1 : !b ? -1 : str_cmp(name_of(a), name_of(b));

        a = order <= 0 ? a : NULL;
        b = order >= 0 ? b : NULL;
        buf_printf(&name, "%s.", key->path);
        buf_puts(&name, name_of(a ? a : b));
        TRY(buf_rc(&name));
        TRY(compare_item(d, key, buf_str(&name), a, b));
        i += a != NULL;
        j += b != NULL;
    }
    return RC_OK;
}

static enum rc compare_below(struct differ *d, const struct conf_key *above, const void *was,
                             const void *now)
{
    size_t at = 0;

    for (const struct conf_key *key; (key = conf_schema_next(above, &at));) {
        if (key->form == CONF_MAP)
            TRY(compare_below(d, key, was, now));
        else if (key->form == CONF_ITEMS)
            TRY(compare_items(d, key, conf_list_at(key, was), conf_list_at(key, now)));
        else if (key->form == CONF_NAMED)
            TRY(compare_named(d, key, conf_list_at(key, was), conf_list_at(key, now)));
        else
            TRY(compare_value(d, key, str_of(key->path), was, now));
    }
    return RC_OK;
}

/* In one line, as every value is. */
static enum rc one_line(struct str text, struct buf *out)
{
    struct str line;

    while (str_next(&text, '\n', &line)) {
        buf_putz(out, out->n && line.n ? " " : "");
        buf_puts(out, line);
    }
    return buf_rc(out);
}

/* Not a key of the schema, and all that counts of one: a file of the same name may have another key
 * of escrow in it, and who holds that is no matter of names. */
static enum rc compare_escrow(struct differ *d, const struct conf *was, const struct conf *now)
{
    static const struct conf_take live = {CONF_LIVE, "", NULL};
    static const struct conf_key of_file = {.take = &live};
    CLEANUP(buf_done) struct buf a = BUF_INIT(VALUE_BYTES_MAX);
    CLEANUP(buf_done) struct buf b = BUF_INIT(VALUE_BYTES_MAX);

    TRY(one_line(was->ca.escrow_key, &a));
    TRY(one_line(now->ca.escrow_key, &b));
    return str_eq(buf_str(&a), buf_str(&b))
               ? RC_OK
               : add(d, &of_file, STR("ca.escrow (key)"), buf_str(&a), buf_str(&b));
}

enum rc conf_diff(const struct conf *was, const struct conf *now, struct conf_changes *out)
{
    CLEANUP(conf_changes_done) struct conf_changes made = {};
    struct differ d = {.out = &made};

    made.arena = MEM_NEW(struct arena);
    if (!made.arena)
        return RC_NOMEM;
    arena_init(made.arena, DIFF_ARENA_MAX);
    TRY(compare_below(&d, NULL, was, now));
    TRY(compare_escrow(&d, was, now));
    *out = made;
    made = (struct conf_changes){};
    return RC_OK;
}

void conf_changes_done(struct conf_changes *c)
{
    if (c->arena)
        arena_done(c->arena);
    mem_free(c->arena);
    mem_free(c->p);
    *c = (struct conf_changes){};
}

bool conf_changes_any(const struct conf_changes *c, enum conf_class class)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->p[i].class == class)
            return true;
    return false;
}

bool conf_changes_restart(const struct conf_changes *c, const char *role)
{
    for (size_t i = 0; i < c->n; i++) {
        struct str rest = str_of(c->p[i].roles), one;

        while (str_next(&rest, ' ', &one))
            if (str_eq(one, str_of(role)))
                return true;
    }
    return false;
}
