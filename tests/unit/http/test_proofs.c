/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdio.h>

#include "base/mem.h"
#include "http/proofs.h"

#define PATH "/.well-known/acme-challenge/"
#define HOST STR("wiki.hospital.example")

static void done(struct http_proofs *p)
{
    http_proofs_clear(p);
}

static void shows_what_it_has(void)
{
    CLEANUP(done) struct http_proofs p = {};

    http_proofs_init(&p);
    CHECK_INT(http_proofs_find(&p, HOST, STR(PATH "token-1")).n, 0);
    CHECK_OK(http_proofs_add(&p, HOST, STR("token-1"), STR("token-1.thumb")));
    CHECK_OK(http_proofs_add(&p, HOST, STR("token-1"), STR("token-1.thumb")));
    CHECK_OK(http_proofs_add(&p, HOST, STR("token_2"), STR("token_2.thumb")));
    CHECK_INT(p.n, 2);
    CHECK_STR(http_proofs_find(&p, STR("WIKI.hospital.example."), STR(PATH "token-1")),
              "token-1.thumb");
    CHECK_STR(http_proofs_find(&p, HOST, STR(PATH "token_2")), "token_2.thumb");
    CHECK_INT(http_proofs_find(&p, STR("lab.hospital.example"), STR(PATH "token-1")).n, 0);
    CHECK_INT(http_proofs_find(&p, HOST, STR(PATH)).n, 0);
    CHECK_INT(http_proofs_find(&p, HOST, STR(PATH "token-1/")).n, 0);
    CHECK_INT(http_proofs_find(&p, HOST, STR("/token-1")).n, 0);
    http_proofs_remove(&p, HOST, STR("token-1.thumb"));
    http_proofs_remove(&p, HOST, STR("token-1.thumb"));
    CHECK_INT(http_proofs_find(&p, HOST, STR(PATH "token-1")).n, 0);
    CHECK_INT(p.n, 1);
}

static void takes_no_nonsense(void)
{
    CLEANUP(done) struct http_proofs p = {};
    char token[16];

    http_proofs_init(&p);
    CHECK_INT(http_proofs_add(&p, HOST, STR(""), STR("x")), RC_INVAL);
    CHECK_INT(http_proofs_add(&p, HOST, STR("a/../b"), STR("x")), RC_INVAL);
    CHECK_INT(http_proofs_add(&p, HOST, STR("token"), STR("")), RC_INVAL);
    for (int i = 0; i < HTTP_PROOFS_MAX; i++) {
        snprintf(token, sizeof(token), "t%d", i);
        CHECK_OK(http_proofs_add(&p, HOST, str_of(token), str_of(token)));
    }
    CHECK_INT(http_proofs_add(&p, HOST, STR("more"), STR("more")), RC_QUOTA);
    http_proofs_clear(&p);
    CHECK_INT(p.n, 0);
}

CHECK_MAIN(CHECK_TEST(shows_what_it_has), CHECK_TEST(takes_no_nonsense))
