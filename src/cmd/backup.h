/* SPDX-License-Identifier: Apache-2.0 */
/* `autarky backup`: rows of table.c; the commands are in recovery/. */
#pragma once

#include "cmd/cmd.h"

int cmd_backup_create(const struct cmd_args *args);
int cmd_backup_verify(const struct cmd_args *args);
int cmd_backup_restore(const struct cmd_args *args);
