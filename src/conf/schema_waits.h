/* SPDX-License-Identifier: Apache-2.0 */
/* How long the gateway waits for clients and backends: rows of the table in schema.c. */
#pragma once

/* clang-format off */
    {KEY_IN("gateway.sites[].client_timeout", CONF_ONE, struct conf_site, client_timeout,
            &conf_kind_span),
     .min = CONF_GATEWAY_WAIT_MIN, .max = CONF_GATEWAY_CLIENT_MAX, .initial = "30s", .take = &live,
     .help = "Time in which a client that is waited for, in a request's body or with an answer, "
             "moves nothing"},
    {KEY_IN("gateway.sites[].response_timeout", CONF_ONE, struct conf_site, response_timeout,
            &conf_kind_span),
     .min = CONF_GATEWAY_WAIT_MIN, .max = CONF_GATEWAY_RESPONSE_MAX, .initial = "1m",
     .take = &live,
     .help = "Time in which a backend that is waited for says nothing: before its answer (then "
             "504), and in the middle of it"},
    {KEY_IN("gateway.sites[].tunnel_timeout", CONF_ONE, struct conf_site, tunnel_timeout,
            &conf_kind_span),
     .min = CONF_GATEWAY_WAIT_MIN, .max = CONF_GATEWAY_TUNNEL_MAX, .initial = "1h", .take = &live,
     .help = "Time in which neither side of WebSocket, or of a connection that is passed on, says "
             "anything"},
    {KEY("gateway.head_timeout", CONF_ONE, gateway.head_timeout, &conf_kind_span),
     .min = CONF_GATEWAY_WAIT_MIN, .max = CONF_GATEWAY_HEAD_MAX, .initial = "10s", .take = &live,
     .help = "Time for the head of a request, from its first byte (then 408), and for the first "
             "one on a connection to begin"},
    {KEY("gateway.idle_timeout", CONF_ONE, gateway.idle_timeout, &conf_kind_span),
     .min = CONF_GATEWAY_WAIT_MIN, .max = CONF_GATEWAY_IDLE_MAX, .initial = "1m", .take = &live,
     .help = "How long a connection of a client stays open between two requests"},
    /* clang-format on */
