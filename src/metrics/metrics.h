/* SPDX-License-Identifier: Apache-2.0 */
/* Counters, gauges and histograms of one process. They are declared as static objects beside the
 * code that counts, with all the series they can ever have: labels are small closed enums, or names
 * of the configuration (struct metric_names), never addresses or anything else that a stranger
 * chooses. The linker gathers them; counting
 * takes one atomic addition and works from any thread. How they leave the process: metrics/view.h.
 *
 *     static const char *const results[] = {"valid", "invalid"};
 *     METRIC_COUNTER_BY(orders, "orders_total", "Orders that ended", "status", results);
 *     ...
 *     metric_add(&orders, RESULT_VALID, 1);
 */
#pragma once

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum {
    METRIC_LABELS_MAX = 2,
    METRIC_SERIES_MAX = 1024, /* of one metric */
    METRIC_NAMES_MAX = 128,   /* of one kind, "other" among them */
    METRIC_NAMED_MAX = 253,   /* bytes of a name */
    METRIC_BOUNDS_MAX = 24,
    METRIC_NAME_MAX = 60,
};

enum metric_kind { METRIC_COUNTER_KIND, METRIC_GAUGE_KIND, METRIC_HISTOGRAM_KIND };

/* Values are integers; what they count shows in the name and in how they are written. */
enum metric_unit {
    METRIC_ONE,     /* a number, bytes too: "..._bytes" */
    METRIC_SECONDS, /* microseconds (when_t), written as seconds: "..._seconds" */
};

/* Names of one kind, such as the sites, in the order in which they came, for as long as the process
 * lives: what was counted is never taken back. Number 0 is "other", which all are for whom there is
 * no room. Names are those of hosts; one thread adds them, before it counts. */
struct metric_names {
    size_t n;
    char z[METRIC_NAMES_MAX][METRIC_NAMED_MAX + 1];
};
#define METRIC_NAMES(var) static struct metric_names var = {1, {"other"}}

struct metric_label {
    const char *name;
    const char *const *values; /* NULL: `names` */
    size_t n;
    struct metric_names *names; /* of the first label only: no more series than names are shown */
};

struct metric {
    const char *name; /* without "autarky_"; a counter's ends in "_total" */
    const char *help;
    enum metric_kind kind;
    enum metric_unit unit;
    struct metric_label labels[METRIC_LABELS_MAX];
    const int64_t
        *bounds; /* of a histogram: upper bounds, rising; one bucket more takes the rest */
    size_t n_bounds;
    _Atomic int64_t *cells; /* per series: the value, or the buckets and the sum */
    size_t n_cells;
    atomic_bool *used; /* anything was ever counted or set here: only then it is shown */
};

#define METRIC_LENGTH(a) (sizeof(a) / sizeof((a)[0]))

#define METRIC_DEFINE(var, cells_, ...)                                                            \
    static _Atomic int64_t var##_cells[cells_];                                                    \
    static atomic_bool var##_used;                                                                 \
    static const struct metric var = {                                                             \
        .cells = var##_cells, .n_cells = (cells_), .used = &var##_used, __VA_ARGS__};              \
    static const struct metric *const var##_entry                                                  \
        __attribute__((section("autarky_metrics"), used)) = &var

/* Without labels: one series, 0. */
#define METRIC_COUNTER(var, name_, help_)                                                          \
    METRIC_DEFINE(var, 1, .name = (name_), .help = (help_), .kind = METRIC_COUNTER_KIND)
/* Time that adds up, in microseconds: "..._seconds_total". */
#define METRIC_COUNTER_TIME(var, name_, help_)                                                     \
    METRIC_DEFINE(var, 1, .name = (name_), .help = (help_), .kind = METRIC_COUNTER_KIND,           \
                  .unit = METRIC_SECONDS)
#define METRIC_GAUGE(var, name_, help_)                                                            \
    METRIC_DEFINE(var, 1, .name = (name_), .help = (help_), .kind = METRIC_GAUGE_KIND)

/* A length of time, in microseconds, or a moment (when_t): "..._seconds",
 * "..._timestamp_seconds". */
#define METRIC_GAUGE_TIME(var, name_, help_)                                                       \
    METRIC_DEFINE(var, 1, .name = (name_), .help = (help_), .kind = METRIC_GAUGE_KIND,             \
                  .unit = METRIC_SECONDS)
/* Of a gauge: there is nothing to measure, and the series is not shown. 0 would be a value. */
#define METRIC_NONE INT64_MIN

#define METRIC_LABELLED(label, values_)                                                            \
    {                                                                                              \
        (label), (values_), METRIC_LENGTH(values_)                                                 \
    }

/* One label: the series is the index into `values`, an array of strings. */
#define METRIC_COUNTER_BY(var, name_, help_, label, values)                                        \
    METRIC_DEFINE(var, METRIC_LENGTH(values), .name = (name_), .help = (help_),                    \
                  .kind = METRIC_COUNTER_KIND, .labels = {METRIC_LABELLED(label, values)})
#define METRIC_GAUGE_BY(var, name_, help_, label, values)                                          \
    METRIC_DEFINE(var, METRIC_LENGTH(values), .name = (name_), .help = (help_),                    \
                  .kind = METRIC_GAUGE_KIND, .labels = {METRIC_LABELLED(label, values)})

#define METRIC_GAUGE_TIME_BY(var, name_, help_, label, values)                                     \
    METRIC_DEFINE(var, METRIC_LENGTH(values), .name = (name_), .help = (help_),                    \
                  .kind = METRIC_GAUGE_KIND, .unit = METRIC_SECONDS,                               \
                  .labels = {METRIC_LABELLED(label, values)})

/* Two labels: the series is metric_at(&var, i, j). */
#define METRIC_GAUGE_TIME_BY2(var, name_, help_, label, values, label2, values2)                   \
    METRIC_DEFINE(var, METRIC_LENGTH(values) * METRIC_LENGTH(values2), .name = (name_),            \
                  .help = (help_), .kind = METRIC_GAUGE_KIND, .unit = METRIC_SECONDS,              \
                  .labels = {METRIC_LABELLED(label, values), METRIC_LABELLED(label2, values2)})
#define METRIC_COUNTER_BY2(var, name_, help_, label, values, label2, values2)                      \
    METRIC_DEFINE(var, METRIC_LENGTH(values) * METRIC_LENGTH(values2), .name = (name_),            \
                  .help = (help_), .kind = METRIC_COUNTER_KIND,                                    \
                  .labels = {METRIC_LABELLED(label, values), METRIC_LABELLED(label2, values2)})

/* A distribution of lengths of time; `bounds_` is an array of int64_t in microseconds. */
#define METRIC_TIMES(var, name_, help_, bounds_)                                                   \
    METRIC_DEFINE(var, METRIC_LENGTH(bounds_) + 2, .name = (name_), .help = (help_),               \
                  .kind = METRIC_HISTOGRAM_KIND, .unit = METRIC_SECONDS, .bounds = (bounds_),      \
                  .n_bounds = METRIC_LENGTH(bounds_))
#define METRIC_TIMES_BY(var, name_, help_, bounds_, label, values)                                 \
    METRIC_DEFINE(var, (METRIC_LENGTH(bounds_) + 2) * METRIC_LENGTH(values), .name = (name_),      \
                  .help = (help_), .kind = METRIC_HISTOGRAM_KIND, .unit = METRIC_SECONDS,          \
                  .bounds = (bounds_), .n_bounds = METRIC_LENGTH(bounds_),                         \
                  .labels = {METRIC_LABELLED(label, values)})

/* The same with a label whose values are names; the series is the name's number, or metric_at. */
#define METRIC_NAMED(label, names_)                                                                \
    {                                                                                              \
        (label), NULL, METRIC_NAMES_MAX, &(names_)                                                 \
    }
#define METRIC_GAUGE_OF(var, name_, help_, label, names_)                                          \
    METRIC_DEFINE(var, METRIC_NAMES_MAX, .name = (name_), .help = (help_),                         \
                  .kind = METRIC_GAUGE_KIND, .labels = {METRIC_NAMED(label, names_)})
#define METRIC_COUNTER_OF2(var, name_, help_, label, names_, label2, values2)                      \
    METRIC_DEFINE(var, METRIC_NAMES_MAX *METRIC_LENGTH(values2), .name = (name_), .help = (help_), \
                  .kind = METRIC_COUNTER_KIND,                                                     \
                  .labels = {METRIC_NAMED(label, names_), METRIC_LABELLED(label2, values2)})
#define METRIC_TIMES_OF(var, name_, help_, bounds_, label, names_)                                 \
    METRIC_DEFINE(var, (METRIC_LENGTH(bounds_) + 2) * METRIC_NAMES_MAX, .name = (name_),           \
                  .help = (help_), .kind = METRIC_HISTOGRAM_KIND, .unit = METRIC_SECONDS,          \
                  .bounds = (bounds_), .n_bounds = METRIC_LENGTH(bounds_),                         \
                  .labels = {METRIC_NAMED(label, names_)})
/* The number of that name, which is added if there is room; 0: it counts among the others. */
size_t metric_name(struct metric_names *names, struct str name);

/* Number of series; of cells in each. */
size_t metric_series(const struct metric *m);
size_t metric_stride(const struct metric *m);

/* The series of the i-th value of the first label and the j-th of the second. */
static inline size_t metric_at(const struct metric *m, size_t i, size_t j)
{
    assert(i < m->labels[0].n && j < m->labels[1].n);
    return i * m->labels[1].n + j;
}

/* Counters (`n` is not negative) and gauges. Adding 0 shows a counter that has not counted yet. */
void metric_add(const struct metric *m, size_t series, int64_t n);
/* Gauges. */
void metric_set(const struct metric *m, size_t series, int64_t v);
/* Histograms; negative values count as 0. */
void metric_observe(const struct metric *m, size_t series, int64_t v);

/* All metrics linked into this program. */
void metric_all(const struct metric *const **out_first, size_t *out_count);
