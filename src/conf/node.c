/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes of a tree, apart from how files are merged into one: what reads a single file (foreign.c)
 * needs no more, and brings no more into autarky-agent. */
#include "conf/kind_int.h"
#include "conf/tree_int.h"

struct conf_node *conf_node_new(struct conf_tree *t, struct conf_node *up,
                                const struct conf_file *file, unsigned line)
{
    struct conf_node *n = ARENA_NEW(t->arena, struct conf_node);

    if (!n)
        return NULL;
    n->file = file;
    n->line = line;
    if (up)
        conf_node_append(up, n);
    return n;
}

void conf_node_append(struct conf_node *up, struct conf_node *n)
{
    n->up = up;
    n->next = NULL;
    if (up->last)
        up->last->next = n;
    else
        up->first = n;
    up->last = n;
}

struct conf_node *conf_node_get(const struct conf_node *map, struct str key)
{
    if (!map || map->shape != CONF_TREE_MAP)
        return NULL;
    for (struct conf_node *n = map->first; n; n = n->next)
        if (str_eq(n->key, key))
            return n;
    return NULL;
}

static void put_step(const struct conf_node *n, struct buf *out)
{
    unsigned i = 0;

    if (n->up->shape == CONF_TREE_MAP) {
        if (out->n)
            buf_putz(out, ".");
        buf_puts(out, conf_shown(n->key));
        return;
    }
    for (const struct conf_node *before = n->up->first; before != n; before = before->next)
        i++;
    buf_printf(out, "[%u]", i);
}

void conf_node_path(const struct conf_node *n, struct str more, struct buf *out)
{
    const struct conf_node *steps[CONF_DEPTH_MAX + 1];
    size_t depth = 0;

    for (; n->up && depth <= CONF_DEPTH_MAX; n = n->up)
        steps[depth++] = n;
    while (depth)
        put_step(steps[--depth], out);
    if (more.n && out->n)
        buf_putz(out, ".");
    buf_puts(out, more);
}
