/* SPDX-License-Identifier: Apache-2.0 */
#include "scan/record.h"

#include <stdio.h>

#include "base/text.h"
#include "starttls/starttls.h"

enum { NAME_TEXT = 16 * 1024 };

static const char *protocol_of(const struct scan_found *f)
{
    if (f->tlcp)
        return "tlcp";
    return f->at.protocol ? starttls_name(f->at.protocol) : "tls";
}

static void put_where(struct json_out *o, const struct scan_found *f)
{
    char endpoint[SCAN_ENDPOINT_TEXT], address[ADDR_TEXT];

    json_kv_z(o, "endpoint", scan_endpoint_text(f, endpoint));
    json_kv_z(o, "protocol", protocol_of(f));
    json_kv_z(o, "address", addr_text(&f->at.to.addr, address));
    json_kv_u64(o, "port", f->at.to.port);
    if (f->at.name.n)
        json_kv_str(o, "name", f->at.name);
    json_kv_when(o, "time", f->time);
    json_kv_z(o, "state", scan_state_text(f->state));
}

static void put_offer(struct json_out *o, const struct scan_found *f)
{
    json_key(o, "versions");
    json_arr(o);
    for (unsigned bit = SCAN_HAS_TLS10; bit <= SCAN_HAS_TLCP; bit <<= 1)
        if (f->versions & bit)
            json_put_z(o, scan_has_text(bit));
    json_end(o);
    json_key(o, "groups");
    json_arr(o);
    for (size_t i = 0; i < f->n_groups; i++)
        json_put_z(o, scan_group_name(f->groups[i]));
    json_end(o);
    if (f->cipher[0])
        json_kv_z(o, "cipher", f->cipher);
}

static void put_verdicts(struct json_out *o, const struct scan_judged *j)
{
    json_key(o, "verdicts");
    json_arr(o);
    for (unsigned i = 0; i < SCAN_VERDICTS; i++)
        if (j->verdicts >> i & 1)
            json_put_z(o, scan_verdict_text(i));
    json_end(o);
    if (j->weak[0])
        json_kv_z(o, "weak", j->weak);
}

static void put_names(struct json_out *o, const struct x509_cert *c)
{
    char text[ADDR_TEXT];

    json_key(o, "names");
    json_arr(o);
    for (size_t i = 0; i < c->n_dns && i < X509_NAMES_MAX; i++)
        json_put_str(o, c->dns[i]);
    for (size_t i = 0; i < c->n_ips && i < X509_NAMES_MAX; i++)
        json_put_z(o, addr_text(&c->ips[i], text));
    json_end(o);
}

static void put_key(struct json_out *o, const struct x509_cert *c)
{
    struct crypto_public key;
    char text[64];

    if (crypto_public_read(c->spki, &key, NULL) != RC_OK)
        return;
    snprintf(text, sizeof(text), "%s", crypto_key_type_text(key.type));
    if (key.type == CRYPTO_KEY_RSA)
        snprintf(text, sizeof(text), "RSA %u", key.bits);
    json_kv_z(o, "key", text);
}

static enum rc put_leaf(struct json_out *o, const struct scan_judged *j)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(NAME_TEXT);
    const struct x509_cert *c = &j->leaf;
    char serial[X509_SERIAL_TEXT];

    text_hex(&text, str_bytes(j->sha256, sizeof(j->sha256)));
    TRY(buf_rc(&text));
    json_kv_str(o, "sha256", buf_str(&text));
    if (!j->readable)
        return RC_OK;
    buf_reset(&text);
    x509_name_text(c->subject, &text);
    TRY(buf_rc(&text));
    json_kv_str(o, "subject", buf_str(&text));
    buf_reset(&text);
    x509_name_text(c->issuer, &text);
    TRY(buf_rc(&text));
    json_kv_str(o, "issuer", buf_str(&text));
    if (c->serial.n)
        json_kv_z(o, "serial", x509_serial_text(&c->serial, serial));
    json_kv_when(o, "not_before", c->not_before);
    json_kv_when(o, "not_after", c->not_after);
    put_key(o, c);
    put_names(o, c);
    return RC_OK;
}

enum rc scan_record_put(const struct scan_found *f, const struct scan_judged *j, struct buf *out)
{
    struct json_out o;

    json_out_init(&o, out, JSON_COMPACT);
    json_obj(&o);
    put_where(&o, f);
    if (f->state == SCAN_TLS) {
        put_offer(&o, f);
        put_verdicts(&o, j);
    }
    if (f->why[0])
        json_kv_z(&o, "why", f->why);
    if (j->shown) {
        json_key(&o, "leaf");
        json_obj(&o);
        TRY(put_leaf(&o, j));
        json_end(&o);
        json_kv_str(&o, "chain", buf_str(&f->chain));
    }
    json_end(&o);
    TRY(json_out_done(&o));
    buf_putz(out, "\n");
    return buf_rc(out);
}
