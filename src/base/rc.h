/* SPDX-License-Identifier: Apache-2.0 */
/* The one return code. Every function that can fail returns `enum rc` and hands results back
 * through `out` parameters, which it does not touch on failure. Both compilers reject an ignored
 * one.
 *
 * A caller decides on what the callee's comment names (RC_NOTFOUND, RC_EXISTS, RC_QUOTA, RC_AGAIN
 * ...) and forwards everything else with TRY. */
#pragma once

/* Version 14 of the formatter does not know an attribute there. */
/* clang-format off */
enum [[nodiscard]] rc {
    RC_OK,
    RC_NOMEM,     /* out of memory, or past the hard cap of an arena */
    RC_INVAL,     /* an argument or value that can never be right */
    RC_PARSE,     /* bytes that do not follow their grammar */
    RC_TOOBIG,    /* past a named limit */
    RC_NOTFOUND,  /* no such thing */
    RC_EXISTS,    /* there already is one */
    RC_DENIED,    /* understood, and refused by a rule */
    RC_CONFLICT,  /* the thing is in another state than the request needs */
    RC_QUOTA,     /* a rate or a credit is used up; later may work */
    RC_AGAIN,     /* not now: nothing was done, try again */
    RC_TIMEOUT,   /* the deadline passed */
    RC_CANCELLED, /* the asker gave up */
    RC_CLOSED,    /* the other side is gone */
    RC_IO,        /* the operating system failed a read, write or sync */
    RC_NET,       /* a peer could not be reached or broke off */
    RC_CRYPTO,    /* a signature, key or cipher operation failed */
    RC_CORRUPT,   /* stored data that contradicts itself */
    RC_VERSION,   /* another version of a protocol or schema */
    RC_UNSUPPORTED,
    RC_COUNT,
};
/* clang-format on */

/* A short English text for logs: "not found". Never NULL. */
const char *rc_text(enum rc rc);

/* Forwards a failure to the caller. */
#define TRY(e)                                                                                     \
    do {                                                                                           \
        enum rc try_rc_ = (e);                                                                     \
        if (try_rc_ != RC_OK)                                                                      \
            return try_rc_;                                                                        \
    } while (0)

/* Says that a failure does not matter here; the reason belongs in a comment beside it. */
#define IGNORE_RC(e)                                                                               \
    do {                                                                                           \
        enum rc ignored_rc_ [[maybe_unused]] = (e);                                                \
    } while (0)
