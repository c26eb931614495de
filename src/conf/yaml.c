/* SPDX-License-Identifier: Apache-2.0 */
/* The only file that knows libyaml. Its events come in one by one, so that limits hold while a file
 * is read, not afterwards. */
#include <assert.h>
#include <stdio.h>
#include <yaml.h>

#include "conf/kind_int.h"
#include "conf/tree_int.h"

MSG(msg_syntax, "conf.syntax", "this is not YAML: {0}");
MSG(msg_no_map, "conf.no-map",
    "the file must be a map of keys, as in \"domain: hospital.example\"");
MSG(msg_anchor, "conf.anchor", "anchors (&{0}) are not supported: write the value out");
MSG(msg_alias, "conf.alias", "aliases (*{0}) are not supported: write the value out");
MSG(msg_tag, "conf.tag", "tags ({0}) are not supported: the key alone decides the type");
MSG(msg_merge, "conf.merge", "merge keys (<<) are not supported: write the keys out");
MSG(msg_key, "conf.key", "a key must be a plain name");
MSG(msg_twice, "conf.twice", "given twice; the first is in line {0}");
MSG(msg_documents, "conf.documents", "a second document begins here; a file is one document");
MSG(msg_deep, "conf.deep", "nested deeper than {0} levels");
MSG(msg_nodes, "conf.nodes", "more than {0} values in all files together");

struct reader {
    struct conf_tree *tree;
    const struct conf_file *file;
    yaml_parser_t *parser;
    struct conf_node *root;
    struct conf_node *in;  /* the open map or list; NULL outside */
    struct conf_node *key; /* in a map: the node that waits for its value */
    unsigned depth;
    unsigned documents;
    bool end;
    bool gave_up; /* before the end of the file */
};

struct number {
    char z[24];
};

static struct str number(struct number *n, unsigned v)
{
    return (struct str){n->z, (size_t)snprintf(n->z, sizeof(n->z), "%u", v)};
}

static struct str yaml_str(const yaml_char_t *z)
{
    return str_of((const char *)z);
}

static unsigned line_of(const yaml_mark_t *mark)
{
    return (unsigned)mark->line + 1;
}

/* At the place that is being read. */
static enum rc complain(struct reader *r, unsigned line, const struct err *err)
{
    CLEANUP(buf_done) struct buf path = BUF_INIT(CONF_PATH_MAX);
    const struct conf_node *at = r->key ? r->key : r->in;

    if (at)
        conf_node_path(at, STR(""), &path);
    if (buf_rc(&path) == RC_NOMEM)
        return RC_NOMEM;
    return conf_report_add(r->tree->report, r->file, line, buf_str(&path), err);
}

/* err_set returns what it was told, and the report says the same. */
#define COMPLAIN(r, line, m, ...)                                                                  \
    ({                                                                                             \
        struct err complain_err_ = ERR_INIT;                                                       \
        IGNORE_RC(ERR(&complain_err_, RC_INVAL, m __VA_OPT__(, ) __VA_ARGS__));                    \
        complain((r), (line), &complain_err_);                                                     \
    })

/* What follows in this file is not read. */
static enum rc give_up(struct reader *r)
{
    r->end = true;
    r->gave_up = true;
    r->tree->broken = true;
    return RC_OK;
}

/* The node for the value that starts at `line`: that of the waiting key, a new element, or the
 * root. NULL when out of memory. */
static struct conf_node *value_node(struct reader *r, unsigned line)
{
    struct conf_node *n = r->key;

    r->key = NULL;
    if (n)
        return n;
    n = conf_node_new(r->tree, r->in, r->file, line);
    if (!r->in)
        r->root = n;
    return n;
}

static enum rc count_node(struct reader *r, unsigned line)
{
    struct number max;

    if (++r->tree->nodes <= CONF_NODES_MAX)
        return RC_OK;
    if (r->tree->nodes > CONF_NODES_MAX + 1)
        return give_up(r);
    TRY(COMPLAIN(r, line, msg_nodes, number(&max, CONF_NODES_MAX)));
    return give_up(r);
}

/* Anchor and tag of a value. */
static enum rc check_marks(struct reader *r, unsigned line, const yaml_char_t *anchor,
                           const yaml_char_t *tag)
{
    if (anchor)
        TRY(COMPLAIN(r, line, msg_anchor, conf_shown(yaml_str(anchor))));
    if (tag)
        TRY(COMPLAIN(r, line, msg_tag, conf_shown(yaml_str(tag))));
    return RC_OK;
}

static enum rc on_key(struct reader *r, const yaml_event_t *e, unsigned line)
{
    struct str text = str_bytes(e->data.scalar.value, e->data.scalar.length);
    const struct conf_node *same = conf_node_get(r->in, text);
    bool merge = str_eq(text, STR("<<")) && e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    struct number first;

    TRY(check_marks(r, line, e->data.scalar.anchor, e->data.scalar.tag));
    /* What is refused here is read, but stands in no map. */
    r->key = conf_node_new(r->tree, same || merge ? NULL : r->in, r->file, line);
    if (!r->key)
        return RC_NOMEM;
    r->key->up = r->in;
    r->key->shape = CONF_TREE_BAD;
    TRY(arena_str(r->tree->arena, text, &r->key->key));
    if (merge)
        return COMPLAIN(r, line, msg_merge);
    if (same)
        return COMPLAIN(r, line, msg_twice, number(&first, same->line));
    return RC_OK;
}

static enum rc on_value(struct reader *r, const yaml_event_t *e, unsigned line)
{
    struct conf_node *n;

    TRY(count_node(r, line));
    TRY(check_marks(r, line, e->data.scalar.anchor, e->data.scalar.tag));
    n = value_node(r, line);
    if (!n)
        return RC_NOMEM;
    n->shape = CONF_TREE_VALUE;
    n->plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    return arena_str(r->tree->arena, str_bytes(e->data.scalar.value, e->data.scalar.length),
                     &n->value);
}

static enum rc on_open(struct reader *r, enum conf_shape shape, unsigned line,
                       const yaml_char_t *anchor, const yaml_char_t *tag)
{
    struct number max;
    struct conf_node *n;

    TRY(count_node(r, line));
    TRY(check_marks(r, line, anchor, tag));
    if (r->depth == CONF_DEPTH_MAX) {
        TRY(COMPLAIN(r, line, msg_deep, number(&max, CONF_DEPTH_MAX)));
        return give_up(r);
    }
    n = value_node(r, line);
    if (!n)
        return RC_NOMEM;
    n->shape = shape;
    r->in = n;
    r->depth++;
    return RC_OK;
}

static enum rc on_alias(struct reader *r, const yaml_event_t *e, unsigned line)
{
    struct conf_node *n;

    TRY(count_node(r, line));
    TRY(COMPLAIN(r, line, msg_alias, conf_shown(yaml_str(e->data.alias.anchor))));
    n = value_node(r, line);
    if (!n)
        return RC_NOMEM;
    n->shape = CONF_TREE_BAD;
    return RC_OK;
}

static enum rc on_document(struct reader *r, unsigned line)
{
    if (r->documents++ == 0)
        return RC_OK;
    TRY(COMPLAIN(r, line, msg_documents));
    return give_up(r);
}

static enum rc on_content(struct reader *r, const yaml_event_t *e, unsigned line)
{
    if (r->in && r->in->shape == CONF_TREE_MAP && !r->key) {
        if (e->type == YAML_SCALAR_EVENT)
            return on_key(r, e, line);
        TRY(COMPLAIN(r, line, msg_key));
        return give_up(r);
    }
    if (e->type == YAML_SCALAR_EVENT)
        return on_value(r, e, line);
    if (e->type == YAML_ALIAS_EVENT)
        return on_alias(r, e, line);
    if (e->type == YAML_SEQUENCE_START_EVENT)
        return on_open(r, CONF_TREE_LIST, line, e->data.sequence_start.anchor,
                       e->data.sequence_start.tag);
    return on_open(r, CONF_TREE_MAP, line, e->data.mapping_start.anchor, e->data.mapping_start.tag);
}

static void on_close(struct reader *r)
{
    assert(r->in);
    r->in = r->in->up;
    r->depth--;
}

static enum rc on_event(struct reader *r, const yaml_event_t *e)
{
    unsigned line = line_of(&e->start_mark);

    switch (e->type) {
    case YAML_STREAM_END_EVENT:
        r->end = true;
        return RC_OK;
    case YAML_DOCUMENT_START_EVENT:
        return on_document(r, line);
    case YAML_SCALAR_EVENT:
    case YAML_ALIAS_EVENT:
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        return on_content(r, e, line);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        on_close(r);
        return RC_OK;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        return RC_OK;
    }
    return RC_OK;
}

/* Where it went wrong. Of bytes that are no text the library knows the offset only. */
static unsigned problem_line(const struct reader *r)
{
    const yaml_parser_t *p = r->parser;
    unsigned line = 1;

    if (p->error != YAML_READER_ERROR)
        return line_of(&p->problem_mark);
    for (size_t i = 0; i < p->problem_offset && i < r->file->text.n; i++)
        line += r->file->text.p[i] == '\n';
    return line;
}

static enum rc on_syntax(struct reader *r)
{
    struct err err = ERR_INIT;
    const yaml_parser_t *p = r->parser;

    if (p->error == YAML_MEMORY_ERROR)
        return RC_NOMEM;
    r->tree->broken = true;
    r->gave_up = true;
    r->end = true;
    IGNORE_RC(ERR(&err, RC_PARSE, msg_syntax,
                  p->problem ? str_of(p->problem) : STR("no reason known"))); /* err has it */
    return conf_report_add(r->tree->report, r->file, problem_line(r), STR(""), &err);
}

static enum rc read_all(struct reader *r)
{
    while (!r->end) {
        yaml_event_t event;
        enum rc rc;

        if (!yaml_parser_parse(r->parser, &event))
            return on_syntax(r);
        rc = on_event(r, &event);
        yaml_event_delete(&event);
        TRY(rc);
    }
    return RC_OK;
}

/* An empty file, or one of comments only, sets nothing. */
static enum rc finish(struct reader *r, struct conf_node **out)
{
    struct conf_node *root = r->root;
    bool nothing = !root || (root->shape == CONF_TREE_VALUE && root->value.n == 0 && root->plain);

    if (root && root->shape == CONF_TREE_MAP) {
        *out = root;
        return RC_OK;
    }
    if (!nothing && !r->gave_up) {
        r->in = NULL;
        r->key = NULL;
        TRY(COMPLAIN(r, root->line, msg_no_map));
        r->tree->broken = true;
    }
    root = conf_node_new(r->tree, NULL, r->file, 1);
    if (!root)
        return RC_NOMEM;
    root->shape = CONF_TREE_MAP;
    *out = root;
    return RC_OK;
}

enum rc conf_yaml_read(struct conf_tree *t, const struct conf_file *file, struct conf_node **out)
{
    yaml_parser_t parser;
    struct reader r = {.tree = t, .file = file, .parser = &parser};
    enum rc rc;

    if (!yaml_parser_initialize(&parser))
        return RC_NOMEM;
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)(file->text.n ? file->text.p : ""),
                                 file->text.n);
    rc = read_all(&r);
    yaml_parser_delete(&parser);
    TRY(rc);
    return finish(&r, out);
}
