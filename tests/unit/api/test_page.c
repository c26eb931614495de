/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of lists: what a cursor can be, and where a page ends. */
#include "check.h"

#include <stdio.h>

#include "api/admin.h"
#include "api/page.h"
#include "json/json.h"

enum { ROWS = 120 /* more than are read at a time */, ANSWER = 8 << 20, ARGS = 256 };

struct item {
    int64_t at;
    struct id id;
};

/* Rows 1 to ROWS; of API_BY_TIME two have each time. */
struct many {
    bool timed;
    size_t bytes; /* of each, written */
};

static struct item item_of(const struct many *m, size_t i)
{
    struct item item = {.at = (int64_t)(m->timed ? (i + 1) / 2 : i)};

    (void)snprintf(item.id.z, sizeof(item.id.z), "%026zu", i);
    return item;
}

static bool is_behind(const struct many *m, const struct item *i, const struct store_cursor *at)
{
    if (i->at != at->at || !m->timed)
        return i->at > at->at;
    return str_cmp(id_str(&i->id), id_str(&at->id)) > 0;
}

static enum rc read_rows(const void *arg, struct arena *a, struct store_cursor *at, unsigned limit,
                         const void **out, size_t *out_n)
{
    const struct many *m = arg;
    struct item *list = ARENA_ARRAY(a, struct item, limit);
    size_t n = 0, i = 1;

    if (!list)
        return RC_NOMEM;
    for (; i <= ROWS && n < limit; i++) {
        struct item item = item_of(m, i);

        if (is_behind(m, &item, at))
            list[n++] = item;
    }
    at->end = i > ROWS;
    *out = list;
    *out_n = n;
    return RC_OK;
}

static enum rc put_row(const void *arg, const void *row, struct json_out *o)
{
    const struct many *m = arg;
    const struct item *item = row;

    json_obj(o);
    json_kv_id(o, "id", &item->id);
    json_key(o, "text");
    buf_putz(o->b, "\"");
    for (size_t i = 0; i < m->bytes; i++)
        buf_putz(o->b, "x");
    buf_putz(o->b, "\"");
    o->after_key = false;
    json_end(o);
    return RC_OK;
}

static struct api_rows rows_of(const struct many *m)
{
    return (struct api_rows){.name = "items",
                             .size = sizeof(struct item),
                             .at = offsetof(struct item, at),
                             .id = offsetof(struct item, id),
                             .order = m->timed ? API_BY_TIME : API_BY_NUMBER,
                             .read = read_rows,
                             .put = put_row};
}

static enum rc ask(const struct many *m, const char *args, struct buf *text, struct json_doc **out)
{
    CLEANUP(json_freep) struct json_doc *asked = NULL;
    struct api_rows rows = rows_of(m);
    struct err err = ERR_INIT;
    struct json_out o;

    json_free(*out);
    *out = NULL;
    buf_reset(text);
    TRY(json_parse(str_of(args), ARGS, &asked, NULL));
    json_out_init(&o, text, JSON_COMPACT);
    json_obj(&o);
    TRY(api_list(&rows, json_root(asked), m, &o, &err));
    json_end(&o);
    TRY(json_out_done(&o));
    return json_parse(buf_str(text), ANSWER, out, NULL);
}

/* All rows, each once and in order; how many pages they were. */
static unsigned walk(const struct many *m, unsigned limit)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(ANSWER);
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    char args[2 * ARGS] = "", cursor[ARGS] = "";
    unsigned pages = 0;
    size_t row = 1;

    do {
        struct json_iter it;
        const struct json *v;

        (void)snprintf(args, sizeof(args), "{\"limit\":%u%s}", limit, cursor);
        if (ask(m, args, &text, &doc) != RC_OK)
            return 0;
        it = json_iter(json_get(json_root(doc), "items"));
        for (; json_next(&it, NULL, &v); row++) {
            struct item item = item_of(m, row);

            if (!str_eq(json_shown(v, "id"), id_str(&item.id)))
                return 0;
        }
        (void)snprintf(cursor, sizeof(cursor), ",\"cursor\":\"%.*s\"",
                       STR_ARG(json_shown(json_root(doc), "next")));
        pages++;
    } while (json_shown(json_root(doc), "next").n && pages <= ROWS);
    return row == ROWS + 1 ? pages : 0;
}

static void each_row_once(void)
{
    for (int timed = 0; timed < 2; timed++) {
        const struct many m = {.timed = timed};

        CHECK_INT(walk(&m, 1), ROWS);
        CHECK_INT(walk(&m, 7), (ROWS + 6) / 7);
        CHECK_INT(walk(&m, 50), 3);
        CHECK_INT(walk(&m, 51), 3);
        CHECK_INT(walk(&m, ROWS), 1);
        CHECK_INT(walk(&m, API_LIST_MAX), 1);
    }
}

/* However long the rows are, an answer is one message. */
static void long_rows(void)
{
    const struct many m = {.bytes = 100'000};
    CLEANUP(buf_done) struct buf text = BUF_INIT(ANSWER);
    CLEANUP(json_freep) struct json_doc *doc = NULL;

    CHECK_OK(ask(&m, "{}", &text, &doc));
    CHECK(text.n >= API_PAGE_BYTES && text.n < API_PAGE_BYTES + 200'000);
    CHECK(json_shown(json_root(doc), "next").n > 0);
    CHECK_INT(walk(&m, API_LIST_MAX), 6);
    CHECK_INT(walk(&m, 2), ROWS / 2);
}

static void no_cursors(void)
{
    static const char *const bad[] = {"0", "-1", "x", "1-", "1 ", "9223372036854775808", "1-1"};
    static const char *const bad_times[] = {"1",
                                            "1-x",
                                            "-1-00000000000000000000000001",
                                            "00000000000000000000000001",
                                            "1-00000000000000000000000001-",
                                            "1-0000000000000000000000000I"};
    const struct many m = {}, timed = {.timed = true};
    CLEANUP(buf_done) struct buf text = BUF_INIT(ANSWER);
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    char args[ARGS];

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        (void)snprintf(args, sizeof(args), "{\"cursor\":\"%s\"}", bad[i]);
        CHECK_RC(ask(&m, args, &text, &doc), RC_INVAL);
    }
    for (size_t i = 0; i < sizeof(bad_times) / sizeof(bad_times[0]); i++) {
        (void)snprintf(args, sizeof(args), "{\"cursor\":\"%s\"}", bad_times[i]);
        CHECK_RC(ask(&timed, args, &text, &doc), RC_INVAL);
    }
    CHECK_RC(ask(&m, "{\"cursor\":7}", &text, &doc), RC_INVAL);
    CHECK_RC(ask(&m, "{\"limit\":\"7\"}", &text, &doc), RC_INVAL);
    CHECK_OK(ask(&m, "{\"cursor\":null}", &text, &doc));
    CHECK_OK(ask(&m, "{\"cursor\":\"9223372036854775807\"}", &text, &doc));
    CHECK_INT(json_len(json_get(json_root(doc), "items")), 0);
    CHECK(json_is_null(json_get(json_root(doc), "next")));
}

/* Rows in memory, from the highest down. */
static void in_memory(void)
{
    const struct many m = {};
    const struct item items[] = {{.at = 9}, {.at = 7}, {.at = 3}};
    const struct api_memory all = {items, 3, .down = true};
    CLEANUP(buf_done) struct buf text = BUF_INIT(4096);
    CLEANUP(json_freep) struct json_doc *args = NULL;
    struct api_rows rows = rows_of(&m);
    struct err err = ERR_INIT;
    struct json_out o;

    CHECK_OK(json_parse(STR("{\"limit\":1,\"cursor\":\"8\"}"), ARGS, &args, NULL));
    json_out_init(&o, &text, JSON_COMPACT);
    json_obj(&o);
    CHECK_OK(api_list_of(&rows, &all, json_root(args), &m, &o, &err));
    json_end(&o);
    CHECK_OK(json_out_done(&o));
    CHECK_STR(buf_str(&text), "{\"items\":[{\"id\":\"\",\"text\":\"\"}],\"next\":\"7\"}");
}

CHECK_MAIN(CHECK_TEST_ONCE(each_row_once), CHECK_TEST_ONCE(long_rows), CHECK_TEST(no_cursors),
           CHECK_TEST(in_memory))
