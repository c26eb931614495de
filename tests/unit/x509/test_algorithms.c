/* SPDX-License-Identifier: Apache-2.0 */
/* Requests and chains with SM2 and ML-DSA keys, ours and those of OpenSSL's command line, each read
 * by the other. */
#include "check.h"

#include "corpus.h"
#include "pki.h"
#include "tool.h"
#include "x509/csr.h"
#include "x509/lint.h"
#include "x509/ocsp.h"
#include "x509/verify.h"

static const struct {
    const char *pem;
    const char *name; /* for the command line */
    const char *text; /* of the signature, as it prints it */
    size_t longest;   /* of the leaf */
} algorithms[] = {
    {key_sm2, "SM2", "SM2-with-SM3", 1024},
    {key_mldsa44, "ML-DSA-44", "ML-DSA-44", 4600},
    {key_mldsa65, "ML-DSA-65", "ML-DSA-65", 6200},
    {key_mldsa87, "ML-DSA-87", "ML-DSA-87", 8200},
};
enum { ALGORITHMS = sizeof(algorithms) / sizeof(algorithms[0]), PEM_MAX = 64 * 1024 };

static enum rc again(struct buf *b, struct arena *a, const struct x509_tbs_in *in,
                     const struct crypto_key *key, struct x509_cert *out)
{
    buf_reset(b);
    TRY(pki_issue(in, key, b));
    return x509_cert_parse(a, buf_str(b), out, NULL);
}

/* Root, issuer and leaf, all with fresh keys like the one in `pem`. */
struct chain {
    struct pki p;
    struct buf leaf_der;
    struct x509_cert leaf;
};

static void chain_done(struct chain *c)
{
    pki_done(&c->p);
    buf_done(&c->leaf_der);
}

static enum rc new_key(const char *pem, struct crypto_key **key)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *like = key_load(pem);

    if (!like)
        return RC_NOMEM;
    crypto_key_unref(*key);
    *key = NULL;
    return crypto_key_generate((struct crypto_key_spec){crypto_key_type(like), 0}, key);
}

static enum rc chain_init(struct chain *c, const char *pem)
{
    struct pki *p = &c->p;
    struct x509_tbs_in in;

    buf_init(&c->leaf_der, X509_CERT_MAX);
    TRY(pki_init(p));
    TRY(new_key(pem, &p->root_key));
    TRY(new_key(pem, &p->issuer_key));
    TRY(new_key(pem, &p->leaf_key));
    in = pki_root_in(p);
    TRY(again(&p->root_der, &p->a, &in, p->root_key, &p->root));
    in = pki_issuer_in(p);
    TRY(again(&p->issuer_der, &p->a, &in, p->root_key, &p->issuer));
    in = pki_leaf_in(p);
    in.n_ips = 0;
    return again(&c->leaf_der, &p->a, &in, p->issuer_key, &c->leaf);
}

static enum rc lint(struct chain *c, enum x509_lint_kind kind, const struct x509_cert *cert)
{
    const struct x509_cert *issuer = kind == X509_LINT_ROOT ? NULL
                                     : kind == X509_LINT_CA ? &c->p.root
                                                            : &c->p.issuer;
    struct x509_lint_in in = {
        .kind = kind,
        .issuer = issuer,
        .issuer_key = kind == X509_LINT_LEAF ? c->p.issuer_key : c->p.root_key,
        .spki = cert->spki,
        .dns = cert->dns,
        .n_dns = cert->n_dns,
    };

    return x509_lint_tbs(&c->p.a, cert->tbs, &in, NULL);
}

static void our_chains_verify(void)
{
    for (size_t i = 0; i < ALGORITHMS; i++) {
        CLEANUP(chain_done) struct chain c = {.leaf_der = {NULL}};
        struct x509_verify_in in = {
            .n_chain = 1, .n_roots = 1, .at = PKI_FROM + WHEN_DAY, .purpose = X509_FOR_SERVER};
        struct str issuer, root;

        CHECK_OK(chain_init(&c, algorithms[i].pem));
        CHECK(c.leaf.der.n <= algorithms[i].longest);
        CHECK_OK(x509_cert_check_issuer(&c.leaf, &c.p.issuer, NULL));
        CHECK_OK(x509_cert_check_issuer(&c.p.issuer, &c.p.root, NULL));
        CHECK_OK(x509_cert_check_issuer(&c.p.root, &c.p.root, NULL));
        CHECK_RC(x509_cert_check_signature(&c.leaf, c.p.root_key, NULL), RC_DENIED);
        CHECK_OK(lint(&c, X509_LINT_ROOT, &c.p.root));
        CHECK_OK(lint(&c, X509_LINT_CA, &c.p.issuer));
        CHECK_OK(lint(&c, X509_LINT_LEAF, &c.leaf));
        issuer = c.p.issuer.der;
        root = c.p.root.der;
        in.leaf = c.leaf.der;
        in.chain = &issuer;
        in.roots = &root;
        in.dns = STR("wiki.hospital.example");
        CHECK_OK(x509_verify(&in, NULL));
        c.leaf_der.p[c.leaf_der.n - 1] ^= 1;
        CHECK_RC(x509_verify(&in, NULL), RC_DENIED);
        CHECK_RC(x509_cert_check_issuer(&c.leaf, &c.p.issuer, NULL), RC_DENIED);
    }
}

/* Standard input: leaf, issuer and root. The identifier counts for the last certificate of a chain
 * only and not for one that is trusted, so each link is looked at by itself, and the signature of
 * an SM2 root not at all. */
static const char verify_script[] =
    "d=$(mktemp -d) && trap 'rm -r \"$d\"' EXIT && cd \"$d\" && "
    "awk '/BEGIN/ { n++ } { print > (\"c\" n) }' && "
    "if [ \"$2\" = SM2 ]; then opt='-vfyopt distid:1234567812345678'; "
    "else opt=-check_ss_sig; fi && "
    "for link in '3 3' '3 2' '2 1'; do set -- \"$1\" \"$2\" $link; "
    "\"$1\" verify -x509_strict -partial_chain -attime 1800086400 $opt "
    "-trusted c$3 c$4 || exit 1; done; "
    "\"$1\" x509 -in c1 -noout -text";

static void openssl_verifies_our_chains(void)
{
    for (size_t i = 0; i < ALGORITHMS; i++) {
        char name[16], script[sizeof(verify_script)];
        char *const run[] = {"sh", "-c", script, "sh", tool_openssl(), name, NULL};
        CLEANUP(chain_done) struct chain c = {.leaf_der = {NULL}};
        CLEANUP(buf_done) struct buf pem = BUF_INIT(PEM_MAX);
        CLEANUP(buf_done) struct buf out = BUF_INIT(TOOL_OUT_MAX);

        memcpy(script, verify_script, sizeof(script));
        snprintf(name, sizeof(name), "%s", algorithms[i].name);
        CHECK_OK(chain_init(&c, algorithms[i].pem));
        x509_cert_put_pem(c.leaf.der, &pem);
        x509_cert_put_pem(c.p.issuer.der, &pem);
        x509_cert_put_pem(c.p.root.der, &pem);
        CHECK_OK(buf_rc(&pem));
        CHECK_INT(tool_run(run, buf_str(&pem), &out), 0);
        CHECK(strstr(buf_z(&out), "c3: OK\nc2: OK\nc1: OK\n") != NULL);
        CHECK(strstr(buf_z(&out), algorithms[i].text) != NULL);
    }
}

/* Prints a request, leaf, issuer and root. */
static const char issue_script[] =
    "d=$(mktemp -d) && trap 'rm -r \"$d\"' EXIT && cd \"$d\" && "
    "if [ \"$2\" = SM2 ]; then id='-sigopt distid:1234567812345678'; "
    "vid='-vfyopt distid:1234567812345678'; fi && "
    "for k in root issuer leaf; do \"$1\" genpkey -algorithm \"$2\" -out $k.key || exit 1; done; "
    "\"$1\" req -x509 -new -key root.key -subj /CN=root -days 30 -set_serial 0x41414141 $id "
    "-addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign "
    "-out root.pem && "
    "\"$1\" req -new -key issuer.key -subj /CN=issuer $id "
    "-addext basicConstraints=critical,CA:TRUE -out issuer.csr && "
    "\"$1\" x509 -req -in issuer.csr $vid $id -CA root.pem -CAkey root.key -copy_extensions "
    "copyall "
    "-days 20 -out issuer.pem && "
    "\"$1\" req -new -key leaf.key -subj /CN=wiki.hospital.example $id "
    "-addext subjectAltName=DNS:wiki.hospital.example -out leaf.csr && "
    "\"$1\" x509 -req -in leaf.csr $vid $id -CA issuer.pem -CAkey issuer.key "
    "-copy_extensions copyall -days 10 -out leaf.pem && "
    "cat leaf.csr leaf.pem issuer.pem root.pem";

static enum rc read_request(struct arena *a, struct str pem, struct buf *der, struct x509_csr *csr)
{
    TRY(text_unpem(&pem, STR("CERTIFICATE REQUEST"), NULL, der));
    return x509_csr_parse(a, buf_str(der), X509_CSR_STRICT, csr, NULL);
}

static void openssls_chains_are_read(void)
{
    for (size_t i = 0; i < ALGORITHMS; i++) {
        char name[16], script[sizeof(issue_script)];
        char *const run[] = {"sh", "-c", script, "sh", tool_openssl(), name, NULL};
        CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
        CLEANUP(buf_done) struct buf out = BUF_INIT(TOOL_OUT_MAX);
        CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CSR_MAX);
        CLEANUP(crypto_key_unrefp) struct crypto_key *key = key_load(algorithms[i].pem);
        struct x509_cert *certs;
        struct x509_csr csr;
        size_t n;

        CHECK(key != NULL);
        memcpy(script, issue_script, sizeof(script));
        snprintf(name, sizeof(name), "%s", algorithms[i].name);
        CHECK_INT(tool_run(run, STR(""), &out), 0);
        CHECK_OK(read_request(&a, buf_str(&out), &der, &csr));
        CHECK(csr.key_type == crypto_key_type(key) && csr.n_dns == 1);
        CHECK_OK(x509_cert_read_pem(&a, buf_str(&out), 3, &certs, &n, NULL));
        CHECK_INT(n, 3);
        CHECK(str_eq(certs[0].spki, csr.spki));
        CHECK_INT(certs[0].sig_alg, crypto_sig_default(key));
        CHECK_OK(x509_cert_check_issuer(&certs[0], &certs[1], NULL));
        CHECK_OK(x509_cert_check_issuer(&certs[1], &certs[2], NULL));
        CHECK_OK(x509_cert_check_issuer(&certs[2], &certs[2], NULL));
    }
}

/* Standard input: public key, what was signed, and the signature, in base64, a line each. */
static const char signature_script[] =
    "d=$(mktemp -d) && trap 'rm -r \"$d\"' EXIT && cd \"$d\" && "
    "for f in key tbs sig; do read -r line && echo \"$line\" | \"$1\" base64 -d -A > $f || exit 9; "
    "done; "
    "if [ \"$2\" = SM2 ]; then opt=\"-digest sm3 -pkeyopt distid:$3\"; fi; "
    "\"$1\" pkeyutl -verify -pubin -keyform DER -inkey key -rawin -in tbs -sigfile sig $opt";

/* By that identifier, where it is SM2. */
static bool openssl_takes(size_t algorithm, const struct crypto_key *key, struct str tbs,
                          struct str signature, const char *identifier)
{
    CLEANUP(buf_done) struct buf in = BUF_INIT(PEM_MAX);
    CLEANUP(buf_done) struct buf out = BUF_INIT(TOOL_OUT_MAX);
    const struct str parts[] = {crypto_key_spki(key), tbs, signature};
    char name[16], id[32], script[sizeof(signature_script)];
    char *const run[] = {"sh", "-c", script, "sh", tool_openssl(), name, id, NULL};

    memcpy(script, signature_script, sizeof(script));
    snprintf(name, sizeof(name), "%s", algorithms[algorithm].name);
    snprintf(id, sizeof(id), "%s", identifier);
    for (size_t i = 0; i < 3; i++) {
        text_b64(&in, parts[i]);
        buf_putz(&in, "\n");
    }
    return buf_rc(&in) == RC_OK && tool_run(run, buf_str(&in), &out) == 0 &&
           strstr(buf_z(&out), "Verified Successfully");
}

/* RFC 8998 section 3.2.1 and GB/T 32918: with the standard identifier, on lists and answers as on
 * certificates, for OpenSSL 3.5 takes the empty one unless it is told. */
static void openssl_verifies_our_lists_and_answers(void)
{
    for (size_t i = 0; i < ALGORITHMS; i++) {
        CLEANUP(chain_done) struct chain c = {.leaf_der = {NULL}};
        CLEANUP(buf_done) struct buf list = BUF_INIT(X509_CRL_MAX);
        CLEANUP(buf_done) struct buf answer = BUF_INIT(X509_OCSP_MAX);
        struct x509_ocsp_issuer names;
        struct x509_ocsp_single single = {.this_update = PKI_FROM,
                                          .next_update = PKI_FROM + WHEN_DAY};
        struct x509_ocsp_answer said;
        struct x509_crl crl;

        CHECK_OK(chain_init(&c, algorithms[i].pem));
        CHECK_OK(x509_crl_sign(c.p.issuer_key,
                               &(struct x509_crl_in){.sig_alg = crypto_sig_default(c.p.issuer_key),
                                                     .issuer = c.p.issuer.subject,
                                                     .issuer_key_id = c.p.issuer.ski,
                                                     .this_update = PKI_FROM,
                                                     .next_update = PKI_FROM + WHEN_DAY,
                                                     .number = 1},
                               &list, NULL));
        CHECK_OK(x509_crl_parse(&c.p.a, buf_str(&list), &crl, NULL));
        CHECK_OK(x509_crl_check(&crl, &c.p.issuer, c.p.issuer_key, NULL));
        CHECK(openssl_takes(i, c.p.issuer_key, crl.tbs, crl.signature, CRYPTO_SM2_ID));
        CHECK(i != 0 || !openssl_takes(i, c.p.issuer_key, crl.tbs, crl.signature, ""));
        /* The issuer itself may answer (RFC 6960 section 4.2.2.2). */
        CHECK_OK(x509_ocsp_issuer_of(&c.p.issuer, &names));
        single.id = x509_ocsp_id_of(&names, X509_OCSP_SHA1, &c.leaf.serial);
        CHECK_OK(x509_ocsp_answer_build(&(struct x509_ocsp_in){.singles = &single,
                                                               .n = 1,
                                                               .produced = PKI_FROM,
                                                               .responder = c.p.issuer.der,
                                                               .key = c.p.issuer_key},
                                        &answer, NULL));
        CHECK_OK(x509_ocsp_answer_parse(&c.p.a, buf_str(&answer), &said, NULL));
        CHECK_OK(x509_ocsp_answer_check(&c.p.a, &said, &c.p.issuer, PKI_FROM + WHEN_HOUR, NULL));
        CHECK(openssl_takes(i, c.p.issuer_key, said.tbs, said.signature, CRYPTO_SM2_ID));
        CHECK(i != 0 || !openssl_takes(i, c.p.issuer_key, said.tbs, said.signature, ""));
    }
}

/* OpenSSL below 4 signs SM2 requests with the empty identifier; what is signed with a third is
 * nobody's proof. */
static void sm2_requests_of_other_identifiers(void)
{
    static const struct {
        const char *id;
        enum rc rc;
    } ids[] = {{CRYPTO_SM2_ID, RC_OK}, {"", RC_OK}, {"someone", RC_DENIED}};

    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        char id[64], curve[] = "SM2";
        char *const run[] = {tool_openssl(), "req",     "-new",      "-newkey", curve,
                             "-noenc",       "-keyout", "/dev/null", "-subj",   "/CN=a.example",
                             "-sigopt",      id,        NULL};
        CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
        CLEANUP(buf_done) struct buf out = BUF_INIT(TOOL_OUT_MAX);
        CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CSR_MAX);
        struct x509_csr csr;

        CHECK_OK(crypto_init());
        snprintf(id, sizeof(id), "distid:%s", ids[i].id);
        CHECK_INT(tool_run(run, STR(""), &out), 0);
        CHECK_RC(read_request(&a, buf_str(&out), &der, &csr), ids[i].rc);
    }
}

/* RFC 9881 appendix C.3 */
static void certificates_of_the_rfc(void)
{
    static const char *const files[] = {"../vectors/rfc9881-mldsa44.der",
                                        "../vectors/rfc9881-mldsa65.der",
                                        "../vectors/rfc9881-mldsa87.der"};

    CHECK_OK(crypto_init());
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
        CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CERT_MAX);
        struct x509_cert c;

        CHECK_OK(corpus_read(files[i], &der));
        CHECK_OK(x509_cert_parse(&a, buf_str(&der), &c, NULL));
        CHECK_OK(x509_cert_check_issuer(&c, &c, NULL));
        der.p[100] ^= 1;
        CHECK_RC(x509_cert_check_issuer(&c, &c, NULL), RC_DENIED);
    }
}

static void our_requests_are_read(void)
{
    static const struct str dns[] = {STR("a.example")};

    for (size_t i = 0; i < ALGORITHMS; i++) {
        CLEANUP(crypto_key_unrefp) struct crypto_key *k = key_load(algorithms[i].pem);
        CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
        CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CSR_MAX);
        struct x509_csr_in in = {.key = k, .dns = dns, .n_dns = 1};
        struct x509_csr csr;

        CHECK(k != NULL);
        CHECK_OK(x509_csr_build(&in, &der, NULL));
        CHECK_OK(x509_csr_parse(&a, buf_str(&der), X509_CSR_STRICT, &csr, NULL));
        CHECK_INT(csr.key_type, crypto_key_type(k));
        der.p[der.n - 1] ^= 1;
        CHECK_RC(x509_csr_parse(&a, buf_str(&der), X509_CSR_STRICT, &csr, NULL), RC_DENIED);
    }
}

static void openssl_verifies_our_requests(void)
{
    for (size_t i = 0; i < ALGORITHMS; i++) {
        char id[] = "distid:" CRYPTO_SM2_ID;
        char *const run[] = {tool_openssl(),
                             "req",
                             "-inform",
                             "DER",
                             "-verify",
                             "-noout",
                             "-text",
                             i == 0 ? "-vfyopt" : NULL,
                             id,
                             NULL};
        CLEANUP(crypto_key_unrefp) struct crypto_key *k = key_load(algorithms[i].pem);
        CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CSR_MAX);
        CLEANUP(buf_done) struct buf out = BUF_INIT(TOOL_OUT_MAX);
        struct x509_csr_in in = {.key = k};

        CHECK(k != NULL);
        CHECK_OK(x509_csr_build(&in, &der, NULL));
        CHECK_INT(tool_run(run, buf_str(&der), &out), 0);
        CHECK(strstr(buf_z(&out), "verify OK") != NULL);
        CHECK(strstr(buf_z(&out), algorithms[i].text) != NULL);
    }
}

CHECK_MAIN(CHECK_TEST_ONCE(our_chains_verify), CHECK_TEST_ONCE(openssl_verifies_our_chains),
           CHECK_TEST_ONCE(openssls_chains_are_read),
           CHECK_TEST_ONCE(openssl_verifies_our_lists_and_answers),
           CHECK_TEST_ONCE(sm2_requests_of_other_identifiers), CHECK_TEST(certificates_of_the_rfc),
           CHECK_TEST(our_requests_are_read), CHECK_TEST_ONCE(openssl_verifies_our_requests))
