/* SPDX-License-Identifier: Apache-2.0 */
/* Rules and groups for clients that show a certificate, and rules that want a reason: what they can
 * say, and what a mistake is told. */
#include "problems.h"

#include <stdio.h>

#define ON "control: {certificates: true}\n"
#define RULE(more) ON "policy:\n  - {name: a, allow: [\"*\"], " more "}\n"
#define HEX "abababababababababababababababababababababababababababababababab"

static void what_they_can_say(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    const struct conf_strs *is;

    CHECK_LOADS(RULE("reason: true, client_certificates: [Pump-7.Hospital.example., \"team:a b\", "
                     "\"owner:x:y\", \"sha256:" HEX "\"]"),
                &conf);
    is = &conf->policy[0].client_certificates;
    CHECK(conf->policy[0].reason);
    CHECK_INT(is->n, 4);
    CHECK_STR(is->p[0], "pump-7.hospital.example");
    CHECK_STR(is->p[1], "team:a b");
    CHECK_STR(is->p[2], "owner:x:y");
    CHECK_STR(is->p[3], "sha256:" HEX);
    CHECK(conf_rule_has_clients(&conf->policy[0]));
    conf_unref(conf);
    conf = NULL;
    CHECK_LOADS("policy:\n  - {name: a, allow: [\"*\"]}\n", &conf);
    CHECK(!conf->policy[0].reason);
    CHECK(!conf_rule_has_clients(&conf->policy[0]));
}

#define NOBODY(text)                                                                               \
    CHECK_PROBLEM(RULE("client_certificates: [\"" text "\"]"),                                     \
                  "5: policy[0].client_certificates[0]: \"" text                                   \
                  "\" names no client certificate: give a DNS name that is in it, without stars, " \
                  "as in pump-7.hospital.example, or team: or owner: with 1 to 128 bytes behind, " \
                  "or sha256: with 64 digits 0 to 9, a to f")

static void what_says_nothing(void)
{
    NOBODY("*.hospital.example");
    NOBODY("pump-*.hospital.example");
    NOBODY("10.0.0.1");
    NOBODY("a..b");
    NOBODY("");
    NOBODY("team:");
    NOBODY("owner:");
    NOBODY("group:x");
    NOBODY("Team:wards");
    NOBODY("serial:0A");
    NOBODY("carol@hospital.example");
    NOBODY("sha256:");
    NOBODY("sha256:abab");
    NOBODY("sha256:ABababababababababababababababababababababababababababababababab");
    NOBODY("sha256:" HEX "a");
    CHECK_PROBLEM(RULE("client_certificates: a"),
                  "5: policy[0].client_certificates: must be a list, as in [a]");
}

/* 128 bytes, and no more. */
static void long_teams(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    CLEANUP(conf_report_done) struct conf_report report = {};
    char text[512], team[CONF_CLIENT_TEXT_MAX + 2];

    for (int more = 0; more < 2; more++) {
        conf_report_init(&report);
        memset(team, 'x', sizeof(team));
        team[CONF_CLIENT_TEXT_MAX + more] = '\0';
        snprintf(text, sizeof(text), LEAST RULE("client_certificates: [\"team:%s\"]"), team);
        CHECK_RC(load_text(str_of(text), &conf, &report), more ? RC_INVAL : RC_OK);
        conf_report_done(&report);
        conf_unref(conf);
        conf = NULL;
    }
    conf_report_init(&report);
}

static void nobody_is_asked(void)
{
    CHECK_PROBLEM("policy:\n  - {name: a, allow: [\"*\"], client_certificates: [b.c]}\n",
                  "4: policy[0].client_certificates: \"a\" names client certificates, and no "
                  "client is asked for one: set `control.certificates` to true");
    CHECK_PROBLEM("groups:\n  - {name: g, client_certificates: [b.c]}\n",
                  "4: groups[0].client_certificates: \"g\" names client certificates, and no "
                  "client is asked for one: set `control.certificates` to true");
    CHECK_PROBLEM("groups:\n  - {name: g}\n",
                  "4: groups[0]: the group \"g\" has neither `eab` nor `accounts` nor "
                  "`client_certificates`: nobody is in it");
}

#define NONE                                                                                       \
    "rule \"a\" wants no proof: that takes an account made with a key, so name keys in `eab` (or " \
    "groups that have only such), and no `accounts` or `client_certificates`"

/* A certificate proves who asks, not what is asked for. */
static void not_in_place_of_a_proof(void)
{
    CHECK_PROBLEM(RULE("client_certificates: [b.c], challenges: [none]"),
                  "5: policy[0].challenges: " NONE);
    CHECK_PROBLEM(RULE("client_certificates: [b.c], eab: [k], challenges: [none]"),
                  "5: policy[0].challenges: " NONE);
    CHECK_PROBLEM(ON "groups: [{name: g, eab: [k], client_certificates: [b.c]}]\n"
                     "policy:\n  - {name: a, allow: [\"*\"], groups: [g], challenges: [none]}\n",
                  "6: policy[0].challenges: " NONE);
}

static void for_whom(void)
{
    CHECK_PROBLEM(RULE("client_certificates: [b.c], from: [operators]"),
                  "5: policy[0].from: rule \"a\" has keys, accounts or client certificates, and is "
                  "for others than clients, who have none: leave `from` out, or make two rules");
    CHECK_PROBLEM(RULE("reason: true, from: [clients, gateway]"),
                  "5: policy[0].reason: rule \"a\" wants a reason for each certificate and is for "
                  "the gateway, whose sites have none: leave `reason` out, or `gateway` out of "
                  "`from`");
    CHECK_PROBLEM(RULE("reason: yes"), "5: policy[0].reason: \"yes\" is neither true nor false, "
                                       "without quotes");
}

CHECK_MAIN(CHECK_TEST(what_they_can_say), CHECK_TEST(what_says_nothing), CHECK_TEST(long_teams),
           CHECK_TEST(nobody_is_asked), CHECK_TEST(not_in_place_of_a_proof), CHECK_TEST(for_whom))
