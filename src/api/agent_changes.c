/* SPDX-License-Identifier: Apache-2.0 */
#include "api/agent_changes.h"

#include <assert.h>

#include "api/agent_report.h"

MSG(msg_many, "api.report-changes", "a report has {0} changes at most");
MSG(msg_member, "api.report-change", "\"{0}\" of a change is missing, or not what it can be");

enum { AROUND = 128 }; /* bytes of names, numbers and signs of one */

static bool is_kind(struct str what)
{
    static const char *const kinds[] = {"record-added", "record-removed", "installed", "restored",
                                        "reloaded"};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (str_eq(what, str_of(kinds[i])))
            return true;
    return false;
}

static enum rc read_text(struct arena *a, const struct json *change, const char *name,
                         struct str *out, struct err *err)
{
    const struct json *v = json_get(change, name);
    struct str text = {};

    if (v && !api_report_text(v, API_REPORT_TEXT, &text))
        return ERR(err, RC_INVAL, msg_member, str_of(name));
    return arena_str(a, text, out);
}

static enum rc read_change(struct arena *a, const struct json *v, struct api_change *out,
                           struct err *err)
{
    int64_t n;

    *out = (struct api_change){};
    TRY(read_text(a, v, "directory", &out->directory, err));
    TRY(read_text(a, v, "what", &out->what, err));
    TRY(read_text(a, v, "subject", &out->subject, err));
    TRY(read_text(a, v, "by", &out->by, err));
    TRY(read_text(a, v, "why", &out->why, err));
    if (json_i64(json_get(v, "n"), &n) != RC_OK || n <= 0)
        return ERR(err, RC_INVAL, msg_member, STR("n"));
    out->n = (uint64_t)n;
    if (when_parse(json_shown(v, "at"), &out->at) != RC_OK || out->at <= 0)
        return ERR(err, RC_INVAL, msg_member, STR("at"));
    if (out->directory.n == 0)
        return ERR(err, RC_INVAL, msg_member, STR("directory"));
    return is_kind(out->what) ? RC_OK : ERR(err, RC_INVAL, msg_member, STR("what"));
}

static enum rc read_list(struct arena *a, const struct json *list, struct api_change **out,
                         size_t *out_n, struct err *err)
{
    struct json_iter it = json_iter(list);
    const struct json *v;
    size_t n = 0;

    *out = ARENA_ARRAY(a, struct api_change, json_len(list));
    if (!*out)
        return RC_NOMEM;
    while (json_next(&it, NULL, &v))
        TRY(read_change(a, v, &(*out)[n++], err));
    *out_n = n;
    return RC_OK;
}

enum rc api_changes_read(struct arena *a, const struct json *list, struct api_change **out,
                         size_t *out_n, struct err *err)
{
    *out = NULL;
    *out_n = 0;
    if (!list)
        return RC_OK;
    if (json_type(list) != JSON_ARRAY)
        return ERR(err, RC_INVAL, msg_member, STR("changes"));
    if (json_len(list) > API_CHANGES)
        return ERR(err, RC_INVAL, msg_many, STR("32"));
    return read_list(a, list, out, out_n, err);
}

void api_change_put(struct json_out *o, const struct api_change *c)
{
    json_kv_str(o, "directory", c->directory);
    json_kv_u64(o, "n", c->n);
    json_kv_when(o, "at", c->at);
    json_kv_str(o, "what", c->what);
    if (c->subject.n)
        json_kv_str(o, "subject", c->subject);
    if (c->by.n)
        json_kv_str(o, "by", c->by);
    if (c->why.n)
        json_kv_str(o, "why", c->why);
}

/* ---- with those of before */

/* A report of before that cannot be read any more has none. */
static enum rc read_before(struct arena *a, struct str before, struct api_change **out,
                           size_t *out_n)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    const struct json *list;
    enum rc rc;

    *out_n = 0;
    if (before.n == 0)
        return RC_OK;
    rc = json_parse(before, STORE_REPORT_MAX, &doc, NULL);
    if (rc != RC_OK)
        return rc == RC_NOMEM ? rc : RC_OK;
    list = json_get(json_root(doc), "changes");
    if (json_type(list) != JSON_ARRAY || json_len(list) > API_CHANGES_KEPT)
        return RC_OK;
    rc = read_list(a, list, out, out_n, NULL);
    if (rc != RC_OK)
        *out_n = 0;
    return rc == RC_NOMEM ? rc : RC_OK;
}

static bool has(const struct api_change *list, size_t n, const struct api_change *c)
{
    for (size_t i = 0; i < n; i++)
        if (list[i].n == c->n && str_eq(list[i].directory, c->directory))
            return true;
    return false;
}

static size_t leave_new(const struct api_change *before, size_t n_before, struct api_change *list,
                        size_t n)
{
    size_t kept = 0;

    for (size_t i = 0; i < n; i++)
        if (!has(before, n_before, &list[i]) && !has(list, kept, &list[i]))
            list[kept++] = list[i];
    return kept;
}

/* How many of the oldest give way, so that there is room for n_new. */
static size_t too_many(const struct api_change *old, size_t n_old, size_t n_new)
{
    size_t most = API_CHANGES_KEPT - n_new, kept = 0, bytes = 0;

    for (; kept < n_old && kept < most; kept++) {
        const struct api_change *c = &old[n_old - 1 - kept];

        bytes += 2 * (c->directory.n + c->subject.n + c->by.n + c->why.n) + AROUND;
        if (bytes > API_CHANGES_OLD)
            break;
    }
    return n_old - kept;
}

static void put_all(struct json_out *o, const struct api_change *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        json_obj(o);
        api_change_put(o, &list[i]);
        json_end(o);
    }
}

enum rc api_changes_merge(struct arena *a, struct str before, struct str kept,
                          struct api_change **list, size_t *n, struct buf *out)
{
    struct api_change *old = NULL;
    size_t n_old = 0, drop;
    struct json_out o;

    TRY(read_before(a, before, &old, &n_old));
    *n = leave_new(old, n_old, *list, *n);
    drop = too_many(old, n_old, *n);
    assert(kept.n > 2 && kept.p[kept.n - 1] == '}');
    buf_puts(out, str_head(kept, kept.n - 1));
    buf_putz(out, ",\"changes\":");
    json_out_init(&o, out, JSON_COMPACT);
    json_arr(&o);
    put_all(&o, old ? old + drop : NULL, n_old - drop);
    put_all(&o, *list, *n);
    json_end(&o);
    TRY(json_out_done(&o));
    buf_putz(out, "}");
    return buf_rc(out);
}
