/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's sites and how their certificates are, as JSON: for `site list`, which has nothing
 * but the configuration when no server runs, and for the dashboard. */
#pragma once

#include "conf/conf.h"
#include "ipc/site_messages.h"
#include "json/out.h"

struct json;

/* One certificate of a site, as the keeper tells. All zero: it has not. */
struct api_site_state {
    unsigned state;                 /* enum ipc_site_state */
    struct str serial;              /* hexadecimal; empty: there is no certificate */
    when_t not_after;               /* 0: as above */
    when_t next_at;                 /* of the next attempt; 0: none is planned */
    uint32_t failures;              /* in a row */
    struct str reason;              /* of the last one */
    unsigned staple;                /* enum ipc_staple */
    when_t staple_at, staple_until; /* 0: there is none */
    struct str directory;           /* of the other CA that issued it; empty: ours did */
};

struct api_sites {
    const struct conf *conf;
    bool running;                                /* the keeper is there */
    struct api_site_state (*of)[CONF_SITE_KEYS]; /* of each site of conf, by algorithm; NULL:
                                                    nothing is known of any */
};

/* {"keeper":"running"|"not running","items":[{"name","backends":[URL...],"profile","certificates":
 * [{"algorithm":"ecdsa"|"rsa","state":"valid"|"obtaining"|"waiting"|"unknown","serial","not_after",
 * "next_at","failures":0,"reason","staple":"good"|"revoked"|"missing"|"none","staple_at",
 * "staple_until","directory"}...],"directory"}...],"next":null}, sites in the order of their names;
 * null for a text or time (RFC 3339) that there is not. RC_NOMEM. */
enum rc api_sites_put(const struct api_sites *sites, struct json_out *o);
/* The same with a page of them, `args`: {"limit","cursor"}, "next" being the name of the last one
 * when there are more. RC_INVAL. */
enum rc api_sites_list(const struct api_sites *sites, const struct json *args, struct json_out *o,
                       struct err *err);
