/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdio.h>

#include "agent/silence.h"

#define NOW (1000 * WHEN_DAY)

static void remembered_for_a_while(void)
{
    struct agent_silence s = {};

    CHECK(!agent_silence_has(&s, STR("https://a/"), NOW));
    CHECK(!agent_silence_has(&s, STR(""), NOW));
    agent_silence_put(&s, STR("https://a/"), NOW);
    CHECK(agent_silence_has(&s, STR("https://a/"), NOW));
    CHECK(agent_silence_has(&s, STR("https://a/"), NOW + AGENT_SILENT_SPAN - 1));
    CHECK(!agent_silence_has(&s, STR("https://a/"), NOW + AGENT_SILENT_SPAN));
    CHECK(!agent_silence_has(&s, STR("https://a/"), NOW - 1)); /* the clock went back */
    CHECK(!agent_silence_has(&s, STR("https://b/"), NOW));
    agent_silence_put(&s, STR("https://a/"), NOW + WHEN_MINUTE);
    CHECK(agent_silence_has(&s, STR("https://a/"), NOW + AGENT_SILENT_SPAN));
    agent_silence_drop(&s, STR("https://a/"));
    CHECK(!agent_silence_has(&s, STR("https://a/"), NOW + WHEN_MINUTE));
    agent_silence_drop(&s, STR("https://b/"));
}

static void the_oldest_makes_room(void)
{
    char long_one[AGENT_SILENT_URL_MAX + 1], url[32];
    struct agent_silence s = {};

    for (int i = 0; i <= AGENT_SILENT_SERVERS; i++) {
        snprintf(url, sizeof(url), "https://%d/", i);
        agent_silence_put(&s, str_of(url), NOW + i);
    }
    CHECK(!agent_silence_has(&s, STR("https://0/"), NOW + 10));
    for (int i = 1; i <= AGENT_SILENT_SERVERS; i++) {
        snprintf(url, sizeof(url), "https://%d/", i);
        CHECK(agent_silence_has(&s, str_of(url), NOW + 10));
    }
    memset(long_one, 'x', sizeof(long_one));
    agent_silence_put(&s, str_bytes(long_one, sizeof(long_one)), NOW);
    CHECK(!agent_silence_has(&s, str_bytes(long_one, sizeof(long_one)), NOW));
    CHECK(agent_silence_has(&s, STR("https://1/"), NOW + 10));
}

CHECK_MAIN(CHECK_TEST(remembered_for_a_while), CHECK_TEST(the_oldest_makes_room))
