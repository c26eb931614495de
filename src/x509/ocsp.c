/* SPDX-License-Identifier: Apache-2.0 */
#include "x509/ocsp.h"

#include "x509/ocsp_int.h"

MSG(msg_broken, "x509.ocsp-request",
    "the request is not what RFC 6960 section 4.1 describes, in DER: {0}");
MSG(msg_size, "x509.ocsp-request-size",
    "a request has at most 8 KiB and asks about at most 16 certificates");
MSG(msg_critical, "x509.ocsp-request-critical",
    "the request has a critical extension that is not known");

/* ---- CertIDs ---- */

static const struct {
    enum x509_oid oid;
    size_t size;
} hashes[X509_OCSP_HASHES] = {
    [X509_OCSP_SHA1] = {X509_OID_SHA1, CRYPTO_SHA1_BYTES},
    [X509_OCSP_SHA256] = {X509_OID_SHA256, CRYPTO_SHA256_BYTES},
};

enum rc x509_ocsp_key_bits(struct str spki, struct str *out)
{
    struct rd r = rd_of(spki), in = x509_der_in(&r, X509_DER_SEQUENCE);

    x509_der_get(&in, X509_DER_SEQUENCE);
    *out = x509_der_get_bits(&in);
    TRY(rd_done(&in));
    return rd_done(&r);
}

enum rc x509_ocsp_issuer_of(const struct x509_cert *issuer, struct x509_ocsp_issuer *out)
{
    struct str key;

    TRY(x509_ocsp_key_bits(issuer->spki, &key));
    TRY(crypto_sha1(issuer->subject, out->name[X509_OCSP_SHA1]));
    TRY(crypto_sha1(key, out->key[X509_OCSP_SHA1]));
    TRY(crypto_sha256(issuer->subject, out->name[X509_OCSP_SHA256]));
    return crypto_sha256(key, out->key[X509_OCSP_SHA256]);
}

struct x509_ocsp_id x509_ocsp_id_of(const struct x509_ocsp_issuer *issuer, enum x509_ocsp_hash hash,
                                    const struct x509_serial *serial)
{
    return (struct x509_ocsp_id){
        .hash = hash,
        .name_hash = str_bytes(issuer->name[hash], hashes[hash].size),
        .key_hash = str_bytes(issuer->key[hash], hashes[hash].size),
        .serial = *serial,
    };
}

bool x509_ocsp_id_is(const struct x509_ocsp_id *id, const struct x509_ocsp_issuer *issuer)
{
    struct x509_ocsp_id mine;

    if (!id->hash)
        return false;
    mine = x509_ocsp_id_of(issuer, id->hash, &id->serial);
    return str_eq(id->name_hash, mine.name_hash) && str_eq(id->key_hash, mine.key_hash);
}

/* With NULL parameters, as everybody writes them. */
void x509_ocsp_put_id(struct x509_der *w, const struct x509_ocsp_id *id)
{
    x509_der_open(w, X509_DER_SEQUENCE);
    x509_der_open(w, X509_DER_SEQUENCE);
    if (!id->hash)
        buf_fail(w->out, RC_UNSUPPORTED);
    else
        x509_oid_put(w, hashes[id->hash].oid);
    x509_der_null(w);
    x509_der_close(w);
    x509_der_put(w, X509_DER_OCTET_STRING, id->name_hash);
    x509_der_put(w, X509_DER_OCTET_STRING, id->key_hash);
    x509_der_uint(w, x509_serial_bytes(&id->serial));
    x509_der_close(w);
}

/* Parameters are NULL or absent; both are in use. */
static enum x509_ocsp_hash get_hash(struct rd *r)
{
    struct rd in = x509_der_in(r, X509_DER_SEQUENCE);
    struct str oid = x509_der_get(&in, X509_DER_OID);
    bool any = in.left > 0;
    struct str params = any ? x509_der_any(&in, NULL) : STR("\x05\x00");

    if (rd_done(&in) != RC_OK || oid.n == 0) {
        rd_fail(r);
        return 0;
    }
    for (enum x509_ocsp_hash h = X509_OCSP_SHA1; h < X509_OCSP_HASHES; h++)
        if (str_eq(oid, x509_oid_der(hashes[h].oid)) && str_eq(params, STR("\x05\x00")))
            return h;
    return 0;
}

struct x509_ocsp_id x509_ocsp_get_id(struct rd *r)
{
    struct rd in = x509_der_in(r, X509_DER_SEQUENCE);
    struct x509_ocsp_id id = {.hash = get_hash(&in)};
    struct str serial;

    id.name_hash = x509_der_get(&in, X509_DER_OCTET_STRING);
    id.key_hash = x509_der_get(&in, X509_DER_OCTET_STRING);
    serial = x509_der_get_uint(&in, X509_SERIAL_MAX);
    if (rd_done(&in) != RC_OK || x509_serial_from_bytes(serial, &id.serial) != RC_OK ||
        (id.hash && (id.name_hash.n != hashes[id.hash].size || id.key_hash.n != id.name_hash.n)))
        rd_fail(r);
    return id;
}

/* ---- nonces ---- */

void x509_ocsp_put_nonce(struct x509_der *w, uint8_t tag, struct str nonce)
{
    if (nonce.n == 0)
        return;
    x509_der_open(w, tag);
    x509_der_open(w, X509_DER_SEQUENCE);
    x509_ext_open(w, X509_OID_OCSP_NONCE, false);
    x509_der_put(w, X509_DER_OCTET_STRING, nonce);
    x509_ext_close(w);
    x509_der_close(w);
    x509_der_close(w);
}

/* RFC 9654 section 2.1: an OCTET STRING of 1 to 128 bytes. */
static enum rc read_nonce(struct str value, struct str *out)
{
    struct rd r = rd_of(value);

    *out = x509_der_get(&r, X509_DER_OCTET_STRING);
    TRY(rd_done(&r));
    return out->n == 0 || out->n > X509_OCSP_NONCE_MAX ? RC_PARSE : RC_OK;
}

enum rc x509_ocsp_read_extensions(struct str explicit, struct str *nonce)
{
    struct rd r = rd_of(explicit), in = x509_der_in(&r, X509_DER_SEQUENCE);

    TRY(rd_done(&r));
    if (in.left == 0)
        return RC_PARSE;
    while (in.left && !in.failed) {
        struct x509_ext ext = x509_ext_get(&in);

        if (in.failed)
            break;
        if (str_eq(ext.oid, x509_oid_der(X509_OID_OCSP_NONCE))) {
            if (nonce->n)
                return RC_PARSE;
            TRY(read_nonce(ext.value, nonce));
        } else if (ext.critical) {
            return RC_UNSUPPORTED;
        }
    }
    return rd_done(&in);
}

/* ---- requests ---- */

enum rc x509_ocsp_request_build(const struct x509_ocsp_id *ids, size_t n, struct str nonce,
                                struct buf *out)
{
    struct x509_der w = x509_der_of(out);

    x509_der_open(&w, X509_DER_SEQUENCE);
    x509_der_open(&w, X509_DER_SEQUENCE);
    x509_der_open(&w, X509_DER_SEQUENCE);
    for (size_t i = 0; i < n; i++) {
        x509_der_open(&w, X509_DER_SEQUENCE);
        x509_ocsp_put_id(&w, &ids[i]);
        x509_der_close(&w);
    }
    x509_der_close(&w);
    x509_ocsp_put_nonce(&w, X509_DER_CONTEXT_IN(2), nonce);
    x509_der_close(&w);
    x509_der_close(&w);
    return x509_der_end(&w);
}

static enum rc read_request(struct rd *list, struct x509_ocsp_id *id)
{
    struct rd r = x509_der_in(list, X509_DER_SEQUENCE);
    struct str explicit, nonce = {NULL, 0};

    *id = x509_ocsp_get_id(&r);
    if (x509_der_opt(&r, X509_DER_CONTEXT_IN(0), &explicit))
        TRY(x509_ocsp_read_extensions(explicit, &nonce));
    return rd_done(&r);
}

static enum rc read_list(struct arena *a, struct rd in, struct x509_ocsp_request *q)
{
    struct x509_ocsp_id *ids = ARENA_ARRAY(a, struct x509_ocsp_id, X509_OCSP_IDS_MAX);

    if (!ids)
        return RC_NOMEM;
    for (; in.left && !in.failed; q->n++) {
        if (q->n == X509_OCSP_IDS_MAX)
            return RC_TOOBIG;
        TRY(read_request(&in, &ids[q->n]));
    }
    q->ids = ids;
    return q->n ? rd_done(&in) : RC_PARSE;
}

/* TBSRequest. Version v1 is the default and not written; who asks does not matter. */
static enum rc read_tbs(struct arena *a, struct rd in, struct x509_ocsp_request *q)
{
    struct str skipped, explicit;

    if (x509_der_opt(&in, X509_DER_CONTEXT_IN(1), &skipped) && x509_der_check(skipped) != RC_OK)
        return RC_PARSE;
    TRY(read_list(a, x509_der_in(&in, X509_DER_SEQUENCE), q));
    if (x509_der_opt(&in, X509_DER_CONTEXT_IN(2), &explicit))
        TRY(x509_ocsp_read_extensions(explicit, &q->nonce));
    return rd_done(&in);
}

static enum rc read_all(struct arena *a, struct str der, struct x509_ocsp_request *q)
{
    struct rd r = rd_of(der), in = x509_der_in(&r, X509_DER_SEQUENCE);
    struct str signature;

    TRY(rd_done(&r));
    TRY(read_tbs(a, x509_der_in(&in, X509_DER_SEQUENCE), q));
    q->is_signed = x509_der_opt(&in, X509_DER_CONTEXT_IN(0), &signature);
    TRY(rd_done(&in));
    return q->is_signed ? x509_der_check(signature) : RC_OK;
}

enum rc x509_ocsp_request_parse(struct arena *a, struct str der, struct x509_ocsp_request *out,
                                struct err *err)
{
    struct x509_ocsp_request q = {.n = 0};
    enum rc rc;

    if (der.n > X509_OCSP_REQUEST_MAX)
        return ERR(err, RC_TOOBIG, msg_size);
    rc = read_all(a, der, &q);
    if (rc == RC_TOOBIG)
        return ERR(err, rc, msg_size);
    if (rc == RC_UNSUPPORTED)
        return ERR(err, rc, msg_critical);
    if (rc == RC_PARSE)
        return ERR(err, rc, msg_broken, q.n ? STR("behind the first entry") : STR("its start"));
    TRY(rc);
    *out = q;
    return RC_OK;
}
