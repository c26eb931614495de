/* SPDX-License-Identifier: Apache-2.0 */
/* What is to be thought of what an endpoint shows, by itself: who signed it, whether it is in time,
 * strong, and for the name that was asked for. What takes the register (that it was revoked or
 * replaced, that something is missing) is said where the register is. */
#pragma once

#include "base/mem.h"
#include "scan/found.h"
#include "x509/cert.h"

enum {
    SCAN_OURS = 1 << 0,    /* a chain of signatures from one of the given certificates */
    SCAN_FOREIGN = 1 << 1, /* certificates are given, and none of them signed it */
    SCAN_EXPIRED = 1 << 2,
    SCAN_EARLY = 1 << 3,      /* not valid yet */
    SCAN_WEAK = 1 << 4,       /* key, signature or version */
    SCAN_MISMATCHED = 1 << 5, /* not for the name that was asked for, or for none at all */
    SCAN_UNREADABLE = 1 << 6, /* the leaf breaks the rules of DER or RFC 5280 */
    SCAN_VERDICTS = 7,
    SCAN_OURS_MAX = 1000, /* certificates that make it ours */
    SCAN_JUDGE_MEMORY = 8 << 20,
};
/* "ours" for bit 0, and so on. */
const char *scan_verdict_text(unsigned bit_number);

struct scan_judge;
enum rc scan_judge_new(struct scan_judge **out);
void scan_judge_free(struct scan_judge *j);
DEFINE_FREEP(scan_judge_free, struct scan_judge)
/* What these certificates (PEM, roots or issuers) have signed is ours. RC_NOTFOUND: there is none;
 * RC_PARSE, RC_TOOBIG. */
enum rc scan_judge_add(struct scan_judge *j, struct str pem, struct err *err);

struct scan_judged {
    unsigned verdicts;
    char weak[SCAN_WHY_MAX]; /* why it is weak, "; " between reasons */
    struct x509_cert leaf;   /* if `readable` */
    bool readable;
    unsigned char sha256[CRYPTO_SHA256_BYTES]; /* of the leaf's DER; if `shown` */
    bool shown;
};
/* Of an endpoint that speaks TLS or TLCP; what *out points to lives in the arena. RC_NOMEM,
 * RC_CRYPTO. */
enum rc scan_judge_found(struct scan_judge *j, struct arena *a, const struct scan_found *f,
                         when_t now, struct scan_judged *out);
