/* SPDX-License-Identifier: Apache-2.0 */
/* dns-01 (RFC 8555 section 8.4), and the same under a label of the account's own, so that several
 * of them can prove control of one name at the same time: dns-account-01
 * (draft-ietf-acme-dns-account-label-03). */
#include <stdio.h>

#include "base/text.h"
#include "base/when.h"
#include "crypto/hash.h"
#include "validate/validate_int.h"

MSG(msg_dns, "validate.txt",
    "{0}: found no TXT record of {1}: {2}. Create one with the digest of the key authorization, or "
    "set `resolvers` to name servers that know it");
MSG(msg_long, "validate.txt-long", "{0}: the name of the record, {1}, cannot be as long");
MSG(msg_content, "validate.txt-content",
    "{0}: {1} has {2} TXT {3}, of which none is the digest of this challenge's key authorization, "
    "says {4}. If the right one was just made, it has not got there yet");
MSG(msg_slow, "validate.txt-slow",
    "{0}: the name servers did not say within {1} what TXT records {2} has");
MSG(msg_no_account, "validate.txt-account",
    "{0}: the record's name depends on the account's URL, which is not known: set `urls.api`");

enum { DIGEST_TEXT = 64, SPAN_BYTES = 64, LABEL_BYTES = 10, LABEL_TEXT = 16, COUNT_TEXT = 24 };

static enum rc expected(const struct validation *run, struct buf *out)
{
    unsigned char digest[CRYPTO_SHA256_BYTES];

    TRY(crypto_sha256(run->ask.key_authorization, digest));
    text_b64url(out, str_bytes(digest, sizeof(digest)));
    return buf_rc(out);
}

static void fail_content(struct validation *run)
{
    const struct dns_answer *a = run->txt;
    char count[COUNT_TEXT], at[ADDR_TEXT];

    snprintf(count, sizeof(count), "%zu", a->n);
    IGNORE_RC(ERR(&run->err, RC_DENIED, msg_content, run->what, run->txt_name, str_of(count),
                  a->n == 1 ? STR("record") : STR("records"),
                  a->n_tries ? str_of(addr_port_text(&a->tries[a->n_tries - 1].server, at))
                             : STR("nobody")));
    validate_fail(run, "unauthorized");
}

static void judge(struct validation *run)
{
    CLEANUP(buf_done) struct buf wanted = BUF_INIT(DIGEST_TEXT);
    struct err why = ERR_INIT;
    enum rc rc = expected(run, &wanted);

    if (rc != RC_OK) {
        validate_finish(run, rc);
        return;
    }
    if (dns_answer_err(run->txt, &why) != RC_OK) {
        IGNORE_RC(
            ERR(&run->err, RC_DENIED, msg_dns, run->what, run->txt_name, validate_text(run, &why)));
        /* Nothing there yet is another matter than nobody to ask. */
        validate_fail(run, why.rc == RC_NOTFOUND ? "unauthorized" : "dns");
        return;
    }
    for (size_t i = 0; i < run->txt->n; i++)
        if (str_eq(run->txt->records[i].text, buf_str(&wanted))) {
            validate_proven(run);
            return;
        }
    fail_content(run);
}

static void on_txt(void *arg, enum rc rc, const struct dns_answer *answer)
{
    struct validation *run = arg;

    run->lookup_txt = NULL;
    run->txt = answer;
    if (rc == RC_OK)
        run->on_txt(run);
    else
        validate_finish(run, rc);
}

void validate_txt(struct validation *run)
{
    struct dns_question q = {.type = DNS_TXT, .timeout = validate_left(run), .arena = &run->arena};
    enum rc rc = validate_txt_name(&run->arena, &run->ask, &run->txt_name);

    q.name = run->txt_name;
    if (rc == RC_OK)
        rc = dns_lookup_start(run->owner->resolver, &q, on_txt, run, &run->lookup_txt);
    if (rc == RC_INVAL) {
        IGNORE_RC(ERR(&run->err, RC_DENIED, msg_long, run->what, run->txt_name));
        validate_fail(run, "dns");
    } else if (rc != RC_OK) {
        validate_finish(run, rc);
    }
}

void validate_txt_late(struct validation *run)
{
    CLEANUP(buf_done) struct buf span = BUF_INIT(SPAN_BYTES);

    when_put_span(&span, run->conf->validation.timeout);
    IGNORE_RC(ERR(&run->err, RC_DENIED, msg_slow, run->what, buf_str(&span), run->txt_name));
    validate_fail(run, "dns");
}

/* RFC 4648 section 6, in lower case: eighty bits are sixteen characters without padding. */
static void put_base32(const unsigned char bytes[static LABEL_BYTES], char out[static LABEL_TEXT])
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
    uint64_t bits = 0;
    unsigned have = 0;
    size_t n = 0;

    for (size_t i = 0; i < LABEL_BYTES; i++) {
        bits = bits << 8 | bytes[i];
        for (have += 8; have >= 5; have -= 5)
            out[n++] = alphabet[bits >> (have - 5) & 31];
    }
}

/* The first eighty bits of what the account's URL hashes to, as a label. */
static enum rc account_name(struct arena *arena, const struct validate_ask *ask, struct str *out)
{
    unsigned char digest[CRYPTO_SHA256_BYTES];
    char label[LABEL_TEXT];

    TRY(crypto_sha256(ask->account, digest));
    put_base32(digest, label);
    *out = arena_printf(arena, "_%.*s._acme-challenge.%.*s", LABEL_TEXT, label,
                        STR_ARG(ask->identifier));
    return out->p ? RC_OK : RC_NOMEM;
}

enum rc validate_txt_name(struct arena *arena, const struct validate_ask *ask, struct str *out)
{
    if (str_eq(ask->challenge, STR("dns-account-01")))
        return account_name(arena, ask, out);
    *out = arena_printf(arena, "%s.%.*s",
                        str_eq(ask->challenge, STR("dns-persist-01")) ? "_validation-persist"
                                                                      : "_acme-challenge",
                        STR_ARG(ask->identifier));
    return out->p ? RC_OK : RC_NOMEM;
}

static void begin(struct validation *run)
{
    run->on_txt = judge;
    validate_txt(run);
}

static void begin_account(struct validation *run)
{
    if (run->ask.account.n) {
        begin(run);
        return;
    }
    IGNORE_RC(ERR(&run->err, RC_DENIED, msg_no_account, run->what));
    validate_fail(run, "serverInternal");
}

const struct validate_method validate_dns01 = {
    .name = "dns-01", .begin = begin, .late = validate_txt_late};
const struct validate_method validate_dns_account01 = {
    .name = "dns-account-01", .begin = begin_account, .late = validate_txt_late};
