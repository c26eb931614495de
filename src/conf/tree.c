/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/tree_int.h"

#include <stdio.h>

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

void conf_tree_one_site(struct conf_tree *tree)
{
    const struct conf_node *gateway = conf_node_get(tree->root, STR("gateway"));
    struct conf_node *sites = conf_node_get(gateway, STR("sites"));
    struct conf_node *paths = conf_node_get(gateway, STR("paths"));

    if (sites && sites->first) {
        sites->first->next = NULL;
        sites->last = sites->first;
    }
    if (paths)
        paths->first = paths->last = NULL;
}
