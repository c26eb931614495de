/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "metrics/view_int.h"

const char *metrics_content_type(enum metrics_format format)
{
    return format == METRICS_OPENMETRICS
               ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
               : "text/plain; version=0.0.4; charset=utf-8";
}

enum metrics_format metrics_accept(struct str accept)
{
    struct str media;

    while (str_next(&accept, ',', &media)) {
        struct str type = str_head(media, str_find(media, ';'));

        if (str_ieq(str_trim(type), STR("application/openmetrics-text")))
            return METRICS_OPENMETRICS;
    }
    return METRICS_PROMETHEUS;
}

/* Inside of quotes, and after HELP; the older format leaves quotes in HELP as they are. */
static void put_escaped(const char *z, bool quotes, struct buf *out)
{
    for (; *z; z++) {
        if (*z == '\n')
            buf_putz(out, "\\n");
        else if (*z == '\\' || (*z == '"' && quotes))
            buf_printf(out, "\\%c", *z);
        else
            buf_u8(out, (uint8_t)*z);
    }
}

/* Seconds with as many decimals as there are, and one at least: "0.005", "1.0". */
static void put_value(const struct metric *m, int64_t v, struct buf *out)
{
    char decimals[8];
    uint64_t left = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    int n = 6;

    if (m->unit != METRIC_SECONDS) {
        buf_printf(out, "%" PRId64, v);
        return;
    }
    snprintf(decimals, sizeof(decimals), "%06u", (unsigned)(left % 1000000));
    while (n > 1 && decimals[n - 1] == '0')
        n--;
    buf_printf(out, "%s%" PRIu64 ".%.*s", v < 0 ? "-" : "", left / 1000000, n, decimals);
}

/* A metric of one role. */
struct shown {
    const struct metric *m;
    const char *role;
    const struct metrics_rows *rows;
};

static const char *value_of(const struct shown *at, size_t label, size_t i)
{
    const struct metric_label *l = &at->m->labels[label];

    return l->names ? at->rows->z[i] : l->values[i];
}

/* autarky_NAME and SUFFIX {role="core",status="valid" ; the brace is open. */
static void put_series(const struct shown *at, const char *suffix, size_t series, struct buf *out)
{
    const struct metric *m = at->m;
    size_t second = m->labels[1].name ? m->labels[1].n : 1;
    size_t index[METRIC_LABELS_MAX] = {series / second, series % second};

    buf_printf(out, "autarky_%s%s{role=\"%s\"", m->name, suffix, at->role);
    for (size_t i = 0; i < METRIC_LABELS_MAX && m->labels[i].name; i++) {
        buf_printf(out, ",%s=\"", m->labels[i].name);
        put_escaped(value_of(at, i, index[i]), true, out);
        buf_putz(out, "\"");
    }
}

static void put_histogram(const struct shown *at, size_t series, const int64_t *cells,
                          struct buf *out)
{
    const struct metric *m = at->m;
    uint64_t count = 0;

    for (size_t i = 0; i <= m->n_bounds; i++) {
        count += (uint64_t)cells[i];
        put_series(at, "_bucket", series, out);
        buf_putz(out, ",le=\"");
        if (i < m->n_bounds)
            put_value(m, m->bounds[i], out);
        else
            buf_putz(out, "+Inf");
        buf_printf(out, "\"} %" PRIu64 "\n", count);
    }
    put_series(at, "_sum", series, out);
    buf_putz(out, "} ");
    put_value(m, cells[m->n_bounds + 1], out);
    buf_putz(out, "\n");
    put_series(at, "_count", series, out);
    buf_printf(out, "} %" PRIu64 "\n", count);
}

static void put_metric(const struct shown *at, const int64_t *cells, struct buf *out)
{
    const struct metric *m = at->m;
    size_t n = metric_series(m);

    if (m->labels[0].names)
        n = n / METRIC_NAMES_MAX * at->rows->n;
    for (size_t s = 0; s < n; s++) {
        if (m->kind == METRIC_HISTOGRAM_KIND) {
            put_histogram(at, s, cells + s * metric_stride(m), out);
            continue;
        }
        if (m->kind == METRIC_GAUGE_KIND && cells[s] == METRIC_NONE)
            continue;
        put_series(at, "", s, out);
        buf_putz(out, "} ");
        put_value(m, cells[s], out);
        buf_putz(out, "\n");
    }
}

/* OpenMetrics names a counter without the suffix of its series. */
static void put_head(const struct metric *m, enum metrics_format format, struct buf *out)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    struct str name = str_of(m->name);

    if (format == METRICS_OPENMETRICS && m->kind == METRIC_COUNTER_KIND)
        name.n -= strlen("_total");
    buf_printf(out, "# HELP autarky_%.*s ", STR_ARG(name));
    put_escaped(m->help, format == METRICS_OPENMETRICS, out);
    buf_printf(out, "\n# TYPE autarky_%.*s %s\n", STR_ARG(name), kinds[m->kind]);
}

/* The metric whose name comes next after `last` (NULL: the first); the order of the linker is none.
 * `*i` is its place, and false the end. */
static bool next_by_name(const struct metric *const *m, size_t n, const char *last, size_t *i)
{
    size_t best = n;

    for (size_t k = 0; k < n; k++) {
        if (last && strcmp(m[k]->name, last) <= 0)
            continue;
        if (best == n || strcmp(m[k]->name, m[best]->name) < 0)
            best = k;
    }
    *i = best;
    return best < n;
}

static void put_roles(const struct metrics_view *v, const struct metric *const *m, size_t i,
                      enum metrics_format format, struct buf *out)
{
    bool headed = false;
    size_t first_cell = 0;

    for (size_t k = 0; k < i; k++)
        first_cell += m[k]->n_cells;
    for (size_t r = 0; r < v->n; r++) {
        const struct metrics_role *role = v->roles[r];

        if (!role->used[i])
            continue;
        if (!headed)
            put_head(m[i], format, out);
        headed = true;
        put_metric(&(struct shown){m[i], role->name, &role->rows[i]}, role->cells + first_cell,
                   out);
    }
}

void metrics_view_render(const struct metrics_view *v, enum metrics_format format, struct buf *out)
{
    const struct metric *const *m;
    const char *last = NULL;
    size_t n, i;

    metric_all(&m, &n);
    while (next_by_name(m, n, last, &i)) {
        put_roles(v, m, i, format, out);
        last = m[i]->name;
    }
    if (format == METRICS_OPENMETRICS)
        buf_putz(out, "# EOF\n");
}
