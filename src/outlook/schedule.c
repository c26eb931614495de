/* SPDX-License-Identifier: Apache-2.0 */
#include "outlook/schedule.h"

#include "base/rd.h"

enum { WINDOW_PARTS = 50 /* of the lifetime: how wide a window is */ };

when_t outlook_within(const struct store_hash *fingerprint, when_t span)
{
    struct rd r = rd_of(str_bytes(fingerprint->b, 4));

    return (when_t)((__int128)span * rd_u32(&r) >> 32);
}

/* Where windows begin, from the earliest on; none later than `latest`. */
struct range {
    when_t first, spread, width, latest;
};

static struct range range_of(const struct conf *conf, when_t not_before, when_t not_after)
{
    when_t life = not_after - not_before;
    struct range r = {.spread = life * (when_t)conf->acme.renewal.spread / 100,
                      .width = life / WINDOW_PARTS};

    r.first = not_before + life * (when_t)conf->acme.renewal.at / 100 - r.spread / 2;
    r.latest = not_after - 2 * r.width;
    return r;
}

struct outlook_window outlook_window_of(const struct conf *conf, when_t not_before,
                                        when_t not_after, const struct store_hash *fingerprint)
{
    struct range r = range_of(conf, not_before, not_after);
    when_t first = r.first + outlook_within(fingerprint, r.spread);

    first = first > r.latest ? r.latest : first;
    return (struct outlook_window){first, first + r.width};
}

/* What of [from, from + span) lies in [begin, begin + a day), in parts of `n`. */
static uint64_t share(when_t from, when_t span, when_t begin, uint64_t n)
{
    when_t end = begin + WHEN_DAY < from + span ? begin + WHEN_DAY : from + span;
    when_t start = begin > from ? begin : from;

    return end > start ? (uint64_t)((__int128)n * OUTLOOK_PARTS * (end - start) / span) : 0;
}

void outlook_forecast_add(struct outlook_forecast *f, const struct store_cohort *cohort)
{
    struct range r = range_of(f->conf, cohort->begins, cohort->ends);
    /* A client comes within its window, in the middle on average. A cohort is known by its days,
     * and so is when it comes: within one at least. */
    when_t first = (r.first < r.latest ? r.first : r.latest) + r.width / 2;
    when_t span = r.spread > WHEN_DAY ? r.spread : WHEN_DAY;

    if (cohort->renewed)
        return;
    for (size_t i = 0; i < OUTLOOK_DAYS; i++)
        f->parts[i] += share(first, span, f->begin + (when_t)i * WHEN_DAY, cohort->n);
}

uint64_t outlook_forecast_day(const struct outlook_forecast *f, size_t i)
{
    uint64_t before = OUTLOOK_PARTS / 2;

    for (size_t k = 0; k < i; k++)
        before += f->parts[k];
    return (before + f->parts[i]) / OUTLOOK_PARTS - before / OUTLOOK_PARTS;
}
