/* SPDX-License-Identifier: Apache-2.0 */
/* Receivers and routes of alerts: what is taken, and what refused. */
#include "problems.h"

#define RECEIVERS                                                                                  \
    "receivers:\n"                                                                                 \
    "  - {name: hook, kind: webhook, url: \"https://hooks.example/x\", server: \"10.0.0.9:443\","  \
    " roots: r.pem, secret_file: s}\n"                                                             \
    "  - {name: am, kind: alertmanager, url: \"http://10.0.0.9:9093\", plain: true}\n"             \
    "  - {name: owner, kind: mail, server: \"10.0.0.25:587\", roots: r.pem, user: ca,"             \
    " password_file: p, from: ca@hospital.example, to: [owner, pki@hospital.example]}\n"           \
    "  - {name: page, kind: exec, user: pager, timeout: 10s, command: [/bin/page, \"-x y\"]}\n"

static void taken(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    const struct conf_receiver *r;
    unsigned from, to;

    CHECK_LOADS(RECEIVERS "alerts:\n"
                          "  - {at: [30d], to: owner}\n"
                          "  - {at: [7d, 1d], to: [hook, am], kinds: [certificate], after: 1h,"
                          " repeat: 4h, quiet: \"22:00-06:30\"}\n",
                &conf);
    CHECK_INT(conf->n_receivers, 4);
    r = conf_receiver_find(conf, STR("page"));
    CHECK(r && r->kind == CONF_RECEIVER_EXEC && r->command.n == 2);
    CHECK_INT(r->timeout, 10 * WHEN_SECOND);
    r = conf_receiver_find(conf, STR("owner"));
    CHECK(r && r->kind == CONF_RECEIVER_MAIL && r->resolved && r->to.n == 2);
    CHECK(!conf_receiver_find(conf, STR("nobody")));
    CHECK_INT(conf->n_routes, 2);
    CHECK_INT(conf->routes[0].n_at, 1);
    CHECK_INT(conf->routes[0].at[0], 30 * WHEN_DAY);
    CHECK_INT(conf->routes[1].n_at, 2);
    CHECK_INT(conf->routes[1].repeat, 4 * WHEN_HOUR);
    CHECK_OK(conf_quiet_parse(conf->routes[1].quiet, &from, &to));
    CHECK_INT(from, 22 * 60);
    CHECK_INT(to, 6 * 60 + 30);
}

#define ONE(rest) "receivers: [{name: a, " rest "}]\n"

static void refused(void)
{
    CHECK_PROBLEM(ONE("kind: webhook, roots: r, secret_file: s"),
                  "3: receivers[0]: the receiver a is of kind webhook, which needs `url`");
    CHECK_PROBLEM(
        ONE("kind: webhook, url: \"https://10.0.0.9/\", secret_file: s"),
        "3: receivers[0]: the receiver a needs `roots`, the file with the CA certificates that its "
        "server is held against; or `plain: true`, when everybody on the way may read and change "
        "what is sent");
    CHECK_PROBLEM(ONE("kind: webhook, url: \"https://10.0.0.9/\", secret_file: s, plain: true"),
                  "3: receivers[0]: the receiver a is without TLS: `roots`, `server_name`, "
                  "`implicit_tls` and URLs with https are about TLS");
    CHECK_PROBLEM(ONE("kind: webhook, url: \"https://h.example/\", secret_file: s, roots: r"),
                  "3: receivers[0]: the URL of the receiver a has a name: say with `server` which "
                  "address and port are connected to, for names are not looked up for alerts");
    CHECK_PROBLEM(ONE("kind: syslog, server: \"10.0.0.9:514\", plain: true, from: \"a@b.c\""),
                  "3: receivers[0]: the receiver a is of kind syslog: `from` is of another one");
    CHECK_PROBLEM(ONE("kind: mail, server: \"10.0.0.9:25\", plain: true, from: \"a@b.c\","
                      " to: [owner]"),
                  "3: receivers[0]: the receiver a needs a mailbox in `to` beside owner and team, "
                  "for certificates of which nobody is known");
    CHECK_PROBLEM(ONE("kind: mail, server: \"10.0.0.9:25\", plain: true, from: \"a b@b.c\","
                      " to: [\"x@b.c\"]"),
                  "3: receivers[0]: \"a b@b.c\" is no mailbox, as in pki@hospital.example");
    CHECK_PROBLEM(ONE("kind: mail, server: \"10.0.0.9:25\", plain: true, from: \"a@b.c\","
                      " to: [\"x@b.c\"], user: u, password_file: p"),
                  "3: receivers[0]: the receiver a has one of `user` and `password_file`; it takes "
                  "both, and TLS");
    CHECK_PROBLEM(ONE("kind: exec, command: [/bin/page]"),
                  "3: receivers[0]: the receiver a is of kind exec, which needs `user`");
    CHECK_PROBLEM(ONE("kind: exec, user: pager"),
                  "3: receivers[0]: the receiver a is of kind exec, which needs `command`");
    CHECK_PROBLEM(ONE("kind: exec, user: pager, command: [page]"),
                  "3: receivers[0]: the receiver a needs an absolute path at the beginning of "
                  "`command`, and not more than 32 words in it");
    CHECK_PROBLEM(ONE("kind: exec, user: root, command: [/bin/page]"),
                  "3: receivers[0]: the receiver a cannot run its program as root: give it a user "
                  "of its own (useradd --system --no-create-home --shell /usr/sbin/nologin NAME)");
    CHECK_PROBLEM(ONE("kind: exec, user: autarky-signer, command: [/bin/page]"),
                  "3: receivers[0]: the receiver a cannot run its program as autarky-signer: give "
                  "it a user of its own (useradd --system --no-create-home --shell "
                  "/usr/sbin/nologin NAME)");
    CHECK_PROBLEM(ONE("kind: exec, user: pager, command: [/bin/page], plain: true"),
                  "3: receivers[0]: the receiver a is a program of this host: `roots`, "
                  "`server_name`, `implicit_tls` and `plain` are about servers");
    CHECK_PROBLEM(ONE("kind: exec, user: pager, command: [/bin/page], url: \"http://10.0.0.9/\""),
                  "3: receivers[0]: the receiver a is of kind exec: `url` is of another one");
    CHECK_PROBLEM(ONE("kind: syslog, server: \"10.0.0.9:514\", plain: true, command: [/bin/x]"),
                  "3: receivers[0]: the receiver a is of kind syslog: `command` is of another one");
    CHECK_PROBLEM("alerts: [{to: nobody}]\n",
                  "3: alerts[0]: there is no receiver nobody under `receivers`");
    CHECK_PROBLEM(RECEIVERS "alerts: [{to: am, quiet: \"22:00-24:00\"}]\n",
                  "8: alerts[0]: \"22:00-24:00\" is no time of the day, as in 22:00-06:00");
}

static void mailboxes(void)
{
    static const char *const good[] = {"a@b.c", "a.b+c_d-e@h.example", "A@B"};
    static const char *const bad[] = {"",      "a",       "@b",         "a@",        "a@b@c",
                                      "a b@c", "<a@b.c>", "a@b.c\r\nX", "\"a\"@b.c", ".a@b.c"};

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        CHECK(conf_mailbox_good(str_of(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(!conf_mailbox_good(str_of(bad[i])));
}

CHECK_MAIN(CHECK_TEST(taken), CHECK_TEST(refused), CHECK_TEST(mailboxes))
