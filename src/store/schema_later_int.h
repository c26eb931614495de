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

/* Those that nobody has decided: counted, and listed the oldest first. */
static const char *const open_approvals[] = {
    "CREATE INDEX approvals_pending ON approvals (asked) WHERE state = 'pending'",
    NULL,
};

/* Keys that the CA made, sealed to somebody else's key (store/escrows.h). They stay: no statement
 * of ours touches a row, and one that was slipped in does not either. */
static const char *const escrows[] = {
    /* NOLINTNEXTLINE(bugprone-suspicious-missing-comma): one statement on several lines */
    "CREATE TABLE escrows (n INTEGER PRIMARY KEY,"
    " certificate TEXT NOT NULL UNIQUE REFERENCES certificates (id), sealed_to BLOB NOT NULL,"
    " envelope BLOB NOT NULL, created INTEGER NOT NULL) STRICT",
    "CREATE INDEX escrows_sealed_to ON escrows (sealed_to)",
    /* NOLINTNEXTLINE(bugprone-suspicious-missing-comma): one statement on several lines */
    "CREATE TRIGGER escrows_stay BEFORE DELETE ON escrows"
    " BEGIN SELECT RAISE(ABORT, 'keys in escrow are not removed'); END",
    /* NOLINTNEXTLINE(bugprone-suspicious-missing-comma): one statement on several lines */
    "CREATE TRIGGER escrows_same BEFORE UPDATE ON escrows"
    " BEGIN SELECT RAISE(ABORT, 'keys in escrow are not changed'); END",
    NULL,
};
