/* SPDX-License-Identifier: Apache-2.0 */
/* For the files of starttls/ only. */
#pragma once

#include "starttls/starttls.h"

struct starttls_protocol {
    const char *name;
    /* What the client says first; NULL where the server does. */
    void (*start)(struct starttls *s, struct buf *out);
    /* Takes one line, message or tag from the beginning of `in`, whose length becomes *out_used.
     * RC_AGAIN without any: it is not complete. Otherwise as starttls_feed. */
    enum rc (*take)(struct starttls *s, struct str in, size_t *out_used, struct buf *out,
                    struct err *err);
};

extern const struct starttls_protocol starttls_smtp, starttls_imap, starttls_pop3, starttls_ldap,
    starttls_postgres, starttls_mysql, starttls_ftp, starttls_xmpp, starttls_xmpp_server;

/* A line without its end, LF or CR LF. False: it is not complete. */
bool starttls_line(struct str in, size_t *out_used, struct str *out_line);

/* A reply of SMTP (RFC 5321 section 4.2) or FTP (RFC 959 section 4.2). */
struct starttls_reply {
    unsigned code; /* 0: a line in the middle of one that has no code of its own (FTP) */
    bool last;
    struct str text;
};
/* RC_PARSE. */
enum rc starttls_reply_read(struct str line, struct starttls_reply *out);

/* The errors of all of them; `said` is what the server said, cut and made printable. */
enum rc starttls_refused(const struct starttls *s, struct str said, struct err *err);
enum rc starttls_lacking(const struct starttls *s, struct err *err);
enum rc starttls_nonsense(const struct starttls *s, struct str said, struct err *err);
