/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration of what is least, and more. */
#pragma once

#include "conf/load.h"

#define RULES_LEAST "organization: Example\ndomain: hospital.example\n"

/* The whole text of a configuration. */
[[maybe_unused]] static enum rc rules_load(struct str text, const struct conf **out)
{
    struct conf_report report;
    struct conf_input in;
    enum rc rc;

    conf_input_init(&in);
    conf_report_init(&report);
    rc = conf_input_add(&in, STR("t.yaml"), text);
    if (rc == RC_OK)
        rc = conf_load(&in, out, &report);
    conf_report_done(&report);
    conf_input_done(&in);
    return rc;
}

[[maybe_unused]] static bool load(const char *rest, const struct conf **out)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(64 * 1024);

    buf_printf(&text, RULES_LEAST "%s", rest);
    return rules_load(buf_str(&text), out) == RC_OK;
}
