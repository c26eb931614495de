/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "http/share.h"

static struct addr addr(const char *text)
{
    struct addr a = {.n = 0};

    if (addr_parse(str_of(text), &a) != RC_OK)
        fail_msg("%s", text);
    return a;
}

static void shares_done(struct http_shares *s)
{
    http_shares_done(s);
}

static void tells_clients_apart(void)
{
    const struct addr a = addr("10.0.0.1"), b = addr("10.0.0.2"), mapped = addr("::ffff:10.0.0.1");
    const struct addr c = addr("2001:db8:0:1::1"), d = addr("2001:db8:0:1:ffff::1");
    const struct addr e = addr("2001:db8:0:2::1");
    CLEANUP(shares_done) struct http_shares s = {};

    http_shares_init(&s, 10);
    CHECK_INT(http_share_of(&s, &a), 0);
    CHECK_OK(http_share_take(&s, &a, 3));
    CHECK_INT(http_share_of(&s, &a), 3);
    CHECK_INT(http_share_of(&s, &mapped), 3);
    CHECK_INT(http_share_of(&s, &b), 0);
    http_share_give(&s, &mapped, 3);
    CHECK_OK(http_share_take(&s, &c, 2));
    CHECK_INT(http_share_of(&s, &d), 2);
    CHECK_INT(http_share_of(&s, &e), 0);
    http_share_give(&s, &d, 2);
    CHECK_INT(s.clients.n, 0);
}

static void nothing_takes_no_memory(void)
{
    const struct addr a = addr("10.0.0.1");
    CLEANUP(shares_done) struct http_shares s = {};

    http_shares_init(&s, 10);
    CHECK_OK(http_share_take(&s, &a, 0));
    http_share_give(&s, &a, 0);
    CHECK_INT(s.clients.n, 0);
}

static void clients_are_bounded(void)
{
    const struct addr a = addr("10.0.0.1"), b = addr("10.0.0.2");
    CLEANUP(shares_done) struct http_shares s = {};

    http_shares_init(&s, 1);
    CHECK_OK(http_share_take(&s, &a, 1));
    CHECK_RC(http_share_take(&s, &b, 1), RC_TOOBIG);
    CHECK_INT(http_share_of(&s, &b), 0);
    CHECK_OK(http_share_take(&s, &a, 1));
    http_share_give(&s, &a, 2);
    CHECK_OK(http_share_take(&s, &b, 1));
    http_share_give(&s, &b, 1);
}

CHECK_MAIN(CHECK_TEST(tells_clients_apart), CHECK_TEST(nothing_takes_no_memory),
           CHECK_TEST(clients_are_bounded))
