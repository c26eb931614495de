/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/audit.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "json/out.h"
#include "revocation/revocation_int.h"

static enum rc audit(struct store_txn *txn, const struct store_crl *crl, when_t now)
{
    CLEANUP(buf_done) struct buf detail = BUF_INIT(AUDIT_DETAIL_MAX);
    unsigned char hash[CRYPTO_SHA256_BYTES];
    struct json_out o;
    struct audit_event event = {.at = now,
                                .action = "crl.published",
                                .object_kind = "issuer",
                                .object = id_str(&crl->issuer)};

    TRY(crypto_sha256(crl->der, hash));
    json_out_init(&o, &detail, JSON_COMPACT);
    json_obj(&o);
    json_kv_u64(&o, "shard", crl->shard);
    json_kv_bool(&o, "delta", crl->delta);
    json_kv_u64(&o, "number", crl->number);
    json_kv_u64(&o, "entries", crl->entries);
    json_kv_when(&o, "next_update", crl->next_update);
    json_kv_b64url(&o, "sha256", str_bytes(hash, sizeof(hash)));
    json_end(&o);
    TRY(json_out_done(&o));
    event.detail = buf_str(&detail);
    return audit_append(txn, &event, NULL);
}

enum rc revocation_publish(struct store_txn *txn, const struct store_publication *p, when_t now)
{
    TRY(store_crl_publish(txn, p));
    return audit(txn, &p->crl, now);
}
