/* SPDX-License-Identifier: Apache-2.0 */
/* Every list of /api/v1/ in pages: as the document says, by "limit" and "cursor", whole, and with
 * nothing twice while rows come and go. */
#include "play.h"

#include "api/admin.h"
#include "store/agents.h"
#include "store/alerts.h"
#include "store/deliveries.h"
#include "store/eab.h"

enum { ROWS = 9, LIMIT = 2, SEEN = 64, TEXT = 96, CURSOR = 512 };

static bool session_new(struct play *p, int64_t n, char cookie[static 128])
{
    struct ui_user user = {
        .n = n, .roles = OPERATORS_ALL, .person = CORE_PERSONS + n, .name = "many"};
    const struct addr from = {4, {10, 1, 2, 3}};
    char token[UI_TOKEN_TEXT];

    if (ui_session_new(&p->core.ui.sessions, &user, &from, clock_now(ev_clock(p->w.ev)), token) !=
        RC_OK)
        return false;
    snprintf(cookie, 128, "cookie: __Host-autarky=%s", token);
    return true;
}

static void target_of(const char *command, char out[static TEXT])
{
    (void)snprintf(out, TEXT, "/api/v1/%s", command);
    for (char *c = out + 8; *c; c++)
        if (*c == ' ')
            *c = '/';
}

/* What a command answers to `args`; the status, 0 when there is no memory for a look at it. */
static int ask_list(struct play *p, const char *command, const char *cookie, const char *args,
                    struct json_doc **out)
{
    const char *headers[] = {cookie, "origin: https://" HOST, NULL};
    char target[TEXT];
    int status;

    target_of(command, target);
    status = ask(p, "POST", target, headers, args);
    json_free(*out);
    *out = NULL;
    if (status == 200 && json_parse(buf_str(&p->got.body), 4 << 20, out, NULL) != RC_OK)
        return 0;
    return status;
}

/* ---- what all of them have in common */

static bool needs_more(const struct operators_action *action)
{
    return strchr(action->takes, '!') != NULL;
}

static bool is_list(const struct json_doc *doc, const struct operators_action *action)
{
    const struct json *next = json_get(json_root(doc), "next");

    return json_type(json_get(json_root(doc), action->lists)) == JSON_ARRAY &&
           json_len(json_get(json_root(doc), action->lists)) <= 1 && next &&
           (json_is_null(next) || json_type(next) == JSON_STRING);
}

static void no_other_cursor(struct play *p, const char *command, const char *cookie)
{
    static const char *const bad[] = {"x",
                                      "-1",
                                      "0x1",
                                      "1-",
                                      " 1",
                                      "1 ",
                                      "+1",
                                      "1.",
                                      "--",
                                      "1-x",
                                      "a b.",
                                      "\\n",
                                      "9223372036854775808"};
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    char args[TEXT];

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        (void)snprintf(args, sizeof(args), "{\"cursor\":\"%s\"}", bad[i]);
        if (strcmp(command, "site list") == 0 && !strpbrk(bad[i], " +\\"))
            continue; /* may be the name of a site */
        CHECK_INT(ask_list(p, command, cookie, args, &doc), 400);
        CHECK_STR(str_of(p->got.code), "api.list-cursor");
    }
    CHECK_INT(ask_list(p, command, cookie, "{\"limit\":0}", &doc), 400);
    CHECK_STR(str_of(p->got.code), "api.list-limit");
    CHECK_INT(ask_list(p, command, cookie, "{\"limit\":1001}", &doc), 400);
    CHECK_INT(ask_list(p, command, cookie, "{\"cursor\":7}", &doc), 400);
}

static void every_list_has_pages(void)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    const struct operators_action *actions;
    char cookie[128];
    size_t n, lists = 0;

    BEGIN(p);
    CHECK(session_new(&p, 1, cookie));
    actions = operators_actions(&n);
    for (size_t i = 0; i < n; i++) {
        const struct operators_action *a = &actions[i];

        CHECK(!a->lists == !strstr(a->takes, "limit:i"));
        CHECK(!a->lists == !strstr(a->takes, "cursor"));
        if (!a->lists || needs_more(a))
            continue;
        CHECK_INT(ask_list(&p, a->name, cookie, "{\"limit\":1}", &doc), 200);
        CHECK(is_list(doc, a));
        no_other_cursor(&p, a->name, cookie);
        lists++;
    }
    CHECK(lists >= 19);
}

/* The document says it: what a list takes, and what it answers. */
static void the_document_has_them(void)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    const struct json *post, *takes, *answers;

    BEGIN(p);
    CHECK_INT(ask(&p, "GET", "/api/v1/openapi.json", NULL, ""), 200);
    CHECK_OK(json_parse(buf_str(&p.got.body), 1 << 20, &doc, NULL));
    post = json_get(json_get(json_get(json_root(doc), "paths"), "/token/list"), "post");
    takes = json_get(
        json_get(json_get(json_get(json_get(post, "requestBody"), "content"), "application/json"),
                 "schema"),
        "properties");
    CHECK_INT(json_shown_u64(json_get(takes, "limit"), "maximum"), API_LIST_MAX);
    CHECK_STR(json_shown(json_get(takes, "cursor"), "type"), "string");
    answers = json_get(
        json_get(json_get(json_get(json_get(json_get(post, "responses"), "200"), "content"),
                          "application/json"),
                 "schema"),
        "properties");
    CHECK_STR(json_shown(json_get(answers, "tokens"), "type"), "array");
    CHECK_INT(json_len(json_get(json_get(answers, "next"), "type")), 2);
}

/* ---- walks */

struct subject {
    const char *command, *member, *key;
    bool (*add)(struct play *p, unsigned i);
    bool (*end)(struct play *p, unsigned i); /* NULL: they stay */
};

static enum rc write_token(struct store_txn *txn, void *arg)
{
    return store_token_add(txn, arg);
}

static bool add_token(struct play *p, unsigned i)
{
    char name[16];
    struct store_token t = {.digest.b = {(uint8_t)i, 1},
                            .roles = 1,
                            .created = WORLD_NOW,
                            .expires = WORLD_NOW + WHEN_DAY};

    snprintf(name, sizeof(name), "token%u", i);
    t.name = str_of(name);
    return id_new(&t.id) == RC_OK && store_write_now(p->w.store, write_token, &t) == RC_OK;
}

static bool add_person(struct play *p, unsigned i)
{
    char name[16];
    struct store_user u = {
        .password = STR("kept"), .totp = STR("sealed"), .host_user = -1, .created = WORLD_NOW};

    snprintf(name, sizeof(name), "user%u", i);
    u.name = str_of(name);
    return id_new(&u.id) == RC_OK && store_write_now(p->w.store, add_user, &u) == RC_OK;
}

static enum rc write_eab(struct store_txn *txn, void *arg)
{
    return store_eab_add(txn, arg);
}

static bool add_eab(struct play *p, unsigned i)
{
    char name[16];
    struct store_eab e = {.accounts = 1, .created = WORLD_NOW + i / 3};

    snprintf(name, sizeof(name), "key%u", i);
    e.name = str_of(name);
    return id_new(&e.id) == RC_OK && store_write_now(p->w.store, write_eab, &e) == RC_OK;
}

static struct id id_of(unsigned i)
{
    struct id id;

    (void)snprintf(id.z, sizeof(id.z), "%026u", i);
    return id;
}

static enum rc write_silence(struct store_txn *txn, void *arg)
{
    return store_silence_add(txn, arg);
}

static bool add_silence(struct play *p, unsigned i)
{
    char name[16];
    struct store_silence s = {
        .id = id_of(i), .until = WORLD_NOW + WHEN_DAY - i, .set = WORLD_NOW, .set_by = STR("me")};

    snprintf(name, sizeof(name), "thing%u", i);
    s.object = str_of(name);
    return store_write_now(p->w.store, write_silence, &s) == RC_OK;
}

static enum rc write_waiting(struct store_txn *txn, void *arg)
{
    return store_agent_token_add(txn, arg);
}

/* A token of a host. */
static bool add_waiting(struct play *p, unsigned i)
{
    struct store_agent_token t = {.id = id_of(i),
                                  .digest = {.b = {(uint8_t)i, (uint8_t)(i >> 8)}},
                                  .created = WORLD_NOW,
                                  .created_by = STR("me"),
                                  .expires = WORLD_NOW + WHEN_DAY};

    return store_write_now(p->w.store, write_waiting, &t) == RC_OK;
}

static enum rc stop_waiting(struct store_txn *txn, void *arg)
{
    return store_agent_token_revoke(txn, arg, WORLD_NOW);
}

static bool end_waiting(struct play *p, unsigned i)
{
    struct id id = id_of(i);

    return store_write_now(p->w.store, stop_waiting, &id) == RC_OK;
}

static enum rc stop_silence(struct store_txn *txn, void *arg)
{
    return store_silence_end(txn, arg, STR("me"), WORLD_NOW);
}

static bool end_silence(struct play *p, unsigned i)
{
    struct id id = id_of(i);

    return store_write_now(p->w.store, stop_silence, &id) == RC_OK;
}

static enum rc write_delivery(struct store_txn *txn, void *arg)
{
    return store_delivery_add(txn, arg);
}

static bool add_delivery(struct play *p, unsigned i)
{
    char name[16];
    struct store_delivery d = {.id = id_of(i),
                               .receiver = STR("hook"),
                               .body = STR("{}"),
                               .created = WORLD_NOW,
                               .next = WORLD_NOW};

    snprintf(name, sizeof(name), "letter%u", i);
    d.subject = str_of(name);
    return store_write_now(p->w.store, write_delivery, &d) == RC_OK;
}

static enum rc stop_delivery(struct store_txn *txn, void *arg)
{
    TRY(store_delivery_done(txn, arg, WORLD_NOW));
    return store_delivery_prune(txn, WORLD_NOW + 1, SEEN);
}

static bool end_delivery(struct play *p, unsigned i)
{
    struct id id = id_of(i);

    return store_write_now(p->w.store, stop_delivery, &id) == RC_OK;
}

static bool add_session(struct play *p, unsigned i)
{
    char cookie[128];

    return session_new(p, 1000 + i, cookie);
}

static bool end_session(struct play *p, unsigned i)
{
    ui_sessions_end_user(&p->core.ui.sessions, 1000 + i);
    return true;
}

static const struct subject subjects[] = {
    {"token list", "tokens", "name", add_token, NULL},
    {"user list", "users", "name", add_person, NULL},
    {"eab list", "items", "name", add_eab, NULL},
    {"alert silences", "items", "object", add_silence, end_silence},
    {"agent tokens", "items", "id", add_waiting, end_waiting},
    {"alert deliveries", "items", "subject", add_delivery, end_delivery},
    {"session list", "sessions", "id", add_session, end_session},
};

struct keys {
    char z[SEEN][32];
    size_t n;
};

static size_t times(const struct keys *keys, const char *key)
{
    size_t n = 0;

    for (size_t i = 0; i < keys->n; i++)
        n += strcmp(keys->z[i], key) == 0;
    return n;
}

static bool collect(const struct subject *s, const struct json_doc *doc, struct keys *out)
{
    struct json_iter it = json_iter(json_get(json_root(doc), s->member));
    const struct json *v;

    while (json_next(&it, NULL, &v))
        if (out->n == SEEN ||
            str_copyz(json_shown(v, s->key), out->z[out->n++], sizeof(out->z[0])) != RC_OK)
            return false;
    return true;
}

/* Page after page; after each one a row comes, and two go. */
static bool walk(struct play *p, const struct subject *s, const char *cookie, struct keys *seen)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    char args[CURSOR] = "{\"limit\":2}";

    for (unsigned page = 1; page < SEEN; page++) {
        struct str next;

        if (ask_list(p, s->command, cookie, args, &doc) != 200 || !collect(s, doc, seen) ||
            json_len(json_get(json_root(doc), s->member)) > LIMIT)
            return false;
        next = json_shown(json_root(doc), "next");
        if (!next.n)
            return true;
        (void)snprintf(args, sizeof(args), "{\"limit\":%d,\"cursor\":\"%.*s\"}", LIMIT,
                       STR_ARG(next));
        if (page < 4 && (!s->add(p, ROWS + page) ||
                         (s->end && (!s->end(p, page) || !s->end(p, ROWS + 1 - page)))))
            return false;
    }
    return false;
}

static void walked(const struct subject *s)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct keys before = {}, after = {}, seen = {};
    char cookie[128];

    BEGIN(p);
    CHECK(session_new(&p, 1, cookie));
    for (unsigned i = 1; i <= ROWS; i++)
        CHECK(s->add(&p, i));
    CHECK_INT(ask_list(&p, s->command, cookie, "{}", &doc), 200);
    CHECK(collect(s, doc, &before) && before.n >= ROWS); /* one answer to whoever gives no limit */
    CHECK(json_is_null(json_get(json_root(doc), "next")));
    CHECK(walk(&p, s, cookie, &seen));
    CHECK_INT(ask_list(&p, s->command, cookie, "{}", &doc), 200);
    CHECK(collect(s, doc, &after));
    for (size_t i = 0; i < before.n; i++)
        CHECK(!times(&after, before.z[i]) || times(&seen, before.z[i]) == 1);
    for (size_t i = 0; i < seen.n; i++)
        CHECK_INT(times(&seen, seen.z[i]), 1);
}

static void nothing_missed_and_nothing_twice(void)
{
    for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++)
        walked(&subjects[i]);
}

CHECK_MAIN(CHECK_TEST_ONCE(every_list_has_pages), CHECK_TEST_ONCE(the_document_has_them),
           CHECK_TEST_ONCE(nothing_missed_and_nothing_twice))
