/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/tree_int.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/name.h"
#include "conf/conf.h"
#include "conf/kind_int.h"

MSG(msg_set_twice, "conf.set-twice",
    "given in {0}, line {1}, already; files add to maps and lists, a single value stands in one");
MSG(msg_shapes, "conf.shapes", "{2} here, but {3} in {0}, line {1}");

static struct str shape_text(enum conf_shape shape)
{
    return shape == CONF_TREE_MAP    ? STR("a map")
           : shape == CONF_TREE_LIST ? STR("a list")
                                     : STR("a single value");
}

static enum rc merge_into(struct conf_tree *t, struct conf_node *to, struct conf_node *from);

/* A key that both have. */
static enum rc merge_key(struct conf_tree *t, struct conf_node *a, struct conf_node *b)
{
    struct err err = ERR_INIT;
    char text[16];
    struct str line = {text, (size_t)snprintf(text, sizeof(text), "%u", a->line)};

    if (a->shape == CONF_TREE_BAD || b->shape == CONF_TREE_BAD)
        return RC_OK;
    if (a->shape == b->shape && a->shape != CONF_TREE_VALUE)
        return merge_into(t, a, b);
    if (a->shape == b->shape)
        IGNORE_RC(ERR(&err, RC_INVAL, msg_set_twice, a->file->name, line)); /* err has it */
    else
        IGNORE_RC(ERR(&err, RC_INVAL, msg_shapes, a->file->name, line, shape_text(b->shape),
                      shape_text(a->shape))); /* likewise */
    return conf_report_at(t->report, b, STR(""), &err);
}

static enum rc merge_into(struct conf_tree *t, struct conf_node *to, struct conf_node *from)
{
    for (struct conf_node *n = from->first, *next; n; n = next) {
        struct conf_node *same = conf_node_get(to, n->key);

        next = n->next;
        if (same)
            TRY(merge_key(t, same, n));
        else
            conf_node_append(to, n);
    }
    return RC_OK;
}

enum rc conf_tree_read(struct conf_tree *t, const struct conf_input *in)
{
    static const struct conf_file nothing = {{"configuration", 13}, {"", 0}};

    if (in->n == 0)
        return conf_yaml_read(t, &nothing, &t->root);
    for (size_t i = 0; i < in->n; i++) {
        struct conf_node *root = NULL;

        if (conf_file_is_pem(in->files[i].name))
            continue;
        TRY(conf_yaml_read(t, &in->files[i], &root));
        if (!t->root)
            t->root = root;
        else
            TRY(merge_into(t, t->root, root));
    }
    return RC_OK;
}

static int by_name(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* What is no name is left out: who reads all of it complains. */
static enum rc gather_names(const struct conf_node *sites, struct arena *a, struct conf_strs *out)
{
    size_t n = 0;
    struct str *all;

    for (const struct conf_node *s = sites->first; s; s = s->next)
        n++;
    all = ARENA_ARRAY(a, struct str, n);
    if (!all)
        return RC_NOMEM;
    n = 0;
    for (const struct conf_node *s = sites->first; s; s = s->next) {
        const struct conf_node *name = conf_node_get(s, STR("name"));
        char canonical[NAME_MAX_BYTES + 1];

        if (!name || name->shape != CONF_TREE_VALUE ||
            name_canonical(name->value, false, canonical) != RC_OK)
            continue;
        TRY(arena_str(a, str_of(canonical), &all[n]));
        n++;
    }
    qsort(all, n, sizeof(*all), by_name);
    *out = (struct conf_strs){all, n};
    return RC_OK;
}

static void remove_key(struct conf_node *map, struct str key)
{
    struct conf_node *before = NULL;

    for (struct conf_node *n = map ? map->first : NULL; n; before = n, n = n->next) {
        if (!str_eq(n->key, key))
            continue;
        *(before ? &before->next : &map->first) = n->next;
        if (map->last == n)
            map->last = before;
        return;
    }
}

/* Of the sites the first, and those whose names records prove if these are wanted. */
static void leave(struct conf_node *sites, bool records)
{
    struct conf_node *last = sites->first;

    for (struct conf_node *n = last->next; n && records; n = n->next)
        if (conf_node_get(n, STR("dns"))) {
            last->next = n;
            last = n;
        }
    last->next = NULL;
    sites->last = last;
}

enum rc conf_tree_sites(struct conf_tree *tree, const struct conf_input *in, struct arena *a,
                        struct conf *out)
{
    struct conf_node *gateway = conf_node_get(tree->root, STR("gateway"));
    struct conf_node *sites = conf_node_get(gateway, STR("sites"));
    struct conf_node *paths = conf_node_get(gateway, STR("paths"));

    if (!in->one_site)
        return RC_OK;
    if (in->site_names && sites && sites->first)
        TRY(gather_names(sites, a, &out->gateway.names));
    remove_key(gateway, STR("default_site"));
    if (sites && sites->first)
        leave(sites, in->site_records);
    if (paths)
        paths->first = paths->last = NULL;
    return RC_OK;
}
