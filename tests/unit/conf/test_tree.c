/* SPDX-License-Identifier: Apache-2.0 */
/* Several files as one configuration. */
#include "problems.h"

struct file {
    const char *name;
    const char *text;
};

static enum rc load_files(const struct file *files, size_t n, const struct conf **out,
                          struct conf_report *r)
{
    struct conf_input in;

    conf_input_init(&in);
    for (size_t i = 0; i < n; i++)
        TRY(conf_input_add(&in, str_of(files[i].name), str_of(files[i].text)));
    return conf_load(&in, out, r);
}

static const struct file base = {"a.yaml",
                                 LEAST "validation:\n"
                                       "  http_port: 8080\n"
                                       "  allow: [127.0.0.0/8]\n"
                                       "policy:\n"
                                       "  - {name: one, allow: [\"*.hospital.example\"]}\n"
                                       "profiles:\n"
                                       "  short: {lifetime: 6d}\n"};

static void maps_merge_and_lists_append(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    CLEANUP(conf_report_done) struct conf_report report = {};
    struct file files[] = {base,
                           {"b.yaml", "validation: {timeout: 5s, allow: [10.0.0.0/8]}\n"
                                      "profiles: {short: {key_algorithms: [ecdsa]}, long: {}}\n"},
                           {"c.yaml", ""},
                           {"d.yaml", "policy:\n  - {name: two, allow: [\"*\"]}\n"
                                      "validation: {allow: [\"::1\"]}\n"}};

    conf_report_init(&report);
    CHECK_OK(load_files(files, 4, &conf, &report));
    CHECK_INT(conf->validation.http_port, 8080);
    CHECK_INT(conf->validation.timeout, 5 * WHEN_SECOND);
    CHECK_INT(conf->validation.allow.n, 3);
    CHECK_INT(conf->validation.allow.p[1].base.b[0], 10);
    CHECK_INT(conf->validation.allow.p[2].base.n, 16);
    CHECK_INT(conf->n_policy, 2);
    CHECK_STR(conf->policy[0].name, "one");
    CHECK_STR(conf->policy[1].name, "two");
    CHECK_INT(conf->n_profiles, 7);
    CHECK_INT(conf_profile_find(conf, STR("short"))->lifetime, 6 * WHEN_DAY);
    CHECK_INT(conf_profile_find(conf, STR("short"))->key_algorithms, 1 << CONF_KEY_ECDSA);
}

#define CHECK_FILES(files, expected)                                                               \
    do {                                                                                           \
        CLEANUP(conf_unrefp) const struct conf *conf_ = NULL;                                      \
        CLEANUP(conf_report_done) struct conf_report report_ = {};                                 \
        CLEANUP(buf_done) struct buf shown_ = BUF_INIT(1 << 20);                                   \
        conf_report_init(&report_);                                                                \
        CHECK_RC(load_files(files, sizeof(files) / sizeof(files[0]), &conf_, &report_), RC_INVAL); \
        conf_report_text(&report_, &shown_);                                                       \
        CHECK_OK(buf_rc(&shown_));                                                                 \
        CHECK_STR(buf_str(&shown_), (expected));                                                   \
    } while (0)

static void single_values_stand_once(void)
{
    struct file files[] = {base,
                           {"b.yaml", "validation:\n  http_port: 81\n"
                                      "domain: hospital.example\n"
                                      "profiles: {short: {lifetime: 6d}}\n"}};

    CHECK_FILES(files,
                "b.yaml:2: validation.http_port: given in a.yaml, line 4, already; files add to "
                "maps and lists, a single value stands in one\n"
                "b.yaml:3: domain: given in a.yaml, line 2, already; files add to maps and lists, "
                "a single value stands in one\n"
                "b.yaml:4: profiles.short.lifetime: given in a.yaml, line 9, already; files add to "
                "maps and lists, a single value stands in one\n");
}

static void shapes_must_agree(void)
{
    struct file files[] = {base,
                           {"b.yaml", "policy: {name: x}\nvalidation: [x]\nprofiles: x\n"
                                      "domain: {}\n"}};

    CHECK_FILES(files, "b.yaml:1: policy: a map here, but a list in a.yaml, line 6\n"
                       "b.yaml:2: validation: a list here, but a map in a.yaml, line 3\n"
                       "b.yaml:3: profiles: a single value here, but a map in a.yaml, line 8\n"
                       "b.yaml:4: domain: a map here, but a single value in a.yaml, line 2\n");
}

/* What is in a merged list is numbered in that list, and found in its own file. */
static void places_in_merged_lists(void)
{
    struct file files[] = {base,
                           {"b.yaml", "\npolicy:\n  - {name: one, allow: [\"*\"]}\n"},
                           {"c.yaml", "policy:\n  - {nme: x, allow: [\"*\"]}\n"}};

    CHECK_FILES(
        files, "b.yaml:3: policy[1].name: \"one\" is the name of two; the first is in a.yaml, line "
               "7\n"
               "c.yaml:2: policy[2].name: is missing\n"
               "c.yaml:2: policy[2].nme: unknown key; nearest valid key \"name\"\n");
}

/* A file that is broken spoils nothing of the others, and what is missing may stand in it. */
static void a_broken_file_among_others(void)
{
    struct file files[] = {
        {"a.yaml", "domain: x\n"}, {"b.yaml", "[\n"}, {"c.yaml", "log: {lvel: x}\n"}};

    CHECK_FILES(files, "a.yaml:1: domain: \"x\" is a whole top-level domain; the domain of an "
                       "organization has two labels or more, as in hospital.example\n"
                       "b.yaml:2: this is not YAML: did not find expected node content\n"
                       "c.yaml:1: log.lvel: unknown key; nearest valid key \"level\"\n");
}

static void no_file_at_all(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    CLEANUP(conf_report_done) struct conf_report report = {};
    CLEANUP(buf_done) struct buf shown = BUF_INIT(4096);

    conf_report_init(&report);
    CHECK_RC(load_files(NULL, 0, &conf, &report), RC_INVAL);
    conf_report_text(&report, &shown);
    CHECK_STR(buf_str(&shown), "configuration:1: organization: is missing\n"
                               "configuration:1: domain: is missing\n");
}

CHECK_MAIN(CHECK_TEST(maps_merge_and_lists_append), CHECK_TEST(single_values_stand_once),
           CHECK_TEST(shapes_must_agree), CHECK_TEST(places_in_merged_lists),
           CHECK_TEST(a_broken_file_among_others), CHECK_TEST(no_file_at_all))
