/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that are inspected by rules before a backend is looked for: of sites with `waf`. The
 * first bytes of the body, GATEWAY_HELD_BYTES of all requests together at most, are held back until
 * the verdict is there; what comes behind them streams as always. Of WebSocket, in which nothing is
 * a request any more, the head alone is inspected. Who inspects is another process
 * (role/inspections.h), and may be slow, or gone. */
#pragma once

#include "base/buf.h"
#include "base/id.h"

struct addr;
struct gateway;
struct gateway_exchange;
struct gateway_inspection;
struct http_reader;

enum {
    GATEWAY_HELD_BYTES = 64 * 1024 * 1024, /* of one process, before verdicts */
    GATEWAY_MATCHES_MAX = 8,               /* rules whose numbers are logged */
    GATEWAY_MATCH_TEXT = 160,
};

/* What is asked; it and what it points to live until the answer, or gateway_ask.cancel. */
struct gateway_question {
    struct str site;
    const struct addr *client;
    uint16_t port; /* of the connection */
    struct str version;
    const struct http_reader *head;
    struct str body; /* its first bytes */
    bool whole;      /* there are no more */
    const struct id *id;
    int64_t timeout; /* microseconds */
};

/* What the rules made of it. */
struct gateway_found {
    enum rc rc;     /* RC_OK: what follows; else it was not inspected */
    int status;     /* with which they refuse it; 0: they do not */
    uint32_t score; /* 0: they do not tell */
    size_t n;       /* rules that matched, at most GATEWAY_MATCHES_MAX */
    uint32_t ids[GATEWAY_MATCHES_MAX];
    char text[GATEWAY_MATCH_TEXT]; /* of the first; printable */
};

/* Part of struct gateway_conf. */
struct gateway_ask {
    /* Asks; gateway_inspect_told comes later, once, and never from inside. RC_QUOTA, RC_NOMEM. */
    enum rc (*ask)(void *arg, const struct gateway_question *q, struct gateway_inspection *i);
    /* Nobody waits for it any more. */
    void (*cancel)(void *arg, struct gateway_inspection *i);
    void *arg;
};

enum gateway_verdict {
    GATEWAY_NOT_INSPECTED,
    GATEWAY_PASSED,
    GATEWAY_MATCHED,  /* rules matched, and did not refuse it */
    GATEWAY_DETECTED, /* they refused it, and the site only detects */
    GATEWAY_BLOCKED,
    GATEWAY_UNAVAILABLE,
    GATEWAY_VERDICTS,
};
/* "pass", "match", "detect", "block", "unavailable"; NULL: not inspected. */
const char *gateway_verdict_name(enum gateway_verdict v);

/* Part of struct gateway_exchange. */
struct gateway_inspection {
    void *asked; /* of who inspects */
    struct gateway_question question;
    struct gateway_found found;
    struct buf held;
    size_t limit;   /* of `held` */
    size_t counted; /* of `held`, in gateway->held */
    int64_t began;
    bool waits, told;
    bool holds; /* the body began here, and goes on from `held` */
    bool whole;
    uint8_t verdict; /* enum gateway_verdict */
};

void gateway_inspect_told(struct gateway_inspection *i, const struct gateway_found *found);

/* ---- for exchange.c and pass.c */

void gateway_inspect_init(struct gateway_inspection *i);
/* Between requests; `asked` is cancelled, and what is held is let go. */
void gateway_inspect_reset(struct gateway_exchange *x);
/* Instead of looking for a backend; that comes afterwards. */
enum gateway_step gateway_inspect_begin(struct gateway_exchange *x);
enum gateway_step gateway_inspect_step(struct gateway_exchange *x);
/* What is held goes behind the head that is about to be written to a backend. */
void gateway_inspect_release(struct gateway_exchange *x);
/* It was written: its memory is of no use any more. */
void gateway_inspect_written(struct gateway_exchange *x);
