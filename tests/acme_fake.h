/* SPDX-License-Identifier: Apache-2.0 */
/* An ACME server without a network, for tests of the client: right by default, wrong where it is
 * told to. It checks what it gets (signature, nonce, url, key or kid) as strictly as a good one. */
#pragma once

#include "client/transport.h"
#include "ev/ev.h"
#include "unit/x509/pki.h"
#include "x509/ocsp.h"

#define ACME_FAKE "https://localhost/acme" /* its directory is at /directory */
/* Of the OCSP responder beside it; for the fake's table of places as long as ACME_FAKE. */
#define ACME_FAKE_OCSP "https://localhost/ocsp"

enum acme_fake_at {
    FAKE_DIRECTORY,
    FAKE_NONCE,
    FAKE_ACCOUNT,
    FAKE_NEW_ORDER,
    FAKE_ORDER,
    FAKE_AUTHORIZATION,
    FAKE_CHALLENGE,
    FAKE_FINALIZE,
    FAKE_CERTIFICATE,
    FAKE_RENEWAL,
    FAKE_PREFLIGHT,
    FAKE_OCSP,
    FAKE_AT_COUNT,
};

/* One answer instead of the right one, `times` times. */
struct acme_fake_answer {
    enum acme_fake_at at;
    unsigned skip; /* right ones before it */
    unsigned times;
    enum rc rc; /* not RC_OK: no answer comes */
    int status;
    const char *body;
    const char *retry_after;
    const char *location; /* NULL: the right one */
    bool bad_nonce;       /* a problem badNonce, with a fresh nonce */
};

enum acme_fake_cert {
    FAKE_GOOD,
    FAKE_OTHER_KEY,
    FAKE_NAME_MISSING,
    FAKE_NAME_EXTRA,
    FAKE_OTHER_ROOT, /* and so are the next ones: */
    FAKE_BIG,        /* a chain of more than 64 KiB */
    FAKE_CA,         /* the leaf may issue */
    FAKE_NO_SERVER,  /* the leaf is for clients alone */
    FAKE_ODD_SIGNATURE,
    FAKE_EXPIRED,
    FAKE_EARLY,
    FAKE_NO_ISSUER,
    FAKE_REVERSED,
    FAKE_CUT,
    FAKE_EMPTY,
};

/* What the OCSP responder says of every certificate. */
struct acme_fake_ocsp {
    bool on, must_staple; /* certificates name it, and want its answer stapled */
    enum x509_ocsp_status status;
    when_t this_update, life; /* 0: now; a day */
    bool other_signer, other_serial;
    bool silent; /* no answer, ever */
};

enum { FAKE_ANSWERS = 16, FAKE_BODY = 4096, FAKE_NONCES = 4096, FAKE_ORDERS = 64 };

struct acme_fake {
    struct client_transport transport;
    struct ev *ev;
    struct pki pki;
    struct list pending;
    struct ev_defer soon;

    struct acme_fake_answer wrong[FAKE_ANSWERS];
    size_t n_wrong;
    unsigned count[FAKE_AT_COUNT];
    unsigned refused; /* requests that a strict server would not take, without being told to */
    bool silent;      /* takes requests and does not answer */
    bool ari;
    bool preflight;       /* offered; by default it says that nothing is in the way */
    const char *profiles; /* members of the object, or NULL */
    const char *terms;
    const char *authorization; /* status; "valid" by default */
    const char *challenge;     /* type; "http-01" by default */
    const char *token;         /* of its challenges, as in JSON; NULL: one that is right */
    const char *issuers;       /* instead of its token: JSON, as in ["ca.example"]; or NULL */
    bool proves;               /* a challenge that is answered makes the authorization valid */
    unsigned processing;       /* looks at an order that see it so, after finalize */
    enum acme_fake_cert cert;
    struct acme_fake_ocsp ocsp;

    unsigned nonces; /* given */
    bool spent[FAKE_NONCES];
    struct acme_fake_order {
        bool finalized;
        unsigned processing;
        struct buf chain;
    } orders[FAKE_ORDERS];
    unsigned n_orders;
    unsigned most; /* under way at a time: made and not fetched */
    unsigned open;
    when_t now; /* certificates are valid from here; 0: PKI_FROM */
    when_t life;
    when_t other_from, other_to; /* the same of FAKE_OTHER_ROOT; 0: as pki_leaf_in has it */
    const char *identifier;      /* of the authorization; NULL: wiki.hospital.example */
    char body[FAKE_BODY];        /* of the last POST, decoded */
    char order[FAKE_BODY];       /* payload of the last newOrder */
    char last_kid[256];
    struct crypto_key *account; /* of newAccount */
};

bool acme_fake_start(struct acme_fake *f, struct ev *ev);
void acme_fake_done(struct acme_fake *f);
void acme_fake_wrong(struct acme_fake *f, struct acme_fake_answer answer);
/* DER of the root under which it issues. */
struct str acme_fake_root(const struct acme_fake *f);
