/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <string.h>

#include "audit/tree.h"
#include "base/text.h"
#include "crypto/crypto.h"

enum { LEAVES = 70 };

struct leaves {
    struct tree_hash leaf[LEAVES];
    struct tree_head head[LEAVES + 1];
};

static enum rc grow(struct leaves *l)
{
    struct tree t = {};

    TRY(crypto_init());
    TRY(tree_root(&t, &l->head[0].root));
    l->head[0].size = 0;
    for (unsigned i = 0; i < LEAVES; i++) {
        unsigned char bytes[4] = {'l', 'e', 'a', (unsigned char)i};

        TRY(tree_leaf(str_bytes(bytes, sizeof(bytes)), &l->leaf[i]));
        TRY(tree_add(&t, &l->leaf[i]));
        l->head[i + 1].size = i + 1;
        TRY(tree_root(&t, &l->head[i + 1].root));
    }
    return RC_OK;
}

/* The definition, RFC 6962 section 2.1, and nothing clever. */
static enum rc slow_root(const struct tree_hash *leaf, uint64_t n, struct tree_hash *out)
{
    struct tree_hash left, right;
    uint64_t k = 1;

    if (n == 1) {
        *out = leaf[0];
        return RC_OK;
    }
    while (k * 2 < n)
        k *= 2;
    TRY(slow_root(leaf, k, &left));
    TRY(slow_root(leaf + k, n - k, &right));
    return tree_node(&left, &right, out);
}

static enum rc read_whole(void *arg, uint64_t first, unsigned height, struct tree_hash *out)
{
    const struct leaves *l = arg;

    if (first % (UINT64_C(1) << height) != 0 || first + (UINT64_C(1) << height) > LEAVES)
        return RC_INVAL;
    return slow_root(l->leaf + first, UINT64_C(1) << height, out);
}

static void the_known_roots(void)
{
    /* Leaves and roots as the tests of certificate transparency logs have had them since 2013. */
    static const char *const leaves[] = {"",
                                         "00",
                                         "10",
                                         "2021",
                                         "3031",
                                         "40414243",
                                         "5051525354555657",
                                         "606162636465666768696a6b6c6d6e6f"};
    static const char *const roots[] = {
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
    struct tree t = {};

    CHECK_OK(crypto_init());
    for (unsigned i = 0;; i++) {
        CLEANUP(buf_done) struct buf bytes = BUF_INIT(64);
        CLEANUP(buf_done) struct buf hex = BUF_INIT(64);
        struct tree_hash hash;

        CHECK_OK(tree_root(&t, &hash));
        text_hex(&hex, str_bytes(hash.b, TREE_HASH));
        CHECK_STR(buf_str(&hex), roots[i]);
        if (i == 8)
            break;
        CHECK_OK(text_unhex(str_of(leaves[i]), &bytes));
        CHECK_OK(tree_leaf(buf_str(&bytes), &hash));
        CHECK_OK(tree_add(&t, &hash));
    }
}

static void every_root_is_the_definitions(void)
{
    struct leaves l;
    struct tree t;
    struct tree_hash root;

    CHECK_OK(grow(&l));
    for (uint64_t n = 1; n <= LEAVES; n++) {
        CHECK_OK(slow_root(l.leaf, n, &root));
        CHECK(tree_same(&root, &l.head[n].root));
        CHECK_OK(tree_at(n, read_whole, &l, &t));
        CHECK(t.size == n);
        CHECK_OK(tree_root(&t, &root));
        CHECK(tree_same(&root, &l.head[n].root));
    }
}

static void every_pair_has_a_proof_that_holds_for_it_alone(void)
{
    struct leaves l;

    CHECK_OK(grow(&l));
    for (uint64_t m = 0; m <= LEAVES; m++) {
        for (uint64_t n = m; n <= LEAVES; n++) {
            struct tree_head other = l.head[n];
            struct tree_proof p;

            CHECK_OK(tree_prove(m, n, read_whole, &l, &p));
            CHECK(p.n <= 14);
            CHECK_OK(tree_check(&l.head[m], &l.head[n], p.hash, p.n));
            other.root.b[7] ^= 1;
            if (m > 0)
                CHECK_RC(tree_check(&l.head[m], &other, p.hash, p.n), RC_DENIED);
            for (size_t i = 0; i < p.n; i++) {
                p.hash[i].b[0] ^= 0x80;
                CHECK_RC(tree_check(&l.head[m], &l.head[n], p.hash, p.n), RC_DENIED);
                p.hash[i].b[0] ^= 0x80;
            }
            if (p.n) {
                CHECK_RC(tree_check(&l.head[m], &l.head[n], p.hash, p.n - 1), RC_DENIED);
                p.hash[p.n] = p.hash[0];
                CHECK_RC(tree_check(&l.head[m], &l.head[n], p.hash, p.n + 1), RC_DENIED);
            }
        }
    }
    CHECK_RC(tree_prove(3, 2, read_whole, &l, &(struct tree_proof){}), RC_INVAL);
    CHECK_RC(tree_check(&l.head[3], &l.head[2], NULL, 0), RC_DENIED);
}

static void no_more_than_there_may_be(void)
{
    struct tree t = {.size = TREE_SIZE_MAX};
    struct tree_hash leaf = {};

    CHECK_RC(tree_add(&t, &leaf), RC_TOOBIG);
}

CHECK_MAIN(CHECK_TEST(the_known_roots), CHECK_TEST_ONCE(every_root_is_the_definitions),
           CHECK_TEST_ONCE(every_pair_has_a_proof_that_holds_for_it_alone),
           CHECK_TEST(no_more_than_there_may_be))
