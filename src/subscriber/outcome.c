/* SPDX-License-Identifier: Apache-2.0 */
/* What came of obtaining or renewing a certificate, as it is told. */
#include <stdio.h>

#include "json/out.h"
#include "program/program.h"
#include "subscriber/agent_int.h"

const char *cmd_agent_from(const struct agent_outcome *out)
{
    return out->fallback ? " from the fallback server" : "";
}

int cmd_agent_fail(const struct agent_outcome *out, const struct err *err)
{
    char text[WHEN_TEXT];
    int status = cmd_fail(err);

    if (out->undecided)
        return CMD_LATER;
    if (out->unproven)
        return CMD_UNPROVEN;
    if (!out->retry_at)
        return status;
    program_say("the server asks not to come back before %s", when_text(out->retry_at, text));
    return CMD_LATER;
}

void cmd_outcome_put(struct json_out *j, const char *dir, const struct agent_outcome *out,
                     const struct err *err)
{
    char text[AGENT_WHY_MAX];

    json_obj(j);
    json_kv_z(j, "directory", dir);
    json_kv_bool(j, "issued", out->issued);
    if (out->fallback)
        json_kv_bool(j, "fallback", true);
    if (out->not_after)
        json_kv_when(j, "not_after", out->not_after);
    if (out->renew_at)
        json_kv_when(j, "renew_at", out->renew_at);
    if (out->ready_at)
        json_kv_when(j, "window", out->ready_at);
    if (out->unproven)
        json_kv_bool(j, "unproven", true);
    if (out->undecided)
        json_kv_bool(j, "undecided", true);
    if (err->rc != RC_OK)
        json_kv_z(j, "error", err_textz(err, text, sizeof(text)));
    json_end(j);
}

void cmd_outcome_show(const char *dir, const char *renewed_by, const struct agent_outcome *out)
{
    char until[WHEN_TEXT], renew[WHEN_TEXT];

    if (out->ready_at) {
        printf("obtained a certificate, which waits for the window at %s\n",
               when_text(out->ready_at, until));
        return;
    }
    if (!out->issued) {
        printf("the server is there and the proof could be given; nothing was ordered\n");
        return;
    }
    printf("obtained a certificate%s, valid until %s\n", cmd_agent_from(out),
           when_text(out->not_after, until));
    printf("  in %s: cert.pem, chain.pem, fullchain.pem, privkey.pem\n", dir);
    printf("  to be renewed about %s: let a timer run `%s renew %s` twice a day\n",
           when_text(out->renew_at, renew), program.name, renewed_by);
}
