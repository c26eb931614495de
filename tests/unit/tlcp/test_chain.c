/* SPDX-License-Identifier: Apache-2.0 */
/* Servers that put their issuers between the certificate that signs and the one that is encrypted
 * to, as TASSL's did: the second is found by what it is for, wherever it stands. */
#include "check.h"

#include "pair.h"
#include "tlcp/tlcp_int.h"

/* An identity that writes its certificates in that order: the file itself, with its function under
 * another name. */
static void usual_write(const struct tlcp_identity *id, bool single, struct buf *out);
/* NOLINTBEGIN(readability-identifier-naming,bugprone-suspicious-include): one call is replaced */
#define tlcp_identity_write usual_write
#include "tlcp/identity.c"
#undef tlcp_identity_write
/* NOLINTEND(readability-identifier-naming,bugprone-suspicious-include) */

static bool moved;

void tlcp_identity_write(const struct tlcp_identity *id, bool single, struct buf *out)
{
    struct str certs[TLCP_CHAIN_MAX];

    if (!moved) {
        usual_write(id, single, out);
        return;
    }
    certs[0] = id->certs[0];
    for (size_t i = 2; i < id->n; i++)
        certs[i - 1] = id->certs[i];
    certs[id->n - 1] = id->certs[1];
    tlcp_certificates_write(certs, id->n, out);
}

/* The server's, with so many issuers. */
static enum rc with_issuers(size_t n, struct tlcp_identity **out)
{
    static const char *const names[] = {"one", "two", "three"};
    CLEANUP(buf_done) struct buf pem = BUF_INIT(16 * 1024);
    struct tlcp_identity_in in = {.sign_key = of_server.sign,
                                  .encrypt_pem = buf_str(&of_server.encrypt_pem),
                                  .encrypt_key = of_server.encrypt};

    buf_puts(&pem, buf_str(&of_server.sign_pem));
    for (size_t i = 0; i < n; i++)
        TRY(sm2_certificate(of_server.sign, "critical,keyCertSign,cRLSign", names[i], &pem));
    in.sign_pem = buf_str(&pem);
    return tlcp_identity_new(&in, out, NULL);
}

static void wherever_it_stands(void)
{
    static const uint16_t suites[] = {TLCP_ECC_SM4_GCM_SM3, TLCP_ECDHE_SM4_GCM_SM3};

    for (size_t n = 0; n < 2 * 4; n++) {
        CLEANUP(tlcp_identity_unrefp) struct tlcp_identity *id = NULL;
        size_t at = 0;
        WORLD(w);

        CHECK_OK(with_issuers(n / 2, &id));
        w.shown.identity = id;
        w.client_conf.suites = &suites[n % 2];
        w.client_conf.n_suites = 1;
        w.client_conf.identity = of_client.identity;
        for (int i = 0; i < 2; i++) {
            moved = i == 1;
            CHECK_OK(connect_pair(&w));
            shake(&w);
            CHECK_RC(w.client_rc, RC_OK);
            CHECK_RC(w.server_rc, RC_OK);
            CHECK_OK(tlcp_conn_encryption(w.client, &at));
            CHECK_INT(at, moved ? 1 + n / 2 : 1);
            CHECK(str_eq(tlcp_conn_certificate(w.client, at), id->certs[1]));
            CHECK_OK(say(&w, w.client, w.server, STR("ping")));
            CHECK_OK(say(&w, w.server, w.client, STR("pong")));
        }
        moved = false;
    }
}

TLCP_MAIN(CHECK_TEST_ONCE(wherever_it_stands))
