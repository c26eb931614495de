/* SPDX-License-Identifier: Apache-2.0 */
/* The staging directory beside the other: the same resources, and nothing in common. */
#include "acme_client.h"

#include <stdio.h>

#include "api/admin.h"
#include "base/text.h"
#include "store/certificates.h"
#include "x509/cert.h"
#include "x509/name.h"

#define NAME "a.hospital.example"

/* One client of each, with the same key. */
struct lab {
    struct world w;
    struct client real, staging;
    struct arena a;
};

static void lab_done(struct lab *l)
{
    client_done(&l->real);
    client_done(&l->staging);
    arena_done(&l->a);
    world_done(&l->w);
}

static bool lab_start(struct lab *l)
{
    arena_init(&l->a, 1 << 22);
    if (!world_start(&l->w, NULL) || !client_start(&l->real, &l->w))
        return false;
    l->staging = (struct client){.w = &l->w, .key = crypto_key_ref(l->real.key), .staging = true};
    return client_register(&l->real) && client_register(&l->staging);
}

static void in_directories(void)
{
    static const char *const names[] = {"newNonce",   "newAccount", "newOrder",   "newAuthz",
                                        "revokeCert", "keyChange",  "renewalInfo"};
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply r = {.x = NULL};

    CHECK(lab_start(&l));
    r = client_raw(&l.staging, "GET", "/acme/directory", STR(""));
    CHECK_INT(r.status, 200);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        CHECK(str_starts(reply_text(&r, names[i]), STR(CLIENT_BASE "/acme/staging/")));
    CHECK(str_starts(str_of(l.staging.kid), STR(CLIENT_BASE "/acme/staging/account/")));
    CHECK(str_starts(str_of(l.real.kid), STR(CLIENT_BASE "/acme/account/")));
}

static bool leaf_of(struct lab *l, const struct reply *cert, struct x509_cert **chain, size_t *n)
{
    return cert->status == 200 &&
           x509_cert_read_pem(&l->a, buf_str(&cert->x->res.body), 4, chain, n, NULL) == RC_OK;
}

static bool stored(struct lab *l, const struct x509_cert *leaf, struct store_certificate *out)
{
    return store_certificate_by_serial(store_read(l->w.store), &l->a,
                                       x509_serial_bytes(&leaf->serial), out) == RC_OK;
}

static void says_staging(const struct x509_cert *issuer)
{
    CLEANUP(buf_done) struct buf subject = BUF_INIT(4 * X509_NAME_MAX);

    x509_name_text(issuer->subject, &subject);
    CHECK(strstr(buf_z(&subject), "STAGING") != NULL);
}

/* By issuers of its own, which say so, under a root of its own; in the register by hierarchy. */
static void by_other_issuers(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply real = {.x = NULL};
    CLEANUP(reply_done) struct reply staged = {.x = NULL};
    struct x509_cert *chain, *other;
    struct store_certificate row;
    const struct ca_issuer *root;
    size_t n, n_other;

    CHECK(lab_start(&l));
    real = client_certificate(&l.real, NAME);
    staged = client_certificate(&l.staging, NAME);
    CHECK(leaf_of(&l, &real, &other, &n_other));
    CHECK(leaf_of(&l, &staged, &chain, &n));
    CHECK_INT(n, 2);
    says_staging(&chain[1]);
    CHECK_OK(x509_cert_check_issuer(&chain[0], &chain[1], NULL));
    root = ca_issuer_find(l.w.ca, STR("root-rsa-staging"));
    CHECK(root != NULL);
    says_staging(&root->cert);
    CHECK_OK(x509_cert_check_issuer(&chain[1], &root->cert, NULL));
    root = ca_issuer_find(l.w.ca, STR("root-rsa"));
    CHECK(x509_cert_check_issuer(&chain[1], &root->cert, NULL) != RC_OK);
    CHECK(x509_cert_check_issuer(&chain[0], &other[1], NULL) != RC_OK);
    CHECK(chain[1].has_constraints); /* as the others have them */
    CHECK(stored(&l, &chain[0], &row));
    CHECK_STR(row.hierarchy, "staging");
    CHECK(stored(&l, &other[0], &row));
    CHECK_STR(row.hierarchy, "intranet");
}

static void unknown(struct client *c, const char *url)
{
    CLEANUP(reply_done) struct reply r = client_post(c, url, "");

    CHECK_STR(reply_problem(&r), "malformed");
    CHECK_INT(r.status, 404);
}

/* What is at the same place in the other directory. */
static void moved(const char *url, bool staging, char out[static 512])
{
    const char *path = url + strlen(CLIENT_BASE);

    snprintf(out, 512, CLIENT_BASE "%s%.200s", staging ? "/acme/staging/" : "/acme/",
             path + (staging ? strlen("/acme/") : strlen("/acme/staging/")));
}

/* Order, authorization, challenge and account of the one are unknown in the other, by either URL
 * and with either account; so are nonces. */
static void nothing_in_common(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply kid = {.x = NULL};
    CLEANUP(reply_done) struct reply nonce = {.x = NULL};
    CLEANUP(reply_done) struct reply again = {.x = NULL};
    char order[256], challenge[256], other[512];

    CHECK(lab_start(&l));
    CHECK(client_order(&l.staging, NAME, order));
    CHECK(client_challenge(&l.staging, order, challenge));
    moved(order, false, other);
    unknown(&l.real, other);
    moved(challenge, false, other);
    unknown(&l.real, other);
    CHECK(client_order(&l.real, NAME, order));
    moved(order, true, other);
    unknown(&l.staging, other);
    /* The other directory's account, at the URL of this one. */
    moved(l.real.kid, true, other);
    CHECK_OK(str_copyz(str_of(other), l.staging.kid, sizeof(l.staging.kid)));
    kid = client_post(&l.staging, "/acme/new-order", "{}");
    CHECK_STR(reply_problem(&kid), "accountDoesNotExist");
    CHECK(client_nonce(&l.real, l.staging.nonce));
    l.staging.kid[0] = '\0';
    nonce = client_post(&l.staging, "/acme/new-account", "{\"onlyReturnExisting\":true}");
    CHECK_STR(reply_problem(&nonce), "badNonce");
    again = client_post(&l.staging, "/acme/new-account", "{\"onlyReturnExisting\":true}");
    CHECK_INT(again.status, 200);
}

static struct reply revoke(struct client *c, struct str der)
{
    CLEANUP(buf_done) struct buf payload = BUF_INIT(1 << 16);

    buf_putz(&payload, "{\"certificate\":\"");
    text_b64url(&payload, der);
    buf_putz(&payload, "\",\"reason\":4}");
    return client_post(c, "/acme/revoke-cert", buf_z(&payload));
}

static void info_is(struct client *c, const struct x509_cert *leaf, int status)
{
    CLEANUP(buf_done) struct buf path = BUF_INIT(256);
    CLEANUP(reply_done) struct reply r = {.x = NULL};

    buf_putz(&path, "/acme/renewal-info/");
    text_b64url(&path, leaf->aki);
    buf_u8(&path, '.');
    text_b64url(&path, x509_serial_bytes(&leaf->serial));
    r = client_raw(c, "GET", buf_z(&path), STR(""));
    CHECK_INT(r.status, status);
}

/* Certificates too: renewal information and revocation, each in its own directory. */
static void certificates_apart(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply staged = {.x = NULL};
    CLEANUP(reply_done) struct reply wrong = {.x = NULL};
    CLEANUP(reply_done) struct reply right = {.x = NULL};
    struct x509_cert *chain;
    size_t n;

    CHECK(lab_start(&l));
    staged = client_certificate(&l.staging, NAME);
    CHECK(leaf_of(&l, &staged, &chain, &n));
    info_is(&l.real, &chain[0], 404);
    info_is(&l.staging, &chain[0], 200);
    wrong = revoke(&l.real, chain[0].der);
    CHECK_INT(wrong.status, 404);
    right = revoke(&l.staging, chain[0].der);
    CHECK_INT(right.status, 200);
}

/* The same key may be certified in both, by one client that tried it out first. */
static void same_key(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    CLEANUP(buf_done) struct buf csr = BUF_INIT(1 << 16);
    struct client *const both[] = {&l.staging, &l.real};
    struct crypto_key_spec spec = {CRYPTO_KEY_P256, 0};

    CHECK(lab_start(&l));
    CHECK_OK(crypto_key_generate(spec, &key));
    CHECK(client_csr_of(key, NAME, &csr));
    for (size_t i = 0; i < 2; i++) {
        CLEANUP(reply_done) struct reply r = {.x = NULL};
        char order[256], url[300];

        CHECK(client_order(both[i], NAME, order));
        CHECK(client_validate(both[i], order));
        snprintf(url, sizeof(url), "%s/finalize", order);
        r = client_post(both[i], url, buf_z(&csr));
        CHECK_STR(reply_text(&r, "status"), "valid");
    }
}

static size_t listed(struct lab *l, const char *args, struct buf *text)
{
    struct api_view v = {.store = l->w.store, .ca = l->w.ca, .conf = l->w.conf, .now = WORLD_NOW};
    CLEANUP(json_freep) struct json_doc *in = NULL;
    CLEANUP(json_freep) struct json_doc *out = NULL;
    struct json_out o;

    buf_reset(text);
    json_out_init(&o, text, JSON_COMPACT);
    if (json_parse(str_of(args), 1024, &in, NULL) != RC_OK ||
        api_cert_list(&v, json_root(in), &o, NULL) != RC_OK || json_out_done(&o) != RC_OK ||
        json_parse(buf_str(text), 1 << 20, &out, NULL) != RC_OK)
        return SIZE_MAX;
    return json_len(json_get(json_root(out), "items"));
}

static uint64_t counted(struct lab *l, const char *group, const char *member)
{
    struct api_view v = {.store = l->w.store, .ca = l->w.ca, .conf = l->w.conf, .now = WORLD_NOW};
    CLEANUP(buf_done) struct buf text = BUF_INIT(1 << 20);
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct json_out o;
    uint64_t n = UINT64_MAX;

    json_out_init(&o, &text, JSON_COMPACT);
    if (api_status(&v, &o) != RC_OK || json_out_done(&o) != RC_OK ||
        json_parse(buf_str(&text), 1 << 20, &doc, NULL) != RC_OK)
        return UINT64_MAX;
    IGNORE_RC(json_u64(json_get(json_get(json_root(doc), group), member), &n));
    return n;
}

/* In nobody's way: not in the list nor the numbers, unless asked for. */
static void left_out(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply real = {.x = NULL};
    CLEANUP(reply_done) struct reply staged = {.x = NULL};
    CLEANUP(buf_done) struct buf text = BUF_INIT(1 << 20);

    CHECK(lab_start(&l));
    real = client_certificate(&l.real, NAME);
    staged = client_certificate(&l.staging, NAME);
    CHECK_INT(real.status, 200);
    CHECK_INT(staged.status, 200);
    CHECK_INT(listed(&l, "{}", &text), 1);
    CHECK(strstr(buf_z(&text), "\"hierarchy\":\"intranet\"") != NULL);
    CHECK_INT(listed(&l, "{\"staging\":true}", &text), 1);
    CHECK(strstr(buf_z(&text), "\"hierarchy\":\"staging\"") != NULL);
    CHECK_INT(listed(&l, "{\"issuer\":\"ecdsa-1-staging\"}", &text), 1);
    CHECK_INT(listed(&l, "{\"staging\":1}", &text), SIZE_MAX);
    CHECK_INT(counted(&l, "certificates", "valid"), 1);
    CHECK_INT(counted(&l, "certificates", "issued"), 1);
    CHECK_INT(counted(&l, "staging", "valid"), 1);
}

/* Its rules are the others': what nobody may have there, nobody may have here. */
static void same_rules(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply other = {.x = NULL};
    CLEANUP(reply_done) struct reply unproven = {.x = NULL};
    char order[256];

    CHECK(lab_start(&l));
    other = client_post(&l.staging, "/acme/new-order",
                        "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"www.example.com\"}]}");
    CHECK_STR(reply_problem(&other), "rejectedIdentifier");
    l.w.verdict = RC_DENIED;
    CHECK(client_order(&l.staging, NAME, order));
    CHECK(client_validate(&l.staging, order));
    unproven = client_finalize(&l.staging, order, NAME);
    CHECK_STR(reply_problem(&unproven), "orderNotReady");
}

/* Before the first world, whose files all others get. */
__attribute__((constructor)) static void with_staging(void)
{
    world_set_staging();
}

CHECK_MAIN(CHECK_TEST_ONCE(in_directories), CHECK_TEST_ONCE(by_other_issuers),
           CHECK_TEST_ONCE(nothing_in_common), CHECK_TEST_ONCE(certificates_apart),
           CHECK_TEST_ONCE(same_key), CHECK_TEST_ONCE(left_out), CHECK_TEST_ONCE(same_rules))
