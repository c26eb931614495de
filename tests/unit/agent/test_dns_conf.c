/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "agent/dns_conf.h"

static void settings(void)
{
    CLEANUP(agent_dns_conf_done) struct agent_dns_conf c = {};

    CHECK_OK(agent_dns_conf_parse(STR("# ours\n---\nserver: [2001:db8::1]:5353\nkey = Acme.\n"
                                      "algorithm: HMAC-SHA512.\nsecret: \"AAEC\" # three bytes\n"
                                      "zone: _Hidden.Example.\nttl: 5\nwait: 30s\ntimeout: 1m\n"),
                                  &c, NULL));
    CHECK_STR(str_of(c.server), "[2001:db8::1]:5353");
    CHECK_STR(str_of(c.key.name), "acme");
    CHECK_INT(c.key.alg, CRYPTO_SHA512);
    CHECK(c.key.n == 3 && c.key.secret[2] == 2);
    CHECK_STR(str_of(c.zone), "_hidden.example");
    CHECK_INT(c.ttl, 5);
    CHECK(c.wait == AGENT_WAIT_TIME && c.pause == 30 * WHEN_SECOND && c.timeout == WHEN_MINUTE);

    CHECK_OK(agent_dns_conf_parse(STR("server: ns.example\n"), &c, NULL));
    CHECK(c.wait == AGENT_WAIT_ALL && c.ttl == 60 && c.key.n == 0 && !c.zone[0]);
}

static void what_is_wrong(void)
{
    static const struct {
        const char *text, *code;
    } bad[] = {
        {"", "agent.dns-no-server"},
        {"server: x\npassword: y\n", "agent.dns-line"},
        {"server\n", "agent.dns-no-server"},
        {"server: x\nkey: a..b\nsecret: AAEC\n", "agent.dns-value"},
        {"server: x\nkey: a\n", "agent.dns-half-a-key"},
        {"server: x\nsecret: AAEC\n", "agent.dns-half-a-key"},
        {"server: x\nkey: a\nsecret: ?\n", "agent.dns-value"},
        {"server: x\nalgorithm: hmac-md5\n", "agent.dns-value"},
        {"server: x\nttl: 86401\n", "agent.dns-value"},
        {"server: x\nwait: 2h\n", "agent.dns-value"},
        {"server: x\ntimeout: 0s\n", "agent.dns-value"},
        {"server: x\nkey_file: /nowhere/at/all\n", "agent.file-missing"},
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CLEANUP(agent_dns_conf_done) struct agent_dns_conf c = {};
        struct err err = ERR_INIT;
        enum rc rc = agent_dns_conf_parse(str_of(bad[i].text), &c, &err);

        CHECK(rc != RC_OK);
        CHECK(err.msg != NULL);
        CHECK_STR(str_of(err.msg->code), bad[i].code);
    }
}

static void key_statements(void)
{
    struct dns_tsig_key key = {};

    CHECK_OK(agent_dns_key_parse(STR("key \"acme.key\" {\n\talgorithm hmac-sha384;\n\tsecret "
                                     "\"AAECAw==\";\n};\n"),
                                 &key, NULL));
    CHECK_STR(str_of(key.name), "acme.key");
    CHECK(key.alg == CRYPTO_SHA384 && key.n == 4);
    key = (struct dns_tsig_key){};
    CHECK_RC(agent_dns_key_parse(STR("key x { secret \"AAEC\"; };"), &key, NULL), RC_PARSE);
    key = (struct dns_tsig_key){};
    CHECK_RC(
        agent_dns_key_parse(STR("key x { algorithm hmac-md5; secret \"AAEC\"; };"), &key, NULL),
        RC_PARSE);
    CHECK_RC(agent_dns_key_parse(STR(""), &key, NULL), RC_PARSE);
}

CHECK_MAIN(CHECK_TEST(settings), CHECK_TEST(what_is_wrong), CHECK_TEST(key_statements))
