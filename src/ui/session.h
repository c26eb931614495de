/* SPDX-License-Identifier: Apache-2.0 */
/* Who has signed in: by a one-time link, made by the administrator's command on the host, or with a
 * password and a code; the session is a cookie. Kept in core's memory alone, so a restart ends all
 * of them, and as digests, so that what leaks of the memory opens nothing. No loop, no clock. */
#pragma once

#include "base/addr.h"
#include "base/err.h"
#include "base/id.h"
#include "base/when.h"
#include "crypto/hash.h"
#include "operators/roles.h"

enum {
    UI_LINKS_MAX = 16,    /* a newer one takes the place of the oldest */
    UI_SESSIONS_MAX = 64, /* a newer one takes the place of that which was idle longest */
    UI_TOKEN_BYTES = 32,  /* of random */
    UI_TOKEN_TEXT = 44,   /* in base64url, with the terminator */
};

#define UI_COOKIE "__Host-autarky"
#define UI_LINK_LIFE (15 * WHEN_MINUTE)
#define UI_SESSION_LIFE (8 * WHEN_HOUR)
#define UI_SESSION_IDLE WHEN_HOUR

/* Who it is of. */
struct ui_user {
    int64_t n; /* of struct store_user; 0: whoever had a one-time link */
    char name[OPERATORS_NAME_MAX + 1];
    unsigned roles;
    int64_t person;        /* as core counts them */
    struct id certificate; /* with which the session began, and ends; "": without */
};

struct ui_session {
    unsigned char digest[CRYPTO_SHA256_BYTES]; /* of its token */
    char form[ID_TEXT];                        /* what its forms must bring: against requests that
                                                  other sites have a browser make */
    struct id id;                              /* by which it is listed, and which opens nothing */
    struct ui_user user;
    struct addr from;
    when_t began; /* 0: this place is free */
    when_t seen;
};

struct ui_sessions {
    struct ui_session sessions[UI_SESSIONS_MAX];
    struct {
        unsigned char digest[CRYPTO_SHA256_BYTES];
        when_t until; /* 0: free */
    } links[UI_LINKS_MAX];
};

/* A new one-time token. RC_IO, RC_CRYPTO. */
enum rc ui_link_new(struct ui_sessions *all, when_t now, char out_token[static UI_TOKEN_TEXT]);
/* True while it can be used; does not use it. */
bool ui_link_good(const struct ui_sessions *all, struct str token, when_t now);
/* Uses it up, for a session that sees and changes nothing. RC_DENIED: unknown, used or too old.
 * *out_token is the session's cookie. */
enum rc ui_link_use(struct ui_sessions *all, struct str token, when_t now,
                    char out_token[static UI_TOKEN_TEXT]);
/* A session of that user. RC_CRYPTO, RC_IO. */
enum rc ui_session_new(struct ui_sessions *all, const struct ui_user *user, const struct addr *from,
                       when_t now, char out_token[static UI_TOKEN_TEXT]);
/* Whether there is none at this place, or no more. */
bool ui_session_over(const struct ui_session *s, when_t now);
/* All of that user's. */
void ui_sessions_end_user(struct ui_sessions *all, int64_t user);
/* The session of that cookie, now seen; NULL when there is none, or no more. Borrowed until the
 * next call. */
struct ui_session *ui_session_find(struct ui_sessions *all, struct str token, when_t now);
void ui_session_end(struct ui_session *s);
/* In constant time. */
bool ui_session_form(const struct ui_session *s, struct str form);
