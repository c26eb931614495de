/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/scrape.h"

#include "base/arena.h"
#include "conf/kind_int.h"
#include "conf/tree_int.h"

MSG(msg_shape, "conf.scrape-shape",
    "this is neither a Prometheus's configuration, with scrape_configs, nor a list of targets for "
    "its file-based discovery");
MSG(msg_problem, "conf.scrape-problem", "{0}");
MSG(msg_large, "conf.scrape-large", "the file is longer than a mebibyte");

enum { SCRAPE_ARENA = 64 << 20, PROBLEM_MAX = 1024 };

/* Before a list, to make a map of it: one of dashes may stand as far left as its key, one in
 * brackets may not. */
#define HEAD_DASHES "list:\n"
#define HEAD_BRACKETS "list: "

struct reader {
    enum rc (*fn)(void *arg, const struct conf_scrape *one);
    void *arg;
    struct conf_scrape one; /* of the job that is read */
};

static bool is_list(const struct conf_node *n)
{
    return n && n->shape == CONF_TREE_LIST;
}

static struct str value_of(const struct conf_node *map, const char *key)
{
    const struct conf_node *n = conf_node_get(map, str_of(key));

    return n && n->shape == CONF_TREE_VALUE ? n->value : (struct str){};
}

static enum rc leave(struct reader *r, const char *why)
{
    struct conf_scrape one = r->one;

    one.left = str_of(why);
    return r->fn(r->arg, &one);
}

/* [{targets: [...], labels: {...}}...] */
static enum rc read_groups(struct reader *r, const struct conf_node *list)
{
    for (const struct conf_node *g = is_list(list) ? list->first : NULL; g; g = g->next) {
        const struct conf_node *targets = conf_node_get(g, STR("targets"));

        if (!is_list(targets)) {
            TRY(leave(r, "a group without a list of targets"));
            continue;
        }
        for (const struct conf_node *t = targets->first; t; t = t->next) {
            r->one.target = t->shape == CONF_TREE_VALUE ? str_trim(t->value) : (struct str){};
            if (r->one.target.n)
                TRY(r->fn(r->arg, &r->one));
            r->one.target = (struct str){};
        }
    }
    return RC_OK;
}

/* Where a job has its targets from that is not in this file. */
static enum rc read_elsewhere(struct reader *r, const struct conf_node *job)
{
    for (const struct conf_node *n = job->first; n; n = n->next) {
        if (str_eq(n->key, STR("file_sd_configs")))
            TRY(leave(r, "it has targets in files of their own (file_sd_configs): give these too"));
        else if (str_ends(n->key, STR("_sd_configs")))
            TRY(leave(r, "it finds targets by asking others"));
    }
    return RC_OK;
}

static enum rc read_job(struct reader *r, const struct conf_node *job)
{
    const struct conf_node *modules =
        conf_node_get(conf_node_get(job, STR("params")), STR("module"));

    r->one = (struct conf_scrape){.job = value_of(job, "job_name")};
    if (is_list(modules) && modules->first && modules->first->shape == CONF_TREE_VALUE)
        r->one.module = modules->first->value;
    if (!str_eq(value_of(job, "metrics_path"), STR("/probe")))
        return leave(r, "it asks no blackbox exporter (metrics_path is not /probe)");
    TRY(read_groups(r, conf_node_get(job, STR("static_configs"))));
    return read_elsewhere(r, job);
}

static enum rc read_root(struct reader *r, const struct conf_node *root, struct err *err)
{
    const struct conf_node *jobs = conf_node_get(root, STR("scrape_configs"));
    const struct conf_node *list = conf_node_get(root, STR("list"));

    if (is_list(list))
        return read_groups(r, list);
    if (!is_list(jobs))
        return ERR(err, RC_INVAL, msg_shape);
    for (const struct conf_node *j = jobs->first; j; j = j->next)
        if (j->shape == CONF_TREE_MAP)
            TRY(read_job(r, j));
    return RC_OK;
}

/* The first problem, so many lines further down. */
static enum rc tell(const struct conf_report *report, int further, struct err *err)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(PROBLEM_MAX);
    const struct conf_problem *p = report->first;
    char why[PROBLEM_MAX];

    buf_printf(&text, "line %u: %s", p->line + (unsigned)further,
               err_textz(&p->err, why, sizeof(why)));
    return ERR(err, RC_PARSE, msg_problem, buf_str(&text));
}

/* Whether it is a list; then *text begins with that, `skipped` lines later. */
static bool begins_list(struct str *text, int *skipped)
{
    struct str rest = *text, line;

    for (*skipped = 0; str_next(&rest, '\n', &line); (*skipped)++) {
        struct str word = str_trim(line);

        if (word.n && word.p[0] != '#' && !str_eq(word, STR("---"))) {
            *text = str_skip(*text, (size_t)(line.p - text->p));
            return word.p[0] == '-' || word.p[0] == '[';
        }
    }
    return false;
}

enum rc conf_scrape_read(struct str name, struct str text,
                         enum rc (*fn)(void *arg, const struct conf_scrape *one), void *arg,
                         struct err *err)
{
    CLEANUP(buf_done) struct buf headed = BUF_INIT(CONF_FILE_BYTES_MAX + sizeof(HEAD_DASHES));
    CLEANUP(conf_report_done) struct conf_report report = {};
    CLEANUP(arena_done) struct arena a = ARENA_INIT(SCRAPE_ARENA);
    struct conf_tree tree = {.arena = &a, .report = &report};
    struct conf_file file = {name, text};
    struct conf_node *root = NULL;
    struct reader r = {fn, arg, {}};
    struct str body = text;
    int skipped = 0;
    bool list = begins_list(&body, &skipped), dashes = list && body.p[0] != '[';

    if (text.n > CONF_FILE_BYTES_MAX)
        return ERR(err, RC_TOOBIG, msg_large);
    conf_report_init(&report);
    if (list) {
        buf_putz(&headed, dashes ? HEAD_DASHES : HEAD_BRACKETS);
        buf_puts(&headed, body);
        TRY(buf_rc(&headed));
        file.text = buf_str(&headed);
    }
    TRY(conf_yaml_read(&tree, &file, &root));
    if (report.n)
        return tell(&report, list ? skipped - dashes : 0, err);
    return read_root(&r, root, err);
}
