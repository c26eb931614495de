/* SPDX-License-Identifier: Apache-2.0 */
#include "problems.h"

static void limits(void)
{
    CLEANUP(conf_input_done) struct conf_input in = {};
    CLEANUP(mem_freep) char *big = mem_calloc(1, CONF_FILE_BYTES_MAX + 1);

    CHECK(big);
    conf_input_init(&in);
    CHECK_RC(conf_input_add(&in, STR("a"), str_bytes(big, CONF_FILE_BYTES_MAX + 1)), RC_TOOBIG);
    CHECK_RC(conf_input_add(&in, str_bytes(big, CONF_NAME_BYTES_MAX + 1), STR("")), RC_TOOBIG);
    CHECK_INT(in.n, 0);
    for (int i = 0; i < CONF_BYTES_MAX / CONF_FILE_BYTES_MAX; i++)
        CHECK_OK(conf_input_add(&in, STR("a"), str_bytes(big, CONF_FILE_BYTES_MAX)));
    CHECK_RC(conf_input_add(&in, STR("b"), STR("x")), RC_TOOBIG);
    conf_input_done(&in);
    for (int i = 0; i < CONF_FILES_MAX; i++)
        CHECK_OK(conf_input_add(&in, STR("a"), STR("x")));
    CHECK_RC(conf_input_add(&in, STR("b"), STR("")), RC_TOOBIG);
    CHECK_INT(in.n, CONF_FILES_MAX);
}

/* For who only has to know that there are any. */
static void one_site(void)
{
    static const char text[] = LEAST "gateway:\n"
                                     "  sites:\n"
                                     "  - {name: a.example, backends: [http://127.0.0.1:1]}\n"
                                     "  - {name: b.example, backends: [http://127.0.0.1:1]}\n"
                                     "  - {name: A.b.example, backends: [http://127.0.0.1:1]}\n"
                                     "  paths:\n"
                                     "  - {site: b.example, path: /x, answer: x, status: 200}\n";

    for (int one = 0; one < 3; one++) {
        CLEANUP(conf_input_done) struct conf_input in = {};
        CLEANUP(conf_report_done) struct conf_report report = {};
        const struct conf *conf = NULL;

        conf_input_init(&in);
        conf_report_init(&report);
        in.one_site = one;
        in.site_names = one == 2;
        CHECK_OK(conf_input_add(&in, STR("a.yaml"), str_of(text)));
        CHECK_OK(conf_load(&in, &conf, &report));
        CHECK_INT(conf->gateway.n_sites, one ? 1 : 3);
        CHECK_INT(conf->gateway.n_paths, one ? 0 : 1);
        CHECK_STR(conf->gateway.sites[0].name, "a.example");
        CHECK_INT(conf->gateway.names.n, one == 2 ? 3 : 0);
        CHECK_INT(conf_site_named(conf, STR("b.example")), one == 2);
        CHECK_INT(conf_site_named(conf, STR("a.b.example")), one == 2);
        CHECK(!conf_site_named(conf, STR("b.exampl")));
        CHECK(!conf_site_named(conf, STR("z.example")));
        conf_unref(conf);
    }
}

/* What needs the paths to be judged is for who has them. */
static void one_site_without_its_paths(void)
{
    static const char text[] = LEAST
        "gateway:\n"
        "  sites:\n"
        "  - {name: a.example, backends: [http://127.0.0.1:1], backend_name: b.example, "
        "backend_keys: [\"00000000000000000000000000000000000000000000000000000000000000ff\"]}\n"
        "  paths:\n"
        "  - {site: a.example, path: /x, backends: [https://127.0.0.1:2]}\n";

    for (int one = 0; one < 2; one++) {
        CLEANUP(conf_input_done) struct conf_input in = {};
        CLEANUP(conf_report_done) struct conf_report report = {};
        CLEANUP(conf_unrefp) const struct conf *conf = NULL;

        conf_input_init(&in);
        conf_report_init(&report);
        in.one_site = one;
        CHECK_OK(conf_input_add(&in, STR("a.yaml"), str_of(text)));
        CHECK_OK(conf_load(&in, &conf, &report));
        CHECK_INT(conf->gateway.n_paths, one ? 0 : 1);
    }
}

/* And for who has to know those whose names records prove. */
static void sites_of_records(void)
{
    static const char text[] =
        LEAST "gateway:\n"
              "  directories: [{url: \"https://ca.example/dir\", agree_terms: true}]\n"
              "  updates: [{name: ours, file: /etc/ours.conf}]\n"
              "  sites:\n"
              "  - {name: a.example, backends: [http://127.0.0.1:1]}\n"
              "  - {name: b.example, backends: [http://127.0.0.1:1], directory: "
              "\"https://ca.example/dir\", challenge: dns-01, dns: ours}\n"
              "  - {name: c.example, backends: [http://127.0.0.1:1]}\n"
              "  - {name: d.example, backends: [http://127.0.0.1:1], directory: "
              "\"https://ca.example/dir\", challenge: dns-01, dns: ours}\n"
              "  - {name: e.example, backends: [http://127.0.0.1:1]}\n";
    CLEANUP(conf_input_done) struct conf_input in = {};
    CLEANUP(conf_report_done) struct conf_report report = {};
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;

    conf_input_init(&in);
    conf_report_init(&report);
    in.one_site = in.site_records = true;
    CHECK_OK(conf_input_add(&in, STR("a.yaml"), str_of(text)));
    CHECK_OK(conf_load(&in, &conf, &report));
    CHECK_INT(conf->gateway.n_sites, 3);
    CHECK_STR(conf->gateway.sites[0].name, "a.example");
    CHECK_STR(conf->gateway.sites[1].name, "b.example");
    CHECK_STR(conf->gateway.sites[2].name, "d.example");
    CHECK(!conf_site_find(conf, STR("c.example")));
}

CHECK_MAIN(CHECK_TEST(limits), CHECK_TEST(one_site), CHECK_TEST(one_site_without_its_paths),
           CHECK_TEST(sites_of_records))
