/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "agent/dns_conf.h"
#include "base/file.h"

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
        {"server: x\nkey_file: /nowhere/at/all\n", "agent.secret-file"},
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

struct files {
    struct check_dir dir;
    char conf[128];
};

static void files_done(struct files *f)
{
    unsetenv("CREDENTIALS_DIRECTORY");
    check_dir_done(&f->dir);
}

static enum rc put(struct files *f, const char *name, const char *text, mode_t mode)
{
    return file_write(f->dir.fd, name, str_of(text), mode, FILE_OWNER_SELF, NULL);
}

static enum rc files_init(struct files *f)
{
    check_dir_init(&f->dir);
    snprintf(f->conf, sizeof(f->conf), "%s/conf", f->dir.path);
    setenv("CREDENTIALS_DIRECTORY", f->dir.path, 1);
    return put(f, "tsig", "AAECAw==\n", 0400);
}

/* Where the secret is decides who may read the settings. */
static void secrets_elsewhere(void)
{
    CLEANUP(files_done) struct files f = {};
    CLEANUP(agent_dns_conf_done) struct agent_dns_conf c = {};
    struct err err = ERR_INIT;

    CHECK_OK(CHECK_SPARED(files_init(&f)));
    CHECK_OK(CHECK_SPARED(
        put(&f, "conf", "server: 127.0.0.1\nkey: a\nsecret: credential:tsig\n", 0644)));
    CHECK_OK(agent_dns_conf_load(str_of(f.conf), &c, NULL));
    CHECK(c.key.n == 4 && c.key.secret[3] == 3 && !c.plain);
    CHECK_OK(CHECK_SPARED(put(&f, "conf", "server: 127.0.0.1\nkey: a\nsecret: AAEC\n", 0644)));
    CHECK_RC(agent_dns_conf_load(str_of(f.conf), &c, &err), RC_DENIED);
    CHECK_STR(str_of(err.msg->code), "agent.secret-open");
    CHECK_OK(fchmodat(f.dir.fd, "conf", 0600, 0) == 0 ? RC_OK : RC_IO);
    CHECK_OK(agent_dns_conf_load(str_of(f.conf), &c, NULL));
    CHECK(c.key.n == 3 && c.plain);
    /* All of them as a credential; and a key that its server's group reads. */
    CHECK_OK(agent_dns_conf_load(STR("credential:conf"), &c, NULL));
    CHECK_OK(
        CHECK_SPARED(put(&f, "k", "key b { algorithm hmac-sha256; secret \"AAEC\"; };\n", 0640)));
    CHECK_OK(CHECK_SPARED(put(&f, "conf", "server: 127.0.0.1\nkey_file: credential:k\n", 0644)));
    CHECK_OK(agent_dns_conf_load(str_of(f.conf), &c, NULL));
    CHECK_STR(str_of(c.key.name), "b");
    CHECK_RC(agent_dns_conf_load(STR("credential:none"), &c, &err), RC_NOTFOUND);
    CHECK_STR(str_of(err.msg->code), "agent.credential-missing");
}

/* Who looks need not have what the service has. */
static void looked_at_without_secrets(void)
{
    static const struct {
        const char *text, *name;
    } cases[] = {
        {"server: 127.0.0.1\nkey: a\nsecret: credential:none\n", "a"},
        {"server: 127.0.0.1\nkey_file: /nowhere/k\n", "(of key_file)"},
        {"server: 127.0.0.1\nkey_file: credential:none\n", "(of key_file)"},
        {"server: 127.0.0.1\n", ""},
    };
    CLEANUP(files_done) struct files f = {};
    CLEANUP(agent_dns_conf_done) struct agent_dns_conf c = {};
    struct err err = ERR_INIT;

    CHECK_OK(CHECK_SPARED(files_init(&f)));
    unsetenv("CREDENTIALS_DIRECTORY");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CHECK_OK(CHECK_SPARED(put(&f, "conf", cases[i].text, 0644)));
        CHECK_OK(agent_dns_conf_look(str_of(f.conf), &c, NULL));
        CHECK_STR(str_of(c.key.name), cases[i].name);
        CHECK_INT(c.key.n, 0);
        CHECK_INT(c.n_servers, 1);
    }
    CHECK_OK(CHECK_SPARED(put(&f, "conf", "server: 127.0.0.1\nkey: a\nsecret: AAEC\n", 0644)));
    CHECK_RC(agent_dns_conf_look(str_of(f.conf), &c, &err), RC_DENIED);
    CHECK_OK(CHECK_SPARED(put(&f, "conf", "server: 127.0.0.1\nkee: a\n", 0644)));
    CHECK_RC(agent_dns_conf_look(str_of(f.conf), &c, &err), RC_PARSE);
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

CHECK_MAIN(CHECK_TEST(looked_at_without_secrets), CHECK_TEST(settings), CHECK_TEST(what_is_wrong),
           CHECK_TEST(secrets_elsewhere), CHECK_TEST(key_statements))
