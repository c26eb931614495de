/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/schema_int.h"

enum { NEAR_BYTES_MAX = 64 };

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Insertions, deletions, replacements and swaps of neighbours that make one of the other, letters
 * of either case being equal (optimal string alignment). Only the first NEAR_BYTES_MAX bytes
 * count. */
static unsigned distance(struct str a, struct str b)
{
    unsigned rows[3][NEAR_BYTES_MAX + 1];
    unsigned *before = rows[0], *last = rows[1], *row = rows[2];

    a = str_head(a, NEAR_BYTES_MAX);
    b = str_head(b, NEAR_BYTES_MAX);
    for (unsigned j = 0; j <= b.n; j++)
        last[j] = j;
    for (unsigned i = 1; i <= a.n; i++) {
        unsigned *oldest = before;

        row[0] = i;
        for (unsigned j = 1; j <= b.n; j++) {
            bool same = lower(a.p[i - 1]) == lower(b.p[j - 1]);

            row[j] = least(least(last[j], row[j - 1]) + 1, last[j - 1] + !same);
            if (i > 1 && j > 1 && lower(a.p[i - 1]) == lower(b.p[j - 2]) &&
                lower(a.p[i - 2]) == lower(b.p[j - 1]))
                row[j] = least(row[j], before[j - 2] + 1);
        }
        before = last;
        last = row;
        row = oldest;
    }
    return last[b.n];
}

/* Few enough differences to be a slip. */
static bool near(struct str name, unsigned differences)
{
    return differences <= 1 + name.n / 4;
}

struct str conf_schema_nearest(const struct conf_key *above, struct str name)
{
    struct str best = {NULL, 0};
    unsigned fewest = 0;
    size_t at = 0;

    for (const struct conf_key *key; (key = conf_schema_next(above, &at));) {
        unsigned d = distance(name, conf_key_name(key));

        if (best.p && d >= fewest)
            continue;
        best = conf_key_name(key);
        fewest = d;
    }
    if (near(name, fewest))
        return best;
    for (size_t i = 0; i < conf_schema_n; i++)
        if (str_eq(conf_key_name(&conf_schema[i]), name))
            return str_of(conf_schema[i].path);
    return best;
}

struct str conf_names_nearest(const char *const *names, struct str name)
{
    struct str best = {NULL, 0};
    unsigned fewest = 0;

    for (; *names; names++) {
        unsigned d = distance(name, str_of(*names));

        if (!near(name, d) || (best.p && d >= fewest))
            continue;
        best = str_of(*names);
        fewest = d;
    }
    return best;
}
