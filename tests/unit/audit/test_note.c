/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <string.h>

#include "audit/note.h"
#include "base/text.h"
#include "crypto/crypto.h"
#include "crypto/sign.h"

#define AT (INT64_C(1'795'000'000) * WHEN_SECOND)
#define ORIGIN "hospital.example/audit/1"

struct pair {
    struct crypto_key *key;
    struct buf text;
    struct note_key verifier;
};

static void pair_done(struct pair *p)
{
    note_key_done(&p->verifier);
    crypto_key_unref(p->key);
    buf_done(&p->text);
}

static enum rc make_pair(struct pair *p, const char *name, enum note_type type)
{
    TRY(crypto_init());
    buf_init(&p->text, NOTE_KEY_MAX);
    TRY(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_ED25519, 0}, &p->key));
    TRY(note_key_put(str_of(name), type, p->key, &p->text));
    return note_key_parse(buf_str(&p->text), &p->verifier, NULL);
}

static struct tree_head head_of(uint64_t size)
{
    struct tree_head h = {.size = size};

    memset(h.root.b, 0x5a, sizeof(h.root.b));
    return h;
}

static void a_known_key_is_read(void)
{
    CLEANUP(note_key_done) struct note_key k = {};

    CHECK_OK(crypto_init());
    /* The example key of the signed-note specification. */
    CHECK_OK(note_key_parse(
        STR("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"), &k, NULL));
    CHECK_STR(k.name, "PeterNeumann");
    CHECK(k.type == NOTE_ED25519);
}

static void keys_that_are_none_are_refused(void)
{
    static const char *const bad[] = {
        "",
        "a",
        "a+b",
        "a+00000000+",
        "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10",
        "PeterNeumann+c74f20a3+CRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"};
    struct note_key k = {};

    CHECK_OK(crypto_init());
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(note_key_parse(str_of(bad[i]), &k, NULL) != RC_OK);
}

static void a_note_is_what_was_signed(void)
{
    CLEANUP(pair_done) struct pair log = {};
    CLEANUP(pair_done) struct pair other = {};
    CLEANUP(buf_done) struct buf out = BUF_INIT(NOTE_MAX);
    struct tree_head head = head_of(1234);
    struct note n;

    CHECK_OK(make_pair(&log, ORIGIN, NOTE_ED25519));
    CHECK_OK(make_pair(&other, ORIGIN, NOTE_ED25519));
    CHECK_OK(note_sign(STR(ORIGIN), &head, AT, log.key, &out));
    CHECK_OK(note_parse(buf_str(&out), &n, NULL));
    CHECK_STR(n.origin, ORIGIN);
    CHECK(n.head.size == 1234 && tree_same(&n.head.root, &head.root) && n.at == AT);
    CHECK_OK(note_verify(&n, &log.verifier));
    CHECK_RC(note_verify(&n, &other.verifier), RC_NOTFOUND);
    /* Every byte of the text counts. */
    for (size_t i = 0; i < n.text.n; i++) {
        struct note changed;

        out.p[i] ^= 1;
        if (note_parse(buf_str(&out), &changed, NULL) == RC_OK)
            CHECK(note_verify(&changed, &log.verifier) != RC_OK);
        out.p[i] ^= 1;
    }
    CHECK_RC(note_sign(STR("no name"), &head, AT, log.key, &out), RC_INVAL);
}

/* As C2SP tlog-cosignature has it: the time, and a signature over it and the head. */
static void a_witness_signs_with_a_time(void)
{
    CLEANUP(pair_done) struct pair log = {};
    CLEANUP(pair_done) struct pair witness = {};
    CLEANUP(buf_done) struct buf out = BUF_INIT(NOTE_MAX);
    CLEANUP(buf_done) struct buf text = BUF_INIT(NOTE_MAX);
    CLEANUP(buf_done) struct buf sig = BUF_INIT(128);
    struct tree_head head = head_of(7);
    struct note n;

    CHECK_OK(make_pair(&log, ORIGIN, NOTE_ED25519));
    CHECK_OK(make_pair(&witness, "witness.example", NOTE_COSIGNATURE));
    CHECK_OK(note_sign(STR(ORIGIN), &head, AT, log.key, &out));
    CHECK_OK(note_parse(buf_str(&out), &n, NULL));
    buf_putz(&text, "cosignature/v1\ntime 1795000001\n");
    buf_puts(&text, n.text);
    buf_put(&sig, witness.verifier.hash, 4);
    buf_u64(&sig, 1795000001);
    CHECK_OK(crypto_sign(witness.key, CRYPTO_SIG_ED25519, CRYPTO_SIG_RAW, buf_str(&text), &sig));
    buf_putz(&out, "\xe2\x80\x94 witness.example ");
    text_b64(&out, buf_str(&sig));
    buf_u8(&out, '\n');
    CHECK_OK(note_parse(buf_str(&out), &n, NULL));
    CHECK_OK(note_verify(&n, &log.verifier));
    CHECK_OK(note_verify(&n, &witness.verifier));
    sig.p[11] ^= 1; /* another time than was signed */
    buf_reset(&text);
    buf_puts(&text, str_head(buf_str(&out), n.text.n + 1));
    buf_putz(&text, "\xe2\x80\x94 witness.example ");
    text_b64(&text, buf_str(&sig));
    buf_u8(&text, '\n');
    CHECK_OK(note_parse(buf_str(&text), &n, NULL));
    CHECK_RC(note_verify(&n, &witness.verifier), RC_DENIED);
}

static void what_is_no_note_is_refused(void)
{
#define ROOT "WlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlo=\n"
    static const char *const bad[] = {"",
                                      "\n",
                                      "\n\n",
                                      "a\n1\n" ROOT,
                                      "a\n1\n" ROOT "\n",
                                      "a b\n1\n" ROOT "\nx\n",
                                      "a\n01\n" ROOT "\nx\n",
                                      "a\n-1\n" ROOT "\nx\n",
                                      "a\n18446744073709551616\n" ROOT "\nx\n",
                                      "a\n9223372036854775808\n" ROOT "\nx\n",
                                      "a\n1\nWlo=\n\nx\n",
                                      "a\n1\n" ROOT "\nx"};
    struct note n;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK_RC(note_parse(str_of(bad[i]), &n, NULL), RC_PARSE);
    CHECK_OK(note_parse(STR("a\n0\n" ROOT "ext\n\nx\n"), &n, NULL));
    CHECK(n.at == 0 && n.head.size == 0);
}

CHECK_MAIN(CHECK_TEST(a_known_key_is_read), CHECK_TEST(keys_that_are_none_are_refused),
           CHECK_TEST(a_note_is_what_was_signed), CHECK_TEST(a_witness_signs_with_a_time),
           CHECK_TEST(what_is_no_note_is_refused))
