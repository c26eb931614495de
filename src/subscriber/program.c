/* SPDX-License-Identifier: Apache-2.0 */
/* The program autarky-agent: the commands of the ACME client, for hosts that need nothing else.
 * What it is linked with is in src/meson.build, and reaches neither the authority nor the database.
 */
#include "program/program.h"
#include "cmd/cmd.h"
#include "program/rows.h"

static const struct cmd_row rows[] = {CMD_CLIENT_ROWS, CMD_COMMON_ROWS};

const struct cmd_row *cmd_rows(size_t *out_n)
{
    *out_n = sizeof(rows) / sizeof(rows[0]);
    return rows;
}

const struct program program = {
    .name = "autarky-agent",
    .title = "Autarky's agent: certificates from any ACME server, renewed and proven to be served.",
    .has = cmd_has,
};
