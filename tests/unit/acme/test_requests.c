/* SPDX-License-Identifier: Apache-2.0 */
/* What a stranger may send: every request that is not exactly right is refused with the right
 * problem, and changes nothing. */
#include "acme_client.h"

#include <stdio.h>

#include "base/text.h"
#include "crypto/sign.h"
#include "json/out.h"
#include "store/orders.h"

enum { BODY_MAX = 64 * 1024 };

static struct str b64(struct buf *out, const char *text)
{
    buf_reset(out);
    text_b64url(out, str_of(text));
    return buf_str(out);
}

/* A flattened JWS of any header and payload, signed with the client's key whatever it says. */
static bool forge(struct client *c, const char *header, const char *payload, struct buf *body)
{
    CLEANUP(buf_done) struct buf h = BUF_INIT(BODY_MAX);
    CLEANUP(buf_done) struct buf p = BUF_INIT(BODY_MAX);
    CLEANUP(buf_done) struct buf input = BUF_INIT(BODY_MAX);
    CLEANUP(buf_done) struct buf sig = BUF_INIT(BODY_MAX);
    CLEANUP(buf_done) struct buf text = BUF_INIT(BODY_MAX);

    b64(&h, header);
    b64(&p, payload);
    buf_puts(&input, buf_str(&h));
    buf_putz(&input, ".");
    buf_puts(&input, buf_str(&p));
    if (crypto_sign(c->key, CRYPTO_SIG_ECDSA_SHA256, CRYPTO_SIG_RAW, buf_str(&input), &sig) !=
        RC_OK)
        return false;
    text_b64url(&text, buf_str(&sig));
    buf_printf(body, "{\"protected\":\"%s\",\"payload\":\"%s\",\"signature\":\"%s\"}", buf_z(&h),
               buf_z(&p), buf_z(&text));
    return buf_rc(body) == RC_OK;
}

/* Posts a forged request: `header` has %s where the nonce goes. */
static struct reply post_forged(struct client *c, const char *path, const char *header,
                                const char *payload)
{
    CLEANUP(buf_done) struct buf body = BUF_INIT(BODY_MAX);
    CLEANUP(buf_done) struct buf head = BUF_INIT(BODY_MAX);
    const char *place = strstr(header, "NONCE");
    char nonce[256];

    if (!client_nonce(c, nonce))
        return (struct reply){.x = NULL};
    buf_put(&head, header, place ? (size_t)(place - header) : strlen(header));
    if (place) {
        buf_putz(&head, nonce);
        buf_putz(&head, place + strlen("NONCE"));
    }
    if (!forge(c, buf_z(&head), payload, &body))
        return (struct reply){.x = NULL};
    return client_raw(c, "POST", path, buf_str(&body));
}

static void directory_lists_what_works(void)
{
    static const char *const names[] = {"newNonce",  "newAccount", "newOrder",   "newAuthz",
                                        "keyChange", "revokeCert", "renewalInfo"};
    CLEANUP(world_done) struct world w = {.dir.fd = -1};
    CLEANUP(client_done) struct client c = {.w = NULL};
    CLEANUP(reply_done) struct reply r = {.x = NULL};

    CHECK(world_start(&w, NULL));
    CHECK(client_start(&c, &w));
    r = client_raw(&c, "GET", "/acme/directory", STR(""));
    CHECK_INT(r.status, 200);
    CHECK_INT(json_len(r.json), 8);
    for (size_t i = 0; i < 7; i++)
        CHECK(str_starts(reply_text(&r, names[i]), STR(CLIENT_BASE "/acme/")));
    CHECK_INT(json_type(json_get(r.json, "meta")), JSON_OBJECT);
}

/* RFC 8555 section 6.3: read by POST-as-GET, too, and then signed as all else is. */
static void directory_and_nonces_by_post(void)
{
    CLEANUP(world_done) struct world w = {.dir.fd = -1};
    CLEANUP(client_done) struct client c = {.w = NULL};
    CLEANUP(reply_done) struct reply directory = {.x = NULL};
    CLEANUP(reply_done) struct reply nonce = {.x = NULL};
    CLEANUP(reply_done) struct reply bare = {.x = NULL};
    CLEANUP(reply_done) struct reply key = {.x = NULL};
    char kid[256];

    CHECK(world_start(&w, NULL));
    CHECK(client_start(&c, &w));
    CHECK(client_register(&c));
    directory = client_post(&c, "/acme/directory", "");
    CHECK_INT(directory.status, 200);
    CHECK_INT(json_len(directory.json), 8);
    CHECK(world_header(directory.x, "Replay-Nonce").n > 0);
    nonce = client_post(&c, "/acme/new-nonce", "");
    CHECK_INT(nonce.status, 204);
    CHECK(world_header(nonce.x, "Replay-Nonce").n > 0);
    bare = client_raw(&c, "POST", "/acme/directory", STR("{}"));
    CHECK_STR(reply_problem(&bare), "malformed");
    memcpy(kid, c.kid, sizeof(kid));
    c.kid[0] = '\0'; /* a key is no account */
    key = client_post(&c, "/acme/new-nonce", "");
    CHECK_STR(reply_problem(&key), "malformed");
    memcpy(c.kid, kid, sizeof(kid));
}

static void nonces_come_with_everything(void)
{
    CLEANUP(world_done) struct world w = {.dir.fd = -1};
    CLEANUP(client_done) struct client c = {.w = NULL};
    CLEANUP(reply_done) struct reply head = {.x = NULL};
    CLEANUP(reply_done) struct reply get = {.x = NULL};
    CLEANUP(reply_done) struct reply bad = {.x = NULL};

    CHECK(world_start(&w, NULL));
    CHECK(client_start(&c, &w));
    head = client_raw(&c, "HEAD", "/acme/new-nonce", STR(""));
    get = client_raw(&c, "GET", "/acme/new-nonce", STR(""));
    bad = client_raw(&c, "POST", "/acme/new-order", STR("{}"));
    CHECK_INT(head.status, 200);
    CHECK_INT(get.status, 204);
    CHECK_STR(world_header(get.x, "Cache-Control"), "no-store");
    CHECK(world_header(bad.x, "Replay-Nonce").n > 0);
    CHECK(!str_eq(world_header(head.x, "Replay-Nonce"), world_header(get.x, "Replay-Nonce")));
}

static void a_nonce_counts_once(void)
{
    CLEANUP(world_done) struct world w = {.dir.fd = -1};
    CLEANUP(client_done) struct client c = {.w = NULL};
    CLEANUP(buf_done) struct buf body = BUF_INIT(BODY_MAX);
    CLEANUP(reply_done) struct reply good = {.x = NULL};
    CLEANUP(reply_done) struct reply again = {.x = NULL};
    struct jose_jws_in in = {.url = STR(CLIENT_BASE "/acme/new-account"), .payload = STR("{}")};
    char nonce[256];

    CHECK(world_start(&w, NULL));
    CHECK(client_start(&c, &w));
    CHECK(client_nonce(&c, nonce));
    in.key = c.key;
    in.nonce = str_of(nonce);
    CHECK_OK(jose_jws_sign(&in, &body));
    good = client_raw(&c, "POST", "/acme/new-account", buf_str(&body));
    again = client_raw(&c, "POST", "/acme/new-account", buf_str(&body));
    CHECK_INT(good.status, 201);
    CHECK_STR(reply_problem(&again), "badNonce");
    CHECK_INT(again.status, 400);
    CHECK(world_header(again.x, "Replay-Nonce").n > 0);
}

static void forged_headers_are_refused(void)
{
    static const struct {
        const char *header;
        const char *problem;
    } cases[] = {
        {"{\"alg\":\"none\",\"nonce\":\"NONCE\",\"url\":\"U\",\"kid\":\"K\"}",
         "badSignatureAlgorithm"},
        {"{\"alg\":\"HS256\",\"nonce\":\"NONCE\",\"url\":\"U\",\"kid\":\"K\"}",
         "badSignatureAlgorithm"},
        {"{\"alg\":\"ES384\",\"nonce\":\"NONCE\",\"url\":\"U\",\"kid\":\"K\"}",
         "badSignatureAlgorithm"},
        {"{\"alg\":\"ES256\",\"nonce\":\"NONCE\",\"url\":\"V\",\"kid\":\"K\"}", "unauthorized"},
        {"{\"alg\":\"ES256\",\"nonce\":\"NONCE\",\"url\":\"U\"}", "malformed"},
        {"{\"alg\":\"ES256\",\"url\":\"U\",\"kid\":\"K\"}", "badNonce"},
        {"{\"alg\":\"ES256\",\"nonce\":\"AAAA\",\"url\":\"U\",\"kid\":\"K\"}", "badNonce"},
        {"{\"alg\":\"ES256\",\"alg\":\"ES256\",\"nonce\":\"NONCE\",\"url\":\"U\",\"kid\":\"K\"}",
         "malformed"},
        {"{\"alg\":\"ES256\",\"nonce\":\"NONCE\",\"url\":\"U\",\"kid\":\"K\",\"crit\":[\"x\"]}",
         "malformed"},
        {"{\"alg\":\"ES256\",\"nonce\":\"NONCE\",\"url\":\"U\",\"kid\":\"X\"}",
         "accountDoesNotExist"},
    };
    CLEANUP(world_done) struct world w = {.dir.fd = -1};
    CLEANUP(client_done) struct client c = {.w = NULL};

    CHECK(world_start(&w, NULL));
    CHECK(client_start(&c, &w));
    CHECK(client_register(&c));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(buf_done) struct buf header = BUF_INIT(BODY_MAX);
        CLEANUP(reply_done) struct reply r = {.x = NULL};

        for (const char *p = cases[i].header; *p; p++) {
            bool place = p > cases[i].header && p[-1] == '"' && p[1] == '"';

            if (place && *p == 'U')
                buf_putz(&header, CLIENT_BASE "/acme/new-order");
            else if (place && *p == 'V')
                buf_putz(&header, "https://other.example/acme/new-order");
            else if (place && *p == 'K')
                buf_putz(&header, c.kid);
            else if (place && *p == 'X')
                buf_putz(&header, CLIENT_BASE "/acme/account/00000000000000000000000000");
            else
                buf_put(&header, p, 1);
        }
        r = post_forged(&c, "/acme/new-order", buf_z(&header),
                        "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.hospital.example\"}]}");
        if (!str_eq(reply_problem(&r), str_of(cases[i].problem)))
            print_message("case %zu: %s\n", i, cases[i].header);
        CHECK_STR(reply_problem(&r), cases[i].problem);
        CHECK(r.status >= 400 && r.status < 500);
    }
}

/* Signed with another key than the account's. */
static void another_key_is_not_the_account(void)
{
    CLEANUP(world_done) struct world w = {.dir.fd = -1};
    CLEANUP(client_done) struct client c = {.w = NULL};
    CLEANUP(client_done) struct client thief = {.w = NULL};
    CLEANUP(reply_done) struct reply r = {.x = NULL};

    CHECK(world_start(&w, NULL));
    CHECK(client_start(&c, &w));
    CHECK(client_register(&c));
    CHECK(client_start(&thief, &w));
    memcpy(thief.kid, c.kid, sizeof(thief.kid));
    r = client_post(&thief, c.kid, "");
    CHECK_STR(reply_problem(&r), "malformed");
}

static void others_see_nothing(void)
{
    CLEANUP(world_done) struct world w = {.dir.fd = -1};
    CLEANUP(client_done) struct client c = {.w = NULL};
    CLEANUP(client_done) struct client other = {.w = NULL};
    CLEANUP(reply_done) struct reply order = {.x = NULL};
    CLEANUP(reply_done) struct reply account = {.x = NULL};
    CLEANUP(reply_done) struct reply final = {.x = NULL};
    char url[256];

    CHECK(world_start(&w, NULL));
    CHECK(client_start(&c, &w));
    CHECK(client_register(&c));
    CHECK(client_start(&other, &w));
    CHECK(client_register(&other));
    CHECK(client_order(&c, "a.hospital.example", url));
    CHECK(client_validate(&c, url));
    order = client_post(&other, url, "");
    CHECK_INT(order.status, 404);
    account = client_post(&other, c.kid, "");
    CHECK_STR(reply_problem(&account), "unauthorized");
    final = client_finalize(&other, url, "a.hospital.example");
    CHECK_INT(final.status, 404);
    CHECK_INT(w.signatures, 0);
}

static void deactivated_accounts_do_nothing(void)
{
    CLEANUP(world_done) struct world w = {.dir.fd = -1};
    CLEANUP(client_done) struct client c = {.w = NULL};
    CLEANUP(reply_done) struct reply off = {.x = NULL};
    CLEANUP(reply_done) struct reply order = {.x = NULL};
    CLEANUP(reply_done) struct reply again = {.x = NULL};
    char kid[256];

    CHECK(world_start(&w, NULL));
    CHECK(client_start(&c, &w));
    CHECK(client_register(&c));
    off = client_post(&c, c.kid, "{\"status\":\"deactivated\"}");
    CHECK_STR(reply_text(&off, "status"), "deactivated");
    order = client_post(&c, "/acme/new-order",
                        "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.hospital.example\"}]}");
    CHECK_STR(reply_problem(&order), "unauthorized");
    memcpy(kid, c.kid, sizeof(kid));
    c.kid[0] = '\0';
    again = client_post(&c, "/acme/new-account", "{}");
    CHECK_STR(reply_problem(&again), "unauthorized");
}

static void one_key_one_account(void)
{
    CLEANUP(world_done) struct world w = {.dir.fd = -1};
    CLEANUP(client_done) struct client c = {.w = NULL};
    CLEANUP(reply_done) struct reply none = {.x = NULL};
    CLEANUP(reply_done) struct reply again = {.x = NULL};
    char kid[256];

    CHECK(world_start(&w, NULL));
    CHECK(client_start(&c, &w));
    none = client_post(&c, "/acme/new-account", "{\"onlyReturnExisting\":true}");
    CHECK_STR(reply_problem(&none), "accountDoesNotExist");
    CHECK(client_register(&c));
    memcpy(kid, c.kid, sizeof(kid));
    c.kid[0] = '\0';
    again = client_post(&c, "/acme/new-account", "{\"contact\":[\"mailto:x@hospital.example\"]}");
    CHECK_INT(again.status, 200);
    CHECK_STR(world_header(again.x, "Location"), kid);
}

static void contacts_are_checked(void)
{
    static const struct {
        const char *contact;
        const char *problem;
    } cases[] = {
        {"tel:+4912345", "unsupportedContact"},
        {"mailto:a@b.example,c@d.example", "invalidContact"},
        {"mailto:a@b.example?subject=x", "invalidContact"},
        {"mailto:nobody", "invalidContact"},
        {"mailto:a@", "invalidContact"},
    };
    CLEANUP(world_done) struct world w = {.dir.fd = -1};
    CLEANUP(client_done) struct client c = {.w = NULL};

    CHECK(world_start(&w, NULL));
    CHECK(client_start(&c, &w));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(reply_done) struct reply r = {.x = NULL};
        char payload[256];

        snprintf(payload, sizeof(payload), "{\"contact\":[\"%s\"]}", cases[i].contact);
        r = client_post(&c, "/acme/new-account", payload);
        CHECK_STR(reply_problem(&r), cases[i].problem);
    }
}

static void wrong_methods_types_and_paths(void)
{
    CLEANUP(world_done) struct world w = {.dir.fd = -1};
    CLEANUP(client_done) struct client c = {.w = NULL};
    CLEANUP(reply_done) struct reply get = {.x = NULL};
    CLEANUP(reply_done) struct reply post = {.x = NULL};
    CLEANUP(reply_done) struct reply nowhere = {.x = NULL};
    CLEANUP(reply_done) struct reply staging = {.x = NULL};
    CLEANUP(reply_done) struct reply garbage = {.x = NULL};
    CLEANUP(reply_done) struct reply empty = {.x = NULL};

    CHECK(world_start(&w, NULL));
    CHECK(client_start(&c, &w));
    CHECK(client_register(&c));
    get = client_raw(&c, "GET", c.kid + strlen(CLIENT_BASE), STR(""));
    CHECK_INT(get.status, 405);
    CHECK_STR(world_header(get.x, "Allow"), "POST");
    post = client_raw(&c, "POST", "/acme/renewal-info/a.b", STR(""));
    CHECK_INT(post.status, 405);
    CHECK_STR(world_header(post.x, "Allow"), "GET, HEAD");
    nowhere = client_post(&c, "/acme/order/not-an-id", "");
    CHECK_INT(nowhere.status, 404);
    staging = client_raw(&c, "GET", "/acme/staging/directory", STR(""));
    CHECK_INT(staging.status, 404);
    CHECK(strstr(buf_z(&staging.x->res.body), "issuer create --staging") != NULL);
    garbage = client_raw(&c, "POST", "/acme/new-order", STR("\xff\xfe{not json"));
    CHECK_STR(reply_problem(&garbage), "malformed");
    empty = client_post(&c, "/acme/new-order", "");
    CHECK_STR(reply_problem(&empty), "malformed");
}

static void bad_orders_are_refused(void)
{
    static const char *const payloads[] = {
        "{}",
        "{\"identifiers\":[]}",
        "{\"identifiers\":{}}",
        "{\"identifiers\":[\"a.hospital.example\"]}",
        "{\"identifiers\":[{\"type\":\"dns\"}]}",
        "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a..hospital.example\"}]}",
        "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"10.0.0.1\"}]}",
        "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.lan\"}],\"notAfter\":\"x\"}",
        "[]",
        "\"text\"",
    };
    CLEANUP(world_done) struct world w = {.dir.fd = -1};
    CLEANUP(client_done) struct client c = {.w = NULL};
    CLEANUP(reply_done) struct reply ip = {.x = NULL};
    struct store_order_filter all = {.statuses = 0};
    uint64_t n;

    CHECK(world_start(&w, NULL));
    CHECK(client_start(&c, &w));
    CHECK(client_register(&c));
    for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
        CLEANUP(reply_done) struct reply r = client_post(&c, "/acme/new-order", payloads[i]);

        CHECK_STR(reply_problem(&r), "malformed");
        CHECK_INT(r.status, 400);
    }
    ip = client_post(&c, "/acme/new-order",
                     "{\"identifiers\":[{\"type\":\"ip\",\"value\":\"10.0.0.1\"}]}");
    CHECK_STR(reply_problem(&ip), "rejectedIdentifier"); /* no rule has addresses */
    CHECK_OK(store_order_count(store_read(w.store), &all, &n));
    CHECK_INT(n, 0);
}

static void orders_are_listed_in_pages(void)
{
    CLEANUP(world_done) struct world w = {.dir.fd = -1};
    CLEANUP(client_done) struct client c = {.w = NULL};
    CLEANUP(reply_done) struct reply account = {.x = NULL};
    CLEANUP(reply_done) struct reply page = {.x = NULL};
    CLEANUP(reply_done) struct reply rest = {.x = NULL};
    char url[256], next[512];
    struct str link;

    CHECK(world_start(&w, NULL));
    CHECK(client_start(&c, &w));
    CHECK(client_register(&c));
    for (int i = 0; i < 103; i++)
        CHECK(client_order(&c, "a.hospital.example", url));
    account = client_post(&c, c.kid, "");
    CHECK_OK(str_copyz(reply_text(&account, "orders"), url, sizeof(url)));
    page = client_post(&c, url, "");
    CHECK_INT(json_len(json_get(page.json, "orders")), 100);
    for (size_t i = 0; i < page.x->res.n_headers; i++) {
        link = page.x->res.headers[i].value;
        if (str_ends(link, STR("rel=\"next\"")))
            CHECK_OK(str_copyz(str_head(str_skip(link, 1), str_find(link, '>') - 1), next,
                               sizeof(next)));
    }
    rest = client_post(&c, next, "");
    CHECK_INT(json_len(json_get(rest.json, "orders")), 3);
}

CHECK_MAIN(CHECK_TEST_ONCE(directory_lists_what_works),
           CHECK_TEST_ONCE(directory_and_nonces_by_post),
           CHECK_TEST_ONCE(nonces_come_with_everything), CHECK_TEST_ONCE(a_nonce_counts_once),
           CHECK_TEST_ONCE(forged_headers_are_refused),
           CHECK_TEST_ONCE(another_key_is_not_the_account), CHECK_TEST_ONCE(others_see_nothing),
           CHECK_TEST_ONCE(deactivated_accounts_do_nothing), CHECK_TEST_ONCE(one_key_one_account),
           CHECK_TEST_ONCE(contacts_are_checked), CHECK_TEST_ONCE(wrong_methods_types_and_paths),
           CHECK_TEST_ONCE(bad_orders_are_refused), CHECK_TEST_ONCE(orders_are_listed_in_pages))
