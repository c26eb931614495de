/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: conf_accepted_parse, conf_policy_override_parse: files of DATA, which may come from
 * elsewhere. What is taken is written as the same, and loads or says why not. */
#include "conf/accepted.h"
#include "conf/policy.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

static void load(const struct conf_input *in)
{
    CLEANUP(conf_report_done) struct conf_report report = {};
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;

    conf_report_init(&report);
    if ((conf_load(in, &conf, &report) == RC_OK) != (report.n == 0))
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    CLEANUP(buf_done) struct buf again = BUF_INIT(1 << 16), override = BUF_INIT(1 << 16);
    struct str text = str_bytes(data, n);
    struct conf_policy_override o;
    struct conf_accepted a;

    if (n > 16384)
        return 0;
    if (conf_accepted_parse(text, &a) == RC_OK) {
        struct conf_accepted b;

        conf_accepted_put(&a.input, a.two_persons, &again);
        if (conf_accepted_parse(buf_str(&again), &b) != RC_OK || b.input.n != a.input.n ||
            b.two_persons != a.two_persons)
            __builtin_trap();
        load(&a.input);
    }
    if (conf_policy_override_parse(text, &o) == RC_OK)
        conf_policy_override_put(&o, &override);
    return 0;
}
