/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the emissary: emissary.c (life, whom to trust on the way), fetch.c (a request to
 * another CA), names.c (where that is), records.c (records that prove names), changes.c (what core
 * is told of these). */
#pragma once

#include "agent/dns_conf.h"
#include "agent/solver.h"
#include "base/list.h"
#include "client/transport.h"
#include "conf/conf.h"
#include "dns/resolver.h"
#include "dns/zones.h"
#include "ev/ev.h"
#include "http/url.h"
#include "ipc/public_messages.h"
#include "role/role.h"

struct tls_trust;

enum {
    EMISSARY_NAMES_MAX = 64,    /* hosts whose addresses are kept */
    EMISSARY_ADDRESSES_MAX = 8, /* of each */
    EMISSARY_NAME_SECONDS = 60, /* they are asked again then */
    EMISSARY_LOOKUP_SECONDS = 5,
    EMISSARY_REQUEST_SECONDS = 120, /* at most, whatever the keeper says */
    EMISSARY_ZONES_MAX = CONF_UPDATES_MAX,
    EMISSARY_RECORDS_MAX = 64, /* that are being set or removed */
    EMISSARY_DRAIN_SECONDS = 5,
    EMISSARY_CHANGES_MAX = 256, /* that core is to be told of */
    EMISSARY_CHANGE_SECONDS = 20,
    EMISSARY_CHANGE_AGAIN_SECONDS = 5, /* after core refused */
};

struct emissary;
struct emissary_fetch;

/* How far inside an address is. */
enum emissary_depth {
    EMISSARY_OUTSIDE,
    EMISSARY_INSIDE,  /* private networks */
    EMISSARY_MACHINE, /* this machine, its links, what is no host's */
};

/* A directory of the configuration. */
struct emissary_way {
    struct list link;
    char url[HTTP_URL_MAX + 1];
    struct tls_trust *trust;
    struct client_transport *transport;
    enum emissary_depth depth; /* of the directory's own host, as it was found last */
};

/* What is known of a host. */
struct emissary_name {
    char host[HTTP_HOST_NAME_MAX + 1]; /* "": unused */
    struct addr addrs[EMISSARY_ADDRESSES_MAX];
    size_t n;
    int64_t until; /* monotonic */
    int64_t used;
};

/* The settings in a file. */
struct emissary_zone {
    const struct conf_update *of; /* of emissary.conf */
    struct agent_dns_conf conf;
    bool usable;
    struct err why;
};

struct emissary {
    struct role_env *env;
    const struct conf *conf; /* at the start, with a reference: the files that were read are its */
    struct buf bundle;       /* the machine's roots, PEM */
    struct addr_port servers[DNS_RESOLV_CONF_MAX];
    size_t n_servers;
    struct net *net;
    struct dns_zones *next_zones;
    struct dns_resolver *resolver;
    struct list ways, next_ways;
    struct list fetches;
    size_t n_fetches;
    struct emissary_name names[EMISSARY_NAMES_MAX];
    struct agent_world world;
    struct emissary_zone zones[EMISSARY_ZONES_MAX];
    size_t n_zones;
    struct list records;
    size_t n_records;
    struct ev_timer tidy, patience;
    struct ipc_chan *core; /* NULL: it is away */
    struct list changes;   /* for core, oldest first */
    size_t n_changes;
    struct ipc_call *telling; /* of the first */
    struct ev_timer tell_again;
    bool draining;
};

/* ---- emissary.c */

/* NULL: the configuration has none with that URL. */
struct emissary_way *emissary_way_find(struct emissary *e, struct str url);
/* Something has ended. */
void emissary_look_drained(struct emissary *e);

/* ---- fetch.c */

void emissary_on_fetch(void *arg, struct ipc_req *req, const void *msg, int fd);
/* Gives all up. */
void emissary_fetch_stop(struct emissary *e);

/* ---- names.c */

/* RC_OK: its addresses are known, or it is one. */
enum rc emissary_names_known(void *arg, struct str host, struct addr *out, size_t max,
                             size_t *out_n, struct err *err);
/* Of the innermost. */
enum emissary_depth emissary_depth(const struct addr *addrs, size_t n);
/* What was found. */
void emissary_names_put(struct emissary *e, struct str host, const struct addr *addrs, size_t n);

/* ---- records.c */

/* Reads the settings of all sites; before confinement. */
enum rc emissary_records_open(struct emissary *e);
void emissary_on_record(void *arg, struct ipc_req *req, const void *msg, int fd);
/* Nobody is there any more to ask for their removal: they are removed. */
void emissary_records_orphaned(struct emissary *e);
/* Frees those that are done; true when none is left. */
bool emissary_records_tidy(struct emissary *e);
void emissary_records_stop(struct emissary *e);

/* ---- changes.c */

void emissary_changes_init(struct emissary *e);
/* Core is there, or is not (NULL): it is told of what waits. */
void emissary_changes_core(struct emissary *e, struct ipc_chan *core);
/* Told to core for the audit log, after those before it; the oldest is dropped, and the log says
 * so, when core has been away for too long. */
void emissary_change(struct emissary *e, const char *site, const struct agent_record *record);
/* Core knows them all. */
bool emissary_changes_told(const struct emissary *e);
/* Gives up what was not told. */
void emissary_changes_stop(struct emissary *e);
