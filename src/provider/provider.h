/* SPDX-License-Identifier: Apache-2.0 */
/* TXT records written through the HTTP APIs of others, for dns-01 (RFC 8555 section 8.4). Pure:
 * what is to be asked is said, and answers are read; who sends is the caller
 * (agent/dns_provider.c). Each kind is a file, NAME.c, and a row in `kinds`. What is removed is
 * what was added, and nothing else.
 *
 * A kind is told how by a file of lines "name: value" (or "name = value"), with comments behind
 * '#':
 *
 *     url: https://dns.hospital.example     where its API is (all kinds)
 *     ca_file: /etc/ssl/hospital.pem        roots of that server, beside the system's
 *     wait: all                             after a record was taken, until all name servers of
 *                                           the zone show it; or for a time, as in 30s
 *     timeout: 2m                           how long those are waited for
 *     resolver: 10.0.0.53                   who is asked for aliases and for these name servers, as
 *                                           agent/dns_alias.h
 *
 * and what the kind has besides. Its secrets may be "credential:NAME" instead: who reads the
 * settings then brings the content. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/when.h"

struct client_proof;
struct provider_call;

enum {
    PROVIDER_FILE_MAX = 64 * 1024,
    PROVIDER_SECRETS_MAX = 32 * 1024, /* of all that are elsewhere */
    PROVIDER_ACCOUNTS_MAX = 1 << 20,  /* of a file of accounts */
    PROVIDER_BODY_MAX = 8 << 20,      /* of an answer: a whole zone, perhaps */
    PROVIDER_ASK_MAX = 200 * 1024,    /* of a request's body */
    PROVIDER_URL_MAX = 2048,
    PROVIDER_HEADERS_MAX = 32 * 1024,
    PROVIDER_TOKEN_MAX = 16 * 1024, /* of a login: it may name all groups of a client */
    PROVIDER_SETTINGS_MAX = 14,
    PROVIDER_NAME_MAX = 253,  /* of a record, without the final dot */
    PROVIDER_STEPS_MAX = 130, /* requests for one record; a name has no more labels */
    PROVIDER_PATH_MAX = 4096,
};

/* The settings that all kinds have; those of a kind follow, in its order. */
enum {
    PROVIDER_URL,
    PROVIDER_CA_FILE,
    PROVIDER_WAIT,
    PROVIDER_RESOLVER,
    PROVIDER_TIMEOUT,
    PROVIDER_OWN
};

struct provider_setting {
    const char *name;
    bool required;
    struct str initial; /* where it is not given */
    bool secret;
};

/* A request; its buffers are wiped, for they hold secrets. */
struct provider_ask {
    const char *method; /* NULL: there is nothing to ask any more, the record is as it is to be */
    const char *content_type; /* of the body; NULL: JSON */
    int64_t after;            /* microseconds, not 0: nothing now, but after that time once more */
    struct buf url, headers, body;
};
#define PROVIDER_ASK_INIT                                                                          \
    ((struct provider_ask){.url = BUF_INIT(PROVIDER_URL_MAX),                                      \
                           .headers = BUF_INIT(PROVIDER_HEADERS_MAX),                              \
                           .body = BUF_INIT(PROVIDER_ASK_MAX)})
void provider_ask_done(struct provider_ask *ask);

struct provider_kind {
    const char *name;
    const struct msg *no_zone; /* of the kinds that ask for one name after the other: none holds it;
                                  file, URL, name */
    bool follows;    /* the record belongs where the aliases of its name end: the caller finds out,
                        and says it by provider_call_move. The others are told the name as it is */
    const char *url; /* of the API, where it is the same for everybody; NULL: has to be given */
    struct provider_setting own[PROVIDER_SETTINGS_MAX - PROVIDER_OWN];
    /* Says what to ask in call->step, or nothing. */
    enum rc (*ask)(struct provider_call *call, struct provider_ask *out, struct err *err);
    /* Reads the answer to it: RC_OK, go on with the next step. */
    enum rc (*take)(struct provider_call *call, int status, struct str body, struct err *err);
};

struct provider {
    const struct provider_kind *kind;
    char file[PROVIDER_PATH_MAX]; /* its settings', for messages */
    struct buf text;
    struct str values[PROVIDER_SETTINGS_MAX]; /* borrowed from `text`, or `initial` */
    struct buf secrets;                       /* values that were elsewhere */
    struct buf accounts; /* of acme-dns: the content of the file that has one for each name */
    bool wait_all;       /* for the name servers of the zone, */
    int64_t timeout;     /* so many microseconds at most; else */
    int64_t wait;        /* microseconds */
    uint64_t ttl;        /* of the kinds that have such a setting, seconds */
    struct buf token;    /* azure: what the last login gave, for all records; empty: none, */
    when_t token_end;    /* and when there has to be another one */
};

/* One record to be added or removed. */
struct provider_call {
    struct provider *p;
    bool remove;
    when_t now;          /* the caller's clock, set before each provider_ask */
    int64_t retry_after; /* microseconds that Retry-After of an answer asks for, or 0; set before
                            each provider_take */
    unsigned step;
    struct arena arena; /* of all texts here */
    struct str identifier, token, key_authorization;
    struct str name;  /* "_acme-challenge." and the identifier, or where its aliases end */
    struct str alias; /* the former, where it is not the same; else empty */
    struct str from;  /* the longest name that its zone may have */
    struct str value; /* what the TXT record says */
    bool done;

    /* What kinds remember between their steps. */
    struct str zone;   /* its id, once found; */
    struct str at;     /* until then the name that is looked for */
    bool listed;       /* what is there is known: */
    struct str record; /* alibaba, cloudflare, tencent: the id of ours; route53: all values, a line
                          each; azure: the longest zone so far, then the ETag of what is there */
    struct str keep;   /* records of others, a line each: azure and powerdns as JSON; route53 */
    struct str extra;  /* azure: what else belongs to them, as JSON */
    struct str next;   /* azure: where the list goes on */
    uint64_t ttl;      /* azure, route53: of what is there */
    struct str change; /* the id of what was changed, while it is not everywhere; */
    bool waited;       /* and whether to ask for it again */
    unsigned races;    /* how often somebody else was faster */
    bool renewed;      /* azure: a token was refused, and another one was got */
    uint64_t seen;     /* alibaba, cloudflare, tencent: what was on pages of the list before */
    unsigned looks;    /* tencent: how often it was looked for in vain */
    unsigned busy;     /* how often the server could not, just then */
    int64_t pause;     /* microseconds, not 0: before the next question */
};

/* For messages. */
#define PROVIDER_KINDS                                                                             \
    "acme-dns, alibaba, azure, cloudflare, httpreq, powerdns, route53 and tencent"

/* NULL when there is none. */
const struct provider_kind *provider_kind_find(struct str name);

/* Reads settings; `file` is where they were, for messages. RC_PARSE: the line, and what may stand
 * there. */
enum rc provider_parse(const struct provider_kind *kind, struct str text, struct str file,
                       struct provider **out, struct err *err);
/* The next setting from *i on whose secret is elsewhere, and where that is; *i counts it. False:
 * there are no more. */
bool provider_elsewhere(const struct provider *p, size_t *i, struct str *out_where);
/* Its value. RC_TOOBIG, RC_NOMEM. */
enum rc provider_bring(struct provider *p, size_t i, struct str value);
/* A secret stands in the settings themselves. */
bool provider_has_secret(const struct provider *p);
/* The file whose content the caller is to put into p->accounts; empty: none. */
struct str provider_accounts(const struct provider *p);
void provider_free(struct provider *p);
DEFINE_FREEP(provider_free, struct provider)

/* What is needed of the proof is copied; `p` outlives it. RC_NOMEM, RC_TOOBIG. */
enum rc provider_call_init(struct provider_call *call, struct provider *p,
                           const struct client_proof *proof, bool remove);
void provider_call_done(struct provider_call *call);
/* Before anything was asked: the record belongs to `name`, where the aliases end. Errors are of
 * that name, and of `alias` it is the caller who speaks. RC_NOMEM, RC_TOOBIG. */
enum rc provider_call_move(struct provider_call *call, struct str name);
/* The next request. RC_INVAL, RC_NOTFOUND: settings do not serve for this name. */
enum rc provider_ask(struct provider_call *call, struct provider_ask *out, struct err *err);
/* The answer to it. RC_DENIED: refused, and what was said; RC_PARSE: no answer of such a server. */
enum rc provider_take(struct provider_call *call, int status, struct str body, struct err *err);
