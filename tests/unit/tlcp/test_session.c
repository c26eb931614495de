/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "ev/clock.h"
#include "tlcp/session.h"

static struct tlcp_session session(uint8_t number)
{
    return (struct tlcp_session){
        .id = {number}, .id_n = TLCP_SESSION_ID, .suite = 0xe013, .master = {number}};
}

static struct str id_of(const struct tlcp_session *s)
{
    return str_bytes(s->id, s->id_n);
}

static void only_so_many_are_kept(void)
{
    CLEANUP(tlcp_sessions_freep) struct tlcp_sessions *t = NULL;
    static const uint8_t bound[TLCP_SESSION_BOUND] = {9}, other[TLCP_SESSION_BOUND] = {8};
    struct tlcp_session s, got;
    struct clock_fake clock;

    clock_fake_init(&clock, WHEN_SECOND);
    CHECK_OK(tlcp_sessions_new(&clock.clock, 3, &t));
    for (uint8_t i = 1; i <= 4; i++) {
        s = session(i);
        CHECK_OK(tlcp_sessions_add(t, &s, bound));
    }
    CHECK_INT(tlcp_sessions_count(t), 3);
    s = session(1);
    CHECK_RC(tlcp_sessions_find(t, id_of(&s), bound, &got), RC_NOTFOUND);
    s = session(4);
    CHECK_OK(tlcp_sessions_find(t, id_of(&s), bound, &got));
    CHECK_INT(got.master[0], 4);
    CHECK_RC(tlcp_sessions_find(t, id_of(&s), other, &got), RC_NOTFOUND);
    CHECK_RC(tlcp_sessions_find(t, STR(""), bound, &got), RC_NOTFOUND);
    tlcp_sessions_remove(t, id_of(&s));
    tlcp_sessions_remove(t, id_of(&s));
    CHECK_RC(tlcp_sessions_find(t, id_of(&s), bound, &got), RC_NOTFOUND);
    s = session(2);
    CHECK_RC(tlcp_sessions_add(t, &s, bound), RC_EXISTS);
}

static void they_end_with_their_time(void)
{
    CLEANUP(tlcp_sessions_freep) struct tlcp_sessions *t = NULL;
    static const uint8_t bound[TLCP_SESSION_BOUND] = {9};
    struct tlcp_session s = session(1), got;
    struct clock_fake clock;

    clock_fake_init(&clock, WHEN_SECOND);
    CHECK_OK(tlcp_sessions_new(&clock.clock, 100, &t));
    CHECK_OK(tlcp_sessions_add(t, &s, bound));
    clock_fake_advance(&clock, TLCP_SESSION_SECONDS * WHEN_SECOND - 1);
    CHECK_OK(tlcp_sessions_find(t, id_of(&s), bound, &got));
    clock_fake_advance(&clock, 1);
    CHECK_RC(tlcp_sessions_find(t, id_of(&s), bound, &got), RC_NOTFOUND);
    s = session(2);
    CHECK_OK(tlcp_sessions_add(t, &s, bound));
    CHECK_INT(tlcp_sessions_count(t), 1);
}

CHECK_MAIN(CHECK_TEST(only_so_many_are_kept), CHECK_TEST(they_end_with_their_time))
