/* SPDX-License-Identifier: Apache-2.0 */
/* What is refused in a file as such, before its keys are looked at. */
#include "problems.h"

static void anchors_aliases_tags(void)
{
    CHECK_PROBLEMS(LEAST "country: &c CH\n",
                   "a.yaml:3: country: anchors (&c) are not supported: write the value out\n");
    CHECK_PROBLEMS(LEAST "listen: &l\n  api: [\"[::]:1\"]\n",
                   "a.yaml:3: listen: anchors (&l) are not supported: write the value out\n");
    CHECK_PROBLEMS(LEAST "country: *c\n",
                   "a.yaml:3: country: aliases (*c) are not supported: write the value out\n");
    CHECK_PROBLEMS(LEAST "country: !!str CH\n",
                   "a.yaml:3: country: tags (tag:yaml.org,2002:str) are not supported: the key "
                   "alone decides the type\n");
    CHECK_PROBLEMS(LEAST "country: !x CH\n", "a.yaml:3: country: tags (!x) are not supported: the "
                                             "key alone decides the type\n");
    CHECK_PROBLEMS(LEAST "&k country: CH\n",
                   "a.yaml:3: anchors (&k) are not supported: write the value out\n");
    CHECK_PROBLEMS(LEAST "names: {internal: [lan, *x]}\n",
                   "a.yaml:3: names.internal: aliases (*x) are not supported: write the value "
                   "out\n");
}

static void merge_keys(void)
{
    CHECK_PROBLEMS(LEAST "<<: {country: CH}\n",
                   "a.yaml:3: <<: merge keys (<<) are not supported: write the keys out\n");
    /* Quoted it is a name like any other, and no key. */
    CHECK_PROBLEMS(LEAST "acme:\n  \"<<\": x\n",
                   "a.yaml:4: acme.<<: unknown key; nearest valid key \"eab\"\n");
}

static void keys_given_twice(void)
{
    CHECK_PROBLEMS(LEAST "log:\n  level: info\n\n  level: debug\ndomain: other.example\n",
                   "a.yaml:6: log.level: given twice; the first is in line 4\n"
                   "a.yaml:7: domain: given twice; the first is in line 2\n");
    /* Of the second one nothing counts, not even its mistakes. */
    CHECK_PROBLEMS(LEAST "log: {level: info}\nlog: {level: [x]}\n",
                   "a.yaml:4: log: given twice; the first is in line 3\n");
}

static void syntax(void)
{
    /* What stands before is checked; what is missing may be what could not be read. */
    CHECK_PROBLEMS("organization: X\ncuntry: CH\nnames: {internal: [\n",
                   "a.yaml:2: cuntry: unknown key; nearest valid key \"country\"\n"
                   "a.yaml:4: this is not YAML: did not find expected node content\n");
    CHECK_PROBLEMS("country: CH: c\n",
                   "a.yaml:1: this is not YAML: mapping values are not allowed in this context\n");
    CHECK_PROBLEMS("domain: \"x\n", "a.yaml:2: this is not YAML: found unexpected end of stream\n");
    CHECK_PROBLEMS("\tdomain: x\n",
                   "a.yaml:1: this is not YAML: found character that cannot start any token\n");
    CHECK_PROBLEMS(LEAST "country: CH\n\x01\n",
                   "a.yaml:4: this is not YAML: control characters are not "
                   "allowed\n");
    CHECK_PROBLEMS(LEAST "country: \xff\n",
                   "a.yaml:3: this is not YAML: invalid leading UTF-8 octet\n");
    CHECK_PROBLEMS_STR(STR("domain: a\0b\n"),
                       "a.yaml:1: this is not YAML: control characters are not allowed\n");
}

static void shape_of_the_file(void)
{
    CHECK_PROBLEMS(
        "- a\n- b\n",
        "a.yaml:1: the file must be a map of keys, as in \"domain: hospital.example\"\n");
    CHECK_PROBLEMS(
        "\nhello\n",
        "a.yaml:2: the file must be a map of keys, as in \"domain: hospital.example\"\n");
    CHECK_PROBLEMS(LEAST "---\nlog: {}\n",
                   "a.yaml:3: a second document begins here; a file is one document\n");
    CHECK_PROBLEMS("", "a.yaml:1: organization: is missing\na.yaml:1: domain: is missing\n");
    CHECK_PROBLEMS("# nothing\n---\n# at all\n",
                   "a.yaml:1: organization: is missing\na.yaml:1: domain: is missing\n");
}

static void keys_that_are_no_names(void)
{
    CHECK_PROBLEMS(LEAST "log:\n  ? [a]\n  : b\n", "a.yaml:4: log: a key must be a plain name\n");
    CHECK_PROBLEMS(LEAST "? {a: b}\n: c\n", "a.yaml:3: a key must be a plain name\n");
    CHECK_PROBLEMS(LEAST "*a : c\n", "a.yaml:3: a key must be a plain name\n");
}

static void depth(void)
{
    CHECK_PROBLEMS(LEAST "x: [[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]\n",
                   "a.yaml:3: x: unknown key; nearest valid key \"ca\"\n");
    CHECK_PROBLEMS(LEAST "policy: [[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]\n",
                   "a.yaml:3: policy[0][0][0][0][0][0][0][0][0][0][0][0][0][0]: nested deeper than "
                   "16 levels\n"
                   "a.yaml:3: policy[0]: must be a map of keys, not a list\n");
}

static void number_of_values(void)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(1 << 20);

    buf_putz(&text, LEAST "names:\n internal:\n");
    for (int i = 0; i < CONF_NODES_MAX; i++)
        buf_putz(&text, " - a\n");
    CHECK_OK(buf_rc(&text));
    CHECK_PROBLEMS_STR(buf_str(&text),
                       "a.yaml:200000: names.internal: more than 200000 values in all "
                       "files together\n");
}

/* The limit is that of all files, and said once. */
static void number_of_values_of_all_files(void)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(1 << 20);
    CLEANUP(buf_done) struct buf shown = BUF_INIT(1 << 16);
    CLEANUP(conf_report_done) struct conf_report report = {};
    CLEANUP(conf_input_done) struct conf_input in = {};
    const struct conf *conf = NULL;

    conf_report_init(&report);
    conf_input_init(&in);
    buf_putz(&text, "names:\n internal:\n");
    for (int i = 0; i < CONF_NODES_MAX / 2; i++)
        buf_putz(&text, " - a\n");
    CHECK_OK(buf_rc(&text));
    CHECK_OK(conf_input_add(&in, STR("a.yaml"), STR(LEAST)));
    CHECK_OK(conf_input_add(&in, STR("b.yaml"), buf_str(&text)));
    CHECK_OK(conf_input_add(&in, STR("c.yaml"), buf_str(&text)));
    CHECK_OK(conf_input_add(&in, STR("d.yaml"), buf_str(&text)));
    CHECK_RC(conf_load(&in, &conf, &report), RC_INVAL);
    conf_report_text(&report, &shown);
    CHECK_STR(buf_str(&shown),
              "c.yaml:99994: names.internal: more than 200000 values in all files together\n");
}

static void plain_yaml_is_fine(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;

    CHECK_LOADS("# comment\nlog: {level: debug, format: 'json'}  # more\n"
                "names:\n  internal:\n  - lan\n  - \"corp\"\n...\n",
                &conf);
    CHECK(conf->log.level == CONF_LOG_DEBUG && conf->log.format == CONF_LOG_JSON);
    CHECK_INT(conf->names.internal.n, 2);
    CHECK_STR(conf->names.internal.p[1], "corp");
}

CHECK_MAIN(CHECK_TEST(anchors_aliases_tags), CHECK_TEST(merge_keys), CHECK_TEST(keys_given_twice),
           CHECK_TEST(syntax), CHECK_TEST(shape_of_the_file), CHECK_TEST(keys_that_are_no_names),
           CHECK_TEST(depth), CHECK_TEST_ONCE(number_of_values),
           CHECK_TEST_ONCE(number_of_values_of_all_files), CHECK_TEST(plain_yaml_is_fine))
