/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of the gateway's work: a log line for each request, and counters. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct addr;
struct err;
struct gateway_exchange;

enum gateway_failure {
    GATEWAY_FAILED_CONNECT, /* not reached, or its name not resolved */
    GATEWAY_FAILED_ANSWER,  /* its answer broke the rules */
    GATEWAY_FAILED_CUT,     /* it broke off */
    GATEWAY_FAILED_TIME,    /* it took too long */
    GATEWAY_FAILED_CHECK,   /* a check of it failed */
};

void gateway_count_failure(enum gateway_failure what);
/* A connection whose handshake failed. */
void gateway_count_failed(const struct addr *client, const struct err *err);
/* One whose handshake is done: 1; it is gone: -1. */
void gateway_count_client(int n);
/* A request has ended; complete: the client took all of the answer. */
void gateway_tell(const struct gateway_exchange *x, bool complete);
