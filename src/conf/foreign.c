/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/foreign.h"

#include "conf/tree_int.h"

MSG(msg_wrong, "conf.foreign", "{0}");
MSG(msg_big, "conf.foreign-big", "{0} has more than a megabyte, which no such file has");

enum { LINE_MAX_BYTES = 1024 };

/* The first one: what comes after it may come from it. */
static enum rc say(const struct conf_report *r, struct err *err)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(CONF_PROBLEMS_MAX * LINE_MAX_BYTES);
    struct str text, line;

    if (r->n == 0)
        return RC_OK;
    conf_report_text(r, &b);
    TRY(buf_rc(&b));
    text = buf_str(&b);
    return str_next(&text, '\n', &line) ? ERR(err, RC_PARSE, msg_wrong, line) : RC_PARSE;
}

enum rc conf_foreign_read(struct arena *a, struct str name, struct str text,
                          const struct conf_node **out, struct err *err)
{
    CLEANUP(conf_report_done) struct conf_report report = {};
    struct conf_tree tree = {.arena = a, .report = &report};
    struct conf_file *file = ARENA_NEW(a, struct conf_file);
    struct conf_node *root;

    if (!file)
        return RC_NOMEM;
    if (text.n > CONF_FILE_BYTES_MAX)
        return ERR(err, RC_TOOBIG, msg_big, name);
    TRY(arena_str(a, name, &file->name));
    TRY(arena_str(a, text, &file->text));
    TRY(conf_yaml_read(&tree, file, &root));
    TRY(say(&report, err));
    *out = root;
    return RC_OK;
}

const struct conf_node *conf_foreign_get(const struct conf_node *map, struct str key)
{
    return conf_node_get(map, key);
}

const struct conf_node *conf_foreign_first(const struct conf_node *of)
{
    return of ? of->first : NULL;
}

const struct conf_node *conf_foreign_next(const struct conf_node *node)
{
    return node->next;
}

struct str conf_foreign_key(const struct conf_node *node)
{
    return node->key;
}

struct str conf_foreign_value(const struct conf_node *node)
{
    if (!node || node->shape != CONF_TREE_VALUE)
        return (struct str){NULL, 0};
    return node->value.p ? node->value : STR("");
}

bool conf_foreign_is_list(const struct conf_node *node)
{
    return node && node->shape == CONF_TREE_LIST;
}
