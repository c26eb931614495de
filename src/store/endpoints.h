/* SPDX-License-Identifier: Apache-2.0 */
/* The inventory: what is served where, with the certificate that was shown, and how it changed.
 * What a stranger's server said is in it: its texts are bounded here, and are for showing alone. */
#pragma once

#include "store/types.h"

enum {
    STORE_ENDPOINTS_MAX = 1'000'000,
    STORE_ENDPOINT_TEXT = 400,
    STORE_ENDPOINT_CHANGES_MAX = 100, /* of one endpoint; older ones go */
    STORE_SEEN_DER_MAX = 64 * 1024,
    STORE_SEEN_NAMES_MAX = 16 * 1024,
};

/* A certificate that somebody serves, ours or not. Kept once, whoever shows it. */
struct store_seen {
    struct store_hash sha256; /* of the DER */
    struct str der;
    struct str serial; /* big endian, without the sign byte; empty: none that RFC 5280 allows. This
                          and all that follows is empty when the certificate cannot be read */
    struct str subject, issuer, key, signature;
    struct str names; /* a JSON array of texts, at most STORE_SEEN_NAMES_MAX bytes */
    when_t not_before, not_after;
    when_t first, last; /* seen */
};

enum store_endpoint_state { STORE_ENDPOINT_OTHER, STORE_ENDPOINT_TLS, STORE_ENDPOINT_STATES };
/* "other", "tls". */
const char *store_endpoint_state_text(enum store_endpoint_state state);

struct store_endpoint {
    struct id id;
    struct str endpoint; /* unique; "smtp:10.1.2.3:25/mail.example" */
    struct str protocol; /* "tls", "tlcp", "smtp" ... */
    struct addr address;
    uint16_t port;
    struct str name; /* that was asked for; empty: none */
    enum store_endpoint_state state;
    struct str versions, groups; /* with spaces between them */
    struct str cipher;
    unsigned verdicts; /* bits, the caller's */
    struct str weak;   /* why it is */
    struct str why;    /* there is no certificate */
    bool shown;        /* there is one: `seen` */
    struct store_seen seen;
    when_t not_after;                      /* of it; 0: there is none */
    when_t first_seen, last_seen, changed; /* set by the store */
    struct str owner, service;             /* by hand */
    bool quick;    /* when telling: not all was looked for. Versions and groups stay as they were */
    unsigned keep; /* and these verdicts, where they were there */
};

/* What was seen at `endpoint->last_seen`: the endpoint is new, or is as it was, or has changed,
 * which goes into its history. What is older than what is there changes nothing, so telling it
 * twice is the same as once. `endpoint->id` is that of a new one. RC_QUOTA when there are
 * STORE_ENDPOINTS_MAX. */
enum rc store_endpoint_see(struct store_txn *txn, const struct store_endpoint *endpoint);
/* Without `seen.der`. */
enum rc store_endpoint_get(struct store_txn *txn, struct arena *a, struct str endpoint,
                           struct store_endpoint *out);
/* People's fields, of which empty ones are taken away; into its history, too. */
enum rc store_endpoint_set_owner(struct store_txn *txn, const struct store_endpoint *endpoint,
                                 when_t now);

enum store_endpoint_sort { STORE_ENDPOINT_BY_FIRST_SEEN, STORE_ENDPOINT_BY_EXPIRY };
/* All that is set must hold. */
struct store_endpoint_filter {
    struct addr from, to; /* addresses, both inclusive, of one kind; n == 0: all */
    uint16_t port;
    struct str protocol;
    const struct store_hash *sha256; /* of the certificate */
    when_t not_after_before;         /* exclusive; 0: no bound */
    when_t seen_before;              /* last; exclusive; 0: no bound */
    enum store_endpoint_sort sort;   /* by expiry: only those that show a certificate */
    unsigned limit;                  /* 0: STORE_PAGE_MAX */
};
/* Without `seen.der`. */
enum rc store_endpoint_list(struct store_txn *txn, struct arena *a,
                            const struct store_endpoint_filter *filter, struct store_cursor *at,
                            struct store_endpoint **out, size_t *out_n);
enum rc store_endpoint_count(struct store_txn *txn, uint64_t *out);

struct store_endpoint_change {
    int64_t n; /* given by the store, in their order */
    when_t at;
    struct str what;       /* "appeared", "certificate", "state", "versions", "groups", "verdicts",
                              "owner" */
    struct str old, value; /* a certificate as the SHA-256 in hexadecimal */
};
/* Newest first, all that are kept. */
enum rc store_endpoint_changes(struct store_txn *txn, struct arena *a, const struct id *endpoint,
                               struct store_endpoint_change **out, size_t *out_n);

enum rc store_seen_get(struct store_txn *txn, struct arena *a, const struct store_hash *sha256,
                       struct store_seen *out);
/* Forgets endpoints that were last seen before `before`, and certificates that nobody has shown
 * since then, `limit` of each at most. */
enum rc store_endpoint_prune(struct store_txn *txn, when_t before, unsigned limit,
                             uint64_t *out_gone);
