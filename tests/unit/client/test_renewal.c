/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "client/renewal.h"
#include "crypto/crypto.h"

#define NOW (INT64_C(1'800'000'000) * WHEN_SECOND)

enum { THROWS = 500 };

/* By lifetime: around two thirds, or half of a short one, and not all at once. */
static void by_lifetime(void)
{
    static const struct {
        when_t life, least, most;
    } cases[] = {
        {90 * WHEN_DAY, 55 * WHEN_DAY, 65 * WHEN_DAY},
        {10 * WHEN_DAY, 6 * WHEN_DAY, 8 * WHEN_DAY},
        {6 * WHEN_DAY, 64 * WHEN_HOUR, 80 * WHEN_HOUR},
        {WHEN_HOUR, 27 * WHEN_MINUTE, 33 * WHEN_MINUTE},
        {5 * WHEN_SECOND, WHEN_SECOND, 4 * WHEN_SECOND},
        {0, -WHEN_SECOND, WHEN_SECOND},
    };

    CHECK_OK(crypto_init());
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        when_t first = WHEN_MAX, last = 0;

        for (int k = 0; k < THROWS; k++) {
            struct client_renewal r;
            when_t after;

            client_renewal_plan(&r, NOW, NOW + cases[i].life, k % 2, NOW + 1);
            after = r.due - NOW;
            if (after < cases[i].least || after > cases[i].most)
                fail_msg("case %zu: %lld s", i, (long long)(after / WHEN_SECOND));
            CHECK_INT(r.look_at, k % 2 ? NOW + 1 : 0);
            first = r.due < first ? r.due : first;
            last = r.due > last ? r.due : last;
        }
        CHECK(last - first >= cases[i].life / 20); /* of a tenth */
    }
}

static void by_window(void)
{
    struct client_renewal r = {.due = NOW + 60 * WHEN_DAY};
    struct client_window w = {.start = NOW + 10 * WHEN_DAY, .end = NOW + 12 * WHEN_DAY};
    when_t first;

    CHECK_OK(crypto_init());
    client_renewal_window(&r, &w, 0, NOW);
    CHECK(r.due >= w.start && r.due <= w.end);
    CHECK_INT(r.look_at, NOW + CLIENT_LOOK_EVERY);

    /* The same window: the same time. Another: another. */
    first = r.due;
    client_renewal_window(&r, &w, NOW + 2 * WHEN_HOUR, NOW + WHEN_HOUR);
    CHECK_INT(r.due, first);
    CHECK_INT(r.look_at, NOW + 2 * WHEN_HOUR);
    w.end = w.start = NOW + 20 * WHEN_DAY;
    client_renewal_window(&r, &w, NOW + 99 * WHEN_DAY, NOW);
    CHECK_INT(r.due, w.end);
    CHECK_INT(r.look_at, NOW + CLIENT_LOOK_MOST);
    client_renewal_window(&r, &w, NOW + 1, NOW);
    CHECK_INT(r.look_at, NOW + CLIENT_LOOK_LEAST);

    /* One that is past means now; but never sooner than `least`. */
    w = (struct client_window){.start = NOW - 2 * WHEN_DAY, .end = NOW - WHEN_DAY};
    client_renewal_window(&r, &w, 0, NOW);
    CHECK(r.due < NOW);
    client_renewal_plan(&r, NOW, NOW + 90 * WHEN_DAY, true, NOW);
    client_renewal_window(&r, &w, 0, NOW);
    CHECK_INT(r.due, NOW + WHEN_DAY);

    first = r.due;
    client_renewal_unknown(&r, NOW + 5);
    CHECK_INT(r.due, first);
    CHECK_INT(r.look_at, NOW + 5 + CLIENT_LOOK_EVERY);
}

static void pauses(void)
{
    int64_t first = WHEN_SECOND, most = 30 * WHEN_SECOND;

    CHECK_OK(crypto_init());
    for (unsigned n = 0; n < 70; n++) {
        int64_t base = n < 2 ? first : n < 6 ? first << (n - 1) : most;
        int64_t got = client_backoff(n, first, most);

        if (got < base - base / 4 || got > base + base / 4)
            fail_msg("after %u: %lld", n, (long long)got);
    }
    CHECK(client_backoff(UINT32_MAX, first, most) >= most - most / 4);
}

CHECK_MAIN(CHECK_TEST(by_lifetime), CHECK_TEST(by_window), CHECK_TEST(pauses))
