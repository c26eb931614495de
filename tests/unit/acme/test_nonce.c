/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "acme/nonce.h"
#include "crypto/crypto.h"

static bool start(struct acme_nonces *n, const char *node, uint64_t boot)
{
    struct id id;

    return crypto_init() == RC_OK && id_parse(str_of(node), &id) == RC_OK &&
           acme_nonces_init(n, &id, boot) == RC_OK;
}

#define NODE_A "0123456789abcdefghjkmnpqrs"
#define NODE_B "1123456789abcdefghjkmnpqrs"

static void once(void)
{
    CLEANUP(acme_nonces_done) struct acme_nonces n = {};
    struct err err = ERR_INIT;
    char text[ACME_NONCE_TEXT];

    CHECK(start(&n, NODE_A, 1));
    CHECK_OK(acme_nonce_new(&n, text));
    CHECK_OK(acme_nonce_use(&n, str_of(text), &err));
    CHECK_RC(acme_nonce_use(&n, str_of(text), &err), RC_DENIED);
    CHECK_STR(str_of(err.type), "badNonce");
}

static void every_changed_bit_is_refused(void)
{
    CLEANUP(acme_nonces_done) struct acme_nonces n = {};
    char text[ACME_NONCE_TEXT];

    CHECK(start(&n, NODE_A, 1));
    CHECK_OK(acme_nonce_new(&n, text));
    for (size_t i = 0; i < ACME_NONCE_TEXT - 1; i++) {
        char was = text[i];

        text[i] = was == 'A' ? 'B' : 'A';
        CHECK_RC(acme_nonce_use(&n, str_of(text), NULL), RC_DENIED);
        text[i] = was;
    }
    CHECK_OK(acme_nonce_use(&n, str_of(text), NULL));
}

/* What `b` says of it with the key of `a`. */
static enum rc used_with_the_key_of(const struct acme_nonces *a, struct acme_nonces *b,
                                    const char *nonce)
{
    struct crypto_aead *own = b->aead;
    enum rc rc;

    b->aead = a->aead;
    rc = acme_nonce_use(b, str_of(nonce), NULL);
    b->aead = own;
    return rc;
}

static void not_of_another_node_or_boot(void)
{
    CLEANUP(acme_nonces_done) struct acme_nonces a = {};
    CLEANUP(acme_nonces_done) struct acme_nonces b = {};
    CLEANUP(acme_nonces_done) struct acme_nonces later = {};
    char text[ACME_NONCE_TEXT];

    CHECK(start(&a, NODE_A, 1));
    CHECK(start(&b, NODE_B, 1));
    CHECK(start(&later, NODE_A, 2));
    CHECK_OK(acme_nonce_new(&a, text));
    CHECK_RC(acme_nonce_use(&b, str_of(text), NULL), RC_DENIED);
    CHECK_RC(acme_nonce_use(&later, str_of(text), NULL), RC_DENIED);
    /* Even with the same key: node and boot are inside. */
    CHECK_RC(used_with_the_key_of(&a, &b, text), RC_DENIED);
    CHECK_RC(used_with_the_key_of(&a, &later, text), RC_DENIED);
    CHECK_OK(acme_nonce_use(&a, str_of(text), NULL));
}

/* The window: the oldest it holds is good once, one older is not, and its bit is another's by then.
 */
static void the_window_moves(void)
{
    CLEANUP(acme_nonces_done) struct acme_nonces n = {};
    char oldest[ACME_NONCE_TEXT], second[ACME_NONCE_TEXT], text[ACME_NONCE_TEXT];

    CHECK(start(&n, NODE_A, 1));
    CHECK_OK(acme_nonce_new(&n, oldest));
    CHECK_OK(acme_nonce_new(&n, second));
    for (size_t i = 0; i < ACME_NONCE_WINDOW - 1; i++)
        CHECK_OK(acme_nonce_new(&n, text));
    CHECK_RC(acme_nonce_use(&n, str_of(oldest), NULL), RC_DENIED);
    CHECK_OK(acme_nonce_use(&n, str_of(second), NULL));
    CHECK_RC(acme_nonce_use(&n, str_of(second), NULL), RC_DENIED);
    CHECK_OK(acme_nonce_use(&n, str_of(text), NULL));
}

static void garbage(void)
{
    CLEANUP(acme_nonces_done) struct acme_nonces n = {};

    CHECK(start(&n, NODE_A, 1));
    CHECK_RC(acme_nonce_use(&n, STR(""), NULL), RC_DENIED);
    CHECK_RC(acme_nonce_use(&n, STR("AAAA"), NULL), RC_DENIED);
    CHECK_RC(acme_nonce_use(&n, STR("!!!!"), NULL), RC_DENIED);
}

CHECK_MAIN(CHECK_TEST(once), CHECK_TEST_ONCE(every_changed_bit_is_refused),
           CHECK_TEST(not_of_another_node_or_boot), CHECK_TEST_ONCE(the_window_moves),
           CHECK_TEST(garbage))
