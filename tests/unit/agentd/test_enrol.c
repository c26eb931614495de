/* SPDX-License-Identifier: Apache-2.0 */
/* What an agent keeps of its enrolment: whole after a crash, and refused when it is broken. */
#include "check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agentd/enrol.h"
#include "agentd/home.h"
#include "crypto/crypto.h"
#include "json/json.h"

struct place {
    char path[64], home[96];
};

static void place_done(struct place *p)
{
    static const char *const files[] = {"identity.pem", "roots.pem", "agent.json"};
    char path[160];

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", p->home, files[i]);
        (void)unlink(path);
    }
    (void)rmdir(p->home);
    (void)rmdir(p->path);
}

static bool place_init(struct place *p)
{
    snprintf(p->path, sizeof(p->path), "/tmp/autarky-XXXXXX");
    if (crypto_init() != RC_OK || !mkdtemp(p->path))
        return false;
    snprintf(p->home, sizeof(p->home), "%s/home", p->path);
    return true;
}

#define BEGIN(p)                                                                                   \
    CLEANUP(place_done) struct place p = {};                                                       \
    CHECK(place_init(&p))

static enum rc make_key(struct crypto_key **out)
{
    return crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_P256, 0}, out);
}

static void what_is_kept(void)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    CLEANUP(agentd_home_done) struct agentd_home h = AGENTD_HOME_INIT, again = AGENTD_HOME_INIT;
    char path[160];
    struct stat st;

    BEGIN(p);
    CHECK_RC(agentd_home_open(p.home, false, &h, NULL), RC_NOTFOUND);
    CHECK_OK(agentd_home_open(p.home, true, &h, NULL));
    CHECK(!agentd_home_enrolled(&h));
    CHECK_OK(make_key(&key));
    CHECK_OK(agentd_home_put_identity(&h, key, STR(""), NULL));
    h.server = STR("https://ca.example:8555");
    h.id = STR("id");
    h.name = STR("web1");
    h.renews = true;
    h.heard = 42;
    CHECK_OK(agentd_home_put_settings(&h, NULL));
    CHECK_OK(agentd_home_put_roots(&h, STR("roots"), NULL));
    CHECK(!agentd_home_enrolled(&h)); /* there is no certificate */
    CHECK_OK(agentd_home_open(p.home, false, &again, NULL));
    CHECK_STR(again.server, "https://ca.example:8555");
    CHECK_STR(again.name, "web1");
    CHECK(again.renews);
    CHECK_INT(again.heard, 42);
    CHECK_STR(buf_str(&again.roots), "roots");
    CHECK(str_eq(crypto_key_spki(again.key), crypto_key_spki(key)));
    CHECK(stat(p.home, &st) == 0 && (st.st_mode & 0777) == 0700);
    snprintf(path, sizeof(path), "%s/identity.pem", p.home);
    CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
}

static bool put(const struct place *p, const char *name, const char *text)
{
    char path[160];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", p->home, name);
    f = fopen(path, "w");
    return f && fputs(text, f) >= 0 && fclose(f) == 0;
}

static const char *opens(const struct place *p)
{
    CLEANUP(agentd_home_done) struct agentd_home h = AGENTD_HOME_INIT;
    struct err err = ERR_INIT;
    enum rc rc = agentd_home_open(p->home, true, &h, &err);

    return rc == RC_OK ? "" : err.msg ? err.msg->code : "?";
}

static void what_is_broken(void)
{
    static const char *const settings[] = {
        "",
        "[]",
        "{\"version\":2}",
        "{\"version\":1,\"server\":\"\",\"id\":\"x\",\"name\":\"x\",\"renews\":true,\"heard\":0}",
        "{\"version\":1,\"server\":\"s\",\"id\":\"x\",\"name\":\"x\",\"renews\":1,\"heard\":0}",
        "{\"version\":1,\"server\":\"s\",\"id\":\"x\",\"name\":\"x\",\"renews\":true,\"heard\":-1}",
    };

    BEGIN(p);
    CHECK_STR(str_of(opens(&p)), "");
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        CHECK(put(&p, "agent.json", settings[i]));
        CHECK_STR(str_of(opens(&p)), "agentd.home-settings");
    }
    CHECK(put(&p, "agent.json",
              "{\"version\":1,\"server\":\"s\",\"id\":\"x\",\"name\":\"x\",\"renews\":true,"
              "\"heard\":0}"));
    CHECK_STR(str_of(opens(&p)), "");
    CHECK(put(&p, "identity.pem", "no key"));
    CHECK_STR(str_of(opens(&p)), "agentd.home-identity");
}

static enum rc answers(int status, const char *body, const char **code)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    const struct client_answer answer = {.rc = RC_OK, .status = status, .body = str_of(body)};
    struct err err = ERR_INIT;
    enum rc rc = agentd_answer(&answer, &doc, &err);

    *code = err.msg ? err.msg->code : "";
    return rc;
}

static void what_the_server_says(void)
{
    const char *code;

    CHECK_OK(answers(200, "{}", &code));
    CHECK_RC(answers(200, "<html>", &code), RC_PARSE);
    CHECK_RC(answers(401, "{\"detail\":\"no\"}", &code), RC_DENIED);
    CHECK_STR(str_of(code), "agentd.refused");
    /* Nothing that would steer a terminal is passed on. */
    CHECK_RC(answers(401, "{\"detail\":\"no\\u001b[2J\"}", &code), RC_PARSE);
    CHECK_STR(str_of(code), "agentd.status");
    CHECK_RC(answers(401, "{\"detail\":\"no\\nautarky: all is well\"}", &code), RC_PARSE);
    CHECK_RC(answers(429, "{\"detail\":\"later\"}", &code), RC_AGAIN);
    CHECK_RC(answers(302, "elsewhere", &code), RC_PARSE);
    CHECK_STR(str_of(code), "agentd.status");
}

CHECK_MAIN(CHECK_TEST_ONCE(what_is_kept), CHECK_TEST_ONCE(what_is_broken),
           CHECK_TEST_ONCE(what_the_server_says))
