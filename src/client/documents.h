/* SPDX-License-Identifier: Apache-2.0 */
/* What an ACME server says, taken apart: pure, bounded, strict about what the client relies on and
 * silent about members it does not know. All texts are copied into the arena. The server is a
 * stranger: whatever it sends ends as a clear error at worst. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/when.h"

enum {
    CLIENT_URL_MAX = 2048,
    CLIENT_DOCUMENT_MAX = 128 * 1024, /* of one JSON document */
    CLIENT_NAMES_MAX = 100,           /* of one certificate */
    CLIENT_NAME_MAX = 255,            /* of an identifier as text */
    CLIENT_CHALLENGES_MAX = 16,       /* looked at, of one authorization */
    CLIENT_ISSUERS_MAX = 10,          /* of one challenge, as the draft has it */
    CLIENT_PROFILES_MAX = 32,
    CLIENT_TOKEN_MAX = 256,
    CLIENT_TYPE_MAX = 64,       /* "http-01", "rateLimited" */
    CLIENT_DETAIL_MAX = 512,    /* of one problem's detail, cut */
    CLIENT_SUBPROBLEMS_MAX = 8, /* told of, of one problem; how many more there are is said */
    CLIENT_PROBLEM_TEXT = 900,  /* of all of it as one line, cut: fits an argument of struct err */
    CLIENT_RETRY_MAX = 86400,   /* seconds; a longer Retry-After is taken for this */
};

/* RFC 8555 section 7.1.1, and what RFC 9773 and the profiles extension add. */
struct client_directory {
    struct str new_nonce, new_account, new_order;
    struct str renewal_info; /* empty: not offered */
    struct str preflight;    /* of "meta": whether a challenge would be won; empty: not offered */
    struct str terms;        /* empty: none */
    bool eab_required;
    bool has_profiles;
    const struct str *profiles;
    size_t n_profiles;
};
enum rc client_directory_read(struct arena *a, struct str json, struct client_directory *out,
                              struct err *err);

enum client_status {
    CLIENT_PENDING = 1,
    CLIENT_READY,
    CLIENT_PROCESSING,
    CLIENT_VALID,
    CLIENT_INVALID,
    CLIENT_DEACTIVATED,
    CLIENT_EXPIRED,
    CLIENT_REVOKED,
};
const char *client_status_text(enum client_status status);

/* RFC 8555 section 7.1.3. */
struct client_order {
    enum client_status status;
    const struct str *authorizations;
    size_t n_authorizations;
    struct str finalize;
    struct str certificate; /* empty unless valid */
    struct str error;       /* its problem document in a line; empty: none */
};
enum rc client_order_read(struct arena *a, struct str json, struct client_order *out,
                          struct err *err);

struct client_challenge {
    struct str type, url;
    struct str token;          /* empty: a type that has none */
    const struct str *issuers; /* of dns-persist-01: domains, canonical; none: it names none */
    size_t n_issuers;
    enum client_status status;
    struct str error;
};

/* RFC 8555 section 7.1.4. */
struct client_authorization {
    struct str identifier_type, identifier;
    bool wildcard;
    enum client_status status;
    const struct client_challenge *challenges;
    size_t n_challenges;
};
enum rc client_authorization_read(struct arena *a, struct str json,
                                  struct client_authorization *out, struct err *err);
/* RFC 8555 section 8. */
enum rc client_challenge_read(struct arena *a, struct str json, struct client_challenge *out,
                              struct err *err);

/* What a server that offers it sees of a challenge before it is answered. */
struct client_verdict {
    bool ok;
    struct str why; /* the problems in a line; empty: none was told */
};
enum rc client_verdict_read(struct arena *a, struct str json, struct client_verdict *out,
                            struct err *err);

/* RFC 9773 section 4.2. */
struct client_window {
    when_t start, end; /* start <= end */
    struct str explanation;
};
enum rc client_window_read(struct arena *a, struct str json, struct client_window *out,
                           struct err *err);

/* A problem document (RFC 9457, RFC 8555 section 6.7). Never fails: what is no such document gives
 * empty texts. */
struct client_problem {
    struct str type; /* without "urn:ietf:params:acme:error:"; else as it is, or empty */
    struct str line; /* "rejectedIdentifier: detail (a.x: dns: detail; b.x: caa: ...)" */
};
void client_problem_read(struct arena *a, struct str json, struct client_problem *out);

/* Retry-After (RFC 9110 section 10.2.3) as a point in time: seconds from now, or a date, at most
 * CLIENT_RETRY_MAX from now; 0 when it is empty, malformed or past. */
when_t client_retry_after(struct str header, when_t now);

/* A date in a header (RFC 9110 section 5.6.7), of today's form alone. RC_PARSE. */
enum rc client_date_read(struct str header, when_t *out);

/* A Link header (RFC 8288): appends the targets of its links with rel="alternate" that are absolute
 * URLs to urls[*n], up to `max` in all. What it cannot read gives none. RC_NOMEM. */
enum rc client_alternates_read(struct arena *a, struct str header, struct str *urls, size_t max,
                               size_t *n);
