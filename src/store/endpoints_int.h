/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by endpoints.c and seen.c. */
#pragma once

#include "store/endpoints.h"
#include "store/sql_int.h"

#define SEEN_COLUMNS                                                                               \
    "sha256, serial, subject, issuer, key, signature, names, not_before, "                         \
    "not_after, first, last"

/* Keeps it, or notes that it was seen again; its row's number. */
enum rc seen_put(struct store_txn *txn, const struct store_seen *seen, when_t at, int64_t *out_n);
/* The columns of SEEN_COLUMNS, of which there may be none: then *out_shown is false. */
void seen_read(struct row *r, struct store_seen *out, bool *out_shown);
/* Appends to the history of the endpoint with that row number. */
enum rc change_put(struct store_txn *txn, int64_t endpoint, const struct store_endpoint_change *c);
