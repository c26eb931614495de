/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that front gives again, and when it does not. */
#include "check.h"

#include <stdio.h>

#include "conf/conf.h"
#include "ev/clock.h"
#include "front/front_int.h"

#define NOW (20'000 * WHEN_DAY)

struct kept {
    struct clock_fake clock;
    struct role_env env;
    struct front front;
};

static void kept_init(struct kept *k)
{
    *k = (struct kept){.front = {.env = &k->env}};
    clock_fake_init(&k->clock, NOW);
    k->env.clock = &k->clock.clock;
    front_keep_init(&k->front.keep, &k->front);
}

static void kept_done(struct kept *k)
{
    front_keep_done(&k->front.keep);
}

static void finished(struct http_exchange *x, void *arg)
{
    (void)x;
    (void)arg;
}

static bool ask(const char *method, const char *path, const char *body, struct http_exchange **out)
{
    if (http_exchange_new(finished, NULL, out) != RC_OK)
        return false;
    (*out)->req.listener = STR("plain");
    (*out)->req.method = str_of(method);
    (*out)->req.path = str_of(path);
    (*out)->req.body = str_of(body);
    return true;
}

/* What core said to it. */
static bool keep(struct kept *k, const char *method, const char *path, const char *body,
                 const char *tag)
{
    CLEANUP(http_exchange_freep) struct http_exchange *x = NULL;
    size_t before = k->front.keep.n;

    if (!ask(method, path, body, &x))
        return false;
    x->res.status = 200;
    x->res.keep_until = NOW + WHEN_HOUR;
    x->res.tag = str_of(tag);
    http_header_add(x, "Content-Type", STR("text/plain"));
    http_header_add(x, "ETag", STR("\"7\""));
    http_header_add(x, "Last-Modified", STR("Fri, 27 Nov 2026 00:00:00 GMT"));
    buf_putz(&x->res.body, path);
    front_keep_add(&k->front.keep, x);
    return k->front.keep.n > before;
}

/* The status of the answer that front gives by itself, 0 for none. */
static int given(struct kept *k, const char *method, const char *path, const char *body)
{
    CLEANUP(http_exchange_freep) struct http_exchange *x = NULL;

    if (!ask(method, path, body, &x) || !front_keep_answer(&k->front.keep, x))
        return 0;
    return str_eq(buf_str(&x->res.body), str_of(path)) ? x->res.status : -1;
}

static void the_same_question_the_same_answer(void)
{
    CLEANUP(kept_done) struct kept k = {};

    kept_init(&k);
    CHECK_INT(given(&k, "GET", "/a", ""), 0);
    CHECK(keep(&k, "GET", "/a", "", "one"));
    CHECK(keep(&k, "POST", "/a", "body", "two"));
    CHECK_INT(given(&k, "GET", "/a", ""), 200);
    CHECK_INT(given(&k, "HEAD", "/a", ""), 200);
    CHECK_INT(given(&k, "POST", "/a", "body"), 200);
    CHECK_INT(given(&k, "POST", "/a", "bod"), 0);
    CHECK_INT(given(&k, "GET", "/b", ""), 0);
    CHECK_INT(given(&k, "PUT", "/a", "body"), 0);
    clock_fake_set(&k.clock, NOW + WHEN_HOUR);
    CHECK_INT(given(&k, "GET", "/a", ""), 0);
    CHECK_INT(k.front.keep.n, 1);
    clock_fake_set(&k.clock, NOW - WHEN_HOUR); /* nothing is known about a time before it came */
    CHECK_INT(given(&k, "POST", "/a", "body"), 0);
    CHECK(k.front.keep.n == 0 && k.front.keep.bytes == 0);
}

static void what_changed_is_forgotten(void)
{
    CLEANUP(kept_done) struct kept k = {};

    kept_init(&k);
    CHECK(keep(&k, "GET", "/a", "", "one"));
    CHECK(keep(&k, "GET", "/b", "", "one"));
    CHECK(keep(&k, "GET", "/c", "", "two"));
    front_keep_forget(&k.front.keep, STR("three"));
    front_keep_forget(&k.front.keep, STR("one"));
    CHECK_INT(given(&k, "GET", "/a", ""), 0);
    CHECK_INT(given(&k, "GET", "/b", ""), 0);
    CHECK_INT(given(&k, "GET", "/c", ""), 200);
    CHECK(keep(&k, "GET", "/a", "", "one"));
    front_keep_forget(&k.front.keep, STR(""));
    CHECK(k.front.keep.n == 0 && k.front.keep.by_tag.n == 0);
}

static void only_what_core_allows(void)
{
    CLEANUP(kept_done) struct kept k = {};
    CLEANUP(http_exchange_freep) struct http_exchange *x = NULL;
    CLEANUP(http_exchange_freep) struct http_exchange *big = NULL;
    char body[FRONT_KEPT_REQUEST_MAX + 2];

    kept_init(&k);
    CHECK(ask("GET", "/a", "", &x));
    x->res.status = 200;
    x->res.tag = STR("one");
    front_keep_add(&k.front.keep, x); /* no time */
    x->res.keep_until = NOW + WHEN_HOUR;
    x->res.tag = STR("");
    front_keep_add(&k.front.keep, x); /* no name to forget it by */
    CHECK_INT(k.front.keep.n, 0);
    memset(body, 'x', sizeof(body) - 1);
    body[sizeof(body) - 1] = '\0';
    CHECK(ask("POST", "/a", body, &big));
    big->res.keep_until = NOW + WHEN_HOUR;
    big->res.tag = STR("one");
    front_keep_add(&k.front.keep, big);
    CHECK_INT(k.front.keep.n, 0);
}

static void what_the_client_has_is_not_sent(void)
{
    static const struct {
        const char *name, *value;
        int status;
    } cases[] = {
        {"if-none-match", "\"7\"", 304},
        {"if-none-match", "\"6\", W/\"7\"", 304},
        {"if-none-match", "*", 304},
        {"if-none-match", "\"6\"", 200},
        {"if-modified-since", "Fri, 27 Nov 2026 00:00:00 GMT", 304},
        {"if-modified-since", "Fri, 27 Nov 2026 00:00:01 GMT", 200},
    };
    CLEANUP(kept_done) struct kept k = {};

    kept_init(&k);
    CHECK(keep(&k, "GET", "/a", "", "one"));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(http_exchange_freep) struct http_exchange *x = NULL;

        CHECK(ask("GET", "/a", "", &x));
        x->req.headers[x->req.n_headers++] =
            (struct http_header){str_of(cases[i].name), str_of(cases[i].value)};
        CHECK(front_keep_answer(&k.front.keep, x));
        CHECK_INT(x->res.status, cases[i].status);
        CHECK_INT(x->res.body.n, cases[i].status == 304 ? 0 : 2);
    }
}

static void room_is_limited(void)
{
    CLEANUP(kept_done) struct kept k = {};
    char path[32];

    kept_init(&k);
    for (int i = 0; i <= FRONT_KEPT_MAX; i++) {
        snprintf(path, sizeof(path), "/%d", i);
        IGNORE_RC(keep(&k, "GET", path, "", "one") ? RC_OK : RC_INVAL);
        if (i == 1)
            CHECK_INT(given(&k, "GET", "/0", ""), 200); /* now /1 has waited longest */
    }
    CHECK_INT(k.front.keep.n, FRONT_KEPT_MAX);
    CHECK_INT(given(&k, "GET", "/0", ""), 200);
    CHECK_INT(given(&k, "GET", "/1", ""), 0);
    CHECK_INT(given(&k, "GET", path, ""), 200);
}

CHECK_MAIN(CHECK_TEST(the_same_question_the_same_answer), CHECK_TEST(what_changed_is_forgotten),
           CHECK_TEST(only_what_core_allows), CHECK_TEST(what_the_client_has_is_not_sent),
           CHECK_TEST_ONCE(room_is_limited))
