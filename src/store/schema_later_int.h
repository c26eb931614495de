/* SPDX-License-Identifier: Apache-2.0 */
/* Later migrations, each a list of statements for the table in schema.c. */
#pragma once

#include <stddef.h>

/* Requests that change something, and are not done again. */
static const char *const idempotency[] = {
    "CREATE TABLE idempotency (n INTEGER PRIMARY KEY, scope TEXT NOT NULL, key TEXT NOT NULL,"
    " request BLOB NOT NULL, at INTEGER NOT NULL, done INTEGER NOT NULL, made TEXT, answer TEXT,"
    " UNIQUE (scope, key)) STRICT",
    "CREATE INDEX idempotency_at ON idempotency (at)",
    "CREATE INDEX idempotency_scope_at ON idempotency (scope, at)",
    NULL,
};

/* Keys of account bindings, page after page. */
static const char *const eab_pages[] = {
    "CREATE INDEX eab_keys_created ON eab_keys (created, id)",
    NULL,
};
