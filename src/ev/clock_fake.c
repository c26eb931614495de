/* SPDX-License-Identifier: Apache-2.0 */
/* Linked into tests only: nothing in the program refers to it. */
#include <assert.h>

#include "base/list.h"
#include "ev/clock.h"

static struct clock_fake *fake_of(struct clock *c)
{
    return LIST_ENTRY(c, struct clock_fake, clock);
}

static when_t fake_now(struct clock *c)
{
    return fake_of(c)->now;
}

static int64_t fake_mono(struct clock *c)
{
    return fake_of(c)->mono;
}

static int64_t fake_sleep(struct clock *c, int64_t micros)
{
    (void)c;
    (void)micros;
    return INT64_MAX;
}

void clock_fake_init(struct clock_fake *f, when_t now)
{
    static const struct clock_ops ops = {fake_now, fake_mono, fake_sleep};

    *f = (struct clock_fake){.clock = {&ops}, .now = now};
}

void clock_fake_set(struct clock_fake *f, when_t now)
{
    f->now = now;
}

void clock_fake_advance(struct clock_fake *f, int64_t micros)
{
    assert(micros >= 0);
    f->now += micros;
    f->mono += micros;
}
