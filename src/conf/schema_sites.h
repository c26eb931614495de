/* SPDX-License-Identifier: Apache-2.0 */
/* What a site has beside its name and certificates: rows of the table in schema.c. */
#pragma once

/* clang-format off */
    {KEY_IN("gateway.sites[].balance", CONF_ONE, struct conf_site, balance, &conf_kind_choice),
     .names = conf_choice_balances, .initial = "first", .take = &live,
     .help = "Which backend takes a request: the first that can be reached, each in turn "
             "(round-robin), or the one with the fewest requests (least-connections)"},
    {KEY_IN("gateway.sites[].sticky", CONF_ONE, struct conf_site, sticky, &conf_kind_bool),
     .initial = "false", .take = &live,
     .help = "A client stays with the backend that it had first, by a cookie"},
    {KEY_IN("gateway.sites[].drain", CONF_MANY, struct conf_site, drain, &conf_kind_base_url),
     .names = conf_choice_http, .take = &live,
     .help = "Those of backends that get no new clients, before they are taken away"},
    {KEY_IN("gateway.sites[].slow_start", CONF_ONE, struct conf_site, slow_start, &conf_kind_span),
     .min = 0, .max = WHEN_HOUR, .initial = "0s", .take = &live,
     .help = "Time in which a backend that has come back grows to its full share"},
    {KEY_IN("gateway.sites[].check", CONF_ONE, struct conf_site, check, &conf_kind_target),
     .take = &live,
     .help = "Path that every backend is asked for in turns; one that fails gets no requests"},
    {KEY_IN("gateway.sites[].check_interval", CONF_ONE, struct conf_site, check_interval,
            &conf_kind_span),
     .min = WHEN_SECOND, .max = WHEN_HOUR, .initial = "10s", .take = &live,
     .help = "Between two of these questions"},
    /* clang-format on */
