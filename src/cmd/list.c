/* SPDX-License-Identifier: Apache-2.0 */
/* Lists that the server gives in pages, as a whole: one answer, in which every list of the first
 * one has gone on. */
#include <stdio.h>

#include "cmd/ask.h"
#include "cmd/cmd.h"
#include "json/out.h"

enum {
    PAGES_MAX = 1000,
    PAGE_MAX = 4 * 1024 * 1024, /* as core answers */
    WHOLE_MAX = 16 * 1024 * 1024,
    LISTS_MAX = 4, /* of one answer */
    CURSOR_MAX = 512,
};

struct whole {
    struct json_doc *first;
    struct buf lists[LISTS_MAX]; /* their elements, in the order of the members of `first` */
    struct json_out out[LISTS_MAX];
    struct buf cursor;
    size_t pages, bytes;
};

static void whole_done(struct whole *w)
{
    json_free(w->first);
    for (size_t i = 0; i < LISTS_MAX; i++)
        buf_done(&w->lists[i]);
    buf_done(&w->cursor);
}

/* What was read, written again; a number is whole everywhere here. */
/* NOLINTNEXTLINE(misc-no-recursion): the parser's JSON_DEPTH_MAX */
static void put_value(struct json_out *o, const struct json *v)
{
    struct json_iter it = json_iter(v);
    const struct json *member;
    struct str text;
    uint64_t u = 0;
    int64_t i = 0;
    bool b = false;

    if (json_str_nul(v, &text) == RC_OK) {
        json_put_str(o, text);
    } else if (json_u64(v, &u) == RC_OK) {
        json_put_u64(o, u);
    } else if (json_i64(v, &i) == RC_OK) {
        json_put_i64(o, i);
    } else if (json_bool(v, &b) == RC_OK) {
        json_put_bool(o, b);
    } else if (json_type(v) == JSON_OBJECT) {
        json_obj(o);
        while (json_next(&it, &text, &member)) {
            json_key_str(o, text);
            put_value(o, member);
        }
        json_end(o);
    } else if (json_type(v) == JSON_ARRAY) {
        json_arr(o);
        while (json_next(&it, NULL, &member))
            put_value(o, member);
        json_end(o);
    } else {
        json_put_null(o);
    }
}

/* The arguments, and where the page begins. */
static enum rc put_question(struct str args, struct str cursor, struct buf *out)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    const struct json *v;
    struct json_iter it;
    struct json_out o;
    struct str name;

    TRY(json_parse(args.n ? args : STR("{}"), ASK_MAX, &doc, NULL));
    it = json_iter(json_root(doc));
    json_out_init(&o, out, JSON_COMPACT);
    json_obj(&o);
    while (json_next(&it, &name, &v)) {
        json_key_str(&o, name);
        put_value(&o, v);
    }
    if (cursor.n)
        json_kv_str(&o, "cursor", cursor);
    json_end(&o);
    return json_out_done(&o);
}

static void begin(struct whole *w, const struct json *root)
{
    struct json_iter it = json_iter(root);
    const struct json *v;
    size_t n = 0;

    while (json_next(&it, NULL, &v) && n < LISTS_MAX) {
        if (json_type(v) != JSON_ARRAY)
            continue;
        json_out_init(&w->out[n], &w->lists[n], JSON_COMPACT);
        json_arr(&w->out[n++]);
    }
}

/* Every list goes on with what this page has of it. */
static void take(struct whole *w, const struct json *root)
{
    struct json_iter it = json_iter(json_root(w->first)), page = json_iter(root);
    const struct json *v, *there, *element;
    struct str name, other;
    size_t n = 0;

    while (json_next(&it, &name, &v) && n < LISTS_MAX) {
        if (json_type(v) != JSON_ARRAY)
            continue;
        page = json_iter(root);
        while (json_next(&page, &other, &there)) {
            struct json_iter elements = json_iter(there);

            if (!str_eq(name, other) || json_type(there) != JSON_ARRAY)
                continue;
            while (json_next(&elements, NULL, &element))
                put_value(&w->out[n], element);
        }
        n++;
    }
}

/* The members of the first page, with whole lists. */
static enum rc put_whole(struct whole *w, struct buf *out)
{
    struct json_iter it = json_iter(json_root(w->first));
    const struct json *v;
    struct json_out o;
    struct str name;
    size_t n = 0;

    json_out_init(&o, out, JSON_COMPACT);
    json_obj(&o);
    while (json_next(&it, &name, &v)) {
        json_key_str(&o, name);
        if (json_type(v) == JSON_ARRAY && n < LISTS_MAX) {
            json_end(&w->out[n]);
            TRY(json_out_done(&w->out[n]));
            json_put_raw(&o, buf_str(&w->lists[n++]));
        } else if (str_eq(name, STR("next")) && w->cursor.n) {
            json_put_str(&o, buf_str(&w->cursor));
        } else if (str_eq(name, STR("next"))) {
            json_put_null(&o);
        } else {
            put_value(&o, v);
        }
    }
    json_end(&o);
    return json_out_done(&o);
}

static enum rc ask_page(struct whole *w, const char *data, const char *command, struct str args,
                        struct err *err)
{
    CLEANUP(buf_done) struct buf question = BUF_INIT(ASK_MAX + CURSOR_MAX);
    CLEANUP(buf_done) struct buf answer = BUF_INIT(PAGE_MAX);
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    const struct json *root;

    TRY(put_question(args, buf_str(&w->cursor), &question));
    TRY(cmd_control(data, command, buf_str(&question), &answer, err));
    TRY(json_parse(buf_str(&answer), PAGE_MAX, &doc, err));
    root = json_root(doc);
    buf_reset(&w->cursor);
    buf_puts(&w->cursor, json_shown(root, "next"));
    if (!w->first) {
        begin(w, root);
        w->first = MOVE(doc);
    }
    take(w, root);
    w->bytes += answer.n;
    w->pages++;
    return buf_rc(&w->cursor);
}

enum rc cmd_control_list(const char *data, const char *command, struct str args, struct buf *out,
                         struct err *err)
{
    CLEANUP(whole_done) struct whole w = {};

    for (size_t i = 0; i < LISTS_MAX; i++)
        buf_init(&w.lists[i], WHOLE_MAX);
    buf_init(&w.cursor, CURSOR_MAX);
    do
        TRY(ask_page(&w, data, command, args, err));
    while (w.cursor.n && w.pages < PAGES_MAX && w.bytes + PAGE_MAX <= WHOLE_MAX);
    return put_whole(&w, out);
}

enum rc ask_pages(const struct cmd_args *args, const char *command, struct str ask,
                  struct buf *answer, struct err *err)
{
    if (args->values[CMD_OPT_LIMIT] || args->values[CMD_OPT_CURSOR])
        return cmd_control(cmd_data(args), command, ask, answer, err);
    return cmd_control_list(cmd_data(args), command, ask, answer, err);
}

int ask_show_list(const struct cmd_args *args, struct buf *answer, cmd_show_fn show)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct err err = ERR_INIT;
    struct str next;

    if (cmd_json(args))
        return cmd_show(args, answer, show);
    err.rc = json_parse(buf_str(answer), WHOLE_MAX, &doc, NULL);
    if (err.rc == RC_OK)
        err.rc = show(json_root(doc));
    if (err.rc != RC_OK)
        return cmd_fail(&err);
    next = json_shown(json_root(doc), "next");
    if (next.n)
        fprintf(stderr, "there are more: --cursor %.*s\n", STR_ARG(next));
    return CMD_DONE;
}

int ask_list(const struct cmd_args *args, const char *command, const char *operand,
             cmd_show_fn show)
{
    CLEANUP(buf_done) struct buf ask = BUF_INIT(ASK_MAX);
    CLEANUP(buf_done) struct buf answer = BUF_INIT(WHOLE_MAX);
    int status = ask_args(args, operand, &ask);
    struct err err = ERR_INIT;

    if (status != CMD_DONE)
        return status;
    err.rc = ask_pages(args, command, buf_str(&ask), &answer, &err);
    return err.rc == RC_OK ? ask_show_list(args, &answer, show) : cmd_fail(&err);
}
