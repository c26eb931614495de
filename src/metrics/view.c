/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics/view.h"

#include "base/mem.h"
#include "metrics/view_int.h"

/* A snapshot is its version and then, of each metric in use, name, number of cells and the cells;
 * where a label is a name, how many there are and these names stand before them, and the cells are
 * theirs alone. */
enum {
    SNAPSHOT_VERSION = 1,
    METRIC_TYPICAL_NAME = 64, /* were all names longer, the snapshot could be refused */
};

struct table {
    const struct metric *const *m;
    size_t n;
};

static struct table table(void)
{
    struct table t;

    metric_all(&t.m, &t.n);
    return t;
}

static bool used(const struct metric *m)
{
    return atomic_load_explicit(m->used, memory_order_relaxed);
}

/* The names of its first label; NULL: it has other values. */
static const struct metric_names *names_of(const struct metric *m)
{
    return m->labels[0].names;
}

/* Cells of one of these. */
static size_t row_of(const struct metric *m)
{
    return m->n_cells / METRIC_NAMES_MAX;
}

static size_t put_names(const struct metric_names *names, struct buf *out)
{
    buf_u32(out, (uint32_t)names->n);
    for (size_t i = 0; i < names->n; i++)
        buf_lstr(out, str_of(names->z[i]));
    return names->n;
}

void metrics_snapshot(struct buf *out)
{
    struct table t = table();

    buf_u8(out, SNAPSHOT_VERSION);
    for (size_t i = 0; i < t.n; i++) {
        const struct metric *m = t.m[i];
        size_t n = m->n_cells;

        if (!used(m))
            continue;
        buf_lstr(out, str_of(m->name));
        if (names_of(m))
            n = put_names(names_of(m), out) * row_of(m);
        buf_u32(out, (uint32_t)n);
        for (size_t c = 0; c < n; c++)
            buf_u64(out, (uint64_t)atomic_load_explicit(&m->cells[c], memory_order_relaxed));
    }
}

static bool name_ok(const char *name)
{
    size_t n = strlen(name);

    if (n == 0 || n > METRIC_NAME_MAX || name[0] < 'a' || name[0] > 'z')
        return false;
    return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == n;
}

static bool labels_ok(const struct metric *m, size_t *series)
{
    *series = 1;
    for (size_t i = 0; i < METRIC_LABELS_MAX; i++) {
        const struct metric_label *l = &m->labels[i];

        if (!l->name)
            continue;
        if (l->names ? i > 0 || l->values || l->n != METRIC_NAMES_MAX : !l->values)
            return false;
        if (!name_ok(l->name) || strcmp(l->name, "role") == 0 || strcmp(l->name, "le") == 0)
            return false;
        if (l->n == 0 || (i > 0 && !m->labels[i - 1].name))
            return false;
        *series *= l->n;
    }
    return *series <= METRIC_SERIES_MAX;
}

bool metrics_sound(const struct metric *m)
{
    struct str name = str_of(m->name);
    bool total = str_ends(name, STR("_total"));
    size_t series;

    if (!name_ok(m->name) || !m->help || !m->help[0] || !labels_ok(m, &series))
        return false;
    if (m->n_cells != series * metric_stride(m) || total != (m->kind == METRIC_COUNTER_KIND))
        return false;
    if (total)
        name.n -= 6;
    if (str_ends(name, STR("_seconds")) != (m->unit == METRIC_SECONDS))
        return false;
    if ((m->kind == METRIC_HISTOGRAM_KIND) != (m->n_bounds > 0) || m->n_bounds > METRIC_BOUNDS_MAX)
        return false;
    for (size_t i = 0; i < m->n_bounds; i++)
        if (m->bounds[i] <= (i ? m->bounds[i - 1] : 0))
            return false;
    return true;
}

void metrics_view_init(struct metrics_view *v)
{
    struct table t = table();
    size_t bytes = 1;

    for (size_t i = 0; i < t.n; i++) {
        assert(metrics_sound(t.m[i]));
        bytes += 4 + strlen(t.m[i]->name) + 4 + 8 * t.m[i]->n_cells;
        if (names_of(t.m[i]))
            bytes += 4 + (4 + METRIC_TYPICAL_NAME) * METRIC_NAMES_MAX;
        for (size_t j = 0; j < i; j++)
            assert(strcmp(t.m[i]->name, t.m[j]->name) != 0);
    }
    assert(bytes <= METRICS_SNAPSHOT_MAX);
    *v = (struct metrics_view){};
}

static void role_free(struct metrics_role *role)
{
    if (!role)
        return;
    for (size_t i = 0; i < role->n; i++)
        mem_free(role->rows[i].z);
    mem_free(role->rows);
    mem_free(role->used);
    mem_free(role->cells);
    mem_free(role);
}
DEFINE_FREEP(role_free, struct metrics_role)

void metrics_view_done(struct metrics_view *v)
{
    for (size_t i = 0; i < v->n; i++)
        role_free(v->roles[i]);
    v->n = 0;
}

static enum rc role_new(struct str name, struct table t, struct metrics_role **out)
{
    CLEANUP(role_freep) struct metrics_role *role = MEM_NEW(struct metrics_role);
    size_t cells = 0;

    for (size_t i = 0; i < t.n; i++)
        cells += t.m[i]->n_cells;
    if (!role || !(role->used = mem_calloc(t.n, sizeof(bool))) ||
        !(role->cells = mem_calloc(cells, sizeof(int64_t))) ||
        !(role->rows = mem_calloc(t.n, sizeof(struct metrics_rows))))
        return RC_NOMEM;
    role->n = t.n;
    memcpy(role->name, name.p, name.n);
    *out = MOVE(role);
    return RC_OK;
}

/* The place of a metric in the table and of its cells; t.n when there is none of that name. */
static size_t place(struct table t, struct str name, size_t *first_cell)
{
    *first_cell = 0;
    for (size_t i = 0; i < t.n; i++) {
        if (str_eq(str_of(t.m[i]->name), name))
            return i;
        *first_cell += t.m[i]->n_cells;
    }
    return t.n;
}

/* RC_PARSE: they are not what names may be. */
static enum rc read_names(struct rd *rd, struct metrics_rows *rows)
{
    uint32_t n = rd_u32(rd);

    if (rd_rc(rd) != RC_OK || n == 0 || n > METRIC_NAMES_MAX)
        return RC_PARSE;
    rows->z = mem_calloc(n, sizeof(rows->z[0]));
    if (!rows->z)
        return RC_NOMEM;
    rows->n = n;
    for (uint32_t i = 0; i < n; i++) {
        struct str name = rd_lstr(rd, METRIC_NAMED_MAX);

        if (rd_rc(rd) != RC_OK || !metric_name_ok(name))
            return RC_PARSE;
        memcpy(rows->z[i], name.p, name.n);
        for (uint32_t j = 0; j < i; j++)
            if (strcmp(rows->z[i], rows->z[j]) == 0)
                return RC_PARSE;
    }
    return RC_OK;
}

static enum rc read_metric(struct metrics_role *role, struct table t, struct rd *rd)
{
    struct str name = rd_lstr(rd, METRIC_NAME_MAX);
    size_t first, i = place(t, name, &first), wanted;
    uint32_t n;

    if (i == t.n || role->used[i])
        return RC_PARSE;
    wanted = t.m[i]->n_cells;
    if (names_of(t.m[i])) {
        TRY(read_names(rd, &role->rows[i]));
        wanted = role->rows[i].n * row_of(t.m[i]);
    }
    n = rd_u32(rd);
    if (n != wanted)
        return RC_PARSE;
    for (size_t c = 0; c < n; c++) {
        int64_t v = (int64_t)rd_u64(rd);

        if (v < 0 && t.m[i]->kind != METRIC_GAUGE_KIND)
            return RC_PARSE;
        role->cells[first + c] = v;
    }
    role->used[i] = true;
    return rd_rc(rd);
}

static bool role_name_ok(struct str name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-')
            return false;
    }
    return name.n > 0 && name.n <= METRICS_ROLE_NAME_MAX;
}

/* Where the role is, or would be: they are sorted by name. */
static size_t find(const struct metrics_view *v, struct str name, bool *there)
{
    size_t i = 0;

    while (i < v->n && str_cmp(str_of(v->roles[i]->name), name) < 0)
        i++;
    *there = i < v->n && str_eq(str_of(v->roles[i]->name), name);
    return i;
}

enum rc metrics_view_put(struct metrics_view *v, struct str role, struct str from)
{
    CLEANUP(role_freep) struct metrics_role *made = NULL;
    struct table t = table();
    struct rd rd = rd_of(from);
    size_t at;
    bool there;

    if (!role_name_ok(role))
        return RC_INVAL;
    if (rd_u8(&rd) != SNAPSHOT_VERSION)
        return RC_PARSE;
    at = find(v, role, &there);
    if (!there && v->n == METRICS_ROLES_MAX)
        return RC_TOOBIG;
    TRY(role_new(role, t, &made));
    while (rd.left && !rd.failed)
        TRY(read_metric(made, t, &rd));
    TRY(rd_done(&rd));
    if (there) {
        role_free(v->roles[at]);
    } else {
        memmove(v->roles + at + 1, v->roles + at, (v->n - at) * sizeof(v->roles[0]));
        v->n++;
    }
    v->roles[at] = MOVE(made);
    return RC_OK;
}

void metrics_view_drop(struct metrics_view *v, struct str role)
{
    bool there;
    size_t at = find(v, role, &there);

    if (!there)
        return;
    role_free(v->roles[at]);
    v->n--;
    memmove(v->roles + at, v->roles + at + 1, (v->n - at) * sizeof(v->roles[0]));
}
