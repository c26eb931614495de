/* SPDX-License-Identifier: Apache-2.0 */
/* `autarky agent`, of agents as the server knows them. Part of cmd/cmd.h. */
#pragma once

#include "cmd/cmd.h"

int cmd_agent_list(const struct cmd_args *args);
int cmd_agent_tokens(const struct cmd_args *args);
int cmd_agent_show(const struct cmd_args *args);
int cmd_agent_remove(const struct cmd_args *args);
int cmd_agent_renew(const struct cmd_args *args);
