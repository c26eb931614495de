/* SPDX-License-Identifier: Apache-2.0 */
#include "client/renewal.h"

#include "crypto/crypto.h"

/* 0 to n - 1; n is at least 1. Without a random generator the middle: nothing here is secret. */
static int64_t dice(int64_t n)
{
    uint64_t v = (uint64_t)n / 2;

    if (crypto_random(&v, sizeof(v)) != RC_OK)
        return n / 2;
    return (int64_t)(v % (uint64_t)n);
}

void client_renewal_plan(struct client_renewal *r, when_t not_before, when_t not_after, bool looks,
                         when_t now)
{
    int64_t life = not_after - not_before;
    int64_t middle = life < CLIENT_SHORT_LIFE ? life / 2 : life / 3 * 2;

    *r = (struct client_renewal){.look_at = looks ? now : 0};
    r->least = now + (life / 10 < WHEN_DAY ? life / 10 : WHEN_DAY);
    r->due = not_before + middle - life / 20 + dice(life / 10 > 0 ? life / 10 : 1);
}

void client_renewal_window(struct client_renewal *r, const struct client_window *window,
                           when_t retry_at, when_t now)
{
    bool same = window->start == r->window_start && window->end == r->window_end;
    when_t look = retry_at ? retry_at : now + CLIENT_LOOK_EVERY;

    if (look < now + CLIENT_LOOK_LEAST)
        look = now + CLIENT_LOOK_LEAST;
    if (look > now + CLIENT_LOOK_MOST)
        look = now + CLIENT_LOOK_MOST;
    r->look_at = look;
    if (same)
        return;
    r->window_start = window->start;
    r->window_end = window->end;
    r->due = window->start + dice(window->end - window->start + 1);
    if (r->due < r->least)
        r->due = r->least;
}

void client_renewal_unknown(struct client_renewal *r, when_t now)
{
    r->look_at = now + CLIENT_LOOK_EVERY;
}

int64_t client_backoff(unsigned n, int64_t first, int64_t most)
{
    int64_t pause = first;

    for (unsigned i = 1; i < n && pause < most; i++)
        pause *= 2;
    if (pause > most)
        pause = most;
    return pause - pause / 4 + dice(pause / 2 + 1);
}

bool client_falls_back(const struct client_trouble *t, when_t latest, when_t now)
{
    when_t again = t->retry_at ? t->retry_at : now + CLIENT_PATIENCE_HOURS * WHEN_HOUR;

    if (t->rc == RC_CRYPTO && latest == 0)
        return false;
    return t->ill || (t->rc == RC_QUOTA && again >= latest) ||
           (t->rc == RC_AGAIN && latest && now >= latest);
}
