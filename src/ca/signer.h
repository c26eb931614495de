/* SPDX-License-Identifier: Apache-2.0 */
/* The signing side of the CA: keys of the intermediates, and the decision whether to use them. Runs
 * in the signer role alone, which has no network and no database. It is not an oracle: it is told a
 * key, names and times, builds the to-be-signed part itself, holds it against its own rules, its
 * own clock and the linter, and only then signs. */
#pragma once

#include "base/secret.h"
#include "ca/leaf.h"
#include "ca/rules.h"

enum { CA_FILE_MAX = 64 * 1024 };

/* How far core's idea of now may be from the signer's: the messages between them take milliseconds,
 * a restart seconds. */
#define CA_SKEW_MAX (10 * WHEN_MINUTE)
/* How long after its reservation a certificate is still signed as it was reserved, the skew
 * included: the signer may have been away. */
#define CA_RESERVED_MAX (WHEN_HOUR + CA_SKEW_MAX)

struct ca_signer;
struct ipc_sign;

/* Loads ca/rules.json and every ca/REF.crt with its key (ca/key_load.h) below `data`. The
 * passphrase opens those in files; NULL: it is read as the configuration says when the first one
 * needs it. Beside them ca/REF.revoked may say that it certifies nothing any more. Checks that key
 * and certificate belong together. To be called while the files can still be read; everything is in
 * memory afterwards. Errors name the file and the cure. */
enum rc ca_signer_open(int data, struct secret *passphrase, const struct conf *conf,
                       struct ca_signer **out, struct err *err);
/* The same, and what signs the heads of the audit log (ca/head.h), with one passphrase for all.
 * What that fails with is in `head_err`, and *out_head is NULL: certificates are signed without. */
struct ca_head;
enum rc ca_signer_open_all(int data, const struct conf *conf, struct ca_signer **out,
                           struct ca_head **out_head, struct err *head_err, struct err *err);
void ca_signer_free(struct ca_signer *s);
DEFINE_FREEP(ca_signer_free, struct ca_signer)

/* RC_DENIED when the rules would refuse what a profile asks for. */
enum rc ca_signer_check_conf(const struct ca_signer *s, const struct conf *conf, struct err *err);
/* Takes effect for the next signature. */
void ca_signer_set_conf(struct ca_signer *s, const struct conf *conf);

size_t ca_signer_count(const struct ca_signer *s);
/* Borrowed. */
const struct ca_issuer *ca_signer_issuer(const struct ca_signer *s, size_t i);

struct ca_sign_ask {
    struct str issuer; /* its reference */
    struct ca_leaf leaf;
    when_t now; /* the signer's own clock */
};

/* Appends the certificate in DER. RC_NOTFOUND no such issuer or profile; RC_DENIED rules, profile,
 * linter; RC_AGAIN a token that does not sign at the moment; RC_QUOTA the hour's signatures;
 * RC_INVAL what cannot be built. `arena` is for the time of the call. */
enum rc ca_signer_sign(struct ca_signer *s, const struct ca_sign_ask *ask, struct arena *arena,
                       struct buf *out, struct err *err);

/* For status.c: what a responder's certificate and lists are made with. */
const struct conf *ca_signer_conf(const struct ca_signer *s);
struct ca_status *ca_signer_status(const struct ca_signer *s);

/* What came of a signature by the issuer's key: RC_AGAIN for whatever a token refuses. */
enum rc ca_signer_signed(const struct ca_issuer *issuer, enum rc rc, struct err *err);

/* The same for a message as core sends it. */
enum rc ca_signer_answer(struct ca_signer *s, const struct ipc_sign *msg, when_t now,
                         struct buf *out, struct err *err);
