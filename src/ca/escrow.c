/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/escrow.h"

#include "audit/audit.h"
#include "base/text.h"
#include "ca/issue_int.h"
#include "crypto/key.h"
#include "json/out.h"
#include "store/escrows.h"
#include "x509/cert.h"

MSG(msg_key, "ca.escrow-key",
    "ca.escrow: {0} has no public key of SM2 that could be used: {1}. `openssl pkey -in KEY "
    "-pubout` "
    "writes the one of a key that `openssl genpkey -algorithm SM2` has made");
MSG(msg_kind, "ca.escrow-kind",
    "ca.escrow: the key in {0} is {1}, and keys are sealed to one of SM2: `openssl genpkey "
    "-algorithm SM2`, where there is no network, makes one");

enum { ARENA_MAX = 256 * 1024, WHY_MAX = 256 };

static enum rc read_key(struct str pem, struct crypto_key **out, struct err *err)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(CRYPTO_SPKI_MAX);
    CLEANUP(arena_done) struct arena a = ARENA_INIT(ARENA_MAX);
    struct str rest = pem;
    struct x509_cert *cert;
    size_t n;
    enum rc rc = text_unpem(&rest, STR("PUBLIC KEY"), NULL, &der);

    if (rc == RC_OK)
        return crypto_key_from_spki(buf_str(&der), out, err);
    if (rc != RC_NOTFOUND)
        return rc;
    TRY(x509_cert_read_pem(&a, pem, 1, &cert, &n, err));
    return x509_cert_key(cert, out, err);
}

enum rc ca_escrow_key(const struct conf *conf, struct crypto_key **out, struct err *err)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    struct err why = ERR_INIT;
    char text[WHY_MAX];
    enum rc rc;

    *out = NULL;
    if (conf->ca.escrow.n == 0)
        return RC_OK;
    rc = read_key(conf->ca.escrow_key, &key, &why);
    if (rc == RC_NOMEM)
        return rc;
    if (rc != RC_OK) {
        why.rc = rc;
        return ERR(err, RC_INVAL, msg_key, conf->ca.escrow,
                   str_of(err_textz(&why, text, sizeof(text))));
    }
    if (crypto_key_type(key) != CRYPTO_KEY_SM2)
        return ERR(err, RC_INVAL, msg_kind, conf->ca.escrow, str_of(crypto_key_text(key)));
    *out = MOVE(key);
    return RC_OK;
}

/* ---- kept, in the transaction of the certificate */

static enum rc put_detail(const struct ca_job *job, struct buf *out)
{
    CLEANUP(buf_done) struct buf hex = BUF_INIT(2 * STORE_SHA256 + 1);
    char serial[X509_SERIAL_TEXT];
    struct json_out o;

    text_hex(&hex, str_bytes(job->req.escrow_to.b, STORE_SHA256));
    TRY(buf_rc(&hex));
    json_out_init(&o, out, JSON_COMPACT);
    json_obj(&o);
    json_kv_z(&o, "serial", x509_serial_text(&job->leaf.serial, serial));
    json_kv_str(&o, "escrow_key", buf_str(&hex));
    ca_job_put_names(&o, job);
    json_end(&o);
    return json_out_done(&o);
}

enum rc ca_job_escrow(struct store_txn *txn, const struct ca_job *job)
{
    CLEANUP(buf_done) struct buf detail = BUF_INIT(AUDIT_DETAIL_MAX);
    struct store_escrow row = {
        .certificate = job->cert.id,
        .sealed_to = job->req.escrow_to,
        .envelope = job->req.escrow,
        .created = job->now,
    };
    struct audit_event event = {
        .at = job->now,
        .actor_kind = AUDIT_SYSTEM,
        .action = "key.escrowed",
        .object_kind = "certificate",
        .object = id_str(&job->cert.id),
        .request = id_str(&job->req.request),
        .address = job->req.requester,
        .reason = job->req.reason,
    };

    if (job->req.escrow.n == 0)
        return RC_OK;
    TRY(store_escrow_add(txn, &row));
    TRY(put_detail(job, &detail));
    event.detail = buf_str(&detail);
    return audit_append(txn, &event, NULL);
}
