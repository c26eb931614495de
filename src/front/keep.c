/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that core lets front give again: by what was asked, until when core said, or until it
 * says that they have changed. */
#include "ev/clock.h"
#include "front/front_int.h"
#include "http/response.h"
#include "metrics/metrics.h"

static const char *const results[] = {"hit", "miss"};
METRIC_COUNTER_BY(looked_total, "front_kept_answers_total",
                  "Requests whose answer front may have kept, by whether it had", "result",
                  results);
METRIC_GAUGE(kept_gauge, "front_kept_answers", "Answers that front keeps");
METRIC_GAUGE(bytes_gauge, "front_kept_bytes", "Bytes of them");

enum { KEY_MAX = FRONT_KEPT_REQUEST_MAX + HTTP_TARGET_MAX + 64 };

/* Those with one tag. */
struct tagged {
    struct list list; /* struct kept, by its same_tag */
    size_t n;
    char z[];
};

struct kept {
    struct list link; /* the longest not asked for first */
    struct list same_tag;
    struct tagged *tag;
    when_t since, until;
    int status;
    struct str key;
    struct http_header headers[HTTP_RESPONSE_HEADERS_MAX];
    size_t n_headers;
    struct str body;
    size_t size;
    char bytes[]; /* of all the strings */
};

void front_keep_init(struct front_keep *k, struct front *f)
{
    *k = (struct front_keep){.front = f};
    map_init(&k->by_key, FRONT_KEPT_MAX);
    map_init(&k->by_tag, FRONT_KEPT_MAX);
    list_init(&k->list);
}

static void drop(struct front_keep *k, struct kept *e)
{
    struct tagged *tag = e->tag;

    map_remove(&k->by_key, e->key);
    list_remove(&e->link);
    list_remove(&e->same_tag);
    k->n--;
    k->bytes -= e->size;
    mem_free(e);
    if (--tag->n == 0) {
        map_remove(&k->by_tag, str_of(tag->z));
        mem_free(tag);
    }
}

static void drop_all(struct front_keep *k)
{
    for (struct list *link; (link = list_pop(&k->list));)
        drop(k, LIST_ENTRY(link, struct kept, link));
}

void front_keep_done(struct front_keep *k)
{
    drop_all(k);
    map_done(&k->by_key);
    map_done(&k->by_tag);
}

void front_keep_forget(struct front_keep *k, struct str tag)
{
    struct tagged *t = tag.n ? map_get(&k->by_tag, tag) : NULL;

    if (tag.n == 0)
        drop_all(k);
    /* The last one takes the tag with it. */
    for (size_t left = t ? t->n : 0; left > 0; left--)
        drop(k, LIST_ENTRY(t->list.next, struct kept, same_tag));
}

/* ---- what was asked */

static bool is_reading(const struct http_request *req)
{
    return str_eq(req->method, STR("GET")) || str_eq(req->method, STR("HEAD"));
}

/* False for what is never kept. Without the query: what core lets be kept depends on none, and a
 * stranger must not make an entry of each. */
static bool put_key(const struct http_request *req, struct buf *out)
{
    bool reading = is_reading(req);

    if (!reading && (!str_eq(req->method, STR("POST")) || req->body.n > FRONT_KEPT_REQUEST_MAX))
        return false;
    buf_lstr(out, req->listener);
    buf_lstr(out, req->path);
    buf_u8(out, reading);
    if (!reading)
        buf_puts(out, req->body);
    return buf_rc(out) == RC_OK;
}

/* ---- answers */

static struct str header_of(const struct http_response *res, struct str name)
{
    for (size_t i = 0; i < res->n_headers; i++)
        if (str_ieq(res->headers[i].name, name))
            return res->headers[i].value;
    return (struct str){NULL, 0};
}

/* RFC 9110 section 13.1.2, compared weakly: a list of entity tags, or "*". */
static bool has_etag(struct str list, struct str etag)
{
    struct str one;

    if (str_eq(str_trim(list), STR("*")))
        return true;
    while (str_next(&list, ',', &one)) {
        one = str_trim(one);
        if (str_starts(one, STR("W/")))
            one = str_skip(one, 2);
        if (str_eq(one, etag))
            return true;
    }
    return false;
}

bool front_keep_unchanged(const struct http_exchange *x)
{
    struct str none_match = http_header_get(&x->req, STR("if-none-match"));
    struct str since = http_header_get(&x->req, STR("if-modified-since"));
    struct str etag = header_of(&x->res, STR("etag"));

    if (!is_reading(&x->req) || x->res.status != 200)
        return false;
    if (none_match.n)
        return etag.n && has_etag(none_match, etag);
    return since.n && str_eq(since, header_of(&x->res, STR("last-modified")));
}

static void put_answer(const struct kept *e, when_t now, struct http_exchange *x)
{
    for (size_t i = 0; i < e->n_headers; i++)
        http_header_add(x, e->headers[i].name.p, e->headers[i].value);
    http_header_addf(x, "Age", "%lld", (long long)((now - e->since) / WHEN_SECOND));
    x->res.status = e->status;
    if (front_keep_unchanged(x))
        x->res.status = 304;
    else
        buf_puts(&x->res.body, e->body);
}

bool front_keep_answer(struct front_keep *k, struct http_exchange *x)
{
    CLEANUP(buf_done) struct buf key = BUF_INIT(KEY_MAX);
    struct kept *e;
    when_t now;

    if (k->n == 0 || !put_key(&x->req, &key))
        return false;
    now = clock_now(k->front->env->clock);
    e = map_get(&k->by_key, buf_str(&key));
    if (e && (e->until <= now || e->since > now)) {
        drop(k, e);
        e = NULL;
    }
    metric_add(&looked_total, e ? 0 : 1, 1);
    if (!e)
        return false;
    list_remove(&e->link);
    list_push(&k->list, &e->link);
    put_answer(e, now, x);
    http_finish(x);
    return true;
}

/* ---- keeping */

static struct str copy(struct kept *e, size_t *at, struct str s)
{
    struct str out = {e->bytes + *at, s.n};

    memcpy(e->bytes + *at, s.p ? s.p : "", s.n);
    e->bytes[*at + s.n] = '\0';
    *at += s.n + 1;
    return out;
}

static struct kept *make(const struct http_response *res, struct str key)
{
    size_t size = key.n + 1 + res->body.n + 1, at = 0;
    struct kept *e;

    for (size_t i = 0; i < res->n_headers; i++)
        size += res->headers[i].name.n + res->headers[i].value.n + 2;
    e = mem_alloc(sizeof(*e) + size);
    if (!e)
        return NULL;
    *e = (struct kept){
        .status = res->status, .n_headers = res->n_headers, .size = sizeof(*e) + size};
    list_init(&e->link);
    list_init(&e->same_tag);
    e->key = copy(e, &at, key);
    e->body = copy(e, &at, buf_str(&res->body));
    for (size_t i = 0; i < res->n_headers; i++) {
        e->headers[i].name = copy(e, &at, res->headers[i].name);
        e->headers[i].value = copy(e, &at, res->headers[i].value);
    }
    return e;
}

static struct tagged *tag_of(struct front_keep *k, struct str name)
{
    struct tagged *t = map_get(&k->by_tag, name);

    if (t)
        return t;
    t = mem_calloc(1, sizeof(*t) + name.n + 1);
    if (!t)
        return NULL;
    list_init(&t->list);
    memcpy(t->z, name.p, name.n);
    if (map_add(&k->by_tag, name, t) == RC_OK)
        return t;
    mem_free(t);
    return NULL;
}

static void make_room(struct front_keep *k, size_t size)
{
    while (!list_empty(&k->list) && (k->n >= FRONT_KEPT_MAX || k->bytes + size > FRONT_KEPT_BYTES))
        drop(k, LIST_ENTRY(k->list.next, struct kept, link));
}

static void insert(struct front_keep *k, struct kept *e, struct tagged *tag)
{
    e->tag = tag;
    list_push(&tag->list, &e->same_tag);
    list_push(&k->list, &e->link);
    tag->n++;
    k->n++;
    k->bytes += e->size;
}

void front_keep_add(struct front_keep *k, const struct http_exchange *x)
{
    CLEANUP(buf_done) struct buf key = BUF_INIT(KEY_MAX);
    struct tagged *tag;
    struct kept *old, *e;
    when_t now;

    if (x->res.keep_until == 0 || buf_rc(&x->res.body) != RC_OK || x->res.tag.n == 0 ||
        !put_key(&x->req, &key))
        return;
    now = clock_now(k->front->env->clock);
    old = map_get(&k->by_key, buf_str(&key));
    if (old)
        drop(k, old);
    e = make(&x->res, buf_str(&key));
    if (!e)
        return;
    make_room(k, e->size);
    e->since = now;
    e->until = x->res.keep_until;
    tag = tag_of(k, x->res.tag);
    if (tag && map_add(&k->by_key, e->key, e) == RC_OK) {
        insert(k, e, tag);
        return;
    }
    mem_free(e);
    if (tag && tag->n == 0) {
        map_remove(&k->by_tag, x->res.tag);
        mem_free(tag);
    }
}

void front_keep_measure(const struct front_keep *k)
{
    metric_set(&kept_gauge, 0, (int64_t)k->n);
    metric_set(&bytes_gauge, 0, (int64_t)k->bytes);
}
