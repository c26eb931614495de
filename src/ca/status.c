/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/status.h"

#include <stdio.h>

#include "x509/lint.h"

enum { RESPONDER_ARENA = 256 * 1024 };

MSG(msg_issuer, "ca.status-issuer", "the signer has no issuer \"{0}\"");
MSG(msg_clock, "ca.status-clock",
    "thisUpdate {0} does not fit the signer's clock, which says {1}; set the clocks of the "
    "machines right");
MSG(msg_lifetime, "ca.status-lifetime",
    "nextUpdate {0} does not lie behind thisUpdate {1}, or too far behind it");
MSG(msg_number, "ca.status-number",
    "list {0} of shard {1} is not asked for with a number above the last, {2}");
MSG(msg_shard, "ca.status-shard", "there are at most 65536 shards");
MSG(msg_future, "ca.status-future", "a revocation at {0} lies behind thisUpdate");
MSG(msg_rate, "ca.status-rate",
    "the signer has signed as many lists or answers as it does in an hour ({0})");
MSG(msg_status, "ca.status-status", "a status or a hash is none of those there are");

struct responder {
    struct crypto_key *key;
    struct buf cert;
    when_t not_after;
};

/* What is known of one issuer, by its name. */
struct known {
    char ref[CA_REF_MAX + 1];
    struct responder responder;
    uint64_t *numbers[2]; /* the last of each shard, complete and delta */
    size_t n_numbers;
};

struct ca_status {
    struct known known[CA_ISSUERS_MAX];
    size_t n;
    struct ca_rate crls, ocsps;
};

enum rc ca_status_new(struct ca_status **out)
{
    struct ca_status *s = MEM_NEW(struct ca_status);

    if (!s)
        return RC_NOMEM;
    *out = s;
    return RC_OK;
}

static void drop_responder(struct responder *r)
{
    crypto_key_unref(r->key);
    buf_done(&r->cert);
    *r = (struct responder){.key = NULL};
}

void ca_status_free(struct ca_status *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n; i++) {
        drop_responder(&s->known[i].responder);
        mem_free(s->known[i].numbers[0]);
        mem_free(s->known[i].numbers[1]);
    }
    mem_free(s);
}

static enum rc find_issuer(const struct ca_signer *s, struct str ref, const struct ca_issuer **out,
                           struct err *err)
{
    for (size_t i = 0; i < ca_signer_count(s); i++)
        if (str_eq(ca_signer_issuer(s, i)->ref, ref)) {
            *out = ca_signer_issuer(s, i);
            return RC_OK;
        }
    return ERR(err, RC_NOTFOUND, msg_issuer, ref);
}

static enum rc find_known(struct ca_status *s, struct str ref, struct known **out)
{
    for (size_t i = 0; i < s->n; i++)
        if (str_eq(str_of(s->known[i].ref), ref)) {
            *out = &s->known[i];
            return RC_OK;
        }
    if (s->n == CA_ISSUERS_MAX)
        return RC_TOOBIG;
    s->known[s->n] = (struct known){.n_numbers = 0};
    TRY(str_copyz(ref, s->known[s->n].ref, sizeof(s->known[s->n].ref)));
    *out = &s->known[s->n++];
    return RC_OK;
}

static enum rc check_times(when_t this_update, when_t next_update, when_t most, when_t now,
                           struct err *err)
{
    char a[WHEN_TEXT], b[WHEN_TEXT];

    if (this_update > now + CA_SKEW_MAX || this_update < now - CA_SKEW_MAX)
        return ERR(err, RC_DENIED, msg_clock, str_of(when_text(this_update, a)),
                   str_of(when_text(now, b)));
    if (next_update <= this_update || next_update > this_update + most)
        return ERR(err, RC_DENIED, msg_lifetime, str_of(when_text(next_update, a)),
                   str_of(when_text(this_update, b)));
    return RC_OK;
}

static enum rc check_revoked(when_t at, when_t this_update, struct err *err)
{
    char text[WHEN_TEXT];

    if (at < 0 || at > this_update + CA_SKEW_MAX)
        return ERR(err, RC_DENIED, msg_future, str_of(when_text(at, text)));
    return RC_OK;
}

static enum rc take(struct ca_rate *rate, uint64_t per_hour, when_t now, struct err *err)
{
    when_t hour = now - now % WHEN_HOUR;
    char text[24];

    if (rate->hour != hour)
        *rate = (struct ca_rate){.hour = hour};
    if (rate->n >= per_hour) {
        snprintf(text, sizeof(text), "%llu", (unsigned long long)per_hour);
        return ERR(err, RC_QUOTA, msg_rate, str_of(text));
    }
    rate->n++;
    return RC_OK;
}

/* ---- lists */

void ca_status_url(const struct conf *conf, struct str ref, unsigned shard, bool delta,
                   struct buf *out)
{
    if (conf->urls.plain.n)
        buf_printf(out, "%.*s/crl/%.*s/%u%s.crl", STR_ARG(conf->urls.plain), STR_ARG(ref), shard,
                   delta ? "-delta" : "");
}

void ca_status_urls_done(struct ca_status_urls *urls)
{
    buf_done(&urls->url);
    buf_done(&urls->delta_url);
}

enum rc ca_status_crl_in(const struct conf *conf, const struct ca_issuer *issuer,
                         const struct ipc_sign_crl *msg, struct x509_crl_entry *entries,
                         struct ca_status_urls *urls, struct x509_crl_in *out)
{
    buf_init(&urls->url, X509_URL_BYTES);
    buf_init(&urls->delta_url, X509_URL_BYTES);
    ca_status_url(conf, issuer->ref, msg->shard, false, &urls->url);
    if (conf->revocation.crl.delta == CONF_ON)
        ca_status_url(conf, issuer->ref, msg->shard, true, &urls->delta_url);
    TRY(buf_rc(&urls->url));
    TRY(buf_rc(&urls->delta_url));
    for (size_t i = 0; i < msg->entries.n; i++) {
        const struct ipc_revoked *from = &msg->entries.v[i];

        entries[i].reason = from->reason;
        entries[i].revoked = from->at;
        TRY(x509_serial_from_bytes(from->serial, &entries[i].serial));
    }
    *out = (struct x509_crl_in){
        .sig_alg = crypto_sig_default(issuer->key),
        .issuer = issuer->cert.subject,
        .issuer_key_id = issuer->cert.ski,
        .this_update = msg->this_update,
        .next_update = msg->next_update,
        .number = msg->number,
        .delta = msg->delta,
        .base = msg->base,
        .url = buf_str(&urls->url),
        .only_users = true,
        .delta_url = buf_str(&urls->delta_url),
        .entries = entries,
        .n = msg->entries.n,
    };
    return RC_OK;
}

/* Where the last number of the shard stands. */
static enum rc number_at(struct known *k, unsigned shard, bool delta, uint64_t **out)
{
    size_t wanted = k->n_numbers ? k->n_numbers : 16;
    uint64_t *grown;

    while (wanted <= shard)
        wanted *= 2;
    for (int i = 0; i < 2 && wanted > k->n_numbers; i++) {
        grown = mem_realloc(k->numbers[i], wanted * sizeof(uint64_t));
        if (!grown)
            return RC_NOMEM;
        memset(grown + k->n_numbers, 0, (wanted - k->n_numbers) * sizeof(uint64_t));
        k->numbers[i] = grown;
    }
    k->n_numbers = wanted;
    *out = &k->numbers[delta][shard];
    return RC_OK;
}

static enum rc check_number(const struct ipc_sign_crl *msg, uint64_t last, struct err *err)
{
    char number[24], shard[24], had[24];

    if (msg->number > last)
        return RC_OK;
    snprintf(number, sizeof(number), "%llu", (unsigned long long)msg->number);
    snprintf(shard, sizeof(shard), "%u", msg->shard);
    snprintf(had, sizeof(had), "%llu", (unsigned long long)last);
    return ERR(err, RC_DENIED, msg_number, str_of(number), str_of(shard), str_of(had));
}

static enum rc build_crl(const struct ca_signer *s, const struct ca_issuer *issuer,
                         const struct ipc_sign_crl *msg, struct buf *out, struct err *err)
{
    CLEANUP(mem_freep)
    struct x509_crl_entry *entries = mem_calloc(msg->entries.n, sizeof(struct x509_crl_entry));
    CLEANUP(ca_status_urls_done) struct ca_status_urls urls = {};
    struct x509_crl_in in;

    if (!entries)
        return RC_NOMEM;
    TRY(ca_status_crl_in(ca_signer_conf(s), issuer, msg, entries, &urls, &in));
    return ca_signer_signed(issuer, x509_crl_sign(issuer->key, &in, out, err), err);
}

enum rc ca_status_crl(struct ca_signer *s, const struct ipc_sign_crl *msg, when_t now,
                      struct buf *out, struct err *err)
{
    struct ca_status *status = ca_signer_status(s);
    const struct ca_issuer *issuer;
    struct known *known;
    uint64_t *last;

    TRY(find_issuer(s, msg->issuer, &issuer, err));
    if (msg->shard >= CA_SHARDS_MAX)
        return ERR(err, RC_TOOBIG, msg_shard);
    TRY(check_times(msg->this_update, msg->next_update, CA_CRL_LIFETIME_MAX, now, err));
    for (size_t i = 0; i < msg->entries.n; i++)
        TRY(check_revoked(msg->entries.v[i].at, msg->this_update, err));
    TRY(find_known(status, issuer->ref, &known));
    TRY(number_at(known, msg->shard, msg->delta, &last));
    TRY(check_number(msg, *last, err));
    TRY(take(&status->crls, CA_CRLS_PER_HOUR, now, err));
    /* Also when it fails: a number is used once, whatever came of it. */
    *last = msg->number;
    return build_crl(s, issuer, msg, out, err);
}

/* ---- responders */

/* Of the issuer's kind; RSA at the least that counts, as answers are many and short-lived. */
static struct crypto_key_spec spec_of(const struct ca_issuer *issuer)
{
    enum crypto_key_type type = crypto_key_type(issuer->key);

    return (struct crypto_key_spec){type, type == CRYPTO_KEY_RSA ? CRYPTO_RSA_BITS_MIN : 0};
}

static enum rc lint(const struct ca_issuer *issuer, struct str tbs, struct str spki,
                    struct err *err)
{
    CLEANUP(arena_done) struct arena arena = ARENA_INIT(RESPONDER_ARENA);
    struct x509_lint_in in = {
        .kind = X509_LINT_OCSP,
        .issuer = &issuer->cert,
        .issuer_key = issuer->key,
        .spki = spki,
        .max_lifetime = CA_RESPONDER_LIFETIME + CA_RESPONDER_BACKDATE,
    };

    return x509_lint_tbs(&arena, tbs, &in, err);
}

/* Valid a little before now, for clocks that are slow, and no longer than its issuer. */
static enum rc certify(const struct ca_issuer *issuer, when_t now, struct responder *r,
                       struct err *err)
{
    CLEANUP(buf_done) struct buf name = BUF_INIT(X509_NAME_MAX);
    CLEANUP(buf_done) struct buf tbs = BUF_INIT(X509_TBS_MAX);
    struct x509_tbs_in in = {
        .issuer = issuer->cert.subject,
        .issuer_key_id = issuer->cert.ski,
        .sig_alg = crypto_sig_default(issuer->key),
        .not_before = now - CA_RESPONDER_BACKDATE,
        .not_after = now + CA_RESPONDER_LIFETIME - WHEN_SECOND,
        .spki = crypto_key_spki(r->key),
        .subject_key_id = true,
        .key_usage = X509_KU_DIGITAL_SIGNATURE,
        .eku = X509_EKU_OCSP_SIGNING,
        .ocsp_nocheck = true,
    };

    if (in.not_before < issuer->cert.not_before)
        in.not_before = issuer->cert.not_before;
    if (in.not_after > issuer->cert.not_after)
        in.not_after = issuer->cert.not_after;
    TRY(x509_serial_random(&in.serial));
    buf_printf(&name, "%.*s OCSP", STR_ARG(str_utf8_head(issuer->cert.common_name, 59)));
    TRY(buf_rc(&name));
    in.subject.common_name = buf_str(&name);
    TRY(x509_tbs_build(&in, &tbs, err));
    TRY(lint(issuer, buf_str(&tbs), in.spki, err));
    r->not_after = in.not_after;
    return ca_signer_signed(issuer, x509_sign_tbs(issuer->key, buf_str(&tbs), &r->cert), err);
}

/* A responder whose certificate outlives the answer, and half of its own life. */
static enum rc renew(const struct ca_issuer *issuer, struct known *k, when_t until, when_t now,
                     struct err *err)
{
    struct responder fresh = {.key = NULL};
    enum rc rc;

    if (k->responder.key && k->responder.not_after >= until &&
        k->responder.not_after >= now + CA_RESPONDER_LIFETIME / 2)
        return RC_OK;
    if (k->responder.key && k->responder.not_after == issuer->cert.not_after)
        return RC_OK; /* there will be no later one */
    buf_init(&fresh.cert, X509_CERT_MAX);
    rc = crypto_key_generate(spec_of(issuer), &fresh.key);
    if (rc == RC_OK)
        rc = certify(issuer, now, &fresh, err);
    if (rc != RC_OK) {
        drop_responder(&fresh);
        return rc;
    }
    drop_responder(&k->responder);
    k->responder = fresh;
    return RC_OK;
}

static enum rc fill_singles(const struct ipc_sign_ocsp *msg, const struct x509_ocsp_issuer *issuer,
                            struct x509_ocsp_single singles[static X509_OCSP_IDS_MAX],
                            struct err *err)
{
    struct x509_serial serial;

    if (msg->about.n > X509_OCSP_IDS_MAX)
        return RC_TOOBIG;
    for (size_t i = 0; i < msg->about.n; i++) {
        const struct ipc_cert_status *s = &msg->about.v[i];

        if (s->hash == 0 || s->hash >= X509_OCSP_HASHES || s->status > X509_OCSP_UNKNOWN)
            return ERR(err, RC_INVAL, msg_status);
        TRY(check_revoked(s->at, msg->this_update, err));
        TRY(x509_serial_from_bytes(s->serial, &serial));
        singles[i] = (struct x509_ocsp_single){
            .id = x509_ocsp_id_of(issuer, (enum x509_ocsp_hash)s->hash, &serial),
            .status = (enum x509_ocsp_status)s->status,
            .reason = s->reason,
            .revoked = s->at,
            .this_update = msg->this_update,
            .next_update = msg->next_update,
        };
    }
    return RC_OK;
}

enum rc ca_status_ocsp(struct ca_signer *s, const struct ipc_sign_ocsp *msg, when_t now,
                       struct buf *out, struct err *err)
{
    struct ca_status *status = ca_signer_status(s);
    struct x509_ocsp_single singles[X509_OCSP_IDS_MAX];
    const struct ca_issuer *issuer;
    struct x509_ocsp_issuer names;
    struct x509_ocsp_in in;
    struct known *known;

    TRY(find_issuer(s, msg->issuer, &issuer, err));
    TRY(check_times(msg->this_update, msg->next_update, CA_OCSP_LIFETIME_MAX, now, err));
    TRY(x509_ocsp_issuer_of(&issuer->cert, &names));
    TRY(fill_singles(msg, &names, singles, err));
    TRY(find_known(status, issuer->ref, &known));
    TRY(take(&status->ocsps, CA_OCSPS_PER_HOUR, now, err));
    TRY(renew(issuer, known, msg->next_update, now, err));
    in = (struct x509_ocsp_in){
        .singles = singles,
        .n = msg->about.n,
        .produced = now,
        .nonce = msg->nonce,
        .responder = buf_str(&known->responder.cert),
        .key = known->responder.key,
    };
    return x509_ocsp_answer_build(&in, out, err);
}
