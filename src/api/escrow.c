/* SPDX-License-Identifier: Apache-2.0 */
#include "api/escrow.h"

#include <string.h>

#include "api/cert_int.h"
#include "base/text.h"
#include "ca/escrow.h"
#include "conf/conf.h"
#include "crypto/key.h"
#include "store/escrows.h"
#include "store/store.h"

MSG(msg_none, "api.escrow-none",
    "no key of the certificate {0} is kept here: its owner has made it, or there was no ca.escrow "
    "when the CA did");

enum { ESCROW_ARENA = 64 * 1024, HEX = 2 * STORE_SHA256 + 1 };

static void put_key(struct json_out *o, const struct store_hash *key)
{
    CLEANUP(buf_done) struct buf hex = BUF_INIT(HEX);

    text_hex(&hex, str_bytes(key->b, STORE_SHA256));
    buf_fail(o->b, buf_rc(&hex));
    json_kv_str(o, "key", buf_str(&hex));
}

static void put_kept(const struct store_escrow *e, struct json_out *o)
{
    json_key(o, "escrow");
    json_obj(o);
    put_key(o, &e->sealed_to);
    json_kv_when(o, "since", e->created);
    json_end(o);
}

void api_escrow_put(const struct api_view *v, const struct id *certificate, struct json_out *o)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(ESCROW_ARENA);
    struct store_escrow e;
    enum rc rc = store_escrow_get(store_read(v->store), &a, certificate, &e);

    if (rc == RC_OK)
        put_kept(&e, o);
    else if (rc == RC_NOTFOUND)
        json_kv_null(o, "escrow");
    else
        buf_fail(o->b, rc); /* who asks is told nothing, rather than that there is none */
}

/* ---- how it is */

struct standing {
    bool has, used;        /* there is a key of escrow; something was ever escrowed */
    struct store_hash key; /* that one */
    struct store_escrow last;
    uint64_t keys, others;
};

static enum rc look(const struct api_view *v, struct arena *a, struct standing *out)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    struct store_txn *txn = store_read(v->store);
    struct standing s = {};
    uint64_t own = 0;
    enum rc rc;

    TRY(ca_escrow_key(v->conf, &key, NULL));
    s.has = key != NULL;
    if (key)
        memcpy(s.key.b, crypto_key_spki_sha256(key).p, STORE_SHA256);
    rc = store_escrow_last(txn, a, &s.last);
    if (rc != RC_OK && rc != RC_NOTFOUND)
        return rc;
    s.used = rc == RC_OK;
    TRY(store_escrow_count(txn, NULL, &s.keys));
    if (key)
        TRY(store_escrow_count(txn, &s.key, &own));
    s.others = s.keys - own;
    *out = s;
    return RC_OK;
}

void api_escrow_put_status(const struct api_view *v, struct json_out *o)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(ESCROW_ARENA);
    struct standing s = {};

    buf_fail(o->b, look(v, &a, &s));
    json_key(o, "escrow");
    json_obj(o);
    if (s.has)
        put_key(o, &s.key);
    else
        json_kv_null(o, "key");
    json_kv_u64(o, "keys", s.keys);
    json_kv_u64(o, "others", s.others);
    json_end(o);
}

/* One that is gone, or became another one, was perhaps taken away by who wants to read along. */
const char *api_escrow_judge(const struct api_view *v, struct buf *out, const char **cure)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(ESCROW_ARENA);
    CLEANUP(buf_done) struct buf hex = BUF_INIT(HEX);
    struct standing s;
    char since[WHEN_TEXT];
    bool other;

    *cure = NULL;
    if (look(v, &a, &s) != RC_OK || (!s.has && !s.used))
        return NULL; /* the database has a check of its own */
    if (!s.has) {
        buf_printf(out,
                   "keys that the CA makes are no longer escrowed, as they were until %s: "
                   "ca.escrow is not set",
                   when_text(s.last.created, since));
        *cure = "set ca.escrow again, or ask who took it away: `autarky audit export` has "
                "configuration.changed";
        return "warning";
    }
    text_hex(&hex, str_bytes(s.key.b, STORE_SHA256));
    other = s.used && memcmp(s.last.sealed_to.b, s.key.b, STORE_SHA256) != 0;
    buf_printf(out, "keys that the CA makes are sealed to the key of escrow %s; %llu are kept",
               buf_z(&hex), (unsigned long long)s.keys);
    if (s.others)
        buf_printf(out, ", %llu of them sealed to other ones", (unsigned long long)s.others);
    if (!other)
        return "ok";
    buf_putz(out, "; it is another key than the last one was sealed to");
    *cure = "hold it against what those have who keep the key of escrow: `openssl pkey -in KEY "
            "-pubout -outform DER | sha256sum`; and keep the old key, which alone opens what was "
            "sealed to it";
    return "warning";
}

/* ---- handed out */

enum rc api_escrow_find(const struct api_view *v, const struct json *args, struct arena *a,
                        struct store_certificate *out, struct store_escrow *out_escrow,
                        struct err *err)
{
    char serial[X509_SERIAL_TEXT] = "";
    struct x509_serial s;
    enum rc rc;

    TRY(api_cert_find_serial(v, args, a, out, err));
    rc = store_escrow_get(store_read(v->store), a, &out->id, out_escrow);
    if (rc != RC_NOTFOUND)
        return rc;
    if (x509_serial_from_bytes(out->serial, &s) == RC_OK)
        x509_serial_text(&s, serial);
    return ERR(err, rc, msg_none, str_of(serial));
}

void api_escrow_put_sealed(const struct api_view *v, const struct store_certificate *c,
                           const struct store_escrow *escrow, bool sealed, struct json_out *o)
{
    api_cert_put_fields(v, c, o);
    put_kept(escrow, o);
    if (sealed)
        json_kv_b64url(o, "enveloped_key", escrow->envelope);
}
