/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/tsig.h"

#include <stdio.h>

#include "base/rd.h"
#include "dns/update.h"

MSG(msg_unsigned, "dns.tsig-missing",
    "the name server's answer is not signed; it says {0}. Check that it knows the key {1}");
MSG(msg_key, "dns.tsig-bad-key",
    "the name server does not know the key {0}; check its name and algorithm at both ends");
MSG(msg_signature, "dns.tsig-bad-signature",
    "the name server has another secret for the key {0}; check the secret at both ends");
MSG(msg_time, "dns.tsig-bad-time",
    "the clocks of the name server and of this machine differ by more than {0} seconds; set them");
MSG(msg_forged, "dns.tsig-forged", "the name server's answer is not signed with the key {0}");

enum {
    TYPE_TSIG = 250,
    CLASS_ANY = 255,
    BADSIG = 16,
    BADKEY = 17,
    BADTIME = 18,
    ADCOUNT_AT = 10,
    WORK_MAX = DNS_MESSAGE_MAX + 2048,
};

static const struct {
    const char *name;
    enum crypto_hash_alg alg;
} algs[] = {
    {"hmac-sha256", CRYPTO_SHA256}, {"hmac-sha384", CRYPTO_SHA384}, {"hmac-sha512", CRYPTO_SHA512}};
enum { ALGS = sizeof(algs) / sizeof(algs[0]) };

enum rc dns_tsig_alg_parse(struct str s, enum crypto_hash_alg *out)
{
    if (str_ends(s, STR(".")))
        s.n--;
    for (size_t i = 0; i < ALGS; i++)
        if (str_ieq(s, str_of(algs[i].name))) {
            *out = algs[i].alg;
            return RC_OK;
        }
    return RC_UNSUPPORTED;
}

static struct str alg_name(enum crypto_hash_alg alg)
{
    for (size_t i = 0; i < ALGS; i++)
        if (algs[i].alg == alg)
            return str_of(algs[i].name);
    return STR("");
}

/* What of the TSIG record itself is signed (RFC 8945 section 4.3.3). */
struct variables {
    uint64_t time;
    uint16_t fudge, error;
    struct str other;
};

static void put_u48(struct buf *out, uint64_t v)
{
    buf_u16(out, (uint16_t)(v >> 32));
    buf_u32(out, (uint32_t)v);
}

static enum rc put_variables(const struct dns_tsig_key *key, const struct variables *v,
                             struct buf *out)
{
    TRY(dns_name_put(str_of(key->name), out));
    buf_u16(out, CLASS_ANY);
    buf_u32(out, 0);
    TRY(dns_name_put(alg_name(key->alg), out));
    put_u48(out, v->time);
    buf_u16(out, v->fudge);
    buf_u16(out, v->error);
    buf_u16(out, (uint16_t)v->other.n);
    buf_puts(out, v->other);
    return buf_rc(out);
}

static enum rc mac_of(const struct dns_tsig_key *key, struct str work, struct dns_tsig_sent *out)
{
    out->n = crypto_hash_size(key->alg);
    return crypto_hmac(key->alg, str_bytes(key->secret, key->n), work, out->mac);
}

/* The record, whose RDATA has a length that is known only behind it. */
static enum rc put_record(const struct dns_tsig_key *key, const struct variables *v,
                          const struct dns_tsig_sent *sent, uint16_t id, struct buf *out)
{
    CLEANUP(buf_done) struct buf data = BUF_INIT(WORK_MAX);

    TRY(dns_name_put(alg_name(key->alg), &data));
    put_u48(&data, v->time);
    buf_u16(&data, v->fudge);
    buf_u16(&data, (uint16_t)sent->n);
    buf_put(&data, sent->mac, sent->n);
    buf_u16(&data, id);
    buf_u16(&data, v->error);
    buf_u16(&data, 0);
    TRY(buf_rc(&data));
    TRY(dns_name_put(str_of(key->name), out));
    buf_u16(out, TYPE_TSIG);
    buf_u16(out, CLASS_ANY);
    buf_u32(out, 0);
    buf_u16(out, (uint16_t)data.n);
    buf_puts(out, buf_str(&data));
    return buf_rc(out);
}

enum rc dns_tsig_sign(const struct dns_tsig_key *key, when_t now, struct buf *msg,
                      struct dns_tsig_sent *sent)
{
    CLEANUP(buf_done) struct buf work = BUF_INIT(WORK_MAX);
    const struct variables v = {.time = (uint64_t)(now / WHEN_SECOND), .fudge = DNS_TSIG_FUDGE};
    uint16_t count;

    TRY(buf_rc(msg));
    if (msg->n < DNS_HEADER)
        return RC_INVAL;
    buf_puts(&work, buf_str(msg));
    TRY(put_variables(key, &v, &work));
    TRY(mac_of(key, buf_str(&work), sent));
    count = (uint16_t)(dns_u16(buf_str(msg), ADCOUNT_AT) + 1);
    TRY(put_record(key, &v, sent, dns_u16(buf_str(msg), 0), msg));
    msg->p[ADCOUNT_AT] = (char)(count >> 8);
    msg->p[ADCOUNT_AT + 1] = (char)(count & 0xff);
    return RC_OK;
}

/* ---- the answer */

struct found {
    size_t start; /* of the record: the message proper ends there */
    char owner[DNS_NAME_MAX + 1], alg[DNS_NAME_MAX + 1];
    struct variables v;
    struct str mac;
    uint16_t id;
};

/* It is the last record of all. RC_NOTFOUND: there is none. */
static enum rc find(struct str wire, struct dns_rr *rr, char *owner)
{
    size_t at = DNS_HEADER, records = 0, questions;

    if (wire.n < DNS_HEADER)
        return RC_PARSE;
    questions = dns_u16(wire, 4);
    for (size_t i = 6; i <= ADCOUNT_AT; i += 2)
        records += dns_u16(wire, i);
    if (questions > 1 || records > DNS_RECORDS_MAX)
        return RC_PARSE;
    if (questions) {
        TRY(dns_name_read(wire, &at, NULL));
        at += 4;
    }
    if (dns_u16(wire, ADCOUNT_AT) == 0)
        return RC_NOTFOUND;
    for (; records; records--)
        TRY(dns_rr_read(wire, &at, owner, rr));
    return rr->type == TYPE_TSIG && at == wire.n ? RC_OK : RC_NOTFOUND;
}

static enum rc read_record(struct str wire, struct found *f)
{
    struct dns_rr rr = {};
    struct rd rd;
    size_t at;

    TRY(find(wire, &rr, f->owner));
    f->start = rr.start;
    at = rr.data;
    TRY(dns_name_read(wire, &at, f->alg));
    if (at > rr.data + rr.n)
        return RC_PARSE;
    rd = rd_of(str_bytes(wire.p + at, rr.data + rr.n - at));
    f->v.time = (uint64_t)rd_u16(&rd) << 32;
    f->v.time |= rd_u32(&rd);
    f->v.fudge = rd_u16(&rd);
    f->mac = rd_bytes(&rd, rd_u16(&rd));
    f->id = rd_u16(&rd);
    f->v.error = rd_u16(&rd);
    f->v.other = rd_bytes(&rd, rd_u16(&rd));
    return rd_done(&rd);
}

/* The request's MAC, the message as it was before it was signed, the variables. */
static enum rc right_mac(const struct dns_tsig_key *key, const struct dns_tsig_sent *sent,
                         struct str wire, const struct found *f, struct dns_tsig_sent *out)
{
    CLEANUP(buf_done) struct buf work = BUF_INIT(WORK_MAX);
    size_t head;

    buf_u16(&work, (uint16_t)sent->n);
    buf_put(&work, sent->mac, sent->n);
    head = work.n;
    buf_u16(&work, f->id);
    buf_puts(&work, str_bytes(wire.p + 2, f->start - 2));
    TRY(buf_rc(&work));
    if (work.p[head + ADCOUNT_AT + 1]-- == 0)
        work.p[head + ADCOUNT_AT]--;
    TRY(put_variables(key, &f->v, &work));
    return mac_of(key, buf_str(&work), out);
}

static enum rc say(const struct dns_tsig_key *key, uint16_t error, struct err *err)
{
    char digits[16];

    snprintf(digits, sizeof(digits), "%d", DNS_TSIG_FUDGE);
    switch (error) {
    case BADKEY:
        return ERR(err, RC_DENIED, msg_key, str_of(key->name));
    case BADSIG:
        return ERR(err, RC_DENIED, msg_signature, str_of(key->name));
    case BADTIME:
        return ERR(err, RC_DENIED, msg_time, str_of(digits));
    default:
        return RC_OK;
    }
}

enum rc dns_tsig_check(const struct dns_tsig_key *key, const struct dns_tsig_sent *sent,
                       struct str wire, when_t now, struct err *err)
{
    struct found f = {};
    struct dns_tsig_sent right;
    char digits[16];
    int64_t apart;
    enum rc rc = read_record(wire, &f);

    if (rc == RC_NOTFOUND)
        return ERR(err, RC_DENIED, msg_unsigned,
                   str_of(dns_update_rcode_text(dns_u16(wire, 2) & 0xf, digits)),
                   str_of(key->name));
    TRY(rc);
    /* RFC 8945 section 5.2: an answer that says so is itself not signed, but for BADTIME. */
    TRY(say(key, f.v.error, err));
    if (strcmp(f.owner, key->name) != 0 || !str_eq(str_of(f.alg), alg_name(key->alg)))
        return ERR(err, RC_DENIED, msg_forged, str_of(key->name));
    TRY(right_mac(key, sent, wire, &f, &right));
    if (!str_eq_ct(f.mac, str_bytes(right.mac, right.n)))
        return ERR(err, RC_DENIED, msg_forged, str_of(key->name));
    apart = now / WHEN_SECOND - (int64_t)f.v.time;
    return apart > DNS_TSIG_FUDGE || -apart > DNS_TSIG_FUDGE ? say(key, BADTIME, err) : RC_OK;
}
