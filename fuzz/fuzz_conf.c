/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: conf_load, conf_report_text, conf_dump, conf_diff. What loads is printed, and loads
 * again as the same. */
#include "conf/diff.h"
#include "conf/load.h"
#include "conf/text.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

static const struct conf *load(struct str text, struct buf *out)
{
    CLEANUP(conf_report_done) struct conf_report report = {};
    const struct conf *conf = NULL;
    struct conf_input in;

    conf_input_init(&in);
    conf_report_init(&report);
    if (conf_input_add(&in, STR("a.yaml"), text) != RC_OK)
        return NULL;
    if ((conf_load(&in, &conf, &report) == RC_OK) != (report.n == 0))
        __builtin_trap();
    conf_report_text(&report, out);
    return conf;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL, *again = NULL;
    CLEANUP(conf_changes_done) struct conf_changes changes = {};
    CLEANUP(buf_done) struct buf text = BUF_INIT(CONF_FILE_BYTES_MAX);

    if (n > 16384 || !(conf = load(str_bytes(data, n), &text)))
        return 0;
    conf_dump(conf, &text);
    if (!(again = load(buf_str(&text), &text)) || conf_diff(conf, again, &changes) != RC_OK ||
        changes.n)
        __builtin_trap();
    return 0;
}
