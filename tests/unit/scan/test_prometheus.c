/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdio.h>

#include "scan/prometheus.h"
#include "starttls/starttls.h"

struct told {
    struct buf text; /* what was left out, a line each */
};

static void left(void *arg, const struct err *err)
{
    struct told *t = arg;
    char text[1024];

    buf_printf(&t->text, "%s\n", err_textz(err, text, sizeof(text)));
}

static void told_done(struct told *t)
{
    buf_done(&t->text);
}

/* `row` is what is looked at, a line each; `out` what was left out. */
static enum rc read_all(const char *text, struct buf *row, struct buf *out, struct err *err)
{
    CLEANUP(scan_targets_done) struct scan_targets t = {};
    CLEANUP(told_done) struct told told = {.text = BUF_INIT(8192)};
    uint64_t n = 0;

    scan_targets_init(&t);
    TRY(scan_ports_parse(&t, STR("1"), err));
    TRY(scan_prometheus_read(&t, STR("p.yml"), str_of(text), left, &told, err));
    TRY(scan_targets_count(&t, &n, err));
    for (uint64_t i = 0; i < n; i++) {
        struct scan_endpoint e = scan_targets_at(&t, i);
        char at[ADDR_TEXT];

        buf_printf(row, "%s %s\n", e.protocol ? starttls_name(e.protocol) : "tls",
                   addr_port_text(&e.to, at));
    }
    buf_puts(out, buf_str(&told.text));
    TRY(buf_rc(row));
    return buf_rc(out);
}

static void configuration(void)
{
    static const char text[] =
        "global: {scrape_interval: 30s}\n"
        "scrape_configs:\n"
        "  - job_name: node\n"
        "    static_configs: [{targets: ['10.0.0.1:9100']}]\n"
        "  - job_name: web\n"
        "    metrics_path: /probe\n"
        "    params: {module: [http_2xx]}\n"
        "    static_configs:\n"
        "      - targets:\n"
        "          - https://10.1.0.1/login?x=1\n"
        "          - https://10.1.0.2:8443\n"
        "          - 'https://[2001:db8::1]/'\n"
        "          - http://10.1.0.3\n"
        "          - 10.1.0.4\n"
        "    relabel_configs:\n"
        "      - {source_labels: [__address__], target_label: __param_target}\n"
        "  - job_name: mail\n"
        "    metrics_path: /probe\n"
        "    params: {module: [smtp_starttls]}\n"
        "    static_configs: [{targets: ['10.2.0.1:25', '10.2.0.2:2525', '10.2.0.3:143', "
        "'10.2.0.4:993']}]\n"
        "    file_sd_configs: [{files: [more.json]}]\n"
        "    dns_sd_configs: [{names: [x]}]\n";
    CLEANUP(buf_done) struct buf row = BUF_INIT(8192), out = BUF_INIT(8192);
    struct err err = ERR_INIT;

    CHECK_OK(read_all(text, &row, &out, &err));
    CHECK_STR(buf_str(&row), "tls 10.1.0.1:443\ntls 10.1.0.2:8443\ntls [2001:db8::1]:443\n"
                             "smtp 10.2.0.1:25\nsmtp 10.2.0.2:2525\nimap 10.2.0.3:143\n"
                             "smtp 10.2.0.4:993\n");
    CHECK(strstr(buf_z(&out), "job node: it asks no blackbox exporter"));
    CHECK(strstr(buf_z(&out), "http://10.1.0.3: it is asked without TLS"));
    CHECK(strstr(buf_z(&out), "10.1.0.4: it names no port"));
    CHECK(strstr(buf_z(&out), "job mail: it has targets in files of their own"));
    CHECK(strstr(buf_z(&out), "job mail: it finds targets by asking others"));
}

static void files_of_targets(void)
{
    static const char *const texts[] = {
        "- targets: ['10.0.0.1:443', 'https://10.0.0.2']\n  labels: {team: a}\n- targets: "
        "[10.0.0.3:5432]\n",
        "# ours\n---\n- targets:\n  - 10.0.0.1:443\n  - https://10.0.0.2\n- targets:\n  - "
        "10.0.0.3:5432\n",
        "[{\"targets\": [\"10.0.0.1:443\", \"https://10.0.0.2\"], \"labels\": {}},\n"
        " {\"targets\": [\"10.0.0.3:5432\"]}]\n",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        CLEANUP(buf_done) struct buf row = BUF_INIT(8192), out = BUF_INIT(8192);
        struct err err = ERR_INIT;

        CHECK_OK(read_all(texts[i], &row, &out, &err));
        CHECK_STR(buf_str(&row), "tls 10.0.0.1:443\ntls 10.0.0.2:443\npostgres 10.0.0.3:5432\n");
        CHECK_INT(out.n, 0);
    }
}

static void what_is_wrong(void)
{
    static const struct {
        const char *text, *says;
        enum rc rc;
    } cases[] = {
        {"a: b\n", "neither", RC_INVAL},
        {"", "neither", RC_INVAL},
        {"scrape_configs: 5\n", "neither", RC_INVAL},
        {"- targets: [a\n- b\n", "line ", RC_PARSE},
        {"scrape_configs: [&x {job_name: y}]\n", "line 1", RC_PARSE},
        {"- targets: [x]\n- &a {targets: [y]}\n", "line 2", RC_PARSE},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(buf_done) struct buf row = BUF_INIT(8192), out = BUF_INIT(8192);
        struct err err = ERR_INIT;
        char text[1024];

        CHECK_RC(read_all(cases[i].text, &row, &out, &err), cases[i].rc);
        if (err.msg)
            CHECK(strstr(err_textz(&err, text, sizeof(text)), cases[i].says));
    }
}

static void odd_targets(void)
{
    static const char text[] = "- targets: ['https://', 'ftp://x', ':443', '[::1', 'a b:443',"
                               " 'https://10.0.0.9:70000', '', [x], {y: z}]\n- {}\n- 7\n";
    CLEANUP(buf_done) struct buf row = BUF_INIT(8192), out = BUF_INIT(8192);
    struct err err = ERR_INIT;

    CHECK_OK(read_all(text, &row, &out, &err));
    CHECK_INT(row.n, 0);
    CHECK(strstr(buf_z(&out), "https://10.0.0.9:70000: "));
    CHECK(strstr(buf_z(&out), "a group without a list of targets"));
}

CHECK_MAIN(CHECK_TEST(configuration), CHECK_TEST(files_of_targets), CHECK_TEST(what_is_wrong),
           CHECK_TEST(odd_targets))
