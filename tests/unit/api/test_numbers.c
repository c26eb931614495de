/* SPDX-License-Identifier: Apache-2.0 */
/* `cert numbers`: what is counted on which day. */
#include "fixture.h"

#include "store/hours.h"

#define AGO(n) (WORLD_NOW - (n)*WHEN_DAY)
#define IN(n) (WORLD_NOW + (n)*WHEN_DAY)

static const struct row rows[] = {
    {"a.hospital.example", STORE_NAME_DNS, 1, AGO(1), IN(0), false},
    {"b.hospital.example", STORE_NAME_DNS, 2, AGO(1) - 1, IN(1) - 1, false},
    {"c.hospital.example", STORE_NAME_DNS, 3, AGO(30), IN(1), false},
    {"d.hospital.example", STORE_NAME_DNS, 4, AGO(31), IN(1), true}, /* not in force */
    {"e.hospital.example", STORE_NAME_DNS, 5, AGO(60), IN(0) - 1, false},
    {"f.hospital.example", STORE_NAME_DNS, 6, AGO(2), IN(90) - 1, false},
    {"g.hospital.example", STORE_NAME_DNS, 7, AGO(2), IN(90), false},
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static int64_t at(const struct json *list, size_t i)
{
    struct json_iter it = json_iter(list);
    const struct json *v = NULL;
    int64_t n = -1;

    for (size_t k = 0; k <= i; k++)
        if (!json_next(&it, NULL, &v))
            return -1;
    return json_i64(v, &n) == RC_OK ? n : -1;
}

static int64_t sum(const struct json *list)
{
    struct json_iter it = json_iter(list);
    const struct json *v;
    int64_t all = 0, n;

    while (json_next(&it, NULL, &v))
        all += json_i64(v, &n) == RC_OK ? n : 0;
    return all;
}

static void counts_days(void)
{
    CLEANUP(store_closep) struct store *s = NULL;
    CLEANUP(answer_done) struct answer a = {.doc = NULL};
    const struct json *days, *issued;
    struct api_view v;

    CHECK_OK(visit(&s));
    v = view(s);
    answer_begin(&a);
    CHECK_OK(answer_end(&a, api_cert_numbers(&v, NULL, &a.out, &a.err)));
    days = json_get(a.root, "days");
    CHECK_INT(json_len(days), API_DAYS_AHEAD);
    CHECK_INT(at(days, 0), 2);
    CHECK_INT(at(days, 1), 1);
    CHECK_INT(at(days, 89), 1);
    CHECK_INT(sum(days), 4);
    CHECK_INT(number_of(a.root, "later"), 1);
    issued = json_get(a.root, "issued");
    CHECK_INT(json_len(issued), API_DAYS_BACK);
    CHECK_INT(at(issued, 29), 1);
    CHECK_INT(at(issued, 28), 3);
    CHECK_INT(at(issued, 0), 1);
    CHECK_INT(sum(issued), 5);
    CHECK_STR(text_of(a.root, "at"), "2027-01-15T08:00:00Z");
    CHECK_INT(number_of(json_get(a.root, "failed"), "week"), 3);
    CHECK_INT(number_of(json_get(a.root, "failed"), "day"), 1);
    CHECK_INT(number_of(json_get(a.root, "validated"), "week"), 0);
}

static enum rc failures(struct store_txn *txn, void *)
{
    when_t hour = store_hour_of(WORLD_NOW);

    TRY(store_hour_add(txn, hour, STORE_HOUR_FAILED, 1));
    TRY(store_hour_add(txn, hour - WHEN_DAY, STORE_HOUR_FAILED, 2));
    return store_hour_add(txn, hour - 7 * WHEN_DAY, STORE_HOUR_FAILED, 4);
}

int main(void)
{
    static const struct check_test tests[] = {CHECK_TEST(counts_days)};

    return run_and(failures, rows, ROWS, tests, sizeof(tests) / sizeof(tests[0]));
}
