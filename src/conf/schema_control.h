/* SPDX-License-Identifier: Apache-2.0 */
/* Who may operate: rows of the table in schema.c. */
#pragma once

/* clang-format off */
    MAP_OF_KEYS("control"),
    {KEY("control.two_persons", CONF_BITS, control.two_persons, &conf_kind_choice),
     .names = conf_choice_two_persons, .take = &core,
     .help = "What takes a second person: issuer.create, .rotate, .revoke, issuance.thaw, "
             "operators.change, policy.change, backup.create, backup.restore, key.escrow"},
    {KEY("control.people", CONF_MANY, control.people, &conf_kind_ident), .take = &core,
     .help = "Users of this host who decide on approvals"},
    {STRUCTS("control.operators", CONF_ITEMS, control.operators, struct conf_operator),
     .take = &core,
     .help = "Users and groups of this host, and what they may ask at the control socket"},
    {KEY_IN("control.operators[].name", CONF_ONE, struct conf_operator, name, &conf_kind_ident),
     .required = true, .take = &core, .help = "Of the user or group"},
    {KEY_IN("control.operators[].group", CONF_ONE, struct conf_operator, group, &conf_kind_bool),
     .initial = "false", .take = &core, .help = "Whether that is a group"},
    {KEY_IN("control.operators[].roles", CONF_BITS, struct conf_operator, roles, &conf_kind_choice),
     .names = conf_choice_roles, .required = true, .filled = true, .take = &core,
     .help = "viewer, operator, approver, officer, auditor"},
    {KEY("control.approval_wait", CONF_ONE, control.approval_wait, &conf_kind_span),
     .min = WHEN_SECOND, .max = 90 * WHEN_DAY, .initial = "7d", .take = &live,
     .help = "How long a certificate that takes approval waits for it, and a grant for its use"},
    {KEY("control.reasons", CONF_ONE, control.reasons, &conf_kind_choice),
     .names = conf_choice_reasons, .initial = "optional", .take = &live,
     .help = "required: commands that change something are refused without --reason"},
    {KEY("control.certificates", CONF_ONE, control.certificates, &conf_kind_bool),
     .initial = "false", .take = &live,
     .help = "Whether clients of the API are asked for a certificate of this CA, by which they are "
             "users (`autarky user-certificate add`)"},
