/* SPDX-License-Identifier: Apache-2.0 */
/* What a certificate is to be and how it is obtained, as `autarky obtain` was told, and what has
 * become of it since: kept beside the certificate as JSON (agent/place.h), so that renewing needs
 * to be told nothing. Secrets are not in it, but the files that hold them. */
#pragma once

#include "base/addr.h"
#include "base/arena.h"
#include "base/err.h"
#include "client/renewal.h"

enum {
    AGENT_WHY_MAX = 2048,
    AGENT_PROVE_MAX = 100,
};

/* How control is proven. */
enum agent_way {
    AGENT_HTTP_LISTEN = 1, /* value: ADDR:PORT */
    AGENT_WEBROOT,         /* DIR; style: AGENT_WEBROOT_BARE or empty */
    AGENT_ALPN_LISTEN,     /* ADDR:PORT */
    AGENT_DNS,             /* the file that says how; style: AGENT_DNS_UPDATES or a provider */
    AGENT_HOOK,            /* the program; style: "dehydrated" ... */
    AGENT_PERSIST,         /* a record that stays; value and style: who writes it, as AGENT_DNS, or
                              AGENT_BY_HAND and empty */
    AGENT_WAYS,
};

/* The directory is not served as / but as /.well-known/acme-challenge/. */
#define AGENT_WEBROOT_BARE "challenges"

/* Nobody but a person writes the record that stays. */
#define AGENT_BY_HAND "by-hand"

/* Dynamic updates; all else is a kind of provider/provider.h. */
#define AGENT_DNS_UPDATES "rfc2136"

/* One of the servers that may issue it. */
struct agent_ca {
    struct str server, ca_file, ca_fingerprint, ca_url, account_key, profile; /* as in the plan */
    bool fallback;
};

struct agent_plan {
    struct str server;  /* URL of the directory */
    struct str ca_file; /* its roots, beside the system's; empty: none */
    /* The fingerprint of its root, which is then the only one, and where to look for that: as
     * agent/pin.h; empty: none. */
    struct str ca_fingerprint, ca_url;
    struct str proxy, no_proxy; /* as client/proxy.h, or AGENT_PROXY_NONE; empty: as the
                                   environment has them */
    struct str proxy_private;   /* "yes": private addresses are reached through it, too */
    const struct str *dns;
    const struct addr *ips;
    size_t n_dns, n_ips;
    enum agent_way way;
    struct str style, value;
    struct str challenge; /* type of challenge that a hook answers */
    struct str resolver; /* of AGENT_PERSIST: who is asked, as agent/dns_alias.h; empty: as there */
    struct str hook_env; /* file with its environment; empty: none */
    struct str hook_vars;    /* lines NAME=value of the client that it was taken over from */
    struct str hook_timeout; /* of each of its calls, "30s"; empty: as usual */
    struct str hook_chain;   /* "yes": one call is for all challenges of an order */
    struct str hook_user;    /* as whom it is executed, as agent/owner.h; empty: as who runs this */
    struct str key; /* as crypto_key_spec_parse; with `key_uri`: empty where it is not made */
    /* The key is in a token: its URI, the module that reaches it, and where the PIN is, as
     * agent/sealed.h; empty: it is a file. */
    struct str key_uri, pkcs11_module, pin;
    struct str reuse_key; /* "yes": renewals keep the key */
    /* "yes": the OCSP answer is kept beside the certificate; fetched anew when it is so old, "12h";
     * empty: after half of its life (agent/staple.h). */
    struct str ocsp, ocsp_age;
    struct str profile, chain, contact;
    struct str account_key;                 /* its file; empty: beside the certificate */
    struct str owner, group, mode, selinux; /* as agent/owner.h */
    struct str reload;                      /* as agent/reload.h; empty: nothing is */
    const struct str *prove;                /* as prove/target.h */
    size_t n_prove;
    struct str pair; /* of SM2: the directory of the other certificate of the pair; empty: none */
    const struct str *also; /* further files, as agent/also.h; `autarky import` fills it in */
    size_t n_also;
    struct str reload_timeout, prove_for; /* times, "30s"; empty: as usual */
    /* When it may be renewed, and when the new one may be taken into use, as base/window.h; empty:
     * at any time. */
    struct str renew_window, reload_window;
    /* The same of a second server, which is asked when the first one fails (agent/server.h); its
     * URL is empty: there is none. */
    struct str fallback_server, fallback_ca_file, fallback_ca_fingerprint, fallback_ca_url,
        fallback_account_key, fallback_profile;
};

struct agent_state {
    struct agent_plan plan;
    struct client_renewal renewal;
    when_t issued;     /* 0: never */
    when_t issue_took; /* from the request to the certificate */
    when_t proven;     /* every place was seen to serve what is in use; 0: nobody looked */
    when_t prove_took; /* from the certificate to that */
    when_t attempt;    /* the last one; 0: none */
    unsigned failures; /* in a row */
    when_t next;       /* not before, after failures */
    when_t undecided;  /* a server has had an order since then; 0: none has */
    when_t silent;     /* the first server was asked then, and nobody answered; 0: somebody has */
    struct str why;    /* of the last failure */
    /* A generation that is not known to be in use yet, and the one before it; 0: none. */
    unsigned long pending, before;
    when_t pending_latest; /* it waits for a window until then and no longer; 0: it does not */
    when_t held;    /* nor until then, as long as others are obtained that one service shows; 0 or
                       past:    it does not */
    when_t outside; /* what is in use was taken into it then, outside of its windows; 0: it was not
                     */
    bool any_time;  /* windows do not count now; not kept */
    /* The OCSP answer: of which generation, its life, when the next one is asked for (0: at once),
     * how often that has failed in a row, and why. */
    unsigned long ocsp_of;
    when_t ocsp_since, ocsp_until, ocsp_at;
    unsigned ocsp_failures;
    struct str ocsp_why;
    struct str account;          /* URL, at the first server */
    struct str fallback_account; /* at the second */
    /* The server, by its URL, that issued what is in use, and what is pending; empty: the first. */
    struct str issuer, pending_issuer;
};

struct agent_ca agent_plan_ca(const struct agent_plan *plan, bool fallback);
/* What is in use was issued by the second server. */
bool agent_from_fallback(const struct agent_state *s);

/* Appends it. RC_TOOBIG, RC_NOMEM. */
enum rc agent_state_put(const struct agent_state *s, struct buf *out);
/* Texts live in the arena. RC_PARSE, RC_VERSION (of a later autarky) with what is wrong. */
enum rc agent_state_read(struct arena *a, struct str json, struct agent_state *out,
                         struct err *err);

/* Until when one that is valid so long can wait: its last tenth is for attempts that fail. 0: there
 * is none. */
when_t agent_latest(when_t not_before, when_t not_after);
/* When the certificate, valid from `not_before` to `not_after`, is to be renewed, as it is seen at
 * `now`: as planned, or in the next window from then on, at the latest in its last tenth, which is
 * left for attempts that fail. 0: at once; there is none when `not_after` is 0, or a server has an
 * order for the next one already. */
when_t agent_due(const struct agent_state *s, when_t not_before, when_t not_after, when_t now);
/* When the one that is pending may be taken into use: in the next window, or when the one in use
 * can wait no longer. 0, or what is past: at once. */
when_t agent_ready(const struct agent_state *s, when_t now);
/* The same, of one with which nothing is wrong but that its window is to come; 0: it does not wait.
 */
when_t agent_waits(const struct agent_state *s, when_t now);
/* No window of these is open, although it is time. */
bool agent_outside(const struct agent_state *s, struct str windows, when_t now);
/* Both are windows, or empty. RC_INVAL. */
enum rc agent_windows_check(const struct agent_plan *plan, struct err *err);
/* Until when nothing is tried after failures; 0: no longer. */
when_t agent_pause(const struct agent_state *s, when_t now);
/* When the server is asked next when to renew (ARI); 0: it is not. */
when_t agent_look_at(const struct agent_state *s, when_t now);
/* When the OCSP answer is to be asked for; it may be past. WHEN_MAX: it is not. */
when_t agent_ocsp_at(const struct agent_state *s, when_t now);
/* When there is next something to do or to ask for the certificate itself; it may be past. */
when_t agent_renewal_next(const struct agent_state *s, when_t not_before, when_t not_after,
                          when_t now);
/* The same, or for its OCSP answer. */
when_t agent_next(const struct agent_state *s, when_t not_before, when_t not_after, when_t now);

enum { AGENT_CLOCK_TEXT = 192 };

/* So long one is held for others at most, which somebody may have given up. */
#define AGENT_HELD_MOST WHEN_HOUR

/* Whether this machine's clock is behind, as a certificate in place shows that is valid only later;
 * nothing is due as long as it is. Then `out` says so. */
bool agent_clock_behind(when_t not_before, when_t now, char out[static AGENT_CLOCK_TEXT]);

/* "http-listen", "webroot" ...; NULL for none. */
const char *agent_way_text(enum agent_way way);
