/* SPDX-License-Identifier: Apache-2.0 */
/* The processes that inspect. The one that has loaded the rules makes copies of itself, which share
 * them in memory, one for each place; each inspects one request at a time, and ends itself when
 * that takes too long. One that ends, however, took one request with it and no more: its place has
 * a new one at once, by fork(2). All are as confined as the process that made the first.
 *
 * A place is a socket whose near end inspectors have, one after the other, and whose far end the
 * pool has (pool.h): a message is a struct waf_ask and an encoded ipc_inspect, the answer a struct
 * waf_told and an encoded ipc_inspected. A socket for news goes from the first of them to the pool.
 */
#pragma once

#include "base/id.h"
#include "waf/library.h"

enum {
    WAF_INSPECTORS_MAX = 64,
    WAF_INSPECTOR_REQUESTS = 5000, /* of one, before a fresh one takes its place */
    WAF_LOAD_SECONDS = 20,         /* for compiling rules */
    WAF_NEWS_TEXT = 1024,
};

struct waf_ask {
    uint64_t number; /* of this pool's requests, rising from 1 */
    uint32_t millis; /* that it may take */
    char id[sizeof(((struct id *)NULL)->z)];
};

struct waf_told {
    uint64_t number;
};

enum waf_news_kind {
    WAF_NEWS_READY,   /* the rules are loaded */
    WAF_NEWS_REFUSED, /* they are not: `text` */
    WAF_NEWS_LOST,    /* an inspector has ended */
};

struct waf_news {
    uint32_t kind;   /* enum waf_news_kind */
    uint32_t rc;     /* WAF_NEWS_REFUSED: enum rc */
    uint32_t place;  /* WAF_NEWS_LOST */
    uint32_t status; /* as waitpid(2) has it */
    uint64_t number; /* of the request that it had begun last; 0: none */
    uint32_t text_n;
    char text[WAF_NEWS_TEXT];
};

/* What the first one gets from the pool. */
struct waf_nursery {
    const struct waf_library *lib;
    struct str rules; /* as waf_rules_load takes it */
    int news;
    int places[WAF_INSPECTORS_MAX];
    unsigned n;
    uint64_t *begun; /* memory that all of them share: of each place, the request begun last */
};

/* The life of the process that loads the rules; closes all descriptors that are not named. */
_Noreturn void waf_nursery_main(const struct waf_nursery *n);
