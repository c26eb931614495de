/* SPDX-License-Identifier: Apache-2.0 */
#include "client/documents.h"

#include <stdio.h>

#include "base/name.h"
#include "client/solver.h"
#include "http/url.h"
#include "json/json.h"

MSG(msg_json, "client.answer-not-json", "the server's {0} is not JSON: {1}");
MSG(msg_member, "client.answer-member", "the server's {0} has no usable \"{1}\"");
MSG(msg_many, "client.answer-too-many", "the server's {0} has more than {1} {2}");
MSG(msg_window, "client.window", "the server suggests a renewal that ends before it begins");

#define ERROR_URN STR("urn:ietf:params:acme:error:")

static const char *const statuses[] = {
    [CLIENT_PENDING] = "pending",       [CLIENT_READY] = "ready",
    [CLIENT_PROCESSING] = "processing", [CLIENT_VALID] = "valid",
    [CLIENT_INVALID] = "invalid",       [CLIENT_DEACTIVATED] = "deactivated",
    [CLIENT_EXPIRED] = "expired",       [CLIENT_REVOKED] = "revoked",
};
#define STATUSES (sizeof(statuses) / sizeof(statuses[0]))

const char *client_status_text(enum client_status status)
{
    return status > 0 && (unsigned)status < STATUSES ? statuses[status] : "unknown";
}

/* One document being read. */
struct doc {
    struct arena *a;
    const char *what; /* "order" ... */
    struct json_doc *json;
    const struct json *root;
    struct err *err;
};

static void doc_done(struct doc *d)
{
    json_free(d->json);
}

static enum rc missing(const struct doc *d, const char *name)
{
    return ERR(d->err, RC_PARSE, msg_member, str_of(d->what), str_of(name));
}

static enum rc doc_open(struct doc *d, struct str text)
{
    struct err why = ERR_INIT;
    char line[256];
    enum rc rc = json_parse(text, CLIENT_DOCUMENT_MAX, &d->json, &why);

    if (rc == RC_NOMEM)
        return rc;
    if (rc != RC_OK)
        return ERR(d->err, RC_PARSE, msg_json, str_of(d->what),
                   str_of(err_textz(&why, line, sizeof(line))));
    d->root = json_root(d->json);
    return json_type(d->root) == JSON_OBJECT
               ? RC_OK
               : ERR(d->err, RC_PARSE, msg_json, str_of(d->what), STR("it is no object"));
}

/* ---- members */

/* An absent member gives an empty text. */
static enum rc get_text(const struct doc *d, const struct json *obj, const char *name, size_t max,
                        struct str *out)
{
    const struct json *v = json_get(obj, name);
    struct str s;

    *out = (struct str){NULL, 0};
    if (!v || json_is_null(v))
        return RC_OK;
    if (json_str(v, &s) != RC_OK || s.n > max)
        return missing(d, name);
    return arena_str(d->a, s, out);
}

static enum rc need_text(const struct doc *d, const struct json *obj, const char *name, size_t max,
                         struct str *out)
{
    TRY(get_text(d, obj, name, max, out));
    return out->n ? RC_OK : missing(d, name);
}

static enum rc take_url(const struct doc *d, const struct json *v, const char *name,
                        struct str *out)
{
    struct http_url url;
    struct str s;

    if (json_str(v, &s) != RC_OK || s.n > CLIENT_URL_MAX || http_url_parse(s, &url, NULL) != RC_OK)
        return missing(d, name);
    return arena_str(d->a, s, out);
}

static enum rc need_url(const struct doc *d, const struct json *obj, const char *name,
                        struct str *out)
{
    return take_url(d, json_get(obj, name), name, out);
}

static enum rc get_url(const struct doc *d, const struct json *obj, const char *name,
                       struct str *out)
{
    const struct json *v = json_get(obj, name);

    *out = (struct str){NULL, 0};
    return !v || json_is_null(v) ? RC_OK : take_url(d, v, name, out);
}

static enum rc need_status(const struct doc *d, const struct json *obj, enum client_status *out)
{
    struct str s;

    if (json_str(json_get(obj, "status"), &s) != RC_OK)
        return missing(d, "status");
    for (unsigned i = CLIENT_PENDING; i < STATUSES; i++) {
        if (str_eq(s, str_of(statuses[i]))) {
            *out = (enum client_status)i;
            return RC_OK;
        }
    }
    return missing(d, "status");
}

static enum rc too_many(const struct doc *d, size_t max, const char *what)
{
    char digits[24];

    snprintf(digits, sizeof(digits), "%zu", max);
    return ERR(d->err, RC_TOOBIG, msg_many, str_of(d->what), str_of(digits), str_of(what));
}

/* ---- problem documents */

static struct str text_of(const struct json *v, size_t max)
{
    struct str s = {NULL, 0};

    if (json_str(v, &s) != RC_OK)
        return (struct str){NULL, 0};
    return str_utf8_head(s, max);
}

static struct str type_of(const struct json *problem)
{
    struct str type = text_of(json_get(problem, "type"), CLIENT_URL_MAX);

    if (str_starts(type, ERROR_URN))
        type = str_skip(type, ERROR_URN.n);
    else if (str_eq(type, STR("about:blank")))
        type = (struct str){NULL, 0};
    return str_head(type, CLIENT_TYPE_MAX);
}

static void put_one(const struct json *problem, struct buf *out)
{
    struct str type = type_of(problem);
    struct str detail = text_of(json_get(problem, "detail"), CLIENT_DETAIL_MAX);

    buf_puts(out, type);
    if (type.n && detail.n)
        buf_putz(out, ": ");
    buf_puts(out, detail);
}

static void put_subproblems(const struct json *list, struct buf *out)
{
    struct json_iter it = json_iter(list);
    const struct json *sub;
    size_t n = 0;

    while (n < CLIENT_SUBPROBLEMS_MAX && json_next(&it, NULL, &sub)) {
        struct str name = text_of(json_get(json_get(sub, "identifier"), "value"), CLIENT_NAME_MAX);

        buf_putz(out, n++ ? "; " : " (");
        buf_puts(out, name);
        if (name.n)
            buf_putz(out, ": ");
        put_one(sub, out);
    }
    if (json_len(list) > n && n)
        buf_printf(out, "; and %zu more", json_len(list) - n);
    if (n)
        buf_putz(out, ")");
}

/* Cut to CLIENT_PROBLEM_TEXT; without memory, empty. */
static struct str problem_line(struct arena *a, const struct json *problem)
{
    CLEANUP(buf_done) struct buf line = BUF_INIT(CLIENT_DOCUMENT_MAX);
    struct str kept = {NULL, 0};

    if (json_type(problem) != JSON_OBJECT)
        return kept;
    put_one(problem, &line);
    if (json_type(json_get(problem, "subproblems")) == JSON_ARRAY)
        put_subproblems(json_get(problem, "subproblems"), &line);
    if (arena_str(a, str_utf8_head(buf_str(&line), CLIENT_PROBLEM_TEXT), &kept) != RC_OK)
        return (struct str){NULL, 0};
    return kept;
}

void client_problem_read(struct arena *a, struct str json, struct client_problem *out)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;

    *out = (struct client_problem){};
    if (json_parse(json, CLIENT_DOCUMENT_MAX, &doc, NULL) != RC_OK)
        return;
    out->line = problem_line(a, json_root(doc));
    if (arena_str(a, type_of(json_root(doc)), &out->type) != RC_OK)
        out->type = (struct str){NULL, 0};
}

/* ---- directory */

static enum rc read_profiles(const struct doc *d, const struct json *meta,
                             struct client_directory *out)
{
    const struct json *list = json_get(meta, "profiles");
    struct json_iter it = json_iter(list);
    const struct json *v;
    struct str name;
    struct str *kept;

    if (json_type(list) != JSON_OBJECT)
        return RC_OK;
    if (json_len(list) > CLIENT_PROFILES_MAX)
        return too_many(d, CLIENT_PROFILES_MAX, "profiles");
    out->has_profiles = true;
    kept = ARENA_ARRAY(d->a, struct str, json_len(list));
    if (!kept)
        return RC_NOMEM;
    while (json_next(&it, &name, &v))
        TRY(arena_str(d->a, name, &kept[out->n_profiles++]));
    out->profiles = kept;
    return RC_OK;
}

/* No RFC has it: what cannot be used is not offered. */
static enum rc read_preflight(const struct doc *d, const struct json *meta,
                              struct client_directory *out)
{
    struct doc quiet = *d;
    enum rc rc;

    quiet.err = NULL;
    rc = get_url(&quiet, meta, "preflight", &out->preflight);
    return rc == RC_PARSE ? RC_OK : rc;
}

enum rc client_directory_read(struct arena *a, struct str json, struct client_directory *out,
                              struct err *err)
{
    CLEANUP(doc_done) struct doc d = {.a = a, .what = "directory", .err = err};
    struct client_directory r = {};
    const struct json *meta;

    TRY(doc_open(&d, json));
    TRY(need_url(&d, d.root, "newNonce", &r.new_nonce));
    TRY(need_url(&d, d.root, "newAccount", &r.new_account));
    TRY(need_url(&d, d.root, "newOrder", &r.new_order));
    TRY(get_url(&d, d.root, "renewalInfo", &r.renewal_info));
    meta = json_get(d.root, "meta");
    TRY(get_text(&d, meta, "termsOfService", CLIENT_URL_MAX, &r.terms));
    TRY(read_preflight(&d, meta, &r));
    if (json_bool(json_get(meta, "externalAccountRequired"), &r.eab_required) == RC_INVAL)
        return missing(&d, "externalAccountRequired");
    TRY(read_profiles(&d, meta, &r));
    *out = r;
    return RC_OK;
}

/* ---- order */

enum rc client_order_read(struct arena *a, struct str json, struct client_order *out,
                          struct err *err)
{
    CLEANUP(doc_done) struct doc d = {.a = a, .what = "order", .err = err};
    struct client_order r = {};
    const struct json *list, *v;
    struct json_iter it;
    struct str *urls;

    TRY(doc_open(&d, json));
    TRY(need_status(&d, d.root, &r.status));
    TRY(need_url(&d, d.root, "finalize", &r.finalize));
    TRY(get_url(&d, d.root, "certificate", &r.certificate));
    if (r.status == CLIENT_VALID && r.certificate.n == 0)
        return missing(&d, "certificate");
    list = json_get(d.root, "authorizations");
    if (json_type(list) != JSON_ARRAY)
        return missing(&d, "authorizations");
    if (json_len(list) > CLIENT_NAMES_MAX)
        return too_many(&d, CLIENT_NAMES_MAX, "authorizations");
    urls = ARENA_ARRAY(a, struct str, json_len(list));
    if (!urls)
        return RC_NOMEM;
    it = json_iter(list);
    while (json_next(&it, NULL, &v))
        TRY(take_url(&d, v, "authorizations", &urls[r.n_authorizations++]));
    r.authorizations = urls;
    r.error = problem_line(a, json_get(d.root, "error"));
    *out = r;
    return RC_OK;
}

/* ---- authorizations and challenges */

/* draft-ietf-acme-dns-persist-02 section 3.1; before it, it was written otherwise. What cannot be
 * read gives none, for the client may well take another challenge. */
static enum rc get_issuers(const struct doc *d, const struct json *v, struct client_challenge *out)
{
    const struct json *list = json_get(v, "issuerDomainNames"), *one;
    char canonical[NAME_MAX_BYTES + 1];
    struct json_iter it;
    struct str *issuers, s;
    size_t n = 0;

    if (!list)
        list = json_get(v, "issuer-domain-names");
    if (json_type(list) != JSON_ARRAY || json_len(list) > CLIENT_ISSUERS_MAX)
        return RC_OK;
    issuers = ARENA_ARRAY(d->a, struct str, json_len(list));
    if (!issuers)
        return RC_NOMEM;
    it = json_iter(list);
    while (json_next(&it, NULL, &one)) {
        if (json_str(one, &s) != RC_OK || name_canonical(s, false, canonical) != RC_OK)
            return RC_OK;
        TRY(arena_str(d->a, str_of(canonical), &issuers[n++]));
    }
    out->issuers = issuers;
    out->n_issuers = n;
    return RC_OK;
}

static enum rc read_challenge(const struct doc *d, const struct json *v,
                              struct client_challenge *out)
{
    TRY(need_text(d, v, "type", CLIENT_TYPE_MAX, &out->type));
    TRY(need_url(d, v, "url", &out->url));
    TRY(need_status(d, v, &out->status));
    TRY(get_text(d, v, "token", CLIENT_TOKEN_MAX, &out->token));
    out->error = problem_line(d->a, json_get(v, "error"));
    return str_eq(out->type, STR(CLIENT_PERSIST)) ? get_issuers(d, v, out) : RC_OK;
}

enum rc client_challenge_read(struct arena *a, struct str json, struct client_challenge *out,
                              struct err *err)
{
    CLEANUP(doc_done) struct doc d = {.a = a, .what = "challenge", .err = err};
    struct client_challenge r = {};

    TRY(doc_open(&d, json));
    TRY(read_challenge(&d, d.root, &r));
    *out = r;
    return RC_OK;
}

static enum rc read_challenges(const struct doc *d, struct client_authorization *out)
{
    const struct json *list = json_get(d->root, "challenges"), *v;
    struct json_iter it = json_iter(list);
    struct client_challenge *kept;

    if (json_type(list) != JSON_ARRAY)
        return missing(d, "challenges");
    if (json_len(list) > CLIENT_CHALLENGES_MAX)
        return too_many(d, CLIENT_CHALLENGES_MAX, "challenges");
    kept = ARENA_ARRAY(d->a, struct client_challenge, json_len(list));
    if (!kept)
        return RC_NOMEM;
    while (json_next(&it, NULL, &v))
        TRY(read_challenge(d, v, &kept[out->n_challenges++]));
    out->challenges = kept;
    return RC_OK;
}

enum rc client_authorization_read(struct arena *a, struct str json,
                                  struct client_authorization *out, struct err *err)
{
    CLEANUP(doc_done) struct doc d = {.a = a, .what = "authorization", .err = err};
    struct client_authorization r = {};
    const struct json *identifier;

    TRY(doc_open(&d, json));
    TRY(need_status(&d, d.root, &r.status));
    identifier = json_get(d.root, "identifier");
    TRY(need_text(&d, identifier, "type", CLIENT_TYPE_MAX, &r.identifier_type));
    TRY(need_text(&d, identifier, "value", CLIENT_NAME_MAX, &r.identifier));
    if (json_bool(json_get(d.root, "wildcard"), &r.wildcard) == RC_INVAL)
        return missing(&d, "wildcard");
    TRY(read_challenges(&d, &r));
    *out = r;
    return RC_OK;
}

/* ---- renewal information */

static enum rc need_when(const struct doc *d, const struct json *obj, const char *name, when_t *out)
{
    struct str s;

    if (json_str(json_get(obj, name), &s) != RC_OK || when_parse(s, out) != RC_OK)
        return missing(d, name);
    return RC_OK;
}

/* ---- what the server sees */

static void put_hindrances(const struct json *list, struct buf *out)
{
    struct json_iter it = json_iter(list);
    const struct json *v;
    size_t n = 0;

    while (n < CLIENT_SUBPROBLEMS_MAX && json_next(&it, NULL, &v)) {
        struct str of = text_of(json_get(v, "of"), CLIENT_TYPE_MAX);

        buf_putz(out, n++ ? "; " : "");
        buf_puts(out, of);
        if (of.n)
            buf_putz(out, ": ");
        put_one(v, out);
    }
}

enum rc client_verdict_read(struct arena *a, struct str json, struct client_verdict *out,
                            struct err *err)
{
    CLEANUP(doc_done) struct doc d = {.a = a, .what = "preflight", .err = err};
    CLEANUP(buf_done) struct buf line = BUF_INIT(CLIENT_DOCUMENT_MAX);
    struct client_verdict r = {};
    const struct json *verdict;

    TRY(doc_open(&d, json));
    verdict = json_get(d.root, "verdict");
    if (json_bool(json_get(verdict, "ok"), &r.ok) != RC_OK)
        return missing(&d, "verdict");
    put_hindrances(json_get(verdict, "problems"), &line);
    TRY(buf_rc(&line));
    TRY(arena_str(a, str_utf8_head(buf_str(&line), CLIENT_PROBLEM_TEXT), &r.why));
    *out = r;
    return RC_OK;
}

enum rc client_window_read(struct arena *a, struct str json, struct client_window *out,
                           struct err *err)
{
    CLEANUP(doc_done) struct doc d = {.a = a, .what = "renewal information", .err = err};
    const struct json *window;
    struct client_window r = {};

    TRY(doc_open(&d, json));
    window = json_get(d.root, "suggestedWindow");
    TRY(need_when(&d, window, "start", &r.start));
    TRY(need_when(&d, window, "end", &r.end));
    TRY(get_text(&d, d.root, "explanationURL", CLIENT_URL_MAX, &r.explanation));
    if (r.end < r.start)
        return ERR(err, RC_PARSE, msg_window);
    *out = r;
    return RC_OK;
}

/* ---- Retry-After */

static bool two(struct str s, size_t at, int *out)
{
    uint64_t v;

    if (s.n < at + 2 || str_u64(str_bytes(s.p + at, 2), 99, &v) != RC_OK)
        return false;
    *out = (int)v;
    return true;
}

/* IMF-fixdate alone: "Sun, 06 Nov 1994 08:49:37 GMT". The two obsolete forms are for readers of old
 * archives. */
enum rc client_date_read(struct str header, when_t *out)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct when_civil c = {};
    uint64_t year;

    if (header.n != 29 || !str_ends(header, STR(" GMT")) || header.p[3] != ',' ||
        header.p[19] != ':' || header.p[22] != ':')
        return RC_PARSE;
    if (!two(header, 5, &c.day) || !two(header, 17, &c.hour) || !two(header, 20, &c.minute) ||
        !two(header, 23, &c.second) || str_u64(str_bytes(header.p + 12, 4), 9999, &year) != RC_OK)
        return RC_PARSE;
    for (int m = 0; m < 12; m++)
        if (memcmp(months + 3 * m, header.p + 8, 3) == 0)
            c.month = m + 1;
    c.year = (int)year;
    return when_from_civil(&c, out);
}

when_t client_retry_after(struct str header, when_t now)
{
    when_t most = now + CLIENT_RETRY_MAX * WHEN_SECOND, at;
    uint64_t seconds;
    enum rc rc = str_u64(header, CLIENT_RETRY_MAX, &seconds);

    if (rc == RC_OK)
        at = now + (when_t)seconds * WHEN_SECOND;
    else if (rc == RC_TOOBIG)
        at = most;
    else if (client_date_read(header, &at) != RC_OK)
        return 0;
    return at <= now ? 0 : at < most ? at : most;
}

/* ---- Link */

/* The parameters behind a target: one is rel, and of the words in it one is "alternate". */
static bool is_alternate(struct str parameters)
{
    struct str p, name, value, word;

    while (str_next(&parameters, ';', &p)) {
        if (!str_cut(str_trim(p), '=', &name, &value) || !str_ieq(str_trim(name), STR("rel")))
            continue;
        value = str_trim(value);
        if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
            value = str_bytes(value.p + 1, value.n - 2);
        while (str_next(&value, ' ', &word))
            if (str_ieq(word, STR("alternate")))
                return true;
        return false; /* RFC 8288 section 3.3: the first rel counts */
    }
    return false;
}

/* Where the next link begins: behind a comma that is in no quotes. */
static size_t end_of_link(struct str s)
{
    bool quoted = false;
    size_t i = 0;

    for (; i < s.n && (quoted || s.p[i] != ','); i++)
        quoted ^= s.p[i] == '"';
    return i;
}

enum rc client_alternates_read(struct arena *a, struct str header, struct str *urls, size_t max,
                               size_t *n)
{
    struct str target, rest;
    struct http_url url;

    while (*n < max && str_cut(header, '<', &target, &rest) && str_cut(rest, '>', &target, &rest)) {
        struct str parameters = str_head(rest, end_of_link(rest));

        header = str_skip(rest, parameters.n + 1);
        if (!is_alternate(parameters) || target.n > CLIENT_URL_MAX ||
            http_url_parse(target, &url, NULL) != RC_OK)
            continue;
        TRY(arena_str(a, target, &urls[(*n)++]));
    }
    return RC_OK;
}
