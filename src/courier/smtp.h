/* SPDX-License-Identifier: Apache-2.0 */
/* One mail to one server (RFC 5321), the client's part: bytes of the server in, bytes for it out.
 * It knows no socket and no time; STARTTLS has come before (starttls/), or does not come. Servers
 * are strangers: all that is kept of what they say has a limit. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/when.h"

enum {
    COURIER_SMTP_LINE_MAX = 2048,       /* of a reply; RFC 5321 section 4.5.3.1.5 has 512 */
    COURIER_SMTP_TALK_MAX = 128 * 1024, /* of all that the server says */
    COURIER_SMTP_REPLY_LINES = 64,      /* of one reply */
    COURIER_SMTP_TEXT_MAX = 200,        /* of what is told of a reply */
    COURIER_SMTP_RECIPIENTS = 64,
};

struct courier_mail {
    struct str host;           /* as which we greet */
    struct str from;           /* mailbox */
    struct str to;             /* mailboxes with commas between them */
    struct str user, password; /* empty: nobody signs in */
    struct str message;        /* with header, lines end with CR LF, no line is just a dot */
    bool greets;               /* the server speaks first: always but after STARTTLS */
    bool secret;               /* nobody on the way can read it: without, nobody signs in */
};

enum courier_smtp_step {
    COURIER_SMTP_GREETING,
    COURIER_SMTP_EHLO,
    COURIER_SMTP_AUTH,     /* PLAIN, or the name was asked for */
    COURIER_SMTP_USER,     /* LOGIN: the name is sent */
    COURIER_SMTP_PASSWORD, /* LOGIN: the password is sent */
    COURIER_SMTP_MAIL,
    COURIER_SMTP_RCPT,
    COURIER_SMTP_DATA,
    COURIER_SMTP_SENT,
};

/* The texts of `mail` are borrowed. */
struct courier_smtp {
    const struct courier_mail *mail;
    enum courier_smtp_step step;
    struct str rest;            /* recipients that are not named yet */
    unsigned accepted, refused; /* recipients */
    bool plain, login;          /* ways to sign in that it has */
    size_t heard;
    unsigned lines; /* of the reply that is coming */
    struct buf in;
    char text[COURIER_SMTP_TEXT_MAX + 1]; /* of the last reply, printable */
};

/* What is said at once, if anything, goes to `out`. RC_NOMEM, RC_TOOBIG. */
enum rc courier_smtp_init(struct courier_smtp *s, const struct courier_mail *mail, struct buf *out);
void courier_smtp_done(struct courier_smtp *s);
/* Takes what the server sent and appends what it is to be sent. RC_AGAIN: it goes on when more has
 * come; RC_OK: the server has the mail, for one recipient at least. RC_DENIED: it refuses, in the
 * words of `err`; RC_UNSUPPORTED: there is no way to sign in; RC_PARSE: that is no SMTP; RC_TOOBIG:
 * past the limits; RC_NOMEM. After anything but RC_AGAIN only courier_smtp_done may follow. */
enum rc courier_smtp_feed(struct courier_smtp *s, struct str bytes, struct buf *out,
                          struct err *err);

/* ---- mail.c */

struct courier_letter {
    struct str from, to; /* as above */
    struct str subject;  /* UTF-8 */
    struct str body;     /* UTF-8, lines end with LF */
    struct str id;       /* left of the @ in Message-ID, and all that is compared of it */
    when_t date;
};
/* The mail as it is sent. Whatever the texts hold, they begin no header and end no line: a subject
 * that is not plain becomes encoded words (RFC 2047), a body that is not plain base64. */
void courier_letter_put(const struct courier_letter *l, struct buf *out);
