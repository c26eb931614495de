/* SPDX-License-Identifier: Apache-2.0 */
/* What well-known services want of a certificate, by name, as `--for` takes it: how they are told
 * of a new one, who reads the key, where it is to be seen. */
#pragma once

#include "agent/plan.h"

/* For messages. */
#define AGENT_RECIPES                                                                              \
    "apache, dovecot, exim, haproxy, httpd, mariadb, nginx, postfix, postgresql, prometheus, "     \
    "prosody, slapd, vsftpd"

/* Fills what the plan leaves empty of reload, owner, group, mode and places of proof. RC_INVAL:
 * there is none of that name, or its service reads one file with certificates and key and the plan
 * (`also`) has none. */
enum rc agent_recipe_apply(struct str name, struct agent_plan *plan, struct err *err);
