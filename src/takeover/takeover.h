/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates that another ACME client obtained on this machine, and how it would renew them,
 * found by reading what it wrote. Nothing of it is executed or sourced, and until takeover_take
 * nothing is changed. What a certificate is taken over with is a plan (agent/plan.h); what could
 * not be carried over is said in words, each time. */
#pragma once

#include "agent/plan.h"
#include "crypto/key.h"

enum {
    TAKEOVER_CERTS_MAX = 500,
    TAKEOVER_NOTES_MAX = 32,        /* of one certificate, and of the whole */
    TAKEOVER_FILE_MAX = 256 * 1024, /* of one file of settings, or one chain */
    TAKEOVER_ARENA_MAX = 64 << 20,
    TAKEOVER_ALSO_MAX = 8,
};

enum takeover_client {
    TAKEOVER_DEHYDRATED = 1,
    TAKEOVER_CERTBOT,
    TAKEOVER_ACME_SH,
    TAKEOVER_LEGO,
};

/* What the administrator says besides; all but `client` may be empty. */
struct takeover_wish {
    enum takeover_client client;
    const char *home;       /* the client's directory; NULL: where its package has it */
    struct str ca_file;     /* absolute */
    struct str server;      /* URL of the directory, where the client has not written it down */
    struct str account_key; /* file with it, absolute */
    struct str reuse_key;   /* as in agent_plan: of all, whatever the client did */
    enum agent_way way;     /* instead of the client's own way; 0: that */
    struct str style, value, challenge, hook_env, hook_user, hook_timeout,
        hook_chain; /* as in agent_plan */
};

struct takeover_cert {
    struct str name; /* as the client has it */
    struct str dir;  /* where autarky keeps it from now on; absolute */
    struct agent_plan plan;
    struct str chain;                 /* that is in place, PEM, leaf first */
    struct crypto_key *key, *account; /* account NULL: a new one is made */
    when_t not_before, not_after;
    struct str dns_conf; /* content of the file that plan.value names; empty: none is written */
    struct str notes[TAKEOVER_NOTES_MAX]; /* what was not carried over, or is another now */
    size_t n_notes;
    struct str why;                     /* it cannot be taken over; empty: it can */
    bool kept;                          /* it is autarky's already */
    struct str also[TAKEOVER_ALSO_MAX]; /* plan.also points here */
};

struct takeover {
    struct arena arena;
    struct str home;
    struct takeover_cert *certs;
    size_t n;
    struct str notes[TAKEOVER_NOTES_MAX]; /* of what concerns all of them */
    size_t n_notes;
};

/* "certbot" ...; NULL for none. */
const char *takeover_client_text(enum takeover_client client);
/* RC_NOTFOUND: the client has kept nothing there; RC_PARSE, RC_DENIED (others may write to a file
 * that says what is run), RC_TOOBIG, RC_IO. A certificate that cannot be taken over is no failure:
 * its `why`. */
enum rc takeover_find(const struct takeover_wish *wish, struct takeover *out, struct err *err);
void takeover_done(struct takeover *t);

/* Takes over one that can be: from then on `autarky renew` and `autarky agent run` keep it, and the
 * same paths show it. At every moment, a crash included, the paths show the pair that is there;
 * what was begun is completed by doing it again. RC_AGAIN: another autarky is at work there; as
 * agent_place_open. */
enum rc takeover_take(const struct takeover_cert *c, struct err *err);
