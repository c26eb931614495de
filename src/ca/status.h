/* SPDX-License-Identifier: Apache-2.0 */
/* What the signer says about certificates: revocation lists, signed by the issuer's key, and OCSP
 * answers, signed by a responder's. Each issuer has one responder: a key of the issuer's kind, made
 * here and never written anywhere, with a certificate of a few days (RFC 6960 section 4.2.2.2) that
 * renews itself. Core says what is revoked, and could lie about it; it cannot have a list dated
 * elsewhere than now, a list that lives for ever, or a number twice. Issuers that sign no
 * certificates any more still do this. */
#pragma once

#include "ca/signer.h"
#include "ipc/status_messages.h"
#include "x509/ocsp.h"

#define CA_CRL_LIFETIME_MAX (31 * WHEN_DAY)
#define CA_OCSP_LIFETIME_MAX (3 * WHEN_DAY)
#define CA_RESPONDER_LIFETIME (7 * WHEN_DAY)
/* For clocks that are slow. */
#define CA_RESPONDER_BACKDATE WHEN_HOUR
enum {
    CA_SHARDS_MAX = 65536,
    CA_CRLS_PER_HOUR = 100 * 1000,
    CA_OCSPS_PER_HOUR = 2 * 1000 * 1000,
};

struct ca_status;

enum rc ca_status_new(struct ca_status **out);
void ca_status_free(struct ca_status *s);
DEFINE_FREEP(ca_status_free, struct ca_status)

/* Append the list, or the answer, in DER. RC_NOTFOUND no such issuer; RC_DENIED times, a number
 * that is not above the last of that shard, a revocation in the future; RC_QUOTA the hour's;
 * RC_INVAL, RC_TOOBIG what cannot be written. */
enum rc ca_status_crl(struct ca_signer *s, const struct ipc_sign_crl *msg, when_t now,
                      struct buf *out, struct err *err);
enum rc ca_status_ocsp(struct ca_signer *s, const struct ipc_sign_ocsp *msg, when_t now,
                       struct buf *out, struct err *err);

/* Both sides build a list from the same words. Appends "http://.../crl/REF/SHARD.crl", or of the
 * delta; nothing without urls.plain. */
void ca_status_url(const struct conf *conf, struct str ref, unsigned shard, bool delta,
                   struct buf *out);
/* What is written for a message; `entries` has room for all of the message's. Strings borrow from
 * issuer and message, the URLs from the buffers. */
struct ca_status_urls {
    struct buf url, delta_url;
};
enum rc ca_status_crl_in(const struct conf *conf, const struct ca_issuer *issuer,
                         const struct ipc_sign_crl *msg, struct x509_crl_entry *entries,
                         struct ca_status_urls *urls, struct x509_crl_in *out);
void ca_status_urls_done(struct ca_status_urls *urls);
