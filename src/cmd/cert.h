/* SPDX-License-Identifier: Apache-2.0 */
/* What is shown of certificates, for whoever shows some. */
#pragma once

#include "cmd/cmd.h"
#include "json/json.h"
#include "json/out.h"

/* The member as a time of RFC 3339: of one such, of a day, or of a time from now. CMD_DONE, or
 * CMD_USAGE, having said what is wrong with the option. */
int cert_put_when(const char *option, const char *given, const char *member, struct json_out *o);
/* "name, name" of a list of texts. */
void cert_print_list(const struct json *list);

/* `cert open`, `cert escrow`. */
int cmd_cert_open(const struct cmd_args *args);
int cmd_cert_escrow(const struct cmd_args *args);
