/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/tree_int.h"

#include <stdio.h>

MSG(msg_more, "conf.more", "{0} more problems");

void conf_report_init(struct conf_report *r)
{
    *r = (struct conf_report){};
}

void conf_report_done(struct conf_report *r)
{
    for (struct conf_problem *p = r->first, *next; p; p = next) {
        next = p->next;
        mem_free(p);
    }
    conf_report_init(r);
}

/* Files in their order, lines rising, what was found first first. */
static bool later(const struct conf_problem *a, const struct conf_problem *b)
{
    return a->of != b->of ? a->of > b->of : a->line > b->line;
}

static void insert(struct conf_report *r, struct conf_problem *p)
{
    struct conf_problem **at = &r->first;

    while (*at && !later(*at, p))
        at = &(*at)->next;
    p->next = *at;
    *at = p;
}

/* The key comes from the file, and ends on terminals. */
static void copy_printable(char *to, struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        to[i] = (unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f ? '?' : s.p[i];
}

enum rc conf_report_add(struct conf_report *r, const struct conf_file *file, unsigned line,
                        struct str key, const struct err *err)
{
    struct conf_problem *p;
    char *text;

    if (r->n >= CONF_PROBLEMS_MAX) {
        r->n++;
        return RC_OK;
    }
    p = mem_alloc(sizeof(*p) + file->name.n + key.n);
    if (!p)
        return RC_NOMEM;
    text = (char *)(p + 1);
    copy_printable(text, file->name);
    copy_printable(text + file->name.n, key);
    *p = (struct conf_problem){.of = file,
                               .file = {text, file->name.n},
                               .line = line,
                               .key = {text + file->name.n, key.n},
                               .err = *err};
    insert(r, p);
    r->n++;
    return RC_OK;
}

enum rc conf_report_at(struct conf_report *r, const struct conf_node *n, struct str missing,
                       const struct err *err)
{
    CLEANUP(buf_done) struct buf path = BUF_INIT(CONF_PATH_MAX);

    conf_node_path(n, missing, &path);
    if (buf_rc(&path) == RC_NOMEM)
        return RC_NOMEM;
    return conf_report_add(r, n->file, n->line, buf_str(&path), err);
}

void conf_report_text(const struct conf_report *r, struct buf *out)
{
    for (const struct conf_problem *p = r->first; p; p = p->next) {
        buf_puts(out, p->file);
        if (p->line)
            buf_printf(out, ":%u", p->line);
        buf_putz(out, ": ");
        buf_puts(out, p->key);
        if (p->key.n)
            buf_putz(out, ": ");
        err_text(&p->err, out);
        buf_putz(out, "\n");
    }
    if (r->n > CONF_PROBLEMS_MAX) {
        char left[24];
        struct str arg = {left,
                          (size_t)snprintf(left, sizeof(left), "%zu", r->n - CONF_PROBLEMS_MAX)};

        msg_render(&msg_more, &arg, 1, NULL, NULL, out);
        buf_putz(out, "\n");
    }
}
