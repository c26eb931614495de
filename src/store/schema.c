/* SPDX-License-Identifier: Apache-2.0 */
/* The migrations themselves, from an empty database to today's. */
#include "store/schema_later_int.h"
#include "store/schema_numbers_int.h"
#include "store/store_int.h"

/* Rules for what follows: a migration that has been released never changes; the next one is
 * appended. Times are microseconds, ids the 26 characters of base/id.h, statuses the words of RFC
 * 8555. Values that are not set are NULL. Ids are random, so each index of them costs a page of its
 * own at every insertion; what only ties rows together does it by `n`, which grows. An order is
 * five commits, and each index that one of them touches is a page more to write: no index holds a
 * status that moves, or serves a question that the program does not ask. */

static const char *const first[] = {
    "CREATE TABLE migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL,"
    " applied INTEGER NOT NULL) STRICT",

    "CREATE TABLE meta (key TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL) STRICT, WITHOUT ROWID",

    "CREATE TABLE nodes (id TEXT PRIMARY KEY NOT NULL, boot INTEGER NOT NULL,"
    " started INTEGER NOT NULL) STRICT, WITHOUT ROWID",

    "CREATE TABLE clock (one INTEGER PRIMARY KEY CHECK (one = 1), high INTEGER NOT NULL) STRICT",

    "CREATE TABLE accounts (id TEXT PRIMARY KEY NOT NULL,"
    " status TEXT NOT NULL CHECK (status IN ('valid', 'deactivated', 'revoked')),"
    " jwk TEXT NOT NULL, thumbprint BLOB NOT NULL UNIQUE, contacts TEXT, terms_at INTEGER,"
    " eab_key TEXT, system INTEGER NOT NULL, created INTEGER NOT NULL, created_from BLOB) STRICT",
    "CREATE INDEX accounts_created ON accounts (created, id)",

    "CREATE TABLE authorizations (n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
    " account TEXT NOT NULL REFERENCES accounts (id),"
    " type TEXT NOT NULL CHECK (type IN ('dns', 'ip')), value TEXT NOT NULL, reversed TEXT,"
    " address BLOB, wildcard INTEGER NOT NULL, status TEXT NOT NULL CHECK (status IN"
    " ('pending', 'valid', 'invalid', 'deactivated', 'expired', 'revoked')),"
    " expires INTEGER NOT NULL, created INTEGER NOT NULL, validated INTEGER) STRICT",
    "CREATE INDEX authorizations_account ON authorizations"
    " (account, type, value, wildcard, status, expires, id)",
    "CREATE INDEX authorizations_expires ON authorizations (status, expires, id)",

    "CREATE TABLE challenges (n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
    " authorization INTEGER NOT NULL REFERENCES authorizations (n), pos INTEGER NOT NULL,"
    " type TEXT NOT NULL, token TEXT NOT NULL, status TEXT NOT NULL CHECK (status IN"
    " ('pending', 'processing', 'valid', 'invalid')),"
    " requested INTEGER, validated INTEGER, attempts INTEGER NOT NULL, next_attempt INTEGER,"
    " key_thumbprint TEXT, error TEXT, evidence TEXT) STRICT",
    "CREATE UNIQUE INDEX challenges_authorization ON challenges (authorization, pos)",
    "CREATE INDEX challenges_due ON challenges (next_attempt) WHERE next_attempt IS NOT NULL",

    "CREATE TABLE issuers (id TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL UNIQUE,"
    " parent TEXT REFERENCES issuers (id), hierarchy TEXT NOT NULL, algorithm TEXT NOT NULL,"
    " subject TEXT NOT NULL, certificate BLOB NOT NULL, chain BLOB, key_ref TEXT, key_id BLOB,"
    " state TEXT NOT NULL CHECK (state IN ('active', 'retired')), not_after INTEGER NOT NULL,"
    " created INTEGER NOT NULL) STRICT",

    "CREATE TABLE certificates (n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
    " serial BLOB NOT NULL, der BLOB NOT NULL,"
    " issuer TEXT NOT NULL REFERENCES issuers (id), hierarchy TEXT NOT NULL, profile TEXT,"
    " not_before INTEGER NOT NULL, not_after INTEGER NOT NULL, spki_sha256 BLOB NOT NULL,"
    " fingerprint BLOB NOT NULL, authority_key_id BLOB, origin TEXT NOT NULL,"
    " account TEXT REFERENCES accounts (id), order_id TEXT, requester BLOB, reason TEXT,"
    " owner TEXT, team TEXT, service TEXT, logical TEXT NOT NULL,"
    " replaces TEXT REFERENCES certificates (id), issued INTEGER NOT NULL,"
    " status TEXT NOT NULL CHECK (status IN ('valid', 'revoked')),"
    " revoked INTEGER, revocation_reason INTEGER) STRICT",
    "CREATE INDEX certificates_issued ON certificates (issued, id)",
    "CREATE INDEX certificates_not_after ON certificates (not_after, id)",
    "CREATE INDEX certificates_spki ON certificates (spki_sha256, issued)",
    "CREATE INDEX certificates_account ON certificates (account, issued) WHERE account IS NOT NULL",
    "CREATE INDEX certificates_logical ON certificates (logical, issued)",
    "CREATE INDEX certificates_revoked ON certificates (issuer, not_after)"
    " WHERE status = 'revoked'",

    "CREATE TABLE certificate_names (certificate INTEGER NOT NULL REFERENCES certificates (n),"
    " pos INTEGER NOT NULL, type TEXT NOT NULL, value TEXT NOT NULL, reversed TEXT, address BLOB,"
    " PRIMARY KEY (certificate, pos)) STRICT, WITHOUT ROWID",
    "CREATE INDEX certificate_names_reversed ON certificate_names (reversed, certificate)"
    " WHERE reversed IS NOT NULL",
    "CREATE INDEX certificate_names_address ON certificate_names (address, certificate)"
    " WHERE address IS NOT NULL",

    "CREATE TABLE orders (n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
    " account TEXT NOT NULL REFERENCES accounts (id), status TEXT NOT NULL CHECK (status IN"
    " ('pending', 'ready', 'processing', 'valid', 'invalid')), expires INTEGER NOT NULL,"
    " not_before INTEGER, not_after INTEGER, error TEXT, profile TEXT, replaces TEXT,"
    " certificate TEXT REFERENCES certificates (id), created INTEGER NOT NULL,"
    " created_from BLOB, processing_since INTEGER) STRICT",
    "CREATE INDEX orders_account ON orders (account, status, expires)",
    "CREATE INDEX orders_account_created ON orders (account, created, id)",
    "CREATE INDEX orders_created ON orders (created, id)",
    "CREATE INDEX orders_expires ON orders (status, expires)",
    "CREATE INDEX orders_replaces ON orders (replaces) WHERE replaces IS NOT NULL",

    "CREATE TABLE order_names (order_n INTEGER NOT NULL REFERENCES orders (n),"
    " pos INTEGER NOT NULL, type TEXT NOT NULL, value TEXT NOT NULL, reversed TEXT, address BLOB,"
    " authorization INTEGER NOT NULL REFERENCES authorizations (n),"
    " PRIMARY KEY (order_n, pos)) STRICT, WITHOUT ROWID",
    "CREATE INDEX order_names_authorization ON order_names (authorization, order_n)",

    "CREATE TABLE issuances (n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, order_id TEXT "
    "REFERENCES orders (id),"
    " serial BLOB NOT NULL, tbs BLOB,"
    " tbs_sha256 BLOB NOT NULL, issuer TEXT NOT NULL REFERENCES issuers (id), profile TEXT,"
    " spki_sha256 BLOB NOT NULL, names TEXT NOT NULL, origin TEXT NOT NULL,"
    " state TEXT NOT NULL CHECK (state IN ('reserved', 'done', 'voided')),"
    " created INTEGER NOT NULL, settled INTEGER, reason TEXT) STRICT",
    "CREATE UNIQUE INDEX issuances_order ON issuances (order_id)"
    " WHERE order_id IS NOT NULL AND state = 'reserved'",
    "CREATE INDEX issuances_reserved ON issuances (created, id) WHERE state = 'reserved'",

    /* Every serial that was ever put into something to be signed, here or in a certificate taken
     * over, once; and the way from it to both. */
    "CREATE TABLE serials (serial BLOB PRIMARY KEY NOT NULL,"
    " issuance INTEGER REFERENCES issuances (n), certificate INTEGER REFERENCES certificates (n))"
    " STRICT, WITHOUT ROWID",

    "CREATE TABLE blocked_keys (spki_sha256 BLOB PRIMARY KEY NOT NULL, blocked INTEGER NOT NULL,"
    " reason TEXT, certificate TEXT REFERENCES certificates (id)) STRICT, WITHOUT ROWID",

    "CREATE TABLE events (sequence INTEGER PRIMARY KEY, at INTEGER NOT NULL, action TEXT NOT NULL,"
    " actor_kind TEXT NOT NULL, actor TEXT, object_kind TEXT, object TEXT, request TEXT,"
    " bytes BLOB NOT NULL) STRICT",
    "CREATE INDEX events_object ON events (object, sequence) WHERE object IS NOT NULL",
    "CREATE INDEX events_actor ON events (actor, sequence) WHERE actor IS NOT NULL",
    NULL,
};

/* Certificates that are one thing find each other by a name, and what is reserved remembers where
 * it belongs; an authorization without a challenge says by what it is valid. */
static const char *const lineages[] = {
    /* NOLINTNEXTLINE(bugprone-suspicious-missing-comma): one statement on two lines */
    "CREATE TABLE lineages (name TEXT PRIMARY KEY NOT NULL, logical TEXT NOT NULL)"
    " STRICT, WITHOUT ROWID",
    "ALTER TABLE issuances ADD COLUMN logical TEXT",
    "ALTER TABLE issuances ADD COLUMN replaces TEXT REFERENCES certificates (id)",
    "ALTER TABLE authorizations ADD COLUMN evidence TEXT",
    NULL,
};

/* What each order paid for and nobody asked: events by actor, orders and authorizations by status
 * and expiry, all orders by time. Of a series, the first is found by its id, which is the name. */
static const char *const fewer_indexes[] = {
    "DROP INDEX authorizations_account",
    "DROP INDEX authorizations_expires",
    "CREATE INDEX authorizations_account ON authorizations (account, value)",
    "DROP INDEX orders_account",
    "DROP INDEX orders_created",
    "DROP INDEX orders_expires",
    "DROP INDEX issuances_order",
    "DROP INDEX issuances_reserved",
    "CREATE UNIQUE INDEX issuances_reserved ON issuances (order_id) WHERE state = 'reserved'",
    "DROP INDEX certificates_logical",
    "CREATE INDEX certificates_logical ON certificates (logical, issued) WHERE logical <> id",
    "DROP INDEX events_actor",
    NULL,
};

/* Issuers come and go: more states, dates, and certificates of one authority by another. A column's
 * CHECK cannot be changed, so the states move to a new one, which takes the old one's name. */
static const char *const issuers[] = {
    /* NOLINTNEXTLINE(bugprone-suspicious-missing-comma): one statement on two lines */
    "ALTER TABLE issuers ADD COLUMN phase TEXT NOT NULL DEFAULT 'active' CHECK (phase IN"
    " ('active', 'retiring', 'retired', 'revoked'))",
    "UPDATE issuers SET phase = state",
    "ALTER TABLE issuers DROP COLUMN state",
    "ALTER TABLE issuers RENAME COLUMN phase TO state",
    "ALTER TABLE issuers ADD COLUMN not_before INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE issuers ADD COLUMN activates INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE issuers ADD COLUMN retires INTEGER",
    "ALTER TABLE issuers ADD COLUMN crl_shards INTEGER NOT NULL DEFAULT 1",
    "UPDATE issuers SET not_before = created, activates = created",
    "UPDATE issuers SET crl_shards = 16 WHERE parent IS NOT NULL",
    "CREATE TABLE cross_certificates (id TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL UNIQUE,"
    " subject TEXT NOT NULL REFERENCES issuers (id), signer TEXT NOT NULL REFERENCES issuers (id),"
    " certificate BLOB NOT NULL, not_before INTEGER NOT NULL, not_after INTEGER NOT NULL,"
    " created INTEGER NOT NULL) STRICT",
    NULL,
};

/* Names that are neither DNS names nor addresses are found by their text, and certificates by the
 * one who answers for them; both are few among many. */
static const char *const profiles[] = {
    "CREATE INDEX certificate_names_value ON certificate_names (value, certificate)"
    " WHERE reversed IS NULL AND address IS NULL",
    "CREATE INDEX certificates_owner ON certificates (owner, issued) WHERE owner IS NOT NULL",
    NULL,
};

/* Every byte once, in order, so that INSTR says what number a byte is. */
#define BYTES                                                                                      \
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"                             \
    "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"                             \
    "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f"                             \
    "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f"                             \
    "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"                             \
    "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf"                             \
    "c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf"                             \
    "e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"

/* Revocation lists: what stands on them by (issuer, shard), what is published, what is due. What
 * was revoked before goes to the shard that x509_serial_shard names for 16 of them. */
static const char *const revocation[] = {
    "CREATE TABLE crl_shards (issuer TEXT NOT NULL REFERENCES issuers (id), shard INTEGER NOT NULL,"
    " change INTEGER NOT NULL, number INTEGER NOT NULL, due INTEGER NOT NULL,"
    " scheduled INTEGER NOT NULL DEFAULT 0, full_number INTEGER NOT NULL DEFAULT 0,"
    " full_change INTEGER NOT NULL DEFAULT 0, full_update INTEGER NOT NULL DEFAULT 0,"
    " base_number INTEGER NOT NULL DEFAULT 0, base_change INTEGER NOT NULL DEFAULT 0,"
    " PRIMARY KEY (issuer, shard)) STRICT, WITHOUT ROWID",
    "CREATE INDEX crl_shards_due ON crl_shards (due)",

    "CREATE TABLE revocations (issuer TEXT NOT NULL, shard INTEGER NOT NULL, serial BLOB NOT NULL,"
    " revoked INTEGER NOT NULL, reason INTEGER NOT NULL, not_after INTEGER NOT NULL,"
    " change INTEGER NOT NULL, PRIMARY KEY (issuer, shard, serial)) STRICT, WITHOUT ROWID",
    "CREATE INDEX revocations_change ON revocations (issuer, shard, change)",

    "CREATE TABLE crls (issuer TEXT NOT NULL, shard INTEGER NOT NULL, delta INTEGER NOT NULL,"
    " number INTEGER NOT NULL, change INTEGER NOT NULL, this_update INTEGER NOT NULL,"
    " next_update INTEGER NOT NULL, entries INTEGER NOT NULL, der BLOB NOT NULL,"
    " PRIMARY KEY (issuer, shard, delta)) STRICT",

    "INSERT INTO crl_shards (issuer, shard, change, number, due)"
    " SELECT issuer, (INSTR(x'" BYTES "', SUBSTR(serial, -1)) - 1) & 15, 1, 0, 0"
    " FROM certificates WHERE status = 'revoked' GROUP BY 1, 2",
    "INSERT INTO revocations (issuer, shard, serial, revoked, reason, not_after, change)"
    " SELECT issuer, (INSTR(x'" BYTES "', SUBSTR(serial, -1)) - 1) & 15, serial, revoked,"
    " revocation_reason, not_after, 1 FROM certificates WHERE status = 'revoked'",
    NULL,
};

/* What one person asked for and another allowed; rows stay, as a record. */
static const char *const approvals[] = {
    "CREATE TABLE approvals (id TEXT PRIMARY KEY NOT NULL, action TEXT NOT NULL,"
    " what TEXT NOT NULL, digest BLOB NOT NULL, asked_by INTEGER NOT NULL, asked INTEGER NOT NULL,"
    " expires INTEGER NOT NULL, state TEXT NOT NULL CHECK (state IN"
    " ('pending', 'granted', 'denied', 'used')), decided_by INTEGER NOT NULL,"
    " decided INTEGER NOT NULL) STRICT",
    "CREATE INDEX approvals_asked ON approvals (asked)",
    "CREATE INDEX approvals_digest ON approvals (digest)",
    NULL,
};

/* Accounts by external binding, authorizations made ahead of orders or for all below a domain,
 * renewals pulled forward, and an end for what has expired. To delete an order, nothing may need to
 * look for what refers to it without an index: of the issuances, only those that are reserved are
 * ever looked for by their order, so the others refer to it by its name alone. A column with a
 * reference cannot lose it; a new one takes its name. */
static const char *const acme[] = {
    /* NOLINTNEXTLINE(bugprone-suspicious-missing-comma): one statement on several lines */
    "CREATE TABLE eab_keys (id TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL UNIQUE,"
    " accounts INTEGER NOT NULL, created INTEGER NOT NULL, expires INTEGER, revoked INTEGER,"
    " reason TEXT) STRICT",
    "CREATE INDEX accounts_eab ON accounts (eab_key) WHERE eab_key IS NOT NULL",
    "ALTER TABLE accounts ADD COLUMN ahead INTEGER",
    "ALTER TABLE authorizations ADD COLUMN ahead INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE authorizations ADD COLUMN subdomains INTEGER NOT NULL DEFAULT 0",

    "CREATE TABLE renewals (n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
    " issuer TEXT REFERENCES issuers (id), profile TEXT, spki_sha256 BLOB, name TEXT, under TEXT,"
    " created INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, reason TEXT,"
    " url TEXT) STRICT",

    "DROP INDEX issuances_reserved",
    "ALTER TABLE issuances ADD COLUMN of_order TEXT",
    "UPDATE issuances SET of_order = order_id",
    "ALTER TABLE issuances DROP COLUMN order_id",
    "ALTER TABLE issuances RENAME COLUMN of_order TO order_id",
    "CREATE UNIQUE INDEX issuances_reserved ON issuances (order_id) WHERE state = 'reserved'",

    "ALTER TABLE certificates ADD COLUMN tombstoned INTEGER",
    "ALTER TABLE certificates ADD COLUMN names_sha256 BLOB",
    NULL,
};

/* Accounts of the staging directory, which are none of the other. */
static const char *const staging[] = {
    "ALTER TABLE accounts ADD COLUMN staging INTEGER NOT NULL DEFAULT 0",
    NULL,
};

/* What OCSP asks stands with the serial number: one look-up in a small table, whatever the register
 * holds beside it. */
static const char *const status[] = {
    "ALTER TABLE serials ADD COLUMN issuer TEXT",
    "ALTER TABLE serials ADD COLUMN revoked INTEGER",
    "ALTER TABLE serials ADD COLUMN reason INTEGER",
    /* NOLINTNEXTLINE(bugprone-suspicious-missing-comma): one statement on several lines */
    "UPDATE serials SET (issuer, revoked, reason) = (SELECT issuer, revoked, revocation_reason"
    " FROM certificates WHERE n = certificate) WHERE certificate IS NOT NULL",
    NULL,
};

/* Orders that renew themselves (RFC 8739), and the status in which they end early. Most orders do
 * not: theirs says so in its own row. */
static const char *const stars[] = {
    /* NOLINTNEXTLINE(bugprone-suspicious-missing-comma): one statement on several lines */
    "ALTER TABLE orders ADD COLUMN phase TEXT NOT NULL DEFAULT 'pending' CHECK (phase IN"
    " ('pending', 'ready', 'processing', 'valid', 'invalid', 'canceled'))",
    "UPDATE orders SET phase = status",
    "ALTER TABLE orders DROP COLUMN status",
    "ALTER TABLE orders RENAME COLUMN phase TO status",
    "ALTER TABLE orders ADD COLUMN star INTEGER NOT NULL DEFAULT 0",
    "CREATE TABLE stars (order_n INTEGER PRIMARY KEY REFERENCES orders (n),"
    " account TEXT NOT NULL REFERENCES accounts (id), start INTEGER, until INTEGER NOT NULL,"
    " lifetime INTEGER NOT NULL, adjust INTEGER NOT NULL, get INTEGER NOT NULL, spki BLOB,"
    " first INTEGER, issued INTEGER NOT NULL, vain INTEGER NOT NULL, next INTEGER) STRICT",
    "CREATE INDEX authorizations_ahead ON authorizations (account, expires) WHERE ahead = 1",
    "CREATE INDEX stars_account ON stars (account, until)",
    "CREATE INDEX stars_next ON stars (next) WHERE next IS NOT NULL",
    NULL,
};

/* Locks, and what has been used of limits. The index of what holds is as small as the list of locks
 * that hold, which as a rule is empty. */
static const char *const locks[] = {
    "CREATE TABLE locks (n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
    " scope TEXT NOT NULL CHECK (scope IN ('all', 'zone', 'issuer', 'account')),"
    " value TEXT NOT NULL, renewals INTEGER NOT NULL, reason TEXT, set_by TEXT,"
    " set_at INTEGER NOT NULL, lifted INTEGER, lifted_by TEXT, lifted_why TEXT)"
    " STRICT",
    "CREATE UNIQUE INDEX locks_active ON locks (scope, value, renewals)"
    " WHERE lifted IS NULL",
    "CREATE TABLE buckets (key INTEGER PRIMARY KEY, full INTEGER NOT NULL) STRICT",
    NULL,
};

/* The audit log's tree. No record is found by its object: what asks for events goes through all of
 * them, in order, and an index of random ids was a quarter of what they cost. */
static const char *const audit_tree[] = {
    "DROP INDEX events_object",
    /* NOLINTNEXTLINE(bugprone-suspicious-missing-comma): one statement on two lines */
    "CREATE TABLE audit_nodes (level INTEGER NOT NULL, n INTEGER NOT NULL, hash BLOB NOT NULL,"
    " PRIMARY KEY (level, n)) STRICT, WITHOUT ROWID",
    "CREATE TABLE audit_heads (n INTEGER PRIMARY KEY, size INTEGER NOT NULL, note TEXT NOT NULL,"
    " frontier BLOB NOT NULL) STRICT",
    "CREATE INDEX audit_heads_size ON audit_heads (size)",
    NULL,
};

/* Certificates that persons allow: how many, who did, how far it goes, and the order that waits.
 * Only what still waits for something is in an index of its own. */
static const char *const certificate_approvals[] = {
    "ALTER TABLE approvals ADD COLUMN approvers INTEGER NOT NULL DEFAULT 1",
    "ALTER TABLE approvals ADD COLUMN reason TEXT",
    ("ALTER TABLE approvals ADD COLUMN scope TEXT NOT NULL DEFAULT 'once'"
     " CHECK (scope IN ('once', 'renewals', 'period'))"),
    "ALTER TABLE approvals ADD COLUMN due INTEGER",
    "ALTER TABLE approvals ADD COLUMN used INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE approvals ADD COLUMN account TEXT",
    "ALTER TABLE approvals ADD COLUMN order_id TEXT",
    "ALTER TABLE approvals ADD COLUMN client BLOB",
    "ALTER TABLE approvals ADD COLUMN profile TEXT",
    "ALTER TABLE approvals ADD COLUMN key TEXT",
    "ALTER TABLE approvals ADD COLUMN rules TEXT",
    "ALTER TABLE approvals ADD COLUMN names TEXT",
    "ALTER TABLE approvals ADD COLUMN csr BLOB",
    "ALTER TABLE approvals ADD COLUMN evidence TEXT",
    "CREATE UNIQUE INDEX approvals_order ON approvals (order_id) WHERE order_id IS NOT NULL",
    "CREATE INDEX approvals_due ON approvals (due) WHERE due IS NOT NULL",
    /* NOLINTNEXTLINE(bugprone-suspicious-missing-comma): one statement on two lines */
    "CREATE TABLE approval_votes (n INTEGER PRIMARY KEY, approval TEXT NOT NULL"
    " REFERENCES approvals (id), by INTEGER NOT NULL, at INTEGER NOT NULL,"
    " granted INTEGER NOT NULL, reason TEXT,"
    " scope TEXT NOT NULL CHECK (scope IN ('once', 'renewals', 'period')), until INTEGER) STRICT",
    "CREATE UNIQUE INDEX approval_votes_by ON approval_votes (approval, by)",
    NULL,
};

/* What was counted in each hour (store/hours.h): some rows an hour, for some weeks; and by account,
 * for some hours. */
static const char *const hours[] = {
    /* NOLINTNEXTLINE(bugprone-suspicious-missing-comma): one statement on two lines */
    "CREATE TABLE hours (hour INTEGER NOT NULL, what TEXT NOT NULL, n INTEGER NOT NULL,"
    " PRIMARY KEY (hour, what)) STRICT, WITHOUT ROWID",
    /* NOLINTNEXTLINE(bugprone-suspicious-missing-comma): one statement on three lines */
    "CREATE TABLE hour_accounts (hour INTEGER NOT NULL, what TEXT NOT NULL, account TEXT NOT NULL,"
    " n INTEGER NOT NULL, told INTEGER NOT NULL DEFAULT 0,"
    " PRIMARY KEY (hour, what, account)) STRICT, WITHOUT ROWID",
    NULL,
};

/* A cross certificate that its signer has revoked stays in the register, with when and why. */
static const char *const revoked_crosses[] = {
    "ALTER TABLE cross_certificates ADD COLUMN revoked INTEGER",
    "ALTER TABLE cross_certificates ADD COLUMN reason INTEGER NOT NULL DEFAULT 0",
    NULL,
};

/* Who may operate from elsewhere than the control socket. The password is a hash, the key of
 * one-time codes sealed with a key that is not in the database, a token a digest. */
static const char *const operators[] = {
    /* NOLINTNEXTLINE(bugprone-suspicious-missing-comma): one statement on several lines */
    "CREATE TABLE users (n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL UNIQUE,"
    " roles INTEGER NOT NULL, host_user INTEGER NOT NULL, password BLOB NOT NULL,"
    " totp BLOB NOT NULL, totp_step INTEGER NOT NULL, created INTEGER NOT NULL, created_by TEXT,"
    " signed_in INTEGER, removed INTEGER) STRICT",
    "CREATE TABLE tokens (n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL "
    "UNIQUE,"
    " digest BLOB NOT NULL UNIQUE, roles INTEGER NOT NULL, person INTEGER NOT NULL,"
    " made_by INTEGER, created INTEGER NOT NULL, created_by TEXT, expires INTEGER NOT NULL, "
    "revoked INTEGER) STRICT",
    NULL,
};

/* The certificates of users (control.certificates), each somebody's once at a time. */
static const char *const user_certificates[] = {
    /* NOLINTNEXTLINE(bugprone-suspicious-missing-comma): one statement on several lines */
    "CREATE TABLE user_certificates (n INTEGER PRIMARY KEY, certificate TEXT NOT NULL,"
    " serial BLOB NOT NULL, user INTEGER NOT NULL REFERENCES users (n), added INTEGER NOT NULL,"
    " added_by TEXT, removed INTEGER) STRICT",
    /* NOLINTNEXTLINE(bugprone-suspicious-missing-comma): one statement on two lines */
    "CREATE UNIQUE INDEX user_certificates_certificate ON user_certificates (certificate)"
    " WHERE removed IS NULL",
    "CREATE INDEX user_certificates_user ON user_certificates (user)",
    NULL,
};

/* What is served where (store/endpoints.h): a row for each endpoint, each certificate once. */
static const char *const inventory[] = {
    /* NOLINTNEXTLINE(bugprone-suspicious-missing-comma): one statement on several lines */
    "CREATE TABLE seen (n INTEGER PRIMARY KEY, sha256 BLOB NOT NULL UNIQUE, der BLOB NOT NULL,"
    " serial BLOB, subject TEXT, issuer TEXT, key TEXT, signature TEXT, names TEXT,"
    " not_before INTEGER, not_after INTEGER, first INTEGER NOT NULL, last INTEGER NOT NULL)"
    " STRICT",
    "CREATE INDEX seen_last ON seen (last)",
    /* NOLINTNEXTLINE(bugprone-suspicious-missing-comma): one statement on several lines */
    "CREATE TABLE endpoints (n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
    " endpoint TEXT NOT NULL UNIQUE, protocol TEXT NOT NULL, address BLOB NOT NULL,"
    " port INTEGER NOT NULL, name TEXT, state TEXT NOT NULL CHECK (state IN ('other', 'tls')),"
    " versions TEXT, offers TEXT, cipher TEXT, verdicts INTEGER NOT NULL, weak TEXT, why TEXT,"
    " seen INTEGER REFERENCES seen (n), ends INTEGER, first_seen INTEGER NOT NULL,"
    " last_seen INTEGER NOT NULL, changed INTEGER NOT NULL, owner TEXT, service TEXT) STRICT",
    "CREATE INDEX endpoints_first ON endpoints (first_seen, id)",
    "CREATE INDEX endpoints_last ON endpoints (last_seen)",
    "CREATE INDEX endpoints_ends ON endpoints (ends, id) WHERE ends IS NOT NULL",
    "CREATE INDEX endpoints_seen ON endpoints (seen) WHERE seen IS NOT NULL",
    "CREATE INDEX endpoints_address ON endpoints (address, port)",
    /* NOLINTNEXTLINE(bugprone-suspicious-missing-comma): one statement on two lines */
    "CREATE TABLE endpoint_changes (n INTEGER PRIMARY KEY, endpoint INTEGER NOT NULL"
    " REFERENCES endpoints (n), at INTEGER NOT NULL, what TEXT NOT NULL, old TEXT, value TEXT)"
    " STRICT",
    "CREATE INDEX endpoint_changes_endpoint ON endpoint_changes (endpoint, n)",
    NULL,
};

/* Alerts, who was told of them and what is still to be brought to receivers (store/alerts.h,
 * store/deliveries.h); and when each certificate has to be looked at, one row for each that counts
 * (store/expiries.h). What has nothing to do with time any more is in none of the indexes. */
static const char *const alerts[] = {
    /* NOLINTNEXTLINE(bugprone-suspicious-missing-comma): one statement on several lines */
    "CREATE TABLE alerts (n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, key TEXT NOT NULL,"
    " kind TEXT NOT NULL, severity TEXT NOT NULL CHECK (severity IN ('warning', 'critical')),"
    " object TEXT, summary TEXT NOT NULL, action TEXT, owner TEXT, team TEXT, ends INTEGER,"
    " started INTEGER NOT NULL, updated INTEGER NOT NULL, resolved INTEGER,"
    " acked INTEGER, acked_by TEXT, acked_why TEXT, acked_severity TEXT, next INTEGER) STRICT",
    "CREATE UNIQUE INDEX alerts_firing ON alerts (key) WHERE resolved IS NULL",
    "CREATE INDEX alerts_next ON alerts (next) WHERE next IS NOT NULL",
    "CREATE INDEX alerts_resolved ON alerts (resolved) WHERE resolved IS NOT NULL",
    /* NOLINTNEXTLINE(bugprone-suspicious-missing-comma): one statement on several lines */
    "CREATE TABLE silences (n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT,"
    " object TEXT, owner TEXT, until INTEGER NOT NULL, reason TEXT, set_by TEXT,"
    " set_at INTEGER NOT NULL, ended INTEGER, ended_by TEXT) STRICT",
    "CREATE INDEX silences_until ON silences (until) WHERE ended IS NULL",
    /* NOLINTNEXTLINE(bugprone-suspicious-missing-comma): one statement on several lines */
    "CREATE TABLE deliveries (n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
    " receiver TEXT NOT NULL, subject TEXT NOT NULL, recipients TEXT, body TEXT NOT NULL,"
    " created INTEGER NOT NULL, attempts INTEGER NOT NULL, next INTEGER, error TEXT,"
    " done INTEGER, given_up INTEGER NOT NULL DEFAULT 0) STRICT",
    "CREATE INDEX deliveries_next ON deliveries (receiver, next) WHERE next IS NOT NULL",
    "CREATE INDEX deliveries_done ON deliveries (done) WHERE done IS NOT NULL",
    /* NOLINTNEXTLINE(bugprone-suspicious-missing-comma): one statement on two lines */
    "CREATE TABLE alert_told (alert INTEGER NOT NULL REFERENCES alerts (n), receiver TEXT NOT NULL,"
    " rung INTEGER NOT NULL, at INTEGER NOT NULL, delivery INTEGER NOT NULL,"
    " PRIMARY KEY (alert, receiver, rung)) STRICT, WITHOUT ROWID",
    "CREATE TABLE expiries (certificate INTEGER PRIMARY KEY, due INTEGER NOT NULL) STRICT",
    "CREATE INDEX expiries_due ON expiries (due)",
    NULL,
};

/* Alerts that are not over, without those that are: counted by severity, listed in order, and apart
 * from certificates'. */
static const char *const open_alerts[] = {
    "CREATE INDEX alerts_severity ON alerts (severity) WHERE resolved IS NULL",
    "CREATE INDEX alerts_open ON alerts (resolved) WHERE resolved IS NULL",
    /* NOLINTNEXTLINE(bugprone-suspicious-missing-comma): one statement on two lines */
    "CREATE INDEX alerts_conditions ON alerts (resolved) WHERE resolved IS NULL"
    " AND kind <> 'certificate'",
    NULL,
};

/* What is in force, by its end: counted without a look at each certificate, which is why the last
 * two columns are there although the condition says what they hold. */
static const char *const in_force[] = {
    /* NOLINTNEXTLINE(bugprone-suspicious-missing-comma): one statement on two lines */
    "CREATE INDEX certificates_in_force ON certificates (not_after, hierarchy, status)"
    " WHERE status = 'valid' AND hierarchy <> 'staging'",
    NULL,
};

/* The server of TXT records: each account has a name in its zone, and two values. */
static const char *const txt_accounts[] = {
    /* NOLINTNEXTLINE(bugprone-suspicious-missing-comma): one statement on several lines */
    "CREATE TABLE txt_accounts (n INTEGER PRIMARY KEY, subdomain TEXT NOT NULL UNIQUE,"
    " username TEXT NOT NULL UNIQUE, password BLOB NOT NULL, allow TEXT, newer TEXT, older TEXT,"
    " created INTEGER NOT NULL, updated INTEGER) STRICT",
    NULL,
};

/* With which certificate a client was when it asked; and what a reservation was asked for. */
static const char *const shown[] = {
    "ALTER TABLE certificates ADD COLUMN shown TEXT",
    "ALTER TABLE issuances ADD COLUMN shown TEXT",
    "ALTER TABLE issuances ADD COLUMN why TEXT",
    NULL,
};

/* Agents on other hosts (store/agents.h): one row for each, with its newest report. `heard` is when
 * something last came from it, its enrolment included. */
static const char *const agents[] = {
    /* NOLINTNEXTLINE(bugprone-suspicious-missing-comma): one statement on several lines */
    "CREATE TABLE agent_tokens (n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
    " digest BLOB NOT NULL UNIQUE, name TEXT, created INTEGER NOT NULL, created_by TEXT,"
    " expires INTEGER NOT NULL, used INTEGER, revoked INTEGER) STRICT",
    "CREATE INDEX agent_tokens_expires ON agent_tokens (expires) WHERE used IS NULL",
    /* NOLINTNEXTLINE(bugprone-suspicious-missing-comma): one statement on several lines */
    "CREATE TABLE agents (n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL,"
    " spki BLOB NOT NULL, token TEXT NOT NULL UNIQUE REFERENCES agent_tokens (id),"
    " enrolled INTEGER NOT NULL, enrolled_by TEXT, certified INTEGER NOT NULL, removed INTEGER,"
    " certificate TEXT, address BLOB, reported INTEGER, heard INTEGER NOT NULL, program TEXT,"
    " certificates INTEGER NOT NULL DEFAULT 0, failing INTEGER NOT NULL DEFAULT 0,"
    " unproven INTEGER NOT NULL DEFAULT 0, next INTEGER, skew INTEGER NOT NULL DEFAULT 0,"
    " asked INTEGER, report TEXT) STRICT",
    "CREATE UNIQUE INDEX agents_name ON agents (name) WHERE removed IS NULL",
    "CREATE INDEX agents_heard ON agents (heard) WHERE removed IS NULL",
    "CREATE INDEX agents_failing ON agents (failing) WHERE removed IS NULL AND failing > 0",
    NULL,
};

/* Locks of keys of account bindings and of networks, and those of new names alone. A condition of a
 * column cannot be changed, so the table is made anew. */
static const char *const wider_locks[] = {
    "CREATE TABLE locks_wider (n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
    " scope TEXT NOT NULL CHECK"
    " (scope IN ('all', 'zone', 'issuer', 'account', 'eab', 'network')),"
    " value TEXT NOT NULL, renewals INTEGER NOT NULL, reason TEXT, set_by TEXT,"
    " set_at INTEGER NOT NULL, lifted INTEGER, lifted_by TEXT, lifted_why TEXT,"
    " new_names INTEGER NOT NULL DEFAULT 0) STRICT",
    "INSERT INTO locks_wider (n, id, scope, value, renewals, reason, set_by, set_at, lifted,"
    " lifted_by, lifted_why) SELECT n, id, scope, value, renewals, reason, set_by, set_at, lifted,"
    " lifted_by, lifted_why FROM locks",
    "DROP TABLE locks",
    "ALTER TABLE locks_wider RENAME TO locks",
    "CREATE UNIQUE INDEX locks_active ON locks (scope, value, renewals, new_names)"
    " WHERE lifted IS NULL",
    NULL,
};

static const struct store_migration migrations[] = {
    {"nodes, accounts, orders, authorizations, certificates, events", first},
    {"lineages of certificates, authorizations without challenge", lineages},
    {"fewer indexes", fewer_indexes},
    {"issuers", issuers},
    {"profiles: other names, owners", profiles},
    {"revocation", revocation},
    {"approvals", approvals},
    {"acme", acme},
    {"staging", staging},
    {"status by serial", status},
    {"orders that renew themselves", stars},
    {"locks and limits", locks},
    {"the audit log's tree", audit_tree},
    {"certificates that take approval", certificate_approvals},
    {"what happened in each hour", hours},
    {"cross certificates that are revoked", revoked_crosses},
    {"users and tokens", operators},
    {"what is served where", inventory},
    {"alerts, their deliveries, and when certificates have to be looked at", alerts},
    {"what is in force", in_force},
    {"certificates of users", user_certificates},
    {"accounts of the server of TXT records", txt_accounts},
    {"certificates that clients show", shown},
    {"agents and their reports", agents},
    {"locks of keys, networks and new names", wider_locks},
    {"the register in numbers", numbers},
    {"idempotency keys", idempotency},
    {"alerts that are not over", open_alerts},
    {"keys of account bindings in order", eab_pages},
    {"approvals that wait", open_approvals},
    {"keys in escrow", escrows},
};

const struct store_migration *store_migrations(unsigned *out_n)
{
    *out_n = sizeof(migrations) / sizeof(migrations[0]);
    return migrations;
}
