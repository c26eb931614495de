/* SPDX-License-Identifier: Apache-2.0 */
/* Agents and their tokens: a token counts once and for its time, a name is one agent's at a time,
 * and nothing changes of one that was removed. */
#include "check.h"

#include "fixture.h"

#include <stdio.h>

#include "store/agents.h"

static struct store_agent_token token_of(unsigned n)
{
    struct store_agent_token t = {.id = fix_id(n),
                                  .name = STR("web1"),
                                  .created = FIX_NOW,
                                  .created_by = STR("uid 0"),
                                  .expires = FIX_NOW + WHEN_DAY};

    t.digest.b[0] = (unsigned char)n;
    return t;
}

static struct store_agent agent_of(unsigned n, const char *name, unsigned token)
{
    return (struct store_agent){.id = fix_id(n),
                                .name = str_of(name),
                                .token = fix_id(token),
                                .enrolled = FIX_NOW + n,
                                .enrolled_by = STR("uid 0")};
}

static void tokens(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_agent_token t = token_of(1), other = token_of(2), got, *list;
    const struct store_agent_token_filter one = {.now = FIX_NOW, .limit = 1};
    struct store_cursor at = {};
    size_t n;

    CHECK_OK(fix_open(&f));
    CHECK_OK(DO(&f, store_agent_token_add(T, &t)));
    CHECK_RC(DO(&f, store_agent_token_add(T, &t)), RC_EXISTS);
    CHECK_OK(DO(&f, store_agent_token_add(T, &other)));
    CHECK_OK(store_agent_token_find(store_read(f.s), &f.a, &t.digest, &got));
    CHECK_STR(got.name, "web1");
    CHECK_STR(got.created_by, "uid 0");
    CHECK_INT(got.expires, t.expires);
    CHECK_INT(got.used, 0);
    CHECK_OK(store_agent_token_list(store_read(f.s), &f.a, FIX_NOW, &list, &n));
    CHECK_INT(n, 2);
    CHECK_OK(store_agent_token_page(store_read(f.s), &f.a, &one, &at, &list, &n));
    CHECK(n == 1 && str_eq(id_str(&list[0].id), id_str(&other.id)) && !at.end);
    CHECK_OK(store_agent_token_page(store_read(f.s), &f.a, &one, &at, &list, &n));
    CHECK(n == 1 && str_eq(id_str(&list[0].id), id_str(&t.id)));
    CHECK_RC(DO(&f, store_agent_token_use(T, &t.id, t.expires)), RC_CONFLICT);
    CHECK_OK(DO(&f, store_agent_token_use(T, &t.id, FIX_NOW + 1)));
    CHECK_RC(DO(&f, store_agent_token_use(T, &t.id, FIX_NOW + 2)), RC_CONFLICT);
    CHECK_RC(DO(&f, store_agent_token_revoke(T, &t.id, FIX_NOW + 2)), RC_CONFLICT);
    CHECK_OK(DO(&f, store_agent_token_revoke(T, &other.id, FIX_NOW + 2)));
    CHECK_RC(DO(&f, store_agent_token_use(T, &other.id, FIX_NOW + 3)), RC_CONFLICT);
    t.id = fix_id(9);
    CHECK_RC(DO(&f, store_agent_token_use(T, &t.id, FIX_NOW)), RC_NOTFOUND);
    CHECK_OK(store_agent_token_list(store_read(f.s), &f.a, FIX_NOW, &list, &n));
    CHECK_INT(n, 0);
    at = (struct store_cursor){};
    CHECK_OK(store_agent_token_page(store_read(f.s), &f.a, &one, &at, &list, &n));
    CHECK(n == 0 && at.end);
}

/* What nobody used is forgotten in time, and what was used is the record. */
static void old_tokens(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_agent_token used = token_of(1), unused = token_of(2), later = token_of(3), got;

    CHECK_OK(fix_open(&f));
    CHECK_OK(DO(&f, store_agent_token_add(T, &used)));
    CHECK_OK(DO(&f, store_agent_token_add(T, &unused)));
    CHECK_OK(DO(&f, store_agent_token_use(T, &used.id, FIX_NOW)));
    later.created = FIX_NOW + 40 * WHEN_DAY;
    later.expires = later.created + 1;
    CHECK_OK(DO(&f, store_agent_token_add(T, &later)));
    CHECK_OK(store_agent_token_get(store_read(f.s), &f.a, &used.id, &got));
    CHECK_RC(store_agent_token_get(store_read(f.s), &f.a, &unused.id, &got), RC_NOTFOUND);
    later.id = fix_id(4);
    later.expires = later.created;
    CHECK_RC(DO(&f, store_agent_token_add(T, &later)), RC_INVAL);
}

static enum rc with_agents(struct fix *f, size_t n)
{
    static const char *const names[] = {"web1", "web2", "db1"};

    for (unsigned i = 1; i <= n; i++) {
        struct store_agent_token t = token_of(i);
        struct store_agent g = agent_of(i, names[i - 1], i);

        TRY(DO(f, store_agent_token_add(T, &t)));
        TRY(DO(f, store_agent_add(T, &g)));
    }
    return RC_OK;
}

static void agents(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_agent_token t = token_of(4);
    struct store_agent again = agent_of(4, "web1", 4), got;
    struct store_hash key = {{7}};

    CHECK_OK(fix_open(&f));
    CHECK_OK(with_agents(&f, 2));
    CHECK_OK(DO(&f, store_agent_token_add(T, &t)));
    CHECK_RC(DO(&f, store_agent_add(T, &again)), RC_EXISTS);
    CHECK_OK(store_agent_find(store_read(f.s), &f.a, STR("web1"), &got));
    CHECK_STR(id_str(&got.id), fix_id(1).z);
    CHECK_OK(store_agent_by_token(store_read(f.s), &f.a, &got.token, &got));
    CHECK_STR(got.name, "web1");
    CHECK_RC(DO(&f, store_agent_certify(T, &got.id, &key, FIX_NOW + 5, 10)), RC_AGAIN);
    CHECK_OK(DO(&f, store_agent_certify(T, &got.id, &key, FIX_NOW + 20, 10)));
    CHECK_OK(DO(&f, store_agent_remove(T, &got.id, FIX_NOW + 30)));
    CHECK_RC(DO(&f, store_agent_remove(T, &got.id, FIX_NOW + 30)), RC_CONFLICT);
    CHECK_RC(DO(&f, store_agent_certify(T, &got.id, &key, FIX_NOW + 99, 10)), RC_CONFLICT);
    CHECK_RC(DO(&f, store_agent_ask(T, &got.id, FIX_NOW)), RC_CONFLICT);
    got.reported = FIX_NOW;
    CHECK_RC(DO(&f, store_agent_report(T, &got, 0)), RC_CONFLICT);
    CHECK_RC(store_agent_find(store_read(f.s), &f.a, STR("web1"), &got), RC_NOTFOUND);
    CHECK_OK(DO(&f, store_agent_add(T, &again))); /* the name is free */
    got.id = fix_id(9);
    CHECK_RC(store_agent_get(store_read(f.s), &f.a, &got.id, &got), RC_NOTFOUND);
}

static void reports(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_agent g, got;

    CHECK_OK(fix_open(&f));
    CHECK_OK(with_agents(&f, 1));
    CHECK_OK(store_agent_find(store_read(f.s), &f.a, STR("web1"), &g));
    CHECK_INT(g.reported, 0);
    g.reported = FIX_NOW + 50;
    g.summary = (struct store_agent_summary){STR("1.2"), 5, 2, 1, FIX_NOW + 99, -1500};
    g.address = (struct addr){4, {10, 0, 0, 1}};
    g.certificate = fix_id(77);
    g.report = STR("{\"x\":1}");
    CHECK_OK(DO(&f, store_agent_report(T, &g, 0)));
    CHECK_OK(DO(&f, store_agent_ask(T, &g.id, FIX_NOW + 60)));
    CHECK_OK(DO(&f, store_agent_report(T, &g, FIX_NOW + 59))); /* of an older wish */
    CHECK_OK(store_agent_get(store_read(f.s), &f.a, &g.id, &got));
    CHECK_INT(got.asked, FIX_NOW + 60);
    CHECK_OK(DO(&f, store_agent_report(T, &g, FIX_NOW + 60)));
    CHECK_OK(store_agent_get(store_read(f.s), &f.a, &g.id, &got));
    CHECK_INT(got.asked, 0);
    CHECK_STR(got.report, "{\"x\":1}");
    CHECK_STR(got.summary.program, "1.2");
    CHECK_INT(got.summary.certificates, 5);
    CHECK_INT(got.summary.failing, 2);
    CHECK_INT(got.summary.unproven, 1);
    CHECK_INT(got.summary.next, FIX_NOW + 99);
    CHECK_INT(got.summary.skew, -1500);
    CHECK_INT(got.address.n, 4);
    CHECK_STR(id_str(&got.certificate), fix_id(77).z);
    CHECK_INT(got.reported, FIX_NOW + 50);
}

static void many(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_cursor at = {};
    struct store_agent_counts counts;
    struct store_agent *list;
    size_t n;

    CHECK_OK(fix_open(&f));
    CHECK_OK(with_agents(&f, 3));
    CHECK_OK(store_agent_list(store_read(f.s), &f.a, &at, 2, &list, &n));
    CHECK_INT(n, 2);
    CHECK(!at.end);
    CHECK_OK(store_agent_list(store_read(f.s), &f.a, &at, 2, &list, &n));
    CHECK_INT(n, 1);
    CHECK(at.end);
    CHECK_STR(list[0].name, "db1");
    list[0].reported = FIX_NOW + WHEN_HOUR;
    list[0].summary.failing = 1;
    CHECK_OK(DO(&f, store_agent_report(T, &list[0], 0)));
    CHECK_OK(store_agent_count(store_read(f.s), FIX_NOW + WHEN_MINUTE, &counts));
    CHECK_INT(counts.agents, 3);
    CHECK_INT(counts.silent, 2);
    CHECK_INT(counts.failing, 1);
    CHECK_OK(store_agent_silent(store_read(f.s), &f.a, FIX_NOW + WHEN_MINUTE, 0, &list, &n));
    CHECK_INT(n, 2);
    CHECK_STR(list[0].name, "web1");
    CHECK_OK(DO(&f, store_agent_remove(T, &list[0].id, FIX_NOW)));
    CHECK_OK(store_agent_silent(store_read(f.s), &f.a, FIX_NOW + WHEN_MINUTE, 0, &list, &n));
    CHECK_INT(n, 1);
}

FIX_MAIN(CHECK_TEST(tokens), CHECK_TEST(old_tokens), CHECK_TEST(agents), CHECK_TEST(reports),
         CHECK_TEST(many))
