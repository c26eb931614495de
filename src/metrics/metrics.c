/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics/metrics.h"

#include <string.h>

#include "metrics/view_int.h"

/* Made by the linker around the section; weak, so that a program without any metric links. */
extern const struct metric *const __start_autarky_metrics[]
    __attribute__((weak, visibility("hidden")));
extern const struct metric *const __stop_autarky_metrics[]
    __attribute__((weak, visibility("hidden")));

void metric_all(const struct metric *const **out_first, size_t *out_count)
{
    const struct metric *const *first = __start_autarky_metrics;
    const struct metric *const *end = __stop_autarky_metrics;

    *out_first = first;
    *out_count = first ? (size_t)(((uintptr_t)end - (uintptr_t)first) / sizeof(*first)) : 0;
}

/* Lower case, digits, hyphens, dots, and "*": nothing that would have to be escaped. */
bool metric_name_ok(struct str name)
{
    for (size_t i = 0; i < name.n; i++)
        if (!memchr("abcdefghijklmnopqrstuvwxyz0123456789-.*_", name.p[i], 40))
            return false;
    return name.n > 0 && name.n <= METRIC_NAMED_MAX;
}

size_t metric_name(struct metric_names *names, struct str name)
{
    for (size_t i = 0; i < names->n; i++)
        if (str_eq(str_of(names->z[i]), name))
            return i;
    if (names->n == METRIC_NAMES_MAX || !metric_name_ok(name))
        return 0;
    memcpy(names->z[names->n], name.p, name.n);
    return names->n++;
}

size_t metric_stride(const struct metric *m)
{
    return m->kind == METRIC_HISTOGRAM_KIND ? m->n_bounds + 2 : 1;
}

size_t metric_series(const struct metric *m)
{
    return m->n_cells / metric_stride(m);
}

/* Counts are read one by one and may be a moment apart: relaxed order is enough. */
static void add(_Atomic int64_t *cell, int64_t n)
{
    atomic_fetch_add_explicit(cell, n, memory_order_relaxed);
}

static void use(const struct metric *m)
{
    atomic_store_explicit(m->used, true, memory_order_relaxed);
}

void metric_add(const struct metric *m, size_t series, int64_t n)
{
    assert(m->kind != METRIC_HISTOGRAM_KIND && series < m->n_cells);
    assert(n >= 0 || m->kind == METRIC_GAUGE_KIND);
    add(&m->cells[series], n);
    use(m);
}

void metric_set(const struct metric *m, size_t series, int64_t v)
{
    assert(m->kind == METRIC_GAUGE_KIND && series < m->n_cells);
    atomic_store_explicit(&m->cells[series], v, memory_order_relaxed);
    use(m);
}

void metric_observe(const struct metric *m, size_t series, int64_t v)
{
    _Atomic int64_t *cells = m->cells + series * metric_stride(m);
    size_t i = 0;

    assert(m->kind == METRIC_HISTOGRAM_KIND && series < metric_series(m));
    if (v < 0)
        v = 0;
    while (i < m->n_bounds && v > m->bounds[i])
        i++;
    add(&cells[i], 1);
    add(&cells[m->n_bounds + 1], v);
    use(m);
}
