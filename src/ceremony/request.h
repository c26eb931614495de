/* SPDX-License-Identifier: Apache-2.0 */
/* What a server asks a root elsewhere for beside new issuers (those by certificate requests), as
 * text on media: lines "name: value", none of them needed, then a certificate in PEM. Nothing of it
 * is believed where the root's key is: a person is shown what it makes. */
#pragma once

#include "base/arena.h"
#include "x509/cert.h"

enum {
    CEREMONY_REQUEST_MAX = 64 * 1024,
    CEREMONY_WORDS_MAX = 200,
    CEREMONY_PLAIN_MAX = 200, /* of an address */
};

/* What is to be revoked, an issuer or a cross certificate; a person may write it by hand. "reason:
 * NAME" (of RFC 5280; without it cACompromise) and "words: TEXT". */
struct ceremony_revocation {
    struct x509_cert cert;
    int reason;
    struct str words; /* printable; may be empty */
};
/* In the arena. RC_PARSE, RC_INVAL and what is wrong. */
enum rc ceremony_revocation_parse(struct arena *a, struct str text, struct ceremony_revocation *out,
                                  struct err *err);
enum rc ceremony_revocation_put(const struct ceremony_revocation *r, struct buf *out);

/* The root that another one is to certify; which one, the file's name says. "plain: URL" is where
 * the server has the lists and certificates of its authorities (`urls: plain:`). */
struct ceremony_crossing {
    struct x509_cert subject; /* the root's own certificate */
    struct str plain;         /* "http://..."; may be empty */
};
/* In the arena. RC_PARSE, RC_INVAL and what is wrong. */
enum rc ceremony_crossing_parse(struct arena *a, struct str text, struct ceremony_crossing *out,
                                struct err *err);
enum rc ceremony_crossing_put(const struct ceremony_crossing *r, struct buf *out);
