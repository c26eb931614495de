/* SPDX-License-Identifier: Apache-2.0 */
/* Where the audit log goes: what of `audit.forward` is taken, and what refused. */
#include "problems.h"

#define TWO                                                                                        \
    "audit:\n"                                                                                     \
    "  forward:\n"                                                                                 \
    "    - {name: archive}\n"                                                                      \
    "    - {name: siem-2, server: \"[2001:DB8::9]:6514\", roots: /etc/ssl/log-ca.pem,"             \
    " server_name: Logs.hospital.example, size: 1GiB, keep: 3}\n"

static void destinations(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    const struct conf_forward *f;

    CHECK_LOADS(TWO, &conf);
    CHECK_INT(conf->audit.n_forward, 2);
    f = conf_forward_find(conf, STR("archive"));
    CHECK(f && f->server.n == 0 && !f->plain && !f->bare_close);
    CHECK_INT(f->size, 100 << 20);
    CHECK_INT(f->keep, 10);
    f = conf_forward_find(conf, STR("siem-2"));
    CHECK(f);
    CHECK_STR(f->server, "[2001:db8::9]:6514");
    CHECK_STR(f->server_name, "logs.hospital.example");
    CHECK_INT(f->size, 1 << 30);
    CHECK_INT(f->keep, 3);
    CHECK(!conf_forward_find(conf, STR("siem")));
}

#define ONE(rest) "audit: {forward: [{name: a" rest "}]}\n"

static void refusals(void)
{
    CHECK_PROBLEM(
        ONE(", server: logs.hospital.example"),
        "3: audit.forward[0].server: \"logs.hospital.example\" is no address and port, as "
        "in 10.0.0.9:6514 or [2001:db8::9]:6514");
    CHECK_PROBLEM(ONE(", server: \"10.0.0.9:0\", plain: true"),
                  "3: audit.forward[0].server: \"10.0.0.9:0\" is no address and port, as in "
                  "10.0.0.9:6514 or [2001:db8::9]:6514");
    CHECK_PROBLEM(ONE(", server: \"10.0.0.9:6514\""),
                  "3: audit.forward[0]: the destination a needs `roots`, the file with the CA "
                  "certificates that its server is held against; or `plain: true`, when everybody "
                  "on the way may read and change the records");
    CHECK_PROBLEM(ONE(", server: \"10.0.0.9:514\", plain: true, roots: r.pem"),
                  "3: audit.forward[0]: the destination a is plain TCP: `roots`, `server_name` and "
                  "`bare_close` are about TLS");
    CHECK_PROBLEM(ONE(", plain: true"),
                  "3: audit.forward[0]: the destination a is a file, for it has no `server`: "
                  "`roots`, `server_name`, `plain` and `bare_close` are about servers");
    CHECK_PROBLEM("audit: {forward: [{name: a.b}]}\n",
                  "3: audit.forward[0]: \"a.b\" cannot be the name of a destination: at most 40 "
                  "letters, digits and hyphens, for files are called so");
    CHECK_PROBLEM(
        "audit: {forward: [{name: aaaaaaaaaabbbbbbbbbbccccccccccddddddddddE}]}\n",
        "3: audit.forward[0]: \"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddE\" cannot be the "
        "name of a destination: at most 40 letters, digits and hyphens, for files are "
        "called so");
    CHECK_PROBLEM(ONE(", size: 100MB"), "3: audit.forward[0].size: \"100MB\" is no size, as in "
                                        "512KiB, 100MiB or 1GiB");
    CHECK_PROBLEM(ONE(", size: 1KiB"),
                  "3: audit.forward[0].size: \"1KiB\" is not between 65536 and "
                  "1099511627776 bytes");
    CHECK_PROBLEM("audit: {forward: [{name: a}, {name: b}, {name: c}, {name: d}, {name: e}, "
                  "{name: f}, {name: g}, {name: h}, {name: i}]}\n",
                  "3: audit.forward[8]: there are more than 8 destinations in audit.forward");
}

CHECK_MAIN(CHECK_TEST(destinations), CHECK_TEST(refusals))
