/* SPDX-License-Identifier: Apache-2.0 */
/* What the nouns of the store share: names, digests, pages of lists, and the conventions of all
 * their functions.
 *
 * Every function takes a `struct store_txn *`: a write transaction inside a job of store_write, or
 * a read one from store_read. Those that change something need a write one (RC_INVAL otherwise).
 * What is read is copied into the arena and lives as long as it; `struct str` fields that are not
 * set are {NULL, 0}, an id that is not set is "", a time that is not set is 0. Times are
 * microseconds UTC. What is passed in is copied and may be freed afterwards.
 *
 * Errors of all functions, not repeated at each: RC_NOTFOUND no such row; RC_EXISTS a unique value
 * is taken; RC_CONFLICT a move whose `from` is not the present status; RC_INVAL a value that can
 * never be right, or a row referred to that does not exist; RC_TOOBIG past a limit below; RC_NOMEM;
 * RC_IO; RC_AGAIN another process holds the database longer than the busy limit; RC_CORRUPT. */
#pragma once

#include "base/addr.h"
#include "base/arena.h"
#include "base/id.h"
#include "base/name.h"
#include "base/when.h"

struct store;
struct store_txn;

enum {
    STORE_OPEN_LOOK = 12000, /* rows that one count of what is open reads */
    STORE_PAGE_MAX = 1000,   /* rows that one list call returns */
    STORE_NAMES_MAX = 100,   /* identifiers of one order or names of one certificate */
    STORE_CONTACTS_MAX = 10, /* of one account */
    STORE_TEXT_MAX = 1024,   /* one short text: contact, reason, owner, team, service, profile */
    STORE_BLOB_MAX =
        256 * 1024, /* one long value: DER, chain, to-be-signed bytes, evidence, problem, event */
    STORE_SERIAL_MAX = 20,    /* RFC 5280 section 4.1.2.2 */
    STORE_CHALLENGES_MAX = 8, /* of one authorization */
    STORE_SHA256 = 32,
};

/* A digest, SHA-256 everywhere. */
struct store_hash {
    uint8_t b[STORE_SHA256];
};

enum store_name_type {
    STORE_NAME_DNS,
    STORE_NAME_IP,
    STORE_NAME_EMAIL, /* of certificates alone, as the next */
    STORE_NAME_URI,
    STORE_NAME_TYPES
};

/* An identifier or a name of a certificate. `value` is canonical: an A-label name (base/name.h;
 * "*." in front where a wildcard is meant), an address as addr_text writes it, a mail address or a
 * URI; the store derives the reversed name or the address bytes and refuses with RC_INVAL what is
 * not canonical. */
struct store_name {
    enum store_name_type type;
    struct str value;
};

/* "dns", "ip", as RFC 8555 section 9.7.7 and RFC 8738 write them, "email", "uri". */
const char *store_name_type_text(enum store_name_type type);

/* Whether a list has what belongs to the staging directory: accounts of it, certificates of the
 * hierarchy of that name. */
enum store_staging { STORE_STAGING_TOO, STORE_STAGING_NOT, STORE_STAGING_ONLY };

/* Where a list goes on. {0} starts; a list call moves it behind its last row and sets `end` when
 * there is nothing more. Rows added meanwhile do not make others appear twice. */
struct store_cursor {
    int64_t at;
    struct id id;
    bool end;
};
