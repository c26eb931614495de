/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <string.h>

#include "crypto/crypto.h"
#include "ui/session.h"

#define NOW (INT64_C(1'800'000'000) * WHEN_SECOND)

static void a_link_works_once(void)
{
    static struct ui_sessions all;
    char link[UI_TOKEN_TEXT], other[UI_TOKEN_TEXT], cookie[UI_TOKEN_TEXT];
    const struct ui_session *s;

    all = (struct ui_sessions){};
    CHECK_OK(crypto_init());
    CHECK_OK(ui_link_new(&all, NOW, link));
    CHECK_OK(ui_link_new(&all, NOW, other));
    CHECK(strcmp(link, other) != 0);
    CHECK(ui_link_good(&all, str_of(link), NOW));
    CHECK(!ui_link_good(&all, STR(""), NOW));
    CHECK(!ui_link_good(&all, STR("0000000000000000000000000a"), NOW));
    CHECK_OK(ui_link_use(&all, str_of(link), NOW, cookie));
    CHECK(!ui_link_good(&all, str_of(link), NOW));
    CHECK_RC(ui_link_use(&all, str_of(link), NOW, cookie), RC_DENIED);
    CHECK(ui_link_good(&all, str_of(other), NOW));
    CHECK(!ui_session_find(&all, str_of(link), NOW)); /* a link is no cookie */
    s = ui_session_find(&all, str_of(cookie), NOW);
    CHECK(s);
    CHECK(ui_session_form(s, str_of(s->form)));
    CHECK(!ui_session_form(s, str_of(cookie)));
    CHECK(!ui_session_form(s, STR("")));
    /* Nothing that is kept opens anything. */
    CHECK(!memmem(&all, sizeof(all), other, strlen(other)));
    CHECK(!memmem(&all, sizeof(all), cookie, strlen(cookie)));
}

static void times(void)
{
    static struct ui_sessions all;
    char link[UI_TOKEN_TEXT], cookie[UI_TOKEN_TEXT];
    when_t at = NOW;

    all = (struct ui_sessions){};
    CHECK_OK(crypto_init());
    CHECK_OK(ui_link_new(&all, NOW, link));
    CHECK(ui_link_good(&all, str_of(link), NOW + UI_LINK_LIFE - 1));
    CHECK_RC(ui_link_use(&all, str_of(link), NOW + UI_LINK_LIFE, cookie), RC_DENIED);
    CHECK_OK(ui_link_use(&all, str_of(link), NOW, cookie));
    CHECK(ui_session_find(&all, str_of(cookie), at += UI_SESSION_IDLE));
    CHECK(!ui_session_find(&all, str_of(cookie), at + UI_SESSION_IDLE + 1));
    while (at + UI_SESSION_IDLE <= NOW + UI_SESSION_LIFE)
        CHECK(ui_session_find(&all, str_of(cookie), at += UI_SESSION_IDLE));
    CHECK(!ui_session_find(&all, str_of(cookie), NOW + UI_SESSION_LIFE + 1));
}

static void tables_are_bounded(void)
{
    static struct ui_sessions all;
    char first[UI_TOKEN_TEXT], link[UI_TOKEN_TEXT], cookie[UI_TOKEN_TEXT], busy[UI_TOKEN_TEXT],
        idle[UI_TOKEN_TEXT];
    struct ui_session *s;

    all = (struct ui_sessions){};
    CHECK_OK(crypto_init());
    CHECK_OK(ui_link_new(&all, NOW, first));
    for (int i = 0; i < UI_LINKS_MAX; i++)
        CHECK_OK(ui_link_new(&all, NOW + 1 + i, link));
    CHECK(!ui_link_good(&all, str_of(first), NOW));
    CHECK(ui_link_good(&all, str_of(link), NOW));

    CHECK_OK(ui_link_use(&all, str_of(link), NOW, busy));
    CHECK_OK(ui_link_new(&all, NOW, link));
    CHECK_OK(ui_link_use(&all, str_of(link), NOW + 1, idle));
    CHECK(ui_session_find(&all, str_of(busy), NOW + 2));
    for (int i = 0; i < UI_SESSIONS_MAX - 1; i++) {
        CHECK_OK(ui_link_new(&all, NOW, link));
        CHECK_OK(ui_link_use(&all, str_of(link), NOW + 3, cookie));
    }
    CHECK(ui_session_find(&all, str_of(busy), NOW + 4));
    CHECK(!ui_session_find(&all, str_of(idle), NOW + 4));
    s = ui_session_find(&all, str_of(cookie), NOW + 4);
    CHECK(s);
    ui_session_end(s);
    CHECK(!ui_session_find(&all, str_of(cookie), NOW + 4));
}

CHECK_MAIN(CHECK_TEST(a_link_works_once), CHECK_TEST(times), CHECK_TEST(tables_are_bounded))
