/* SPDX-License-Identifier: Apache-2.0 */
#include "problems.h"

#include "conf/text.h"

/* Writes the template and loads it. */
#define CHECK_TEMPLATE(t, text, conf)                                                              \
    do {                                                                                           \
        CLEANUP(conf_report_done) struct conf_report report_ = {};                                 \
        CLEANUP(buf_done) struct buf shown_ = BUF_INIT(1 << 16);                                   \
        enum rc rc_;                                                                               \
        conf_report_init(&report_);                                                                \
        buf_reset(text);                                                                           \
        conf_template_put(&(t), (text));                                                           \
        CHECK_OK(buf_rc(text));                                                                    \
        rc_ = load_text(buf_str(text), (conf), &report_);                                          \
        conf_report_text(&report_, &shown_);                                                       \
        CHECK_STR(buf_str(&shown_), "");                                                           \
        CHECK_OK(rc_);                                                                             \
    } while (0)

static void least(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    CLEANUP(buf_done) struct buf text = BUF_INIT(1 << 16);
    struct conf_template t = {.organization = STR("Example \"Hospital\": #1"),
                              .domain = STR("hospital.example"),
                              .passphrase_from = CONF_PASSPHRASE_PROMPT};

    CHECK_TEMPLATE(t, &text, &conf);
    CHECK_STR(conf->organization, "Example \"Hospital\": #1");
    CHECK_STR(conf->country, "");
    CHECK_STR(conf->domain, "hospital.example");
    CHECK_INT(conf->listen.plain.p[0].port, 80);
    CHECK(conf->ca.passphrase.from == CONF_PASSPHRASE_PROMPT);
    CHECK_INT(conf->n_policy, 2);
    CHECK_INT(conf->policy[1].from, 1 << CONF_FROM_OPERATORS);
    CHECK_STR(conf->policy[1].allow.p[0], "*");
    CHECK_INT(conf->policy[1].addresses.n, 2);
    CHECK_INT(conf->policy[0].allow.n, 2);
    CHECK_STR(conf->policy[0].allow.p[0], "hospital.example");
    CHECK_STR(conf->policy[0].allow.p[1], "*.hospital.example");
    CHECK_INT(conf->policy[0].networks.n, 0);
    CHECK_INT(conf->policy[0].challenges, 1 << CONF_CHALLENGE_HTTP_01);
}

static void without_privileges(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    CLEANUP(buf_done) struct buf text = BUF_INIT(1 << 16);
    struct conf_template t = {.organization = STR("O"),
                              .country = STR("CN"),
                              .domain = STR("d.example"),
                              .unprivileged = true,
                              .passphrase_from = CONF_PASSPHRASE_FILE,
                              .passphrase = STR("/run/pass phrase")};

    CHECK_TEMPLATE(t, &text, &conf);
    CHECK_STR(conf->country, "CN");
    CHECK_INT(conf->listen.plain.p[0].port, 8080);
    CHECK(conf->ca.passphrase.from == CONF_PASSPHRASE_FILE);
    CHECK_STR(conf->ca.passphrase.file, "/run/pass phrase");
}

static void passphrases(void)
{
    CLEANUP(conf_unrefp) const struct conf *named = NULL, *plain = NULL;
    CLEANUP(buf_done) struct buf text = BUF_INIT(1 << 16);
    struct conf_template t = {.organization = STR("O"),
                              .domain = STR("d.example"),
                              .passphrase_from = CONF_PASSPHRASE_CREDENTIAL,
                              .passphrase = STR("cred")};

    CHECK_TEMPLATE(t, &text, &named);
    CHECK(named->ca.passphrase.from == CONF_PASSPHRASE_CREDENTIAL);
    CHECK_STR(named->ca.passphrase.name, "cred");
    t.passphrase_from = CONF_PASSPHRASE_FILE;
    t.passphrase = STR("");
    CHECK_TEMPLATE(t, &text, &plain);
    CHECK_STR(plain->ca.passphrase.file, "ca.passphrase");
}

/* The keys that stand there as comments are right as well: the file is loaded with them. */
static void comments_hold_valid_keys(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    CLEANUP(conf_report_done) struct conf_report report = {};
    CLEANUP(buf_done) struct buf text = BUF_INIT(1 << 16);
    CLEANUP(buf_done) struct buf open = BUF_INIT(1 << 16);
    struct conf_template t = {.organization = STR("O"),
                              .domain = STR("d.example"),
                              .passphrase_from = CONF_PASSPHRASE_PROMPT};
    struct str rest, line;

    conf_report_init(&report);
    conf_template_put(&t, &text);
    CHECK_OK(buf_rc(&text));
    for (rest = buf_str(&text); str_next(&rest, '\n', &line);) {
        if (str_starts(line, STR("# urls:")) || str_starts(line, STR("#   ")))
            line = str_skip(line, 2);
        if (str_starts(line, STR("    # networks:"))) {
            buf_putz(&open, "    ");
            line = str_skip(line, 6);
        }
        buf_puts(&open, line);
        buf_putz(&open, "\n");
    }
    CHECK_OK(load_text(buf_str(&open), &conf, &report));
    CHECK_STR(conf->urls.api, "https://ca.d.example:8555");
    CHECK_STR(conf->urls.plain, "http://ca.d.example");
    CHECK_INT(conf->policy[0].networks.n, 1);
}

CHECK_MAIN(CHECK_TEST(least), CHECK_TEST(without_privileges), CHECK_TEST(passphrases),
           CHECK_TEST(comments_hold_valid_keys))
