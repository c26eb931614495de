/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "cmd/cmd.h"
#include "crypto/crypto.h"
#include "json/out.h"
#include "program/program.h"

enum { TEXT_MAX = 4096 };

int cmd_version(const struct cmd_args *args)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(TEXT_MAX);
    struct json_out o;

    if (!cmd_json(args)) {
        printf("%s %s\n%s\n", program.name, AUTARKY_VERSION, crypto_version());
        if (program.schema)
            printf("database schema %u\n", program.schema());
        return CMD_DONE;
    }
    json_out_init(&o, &text, JSON_PRETTY);
    json_obj(&o);
    json_kv_z(&o, "version", AUTARKY_VERSION);
    json_kv_z(&o, "openssl", crypto_version());
    if (program.schema)
        json_kv_u64(&o, "schema", program.schema());
    if (program.handover)
        json_kv_u64(&o, "handover", program.handover);
    json_end(&o);
    if (json_out_done(&o) != RC_OK)
        return cmd_failf("out of memory");
    cmd_print(buf_str(&text));
    return CMD_DONE;
}
