/* SPDX-License-Identifier: Apache-2.0 */
#include "inventory/record.h"

#include <stdio.h>

#include "base/err.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "crypto/sign.h"
#include "json/json.h"
#include "json/out.h"
#include "x509/cert.h"
#include "x509/name.h"

enum { PORT_MAX = 65535, NAME_TEXT = 16 * 1024, KEY_TEXT = 64 };

MSG(msg_member, "inventory.record",
    "\"{0}\" of {1} is missing, too long or of another kind; records are what `autarky scan` "
    "writes");

static const char *const verdicts[INVENTORY_VERDICTS] = {
    "ours",       "foreign", "expired",    "early",   "weak",         "mismatched",
    "unreadable", "current", "superseded", "revoked", "unregistered",
};

const char *inventory_verdict_text(unsigned bit_number)
{
    return verdicts[bit_number];
}

unsigned inventory_verdict_bit(struct str text)
{
    for (unsigned i = 0; i < INVENTORY_VERDICTS; i++)
        if (str_eq(text, str_of(verdicts[i])))
            return 1U << i;
    return 0;
}

void inventory_verdicts_put(unsigned bits, struct buf *out)
{
    for (unsigned i = 0; i < INVENTORY_VERDICTS; i++)
        if (bits >> i & 1)
            buf_printf(out, "%s%s", out->n ? " " : "", verdicts[i]);
}

/* ---- what is around the certificate */

struct reading {
    struct arena *a;
    const struct json *from;
    struct store_endpoint *out;
    struct err *err;
};

static enum rc wrong(struct reading *r, enum rc rc, const char *member)
{
    if (rc == RC_NOMEM)
        return rc;
    return ERR(r->err, RC_INVAL, msg_member, str_of(member),
               r->out->endpoint.n ? r->out->endpoint : STR("a record"));
}

static enum rc take_text(struct reading *r, const char *member, size_t max, struct str *out)
{
    enum rc rc = json_str(json_get(r->from, member), out);

    if (rc == RC_OK && (out->n == 0 || out->n > max || !str_printable(*out)))
        rc = RC_INVAL;
    return rc == RC_OK ? rc : wrong(r, rc, member);
}

/* What may be missing, and what a stranger said: as much of it as there is room for. */
static void take_said(struct reading *r, const char *member, struct str *out)
{
    if (json_str(json_get(r->from, member), out) != RC_OK || !str_utf8(*out))
        *out = (struct str){NULL, 0};
    *out = str_utf8_head(*out, STORE_TEXT_MAX);
}

static enum rc take_words(struct reading *r, const char *member, struct str *out)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(STORE_TEXT_MAX);
    struct json_iter it = json_iter(json_get(r->from, member));
    const struct json *v;
    struct str word;

    while (json_next(&it, NULL, &v)) {
        if (json_str(v, &word) != RC_OK || !str_printable(word))
            return wrong(r, RC_INVAL, member);
        buf_putz(&text, text.n ? " " : "");
        buf_puts(&text, word);
    }
    if (buf_rc(&text) != RC_OK)
        return wrong(r, buf_rc(&text), member);
    return arena_str(r->a, buf_str(&text), out);
}

static enum rc take_verdicts(struct reading *r)
{
    struct json_iter it = json_iter(json_get(r->from, "verdicts"));
    const struct json *v;
    struct str word;

    for (unsigned bit; json_next(&it, NULL, &v); r->out->verdicts |= bit) {
        bit = json_str(v, &word) == RC_OK ? inventory_verdict_bit(word) & INVENTORY_SEEN : 0;
        if (!bit)
            return wrong(r, RC_INVAL, "verdicts");
    }
    return RC_OK;
}

static enum rc take_where(struct reading *r)
{
    struct store_endpoint *e = r->out;
    struct str text;
    uint64_t port = 0;

    TRY(take_text(r, "endpoint", STORE_ENDPOINT_TEXT, &e->endpoint));
    TRY(take_text(r, "protocol", STORE_TEXT_MAX, &e->protocol));
    TRY(take_text(r, "address", ADDR_TEXT, &text));
    if (addr_parse(text, &e->address) != RC_OK)
        return wrong(r, RC_INVAL, "address");
    if (json_u64(json_get(r->from, "port"), &port) != RC_OK || port == 0 || port > PORT_MAX)
        return wrong(r, RC_INVAL, "port");
    e->port = (uint16_t)port;
    if (json_get(r->from, "name"))
        TRY(take_text(r, "name", STORE_TEXT_MAX, &e->name));
    return RC_OK;
}

static enum rc take_state(struct reading *r, when_t now)
{
    struct store_endpoint *e = r->out;
    struct str text;

    TRY(take_text(r, "time", WHEN_TEXT, &text));
    if (when_parse(text, &e->last_seen) != RC_OK || e->last_seen <= 0)
        return wrong(r, RC_INVAL, "time");
    if (e->last_seen > now)
        e->last_seen = now;
    TRY(take_text(r, "state", STORE_TEXT_MAX, &text));
    if (str_eq(text, STR("tls")))
        e->state = STORE_ENDPOINT_TLS;
    else if (!str_eq(text, STR("other")))
        return wrong(r, RC_INVAL, "state");
    TRY(take_words(r, "versions", &e->versions));
    TRY(take_words(r, "groups", &e->groups));
    TRY(take_verdicts(r));
    take_said(r, "cipher", &e->cipher);
    take_said(r, "weak", &e->weak);
    take_said(r, "why", &e->why);
    return RC_OK;
}

/* ---- the certificate */

static enum rc put_name(struct arena *a, struct str name, struct str *out)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(NAME_TEXT);

    x509_name_text(name, &text);
    TRY(buf_rc(&text));
    return arena_str(a, str_utf8_head(buf_str(&text), STORE_TEXT_MAX), out);
}

/* As many as there is room for. */
static enum rc put_names(struct arena *a, const struct x509_cert *c, struct str *out)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT((size_t)2 * STORE_SEEN_NAMES_MAX);
    enum { ONE_MAX = 2048 };
    char address[ADDR_TEXT];
    struct json_out o;

    json_out_init(&o, &text, JSON_COMPACT);
    json_arr(&o);
    for (size_t i = 0; i < c->n_dns && text.n < STORE_SEEN_NAMES_MAX - ONE_MAX; i++)
        json_put_str(&o, str_head(c->dns[i], NAME_MAX_BYTES));
    for (size_t i = 0; i < c->n_ips && text.n < STORE_SEEN_NAMES_MAX - ONE_MAX; i++)
        json_put_z(&o, addr_text(&c->ips[i], address));
    json_end(&o);
    TRY(json_out_done(&o));
    return arena_str(a, buf_str(&text), out);
}

static enum rc put_key(struct arena *a, const struct x509_cert *c, struct str *out)
{
    struct crypto_public key;
    char text[KEY_TEXT];
    enum rc rc = crypto_public_read(c->spki, &key, NULL);

    if (rc != RC_OK)
        return rc == RC_NOMEM ? rc : RC_OK;
    snprintf(text, sizeof(text), "%s", crypto_key_type_text(key.type));
    if (key.type == CRYPTO_KEY_RSA)
        snprintf(text, sizeof(text), "RSA %u", key.bits);
    return arena_str(a, str_of(text), out);
}

static enum rc put_certificate(struct arena *a, const struct x509_cert *c, struct store_seen *s)
{
    TRY(put_name(a, c->subject, &s->subject));
    TRY(put_name(a, c->issuer, &s->issuer));
    TRY(put_names(a, c, &s->names));
    TRY(put_key(a, c, &s->key));
    if (c->sig_alg)
        s->signature = str_of(crypto_sig_text(c->sig_alg));
    TRY(arena_str(a, x509_serial_bytes(&c->serial), &s->serial));
    s->not_before = c->not_before;
    s->not_after = c->not_after;
    return RC_OK;
}

/* The first one of the chain. */
static enum rc take_certificate(struct reading *r)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(STORE_SEEN_DER_MAX);
    struct store_seen *s = &r->out->seen;
    struct str chain, label;
    struct x509_cert cert;
    enum rc rc;

    if (!json_get(r->from, "chain"))
        return RC_OK;
    rc = json_str(json_get(r->from, "chain"), &chain);
    if (rc == RC_OK)
        rc = text_unpem(&chain, STR("CERTIFICATE"), &label, &der);
    if (rc != RC_OK || der.n == 0)
        return wrong(r, rc, "chain");
    TRY(arena_str(r->a, buf_str(&der), &s->der));
    TRY(crypto_sha256(s->der, s->sha256.b));
    r->out->shown = true;
    rc = x509_cert_parse(r->a, s->der, &cert, NULL);
    if (rc == RC_NOMEM)
        return rc;
    return rc == RC_OK ? put_certificate(r->a, &cert, s) : RC_OK;
}

enum rc inventory_record_read(struct arena *a, const struct json *record, when_t now,
                              struct store_endpoint *out, struct err *err)
{
    struct reading r = {.a = a, .from = record, .out = out, .err = err};

    *out = (struct store_endpoint){};
    TRY(id_new(&out->id));
    TRY(take_where(&r));
    TRY(take_state(&r, now));
    return take_certificate(&r);
}
