/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdio.h>

#include "metrics/view_int.h"

static const char *const results[] = {"valid", "in\"va\\lid\n"};
static const char *const kinds[] = {"a", "b"};
static const int64_t bounds[] = {5000, 1000000, 2500000};

METRIC_COUNTER(plain, "plain_total", "Plain \"things\"\\");
METRIC_COUNTER_BY2(both, "both_total", "Both", "result", results, "kind", kinds);
METRIC_GAUGE(level, "level", "Level");
METRIC_TIMES(took, "took_seconds", "Took", bounds);
METRIC_NAMES(sites);
METRIC_COUNTER_OF2(by_site, "by_site_total", "By site", "site", sites, "kind", kinds);
METRIC_TIMES_OF(times, "site_seconds", "Times", bounds, "site", sites);
METRIC_COUNTER(unused, "unused_total", "Never counted");

static void forget_names(void)
{
    memset(sites.z + 1, 0, sizeof(sites.z) - sizeof(sites.z[0]));
    sites.n = 1;
}

static void reset(void)
{
    const struct metric *const *m;
    size_t n;

    metric_all(&m, &n);
    for (size_t i = 0; i < n; i++) {
        *m[i]->used = false;
        for (size_t c = 0; c < m[i]->n_cells; c++)
            m[i]->cells[c] = 0;
    }
}

/* Puts what is counted now under that name. */
static enum rc put(struct metrics_view *v, const char *role)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(METRICS_SNAPSHOT_MAX);

    metrics_snapshot(&b);
    TRY(buf_rc(&b));
    return metrics_view_put(v, str_of(role), buf_str(&b));
}

static void rendered(void)
{
    CLEANUP(metrics_view_done) struct metrics_view v = {};
    CLEANUP(buf_done) struct buf text = BUF_INIT(1 << 16);

    metrics_view_init(&v);
    reset();
    metric_add(&plain, 0, 3);
    metric_add(&both, metric_at(&both, 1, 0), 2);
    metric_observe(&took, 0, 4999);
    metric_observe(&took, 0, 1500000);
    metric_observe(&took, 0, 9000001);
    CHECK_OK(put(&v, "front"));
    reset();
    metric_add(&plain, 0, 4);
    metric_set(&level, 0, -7);
    CHECK_OK(put(&v, "core"));
    metrics_view_render(&v, METRICS_PROMETHEUS, &text);
    CHECK_OK(buf_rc(&text));
    CHECK_STR(buf_str(&text),
              "# HELP autarky_both_total Both\n"
              "# TYPE autarky_both_total counter\n"
              "autarky_both_total{role=\"front\",result=\"valid\",kind=\"a\"} 0\n"
              "autarky_both_total{role=\"front\",result=\"valid\",kind=\"b\"} 0\n"
              "autarky_both_total{role=\"front\",result=\"in\\\"va\\\\lid\\n\",kind=\"a\"} 2\n"
              "autarky_both_total{role=\"front\",result=\"in\\\"va\\\\lid\\n\",kind=\"b\"} 0\n"
              "# HELP autarky_level Level\n"
              "# TYPE autarky_level gauge\n"
              "autarky_level{role=\"core\"} -7\n"
              "# HELP autarky_plain_total Plain \"things\"\\\\\n"
              "# TYPE autarky_plain_total counter\n"
              "autarky_plain_total{role=\"core\"} 4\n"
              "autarky_plain_total{role=\"front\"} 3\n"
              "# HELP autarky_took_seconds Took\n"
              "# TYPE autarky_took_seconds histogram\n"
              "autarky_took_seconds_bucket{role=\"front\",le=\"0.005\"} 1\n"
              "autarky_took_seconds_bucket{role=\"front\",le=\"1.0\"} 1\n"
              "autarky_took_seconds_bucket{role=\"front\",le=\"2.5\"} 2\n"
              "autarky_took_seconds_bucket{role=\"front\",le=\"+Inf\"} 3\n"
              "autarky_took_seconds_sum{role=\"front\"} 10.505\n"
              "autarky_took_seconds_count{role=\"front\"} 3\n");
}

/* Only names that there are have series, and one that is known has its number again. */
static void names_as_labels(void)
{
    CLEANUP(metrics_view_done) struct metrics_view v = {};
    CLEANUP(buf_done) struct buf text = BUF_INIT(1 << 16);
    size_t b;

    metrics_view_init(&v);
    reset();
    forget_names();
    CHECK_INT(metric_name(&sites, STR("a.example")), 1);
    b = metric_name(&sites, STR("b.example"));
    CHECK_INT(b, 2);
    CHECK_INT(metric_name(&sites, STR("a.example")), 1);
    metric_add(&by_site, metric_at(&by_site, b, 1), 5);
    metric_add(&by_site, metric_at(&by_site, 0, 0), 7);
    metric_observe(&times, b, 1);
    CHECK_OK(put(&v, "front"));
    metrics_view_render(&v, METRICS_PROMETHEUS, &text);
    CHECK_OK(buf_rc(&text));
    CHECK(str_starts(buf_str(&text),
                     STR("# HELP autarky_by_site_total By site\n"
                         "# TYPE autarky_by_site_total counter\n"
                         "autarky_by_site_total{role=\"front\",site=\"other\",kind=\"a\"} 7\n"
                         "autarky_by_site_total{role=\"front\",site=\"other\",kind=\"b\"} 0\n"
                         "autarky_by_site_total{role=\"front\",site=\"a.example\",kind=\"a\"} 0\n"
                         "autarky_by_site_total{role=\"front\",site=\"a.example\",kind=\"b\"} 0\n"
                         "autarky_by_site_total{role=\"front\",site=\"b.example\",kind=\"a\"} 0\n"
                         "autarky_by_site_total{role=\"front\",site=\"b.example\",kind=\"b\"} 5\n"
                         "# HELP autarky_site_seconds Times\n")));
    CHECK(
        strstr(buf_z(&text), "autarky_site_seconds_count{role=\"front\",site=\"b.example\"} 1\n"));
}

static void as_many_names_as_there_is_room_for(void)
{
    CLEANUP(metrics_view_done) struct metrics_view v = {};
    char name[32];

    metrics_view_init(&v);
    reset();
    forget_names();
    for (int i = 1; i < METRIC_NAMES_MAX; i++) {
        snprintf(name, sizeof(name), "s%d.example", i);
        CHECK_INT(metric_name(&sites, str_of(name)), i);
    }
    CHECK_INT(metric_name(&sites, STR("late.example")), 0);
    CHECK_INT(metric_name(&sites, STR("s7.example")), 7);
    metric_add(&by_site, metric_at(&by_site, METRIC_NAMES_MAX - 1, 1), 1);
    CHECK_OK(put(&v, "front"));
    forget_names();
    CHECK_INT(metric_name(&sites, STR("a\"b")), 0);
    CHECK_INT(metric_name(&sites, STR("")), 0);
}

/* What another process says of names is held to the same rules. */
static void hostile_names(void)
{
    static const struct {
        uint32_t n;
        const char *names[2];
        uint32_t cells;
        enum rc rc;
    } cases[] = {
        {2, {"other", "a.example"}, 4, RC_OK},
        {1, {"other"}, 2, RC_OK},
        {2, {"other", "a.example"}, 3, RC_PARSE},
        {2, {"other", "other"}, 4, RC_PARSE},
        {2, {"other", "a\"b"}, 4, RC_PARSE},
        {2, {"other", ""}, 4, RC_PARSE},
        {0, {NULL}, 0, RC_PARSE},
        {METRIC_NAMES_MAX + 1, {"a", "b"}, 4, RC_PARSE},
        {UINT32_MAX, {"a", "b"}, 4, RC_PARSE},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(metrics_view_done) struct metrics_view v = {};
        CLEANUP(buf_done) struct buf b = BUF_INIT(4096);

        metrics_view_init(&v);
        buf_u8(&b, 1);
        buf_lstr(&b, STR("by_site_total"));
        buf_u32(&b, cases[i].n);
        for (size_t k = 0; k < 2 && cases[i].names[k]; k++)
            buf_lstr(&b, str_of(cases[i].names[k]));
        buf_u32(&b, cases[i].cells);
        for (size_t k = 0; k < cases[i].cells; k++)
            buf_u64(&b, 1);
        CHECK_OK(buf_rc(&b));
        CHECK_RC(metrics_view_put(&v, STR("gateway-1"), buf_str(&b)), cases[i].rc);
    }
}

static void openmetrics(void)
{
    CLEANUP(metrics_view_done) struct metrics_view v = {};
    CLEANUP(buf_done) struct buf text = BUF_INIT(1 << 16);

    metrics_view_init(&v);
    reset();
    metric_add(&plain, 0, 3);
    CHECK_OK(put(&v, "front"));
    metrics_view_render(&v, METRICS_OPENMETRICS, &text);
    CHECK_OK(buf_rc(&text));
    CHECK_STR(buf_str(&text), "# HELP autarky_plain Plain \\\"things\\\"\\\\\n"
                              "# TYPE autarky_plain counter\n"
                              "autarky_plain_total{role=\"front\"} 3\n"
                              "# EOF\n");
}

static void latest_snapshot_counts(void)
{
    CLEANUP(metrics_view_done) struct metrics_view v = {};
    CLEANUP(buf_done) struct buf text = BUF_INIT(1 << 16);

    metrics_view_init(&v);
    reset();
    metric_set(&level, 0, 1);
    CHECK_OK(put(&v, "b"));
    CHECK_OK(put(&v, "a"));
    CHECK_OK(put(&v, "c"));
    metric_set(&level, 0, 2);
    CHECK_OK(put(&v, "b"));
    CHECK_INT(v.n, 3);
    metrics_view_drop(&v, STR("a"));
    metrics_view_drop(&v, STR("none"));
    CHECK_INT(v.n, 2);
    metrics_view_render(&v, METRICS_PROMETHEUS, &text);
    CHECK_OK(buf_rc(&text));
    CHECK_STR(buf_str(&text), "# HELP autarky_level Level\n"
                              "# TYPE autarky_level gauge\n"
                              "autarky_level{role=\"b\"} 2\n"
                              "autarky_level{role=\"c\"} 1\n");
}

static void number_of_roles(void)
{
    CLEANUP(metrics_view_done) struct metrics_view v = {};

    metrics_view_init(&v);
    reset();
    for (int i = 0; i < METRICS_ROLES_MAX; i++) {
        char name[] = {'r', (char)('0' + i / 10), (char)('0' + i % 10), 0};

        CHECK_OK(put(&v, name));
    }
    CHECK_RC(put(&v, "one-more"), RC_TOOBIG);
    CHECK_OK(put(&v, "r00"));
    CHECK_INT(v.n, METRICS_ROLES_MAX);
}

static void names_of_roles(void)
{
    CLEANUP(metrics_view_done) struct metrics_view v = {};

    metrics_view_init(&v);
    CHECK_OK(put(&v, "gateway-1"));
    CHECK_RC(put(&v, ""), RC_INVAL);
    CHECK_RC(put(&v, "a\"b"), RC_INVAL);
    CHECK_RC(put(&v, "Core"), RC_INVAL);
    CHECK_RC(put(&v, "aaaaaaaaaabbbbbbbbbbaaaaaaaaaabb"), RC_INVAL);
    CHECK_OK(put(&v, "aaaaaaaaaabbbbbbbbbbaaaaaaaaaab"));
    CHECK_INT(v.n, 2);
}

static void put_cells(struct buf *b, const char *name, uint32_t n, int64_t v)
{
    buf_lstr(b, str_of(name));
    buf_u32(b, n);
    for (uint32_t i = 0; i < n; i++)
        buf_u64(b, (uint64_t)v);
}

/* What does not fit the table is refused, and the view keeps what it had. */
static void hostile_snapshots(void)
{
    CLEANUP(metrics_view_done) struct metrics_view v = {};
    CLEANUP(buf_done) struct buf b = BUF_INIT(4096);
    CLEANUP(buf_done) struct buf before = BUF_INIT(1 << 16);
    CLEANUP(buf_done) struct buf after = BUF_INIT(1 << 16);
    static const struct {
        const char *name;
        uint32_t n;
        int64_t value;
        bool twice;
        enum rc rc;
    } cases[] = {
        {"level", 1, -1, false, RC_OK},
        {"plain_total", 1, INT64_MAX, false, RC_OK},
        {"took_seconds", 5, INT64_MAX, false, RC_OK},
        {"nothing_total", 1, 1, false, RC_PARSE},
        {"", 0, 0, false, RC_PARSE},
        {"plain_total", 2, 1, false, RC_PARSE},
        {"plain_total", 0, 1, false, RC_PARSE},
        {"plain_total", 1, -1, false, RC_PARSE},
        {"took_seconds", 5, -1, false, RC_PARSE},
        {"plain_total", 1, 1, true, RC_PARSE},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        metrics_view_init(&v);
        buf_reset(&b);
        buf_u8(&b, 1);
        put_cells(&b, cases[i].name, cases[i].n, cases[i].value);
        if (cases[i].twice)
            put_cells(&b, cases[i].name, cases[i].n, cases[i].value);
        CHECK_OK(buf_rc(&b));
        CHECK_RC(metrics_view_put(&v, STR("core"), buf_str(&b)), cases[i].rc);
        buf_reset(&after);
        metrics_view_render(&v, METRICS_PROMETHEUS, &after);
        metrics_view_done(&v);
    }

    metrics_view_init(&v);
    reset();
    metric_add(&plain, 0, 1);
    metric_observe(&took, 0, 1);
    CHECK_OK(put(&v, "core"));
    metrics_view_render(&v, METRICS_PROMETHEUS, &before);
    buf_reset(&b);
    metrics_snapshot(&b);
    CHECK_OK(buf_rc(&b));
    for (size_t n = 0; n < b.n; n++) {
        enum rc rc = metrics_view_put(&v, STR("other"), str_head(buf_str(&b), n));

        CHECK(rc == RC_PARSE || (rc == RC_OK && n >= 1));
        metrics_view_drop(&v, STR("other"));
    }
    b.p[0] = 2;
    CHECK_RC(metrics_view_put(&v, STR("core"), buf_str(&b)), RC_PARSE);
    buf_reset(&after);
    metrics_view_render(&v, METRICS_PROMETHEUS, &after);
    CHECK_OK(buf_rc(&after));
    CHECK_STR(buf_str(&after), buf_z(&before));
}

static void formats(void)
{
    CHECK(metrics_accept(STR("")) == METRICS_PROMETHEUS);
    CHECK(metrics_accept(STR("text/plain;version=0.0.4;q=0.5,*/*;q=0.1")) == METRICS_PROMETHEUS);
    CHECK(metrics_accept(STR("application/openmetrics-text; version=1.0.0,text/plain")) ==
          METRICS_OPENMETRICS);
    CHECK(metrics_accept(STR("text/plain, Application/OpenMetrics-Text")) == METRICS_OPENMETRICS);
    CHECK(metrics_accept(STR("application/openmetrics-textual")) == METRICS_PROMETHEUS);
    CHECK(strstr(metrics_content_type(METRICS_PROMETHEUS), "0.0.4"));
    CHECK(strstr(metrics_content_type(METRICS_OPENMETRICS), "openmetrics"));
}

/* Every rule that a declaration has to keep, broken once. */
static void declarations(void)
{
    static const int64_t falling[] = {2, 1};
    static const int64_t zero[] = {0, 1};
    static const char *const many[METRIC_SERIES_MAX + 1] = {"a"};
    struct metric good = both, m;

    CHECK(metrics_sound(&plain) && metrics_sound(&both) && metrics_sound(&took));
#define UNSOUND(...)                                                                               \
    do {                                                                                           \
        m = good;                                                                                  \
        __VA_ARGS__;                                                                               \
        CHECK(!metrics_sound(&m));                                                                 \
    } while (0)
    UNSOUND(m.name = "both");
    UNSOUND(m.name = "Both_total");
    UNSOUND(m.name = "1_total");
    UNSOUND(m.name = "");
    UNSOUND(m.name = "a-b_total");
    UNSOUND(m.name = "aaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbb_total");
    UNSOUND(m.name = "both_seconds_total");
    UNSOUND(m.help = "");
    UNSOUND(m.help = NULL);
    UNSOUND(m.unit = METRIC_SECONDS);
    UNSOUND(m.kind = METRIC_GAUGE_KIND);
    UNSOUND(m.n_cells = 3);
    UNSOUND(m.labels[0].name = "role");
    UNSOUND(m.labels[1].name = "le");
    UNSOUND(m.labels[0].name = NULL);
    UNSOUND(m.labels[1].name = "x y");
    UNSOUND(m.labels[1].n = 0);
    UNSOUND(m.labels[0].n = sizeof(many) / sizeof(many[0]); m.labels[0].values = many;
            m.labels[1].n = 1; m.n_cells = sizeof(many) / sizeof(many[0]));
    good = took;
    UNSOUND(m.name = "took");
    UNSOUND(m.bounds = falling; m.n_bounds = 2; m.n_cells = 4);
    UNSOUND(m.bounds = zero; m.n_bounds = 2; m.n_cells = 4);
    UNSOUND(m.n_bounds = 0; m.n_cells = 2);
    CHECK(metrics_sound(&unused));
}

CHECK_MAIN(CHECK_TEST(rendered), CHECK_TEST(names_as_labels),
           CHECK_TEST(as_many_names_as_there_is_room_for), CHECK_TEST(hostile_names),
           CHECK_TEST(openmetrics), CHECK_TEST(latest_snapshot_counts), CHECK_TEST(number_of_roles),
           CHECK_TEST(names_of_roles), CHECK_TEST(hostile_snapshots), CHECK_TEST(formats),
           CHECK_TEST(declarations))
