/* SPDX-License-Identifier: Apache-2.0 */
#include "tlcp/identity.h"

#include "base/text.h"
#include "tlcp/tlcp_int.h"
#include "x509/cert.h"

MSG(msg_chain, "tlcp.chain", "the {0} chain is damaged, not in PEM, or empty");
MSG(msg_many, "tlcp.chain-long", "the two chains have more than 10 certificates together");
MSG(msg_key, "tlcp.key",
    "the {0} key is not SM2, has no private half, or belongs to another certificate");
MSG(msg_usage, "tlcp.key-usage", "the key usage of the {0} certificate does not allow that");

enum {
    ARENA_MAX = 256 * 1024,
    SIGNING = X509_KU_DIGITAL_SIGNATURE | X509_KU_NON_REPUDIATION,
    ENCRYPTING = X509_KU_KEY_ENCIPHERMENT | X509_KU_DATA_ENCIPHERMENT | X509_KU_KEY_AGREEMENT,
    LEAVES = 2,
};

struct tlcp_identity {
    unsigned refs;
    struct crypto_key *sign_key, *encrypt_key;
    char *bytes[TLCP_CHAIN_MAX];
    struct str certs[TLCP_CHAIN_MAX]; /* signs, encrypts, issuers; in `bytes` */
    size_t n;
};

static enum rc add(struct tlcp_identity *id, struct str der, struct err *err)
{
    for (size_t i = LEAVES; i < id->n; i++)
        if (str_eq(id->certs[i], der))
            return RC_OK;
    if (id->n == TLCP_CHAIN_MAX)
        return ERR(err, RC_TOOBIG, msg_many);
    id->bytes[id->n] = mem_dup(der.p, der.n);
    if (!id->bytes[id->n])
        return RC_NOMEM;
    id->certs[id->n] = str_bytes(id->bytes[id->n], der.n);
    id->n++;
    return RC_OK;
}

static enum rc check_leaf(const struct x509_cert *cert, const struct crypto_key *key,
                          unsigned usage, struct str name, struct err *err)
{
    if (crypto_key_type(key) != CRYPTO_KEY_SM2 || !crypto_key_has_private(key) ||
        !str_eq(cert->spki, crypto_key_spki(key)))
        return ERR(err, RC_INVAL, msg_key, name);
    if (cert->has_key_usage && !(cert->key_usage & usage))
        return ERR(err, RC_INVAL, msg_usage, name);
    return RC_OK;
}

static enum rc read_chain(struct arena *a, struct str pem, struct str name, struct x509_cert **out,
                          size_t *out_n, struct err *err)
{
    enum rc rc = pem.n > TLCP_CHAIN_BYTES_MAX
                     ? RC_TOOBIG
                     : x509_cert_read_pem(a, pem, TLCP_CHAIN_MAX, out, out_n, NULL);

    if (rc == RC_NOMEM)
        return rc;
    if (rc == RC_TOOBIG)
        return ERR(err, rc, msg_many);
    return rc == RC_OK ? rc : ERR(err, RC_PARSE, msg_chain, name);
}

static enum rc add_all(struct tlcp_identity *id, const struct tlcp_identity_in *in, struct err *err)
{
    static const struct str signing = STR("signing"), encryption = STR("encryption");
    CLEANUP(arena_done) struct arena a = ARENA_INIT(ARENA_MAX);
    struct x509_cert *sign, *encrypt;
    size_t n_sign, n_encrypt;

    TRY(read_chain(&a, in->sign_pem, signing, &sign, &n_sign, err));
    TRY(read_chain(&a, in->encrypt_pem, encryption, &encrypt, &n_encrypt, err));
    TRY(check_leaf(&sign[0], in->sign_key, SIGNING, signing, err));
    TRY(check_leaf(&encrypt[0], in->encrypt_key, ENCRYPTING, encryption, err));
    TRY(add(id, sign[0].der, err));
    TRY(add(id, encrypt[0].der, err));
    for (size_t i = 1; i < n_sign; i++)
        TRY(add(id, sign[i].der, err));
    for (size_t i = 1; i < n_encrypt; i++)
        TRY(add(id, encrypt[i].der, err));
    return RC_OK;
}

enum rc tlcp_identity_new(const struct tlcp_identity_in *in, struct tlcp_identity **out,
                          struct err *err)
{
    CLEANUP(tlcp_identity_unrefp) struct tlcp_identity *id = MEM_NEW(struct tlcp_identity);

    if (!id)
        return RC_NOMEM;
    id->refs = 1;
    TRY(add_all(id, in, err));
    id->sign_key = crypto_key_ref(in->sign_key);
    id->encrypt_key = crypto_key_ref(in->encrypt_key);
    *out = MOVE(id);
    return RC_OK;
}

struct tlcp_identity *tlcp_identity_ref(struct tlcp_identity *id)
{
    id->refs++;
    return id;
}

void tlcp_identity_unref(struct tlcp_identity *id)
{
    if (!id || --id->refs)
        return;
    for (size_t i = 0; i < id->n; i++)
        mem_free(id->bytes[i]);
    crypto_key_unref(id->sign_key);
    crypto_key_unref(id->encrypt_key);
    mem_free(id);
}

struct str tlcp_identity_signs(const struct tlcp_identity *id, size_t i)
{
    size_t at = i == 0 ? 0 : i + 1; /* not the one to which is encrypted */

    return at < id->n ? id->certs[at] : (struct str){NULL, 0};
}

const struct crypto_key *tlcp_identity_sign_key(const struct tlcp_identity *id)
{
    return id->sign_key;
}

const struct crypto_key *tlcp_identity_encrypt_key(const struct tlcp_identity *id)
{
    return id->encrypt_key;
}

struct str tlcp_identity_encrypt_cert(const struct tlcp_identity *id)
{
    return id->certs[1];
}

void tlcp_identity_write(const struct tlcp_identity *id, bool single, struct buf *out)
{
    struct str certs[TLCP_CHAIN_MAX];
    size_t n = 0;

    for (size_t i = 0; i < id->n; i++)
        if (!single || i != 1)
            certs[n++] = id->certs[i];
    tlcp_certificates_write(certs, n, out);
}
