/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of keys in escrow: of a certificate, and of how it stands with the key. */
#include "fixture.h"

#include "api/escrow.h"
#include "base/text.h"
#include "keys.h"
#include "store/escrows.h"

/* The second one's key is in escrow, sealed to another key than key_sm2. */
static const struct row rows[] = {
    {"a.hospital.example", STORE_NAME_DNS, 1, WORLD_NOW - WHEN_DAY, WORLD_NOW + WHEN_DAY, false},
    {"b.hospital.example", STORE_NAME_DNS, 2, WORLD_NOW - WHEN_DAY, WORLD_NOW + WHEN_DAY, false},
    {"c.hospital.example", STORE_NAME_DNS, 3, WORLD_NOW - WHEN_DAY, WORLD_NOW + WHEN_DAY, false},
};

static unsigned char own_hash[STORE_SHA256], other_hash[STORE_SHA256] = {7};
static char own_pem[1024], other_pem[1024];

static enum rc add_one(struct store_txn *txn, struct str serial, const unsigned char *to)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct store_certificate c;
    struct store_escrow e = {.envelope = STR("sealed"), .created = WORLD_NOW - WHEN_HOUR};

    TRY(store_certificate_by_serial(txn, &a, serial, &c));
    e.certificate = c.id;
    memcpy(e.sealed_to.b, to, STORE_SHA256);
    return store_escrow_add(txn, &e);
}

static enum rc add_escrows(struct store_txn *txn, void *)
{
    return add_one(txn, STR("\x41\x00\x02"), other_hash);
}

/* The configuration names that key; NULL: none. */
static void escrow_is(const char *pem)
{
    struct conf *conf = (struct conf *)(uintptr_t)world.conf;

    conf->ca.escrow = pem ? STR("escrow.pem") : STR("");
    conf->ca.escrow_key = pem ? str_of(pem) : STR("");
}

static bool make_key(const char *private, char out[static 1024], unsigned char *hash)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = key_load(private);
    CLEANUP(buf_done) struct buf pem = BUF_INIT(1024);

    if (!key)
        return false;
    text_pem(&pem, STR("PUBLIC KEY"), crypto_key_spki(key));
    memcpy(hash, crypto_key_spki_sha256(key).p, STORE_SHA256);
    return str_copyz(buf_str(&pem), out, 1024) == RC_OK;
}

static enum rc put_certificate(const struct api_view *v, const struct json *args,
                               struct json_out *o, struct err *err)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct store_certificate c;

    TRY(api_cert_find_serial(v, args, &a, &c, err));
    json_obj(o);
    api_escrow_put(v, &c.id, o);
    json_end(o);
    return RC_OK;
}

static enum rc put_sealed(const struct api_view *v, const struct json *args, struct json_out *o,
                          struct err *err)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct store_certificate c;
    struct store_escrow e;

    TRY(api_escrow_find(v, args, &a, &c, &e, err));
    json_obj(o);
    api_escrow_put_sealed(v, &c, &e, json_get(args, "sealed") != NULL, o);
    json_end(o);
    return RC_OK;
}

static enum rc put_status(const struct api_view *v, const struct json *, struct json_out *o,
                          struct err *)
{
    json_obj(o);
    api_escrow_put_status(v, o);
    json_end(o);
    return RC_OK;
}

static enum rc put_judged(const struct api_view *v, const struct json *, struct json_out *o,
                          struct err *)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(1023);
    const char *cure, *state = api_escrow_judge(v, &text, &cure);

    json_obj(o);
    json_kv_z(o, "state", state);
    json_kv_str(o, "text", buf_str(&text));
    json_kv_z(o, "cure", cure);
    json_end(o);
    return buf_rc(&text);
}

static void a_certificate_says_so(void)
{
    CLEANUP(answer_done) struct answer a = {};
    CLEANUP(buf_done) struct buf hex = BUF_INIT(128);

    text_hex(&hex, str_bytes(other_hash, STORE_SHA256));
    CHECK_OK(ask_of(put_certificate, "{\"serial\":\"410002\"}", &a));
    CHECK(str_eq(text_of(json_get(a.root, "escrow"), "key"), buf_str(&hex)));
    CHECK(text_of(json_get(a.root, "escrow"), "since").n > 0);
    CHECK_OK(ask_of(put_certificate, "{\"serial\":\"410001\"}", &a));
    CHECK(json_is_null(json_get(a.root, "escrow")));
}

static void what_is_kept_is_found(void)
{
    CLEANUP(answer_done) struct answer a = {};

    CHECK_OK(ask_of(put_sealed, "{\"serial\":\"410002\",\"sealed\":true}", &a));
    CHECK_STR(text_of(a.root, "enveloped_key"), "c2VhbGVk");
    CHECK_STR(text_of(a.root, "serial"), "410002");
    CHECK_OK(ask_of(put_sealed, "{\"serial\":\"410002\"}", &a));
    CHECK(!json_get(a.root, "enveloped_key"));
    CHECK_RC(ask_of(put_sealed, "{\"serial\":\"410001\"}", &a), RC_NOTFOUND);
    CHECK_STR(str_of(a.err.msg->code), "api.escrow-none");
    CHECK_RC(ask_of(put_sealed, "{\"serial\":\"4242\"}", &a), RC_NOTFOUND);
    CHECK_RC(ask_of(put_sealed, "{}", &a), RC_INVAL);
}

static void how_it_stands(void)
{
    CLEANUP(answer_done) struct answer a = {};
    const struct json *e;

    escrow_is(own_pem);
    CHECK_OK(ask_of(put_status, "{}", &a));
    e = json_get(a.root, "escrow");
    CHECK_INT(text_of(e, "key").n, 2 * STORE_SHA256);
    CHECK_INT(number_of(e, "keys"), 1);
    CHECK_INT(number_of(e, "others"), 1);
    escrow_is(NULL);
    CHECK_OK(ask_of(put_status, "{}", &a));
    e = json_get(a.root, "escrow");
    CHECK(json_is_null(json_get(e, "key")));
    CHECK_INT(number_of(e, "others"), 1);
}

static void a_key_that_is_gone_or_another_one_is_noticed(void)
{
    CLEANUP(answer_done) struct answer a = {};

    escrow_is(NULL);
    CHECK_OK(ask_of(put_judged, "{}", &a));
    CHECK_STR(text_of(a.root, "state"), "warning");
    CHECK(str_starts(text_of(a.root, "text"), STR("keys that the CA makes are no longer")));
    escrow_is(own_pem);
    CHECK_OK(ask_of(put_judged, "{}", &a));
    CHECK_STR(text_of(a.root, "state"), "warning");
    CHECK(str_ends(text_of(a.root, "text"), STR("another key than the last one was sealed to")));
    CHECK(text_of(a.root, "cure").n > 0);
    escrow_is(other_pem);
    CHECK_OK(ask_of(put_judged, "{}", &a));
    CHECK_STR(text_of(a.root, "state"), "ok");
    CHECK(str_ends(text_of(a.root, "text"), STR("; 1 are kept")));
    escrow_is(NULL);
}

int main(void)
{
    static const struct check_test tests[] = {
        CHECK_TEST(a_certificate_says_so),
        CHECK_TEST(what_is_kept_is_found),
        CHECK_TEST(how_it_stands),
        CHECK_TEST(a_key_that_is_gone_or_another_one_is_noticed),
    };
    CLEANUP(crypto_key_unrefp) struct crypto_key *other = NULL;
    CLEANUP(buf_wipe) struct buf pem = BUF_INIT(CRYPTO_PEM_MAX);

    if (!make_key(key_sm2, own_pem, own_hash) ||
        crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_SM2, 0}, &other) != RC_OK ||
        crypto_pem_put_clear(other, &pem) != RC_OK || !make_key(buf_z(&pem), other_pem, other_hash))
        return 1;
    return run_and(add_escrows, rows, 3, tests, sizeof(tests) / sizeof(tests[0]));
}
