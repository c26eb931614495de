/* SPDX-License-Identifier: Apache-2.0 */
/* `autarky user`, `user-certificate`, `token`, `session`. Part of cmd/cmd.h. */
#pragma once

#include "cmd/cmd.h"

int cmd_user_add(const struct cmd_args *args);
int cmd_user_certificate_add(const struct cmd_args *args);
int cmd_user_certificate_list(const struct cmd_args *args);
int cmd_user_certificate_remove(const struct cmd_args *args);
int cmd_user_list(const struct cmd_args *args);
int cmd_user_password(const struct cmd_args *args);
int cmd_user_totp(const struct cmd_args *args);
int cmd_user_role(const struct cmd_args *args);
int cmd_user_remove(const struct cmd_args *args);
int cmd_token_create(const struct cmd_args *args);
int cmd_token_list(const struct cmd_args *args);
int cmd_token_revoke(const struct cmd_args *args);
int cmd_session_list(const struct cmd_args *args);
int cmd_session_end(const struct cmd_args *args);
