/* SPDX-License-Identifier: Apache-2.0 */
#include "api/agent_report.h"

#include "json/json.h"
#include "json/out.h"

MSG(msg_big, "api.report-big", "a report has {0} bytes at most");
MSG(msg_object, "api.report-object", "a report is a JSON object");
MSG(msg_member, "api.report-member", "\"{0}\" of the report is missing, or not what it can be");
MSG(msg_many, "api.report-many",
    "a report lists {0} certificates at most, and says with \"more\" how many there are beside");

enum { PROGRAM_MAX = 64 };

enum kind { TEXT, TIME, COUNT, FLAG, NAMES };

static const struct field {
    const char *name;
    enum kind kind;
} fields[] = {
    {"directory", TEXT}, {"names", NAMES},     {"serial", TEXT},    {"sha256", TEXT},
    {"server", TEXT},    {"not_before", TIME}, {"not_after", TIME}, {"issued", TIME},
    {"next", TIME},      {"failures", COUNT},  {"why", TEXT},       {"unproven", FLAG},
    {"proven", TIME},    {"places", COUNT},    {"issue_ms", COUNT}, {"prove_ms", COUNT},
    {"window", TIME},    {"outside", TIME},
};

static enum rc wrong(const char *name, struct err *err)
{
    return ERR(err, RC_INVAL, msg_member, str_of(name));
}

/* It is shown on terminals: without control characters, tab and line ends included. */
static bool harmless(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20)
            return false;
    return str_utf8(s);
}

bool api_report_text(const struct json *v, size_t max, struct str *out)
{
    return json_str(v, out) == RC_OK && out->n <= max && harmless(*out);
}

/* Of a member that is there; the answer is whether it is what it can be. */
static bool read_time(const struct json *v, when_t *out)
{
    struct str text;

    return json_str(v, &text) == RC_OK && when_parse(text, out) == RC_OK && *out > 0;
}

static bool read_count(const struct json *v, uint64_t *out)
{
    return json_u64(v, out) == RC_OK && *out <= API_REPORT_COUNT;
}

/* ---- one certificate */

static bool put_names(const struct json *list, struct json_out *o)
{
    struct json_iter it = json_iter(list);
    const struct json *v;
    struct str name;

    if (json_type(list) != JSON_ARRAY || json_len(list) > API_REPORT_NAMES)
        return false;
    json_key(o, "names");
    json_arr(o);
    while (json_next(&it, NULL, &v)) {
        if (!api_report_text(v, API_REPORT_TEXT, &name))
            return false;
        json_put_str(o, name);
    }
    json_end(o);
    return true;
}

static bool put_field(const struct field *f, const struct json *v, struct json_out *o)
{
    struct str text;
    uint64_t n;
    when_t t;
    bool b;

    switch (f->kind) {
    case TEXT:
        if (!api_report_text(v, API_REPORT_TEXT, &text))
            return false;
        json_kv_str(o, f->name, text);
        return true;
    case TIME:
        if (!read_time(v, &t))
            return false;
        json_kv_when(o, f->name, t);
        return true;
    case COUNT:
        if (!read_count(v, &n))
            return false;
        json_kv_u64(o, f->name, n);
        return true;
    case FLAG:
        if (json_bool(v, &b) != RC_OK)
            return false;
        json_kv_bool(o, f->name, b);
        return true;
    case NAMES:
        return put_names(v, o);
    }
    return false;
}

static enum rc put_certificate(const struct json *c, struct json_out *o, struct err *err)
{
    if (json_type(c) != JSON_OBJECT || !json_get(c, "directory"))
        return wrong("certificates", err);
    json_obj(o);
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        const struct json *v = json_get(c, fields[i].name);

        if (v && !put_field(&fields[i], v, o))
            return wrong(fields[i].name, err);
    }
    json_end(o);
    return RC_OK;
}

static enum rc put_certificates(const struct json *list, struct json_out *o, struct err *err)
{
    struct json_iter it = json_iter(list);
    const struct json *c;

    if (json_type(list) != JSON_ARRAY)
        return wrong("certificates", err);
    if (json_len(list) > API_REPORT_CERTIFICATES)
        return ERR(err, RC_INVAL, msg_many, STR("200"));
    json_key(o, "certificates");
    json_arr(o);
    while (json_next(&it, NULL, &c))
        TRY(put_certificate(c, o, err));
    json_end(o);
    return RC_OK;
}

/* ---- the whole */

static enum rc read_counts(const struct json *counts, struct store_agent_summary *s,
                           struct err *err)
{
    if (!read_count(json_get(counts, "certificates"), &s->certificates) ||
        !read_count(json_get(counts, "failing"), &s->failing) ||
        !read_count(json_get(counts, "unproven"), &s->unproven))
        return wrong("counts", err);
    return RC_OK;
}

static enum rc read_head(struct arena *a, const struct json *root, struct api_report *r,
                         struct err *err)
{
    const struct json *heard = json_get(root, "heard"), *next = json_get(root, "next");
    struct str program;

    if (!api_report_text(json_get(root, "version"), PROGRAM_MAX, &program) || program.n == 0)
        return wrong("version", err);
    TRY(arena_str(a, program, &r->summary.program));
    if (!read_time(json_get(root, "at"), &r->at))
        return wrong("at", err);
    if (heard && (json_i64(heard, &r->heard) != RC_OK || r->heard < 0 || r->heard > WHEN_MAX))
        return wrong("heard", err);
    if (next && !read_time(next, &r->summary.next))
        return wrong("next", err);
    return read_counts(json_get(root, "counts"), &r->summary, err);
}

static enum rc put_head(const struct json *root, const struct api_report *r, struct json_out *o,
                        struct err *err)
{
    const struct json *started = json_get(root, "started"), *renews = json_get(root, "renews"),
                      *more = json_get(root, "more");
    uint64_t n = 0;
    bool obeys = false;
    when_t t;

    if (started && !read_time(started, &t))
        return wrong("started", err);
    if (renews && json_bool(renews, &obeys) != RC_OK)
        return wrong("renews", err);
    if (more && !read_count(more, &n))
        return wrong("more", err);
    json_kv_when(o, "at", r->at);
    if (started)
        json_kv_when(o, "started", t);
    json_kv_bool(o, "renews", obeys);
    json_kv_u64(o, "more", n);
    return RC_OK;
}

static enum rc put_report(const struct json *root, const struct api_report *r, struct buf *kept,
                          struct err *err)
{
    struct json_out o;

    json_out_init(&o, kept, JSON_COMPACT);
    json_obj(&o);
    TRY(put_head(root, r, &o, err));
    TRY(put_certificates(json_get(root, "certificates"), &o, err));
    json_end(&o);
    return json_out_done(&o);
}

enum rc api_report_read(struct arena *a, struct str text, struct api_report *out, struct buf *kept,
                        struct err *err)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct api_report r = {};

    if (text.n > API_REPORT_MAX)
        return ERR(err, RC_TOOBIG, msg_big, STR("65536"));
    TRY(json_parse(text, API_REPORT_MAX, &doc, err));
    if (json_type(json_root(doc)) != JSON_OBJECT)
        return ERR(err, RC_INVAL, msg_object);
    TRY(read_head(a, json_root(doc), &r, err));
    TRY(put_report(json_root(doc), &r, kept, err));
    TRY(api_changes_read(a, json_get(json_root(doc), "changes"), &r.changes, &r.n_changes, err));
    *out = r;
    return RC_OK;
}
