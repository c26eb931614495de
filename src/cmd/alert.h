/* SPDX-License-Identifier: Apache-2.0 */
/* `autarky alert`. Part of cmd/cmd.h. */
#pragma once

#include "cmd/cmd.h"

int cmd_alert_list(const struct cmd_args *args);
int cmd_alert_show(const struct cmd_args *args);
int cmd_alert_ack(const struct cmd_args *args);
int cmd_alert_silence(const struct cmd_args *args);
int cmd_alert_unsilence(const struct cmd_args *args);
int cmd_alert_silences(const struct cmd_args *args);
int cmd_alert_deliveries(const struct cmd_args *args);
int cmd_alert_test(const struct cmd_args *args);
